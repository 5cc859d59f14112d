"""Which shard this is, of how many: from the command line, or from what a CI service says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.protocol.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 10_000
"""Shards at most: more are a typing error."""


class Position(NamedTuple):
    """One shard of several.

    Attributes:
        number: counted from 1.
        total: of shards.
    """

    number: int
    total: int

    def __str__(self) -> str:
        """Return it as the command line has it."""
        return f"{self.number}/{self.total}"


class Service(NamedTuple):
    """The environment keys by which a CI service numbers its parallel jobs.

    Attributes:
        number: key of this job's number.
        total: key of how many there are.
        first: number of the first.
    """

    number: str
    total: str
    first: int


SERVICES = (
    Service("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),  # GitLab, https://docs.gitlab.com/ci/variables/predefined_variables/
    Service("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),  # https://circleci.com/docs/reference/variables/
    Service("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    Service("TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", 0),  # Bazel, https://bazel.build/reference/test-encyclopedia
)


def position_of(text: str, environ: Mapping[str, str]) -> Position:
    """Return which shard the value of ``--shard`` means.

    Raises:
        UsageError: it is neither ``K/N`` nor ``auto``, or the environment has no pair of keys that is complete and
            in range.
    """
    if text == "auto":
        return _from_environ(environ)
    number, slash, total = text.partition("/")
    if not slash:
        message = f"--shard is {text!r}: use K/N, as in 1/4, or auto"
        raise UsageError(message)
    return _checked(number, total, 1, f"--shard is {text!r}")


def _from_environ(environ: Mapping[str, str]) -> Position:
    for service in sorted(SERVICES, key=lambda one: not (one.number in environ and one.total in environ)):
        number, total = environ.get(service.number, ""), environ.get(service.total, "")
        if total == "1" and not number:
            return Position(1, 1)  # GitLab, for a job without `parallel`
        if number or total:
            where = f"--shard=auto: {service.number} is {number!r} and {service.total} is {total!r}"
            return _checked(number, total, service.first, where)
    known = ", ".join(f"{service.number} and {service.total}" for service in SERVICES)
    message = f"--shard=auto: the environment has none of the pairs {known}: use --shard=K/N"
    raise UsageError(message)


def _checked(number: str, total: str, first: int, where: str) -> Position:
    """Return the shard that two texts name, if they are numbers in range."""
    counts = (_count(number), _count(total))
    if counts[0] is None or counts[1] is None or not 1 <= counts[1] <= MOST:
        message = f"{where}: use whole numbers, of shards between 1 and {MOST}"
        raise UsageError(message)
    position = Position(counts[0] + 1 - first, counts[1])
    if not 1 <= position.number <= position.total:
        message = f"{where}: the shards are {first} to {position.total - 1 + first}"
        raise UsageError(message)
    return position


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MOST)) else None

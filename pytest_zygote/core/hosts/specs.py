"""Which hosts the user has named, and how many workers each is to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AUTO = 0
"""As many workers as the host has cores."""
SEPARATOR = "//"
"""Between the parts of a host, as execnet has it."""


class HostSpec(Record):
    """One host.

    Attributes:
        name: how it is shown; no two hosts of a run have the same.
        address: what ssh is given: HOST, USER@HOST, or a name of ~/.ssh/config, and options of ssh before it.
        workers: how many workers it is to have.
        python: the interpreter there; '' for the path of the one that runs here, or else ``python3``.
    """

    name: str
    address: tuple[str, ...]
    workers: int = AUTO
    python: str = ""


def parse_hosts(text: str) -> list[HostSpec]:
    """Return the hosts of ``--hosts=alpha,beta*4,carol//python=/usr/bin/python3``.

    Raises:
        UsageError: a part is not understood.
    """
    return numbered(_parse(part.strip()) for part in text.split(",") if part.strip()) or _refuse(text)


def _parse(part: str) -> HostSpec:
    address, *settings = part.split(SEPARATOR)
    address, star, count = address.partition("*")
    if star and not (count.isdecimal() and int(count)):
        _refuse(part)
    known = dict(setting.partition("=")[::2] for setting in settings)
    if not _is_address(address) or not known.keys() <= {"python", "port"}:
        _refuse(part)
    port = ("-p", known["port"]) if "port" in known else ()
    return HostSpec(address.rpartition("@")[2], (*port, address), int(count) if star else AUTO, known.get("python", ""))


def _is_address(text: str) -> bool:
    return bool(text) and not text.startswith("-") and " " not in text  # else ssh would take it for an option


def numbered(specs: Iterable[HostSpec]) -> list[HostSpec]:
    """Return the hosts with names of their own: one that is named twice gets a number."""
    found: list[HostSpec] = []
    for spec in specs:
        same = sum(other.name.partition("#")[0] == spec.name for other in found)
        found.append(spec.replaced(name=f"{spec.name}#{same + 1}") if same else spec)
    return found


def _refuse(part: str) -> list[HostSpec]:
    message = f"--hosts: {part!r} is no host: write NAME, USER@NAME*WORKERS or NAME//python=/PATH//port=NUMBER"
    raise UsageError(message)


def shared_out(wanted: int, cores: Sequence[int]) -> list[int]:
    """Return how many of the wanted workers each host gets, by its cores; 0 for all that they can have."""
    if not wanted or wanted >= sum(cores):
        return list(cores)
    counts = [wanted * own // sum(cores) for own in cores]
    by_rest = sorted(range(len(cores)), key=lambda at: -(wanted * cores[at] % sum(cores)))
    for at in by_rest[: wanted - sum(counts)]:
        counts[at] += 1
    return counts

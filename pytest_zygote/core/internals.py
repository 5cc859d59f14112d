"""What we rely on that CPython and pytest do not promise, and which feature is lost where it is missing."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType


class Feature(Enum):
    """What a failed self-check costs."""

    LAYERS = "all runs are cold"
    PATCHES = "no edit is patched: the project layer is imported again"
    SESSIONS = "no session is collected ahead"
    WORKERS = "tests are not run by forked workers"
    ISOLATION = "tests are not isolated in forks to record what they need"
    NOTHING = "the caller does without"


class Internal(NamedTuple):
    """One thing without a public name.

    Attributes:
        name: what it is called where it is defined.
        accessors: the names in the private rooms through which the rest of the package reaches it.
        feature: what is lost if it is not as it is known.
        purpose: what it is used for.
        check: returns whether it is as it is known; raising anything means that it is not.
    """

    name: str
    accessors: tuple[str, ...]
    feature: Feature
    purpose: str
    check: Callable[[], object]


def loss(internals: Iterable[Internal], feature: Feature) -> str:
    """Return why a feature cannot be offered here; '' if all that it relies on is as it is known."""
    for internal in internals:
        if internal.feature is feature and not _holds(internal):
            return f"{internal.name} is not as it is known: {feature.value}"
    return ""


def _holds(internal: Internal) -> bool:
    try:
        return bool(internal.check())
    except Exception:  # noqa: BLE001 - it relies on what may be anything
        return False


# What self-checks look at


def parameters_of(function: object) -> tuple[str, ...]:
    """Return the names of a function's parameters.

    Raises:
        AttributeError: it is not written in Python.
    """
    code = _code_of(function)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def names_in(function: object) -> frozenset[str]:
    """Return the attributes, globals and variables that a function's own code mentions.

    Raises:
        AttributeError: it is not written in Python.
    """
    code = _code_of(function)
    return frozenset((*code.co_names, *code.co_varnames))


def _code_of(function: object) -> CodeType:
    code: CodeType = function.__code__  # type: ignore[attr-defined]
    return code

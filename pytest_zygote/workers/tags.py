"""Groups and priorities: what pytest-mproc documents, kept in the attributes that it uses.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeVar

from pytest_zygote.core.records import Record
from pytest_zygote.workers.sharing import function_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

T = TypeVar("T")

GROUP, PRIORITY = "_pytest_group", "_pytest_priority"
DEFAULT_PRIORITY = 10
"""Lower ones run earlier."""


class TestExecutionConstraint(enum.Enum):
    """Where a group may run; on one machine both mean the same."""

    __test__ = False

    SINGLE_PROCESS = "process"
    SINGLE_NODE = "node"


class GroupTag(Record):
    """A group of tests that run in one worker, one after the other.

    Attributes:
        name: of the group.
        priority: against other groups; lower ones run earlier.
        restrict_to: a group that is only bound to a machine is not bound at all: there is one.
    """

    name: str
    priority: int = DEFAULT_PRIORITY
    restrict_to: TestExecutionConstraint = TestExecutionConstraint.SINGLE_PROCESS


class TestError(Exception):
    """The surroundings failed, not what is tested: the test is tried once more, if possible in another worker."""

    __test__ = False

    def __init__(self, message: str = "", *, retry: bool = True, fatal: bool = False) -> None:
        """Say what failed.

        Args:
            message: for the user.
            retry: try again.
            fatal: let no other test begin.
        """
        super().__init__(message)
        self.retry = retry
        self.fatal = fatal


def group(tag: str | GroupTag) -> Callable[[T], T]:
    """Put a test, all tests of a class, or all that use a fixture into a group."""
    return _setter(GROUP, GroupTag(tag) if isinstance(tag, str) else tag)


def priority(level: int) -> Callable[[T], T]:
    """Have a test, or all tests of a class, run earlier (lower) or later (higher); 10 is the middle."""
    return _setter(PRIORITY, level)


def _setter(attribute: str, value: object) -> Callable[[T], T]:
    def mark(target: T) -> T:
        setattr(function_of(target), attribute, value)
        return target

    return mark


def tag_of(item: pytest.Item) -> GroupTag | None:
    """Return the group of a test: its own, that of its class, or that of a fixture that it uses."""
    found = _attribute(item, GROUP)
    if found is None:
        found = next((tag for function in _fixtures(item) if (tag := getattr(function, GROUP, None))), None)
    if found is None:
        return None
    name = getattr(found, "name", found)
    level = getattr(found, "priority", DEFAULT_PRIORITY)
    return GroupTag(str(name), int(level), _restriction(found))


def _restriction(tag: object) -> TestExecutionConstraint:
    """Understand the tags of pytest-mproc itself as well."""
    name = getattr(getattr(tag, "restrict_to", None), "name", "SINGLE_PROCESS")
    is_bound = name != TestExecutionConstraint.SINGLE_NODE.name
    return TestExecutionConstraint.SINGLE_PROCESS if is_bound else TestExecutionConstraint.SINGLE_NODE


def priority_of(item: pytest.Item) -> int:
    """Return the priority of a test."""
    found = _attribute(item, PRIORITY)
    return found if isinstance(found, int) else DEFAULT_PRIORITY


def _attribute(item: pytest.Item, name: str) -> object:
    for holder in (getattr(item, "function", None), getattr(item, "cls", None)):
        found = getattr(holder, name, None)
        if found is not None:
            return found
    return None


def _fixtures(item: pytest.Item) -> list[object]:
    info = getattr(item, "_fixtureinfo", None)
    known = info.name2fixturedefs.values() if info is not None else ()
    return [definitions[-1].func for definitions in known if definitions]

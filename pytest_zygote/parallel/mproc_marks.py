"""Groups and priorities of tests, with the names and attributes that pytest-mproc documents.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_zygote.adapters.pytest.private.fixtures import info_of
from pytest_zygote.adapters.pytest.private.plain import function_of
from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """To be raised where the environment fails rather than what is tested: the test is tried once more.

    Attributes:
        retry: whether to try again.
        fatal: whether no other test may begin.
    """

    __test__ = False

    def __init__(self, msg: str = "", retry: bool = True, fatal: bool = False) -> None:  # noqa: FBT001, FBT002 - as in pytest-mproc
        """Describe what failed, for the user; the arguments are those of pytest-mproc."""
        super().__init__(msg)
        self.retry = retry
        self.fatal = fatal


class FatalError(TestError):
    """Raise it where no other test can succeed: none begins any more."""

    def __init__(self, msg: str = "") -> None:
        """Describe what failed, for the user."""
        super().__init__(msg, retry=False, fatal=True)


def group(tag: str | GroupTag) -> Callable[[T], T]:
    """Put a test, all tests of a class, or all that use a fixture into a group."""
    return _setter(GROUP, GroupTag(tag) if isinstance(tag, str) else tag)


def priority(level: int) -> Callable[[T], T]:
    """Run a test, or all tests of a class, earlier (lower) or later (higher); 10 is the middle."""
    return _setter(PRIORITY, level)


def _setter(attribute: str, value: object) -> Callable[[T], T]:
    def mark(target: T) -> T:
        setattr(function_of(target), attribute, value)
        return target

    return mark


class TagReader:
    """Reads the tags of tests; looks up each class once."""

    def __init__(self) -> None:
        """Have read none."""
        self._classes: dict[object, object] = {}

    def read(self, item: pytest.Item) -> tuple[GroupTag | None, int]:
        """Return group and priority of a test; the group is its own, its class's, or that of a fixture that it uses."""
        function, cls = getattr(item, "function", None), self._class_of(item)
        tag = _attribute(function, cls, GROUP)
        if tag is None:
            tag = next((found for one in _fixtures(item) if (found := getattr(one, GROUP, None))), None)
        priority = _attribute(function, cls, PRIORITY)
        return _understood(tag), priority if isinstance(priority, int) else DEFAULT_PRIORITY

    def _class_of(self, item: pytest.Item) -> object:
        if not isinstance(item, pytest.Function):
            return getattr(item, "cls", None)
        if item.parent not in self._classes:
            self._classes[item.parent] = item.cls
        return self._classes[item.parent]


def _attribute(function: object, cls: object, name: str) -> object:
    found = getattr(function, name, None)
    return getattr(cls, name, None) if found is None else found


def _understood(tag: object) -> GroupTag | None:
    if tag is None:
        return None
    name = getattr(tag, "name", tag)
    level = getattr(tag, "priority", DEFAULT_PRIORITY)
    return GroupTag(str(name), int(level), _restriction(tag))


def _restriction(tag: object) -> TestExecutionConstraint:
    """Return where a tag lets its group run, also a tag of pytest-mproc itself."""
    name = getattr(getattr(tag, "restrict_to", None), "name", "SINGLE_PROCESS")
    is_bound = name != TestExecutionConstraint.SINGLE_NODE.name
    return TestExecutionConstraint.SINGLE_PROCESS if is_bound else TestExecutionConstraint.SINGLE_NODE


def _fixtures(item: pytest.Item) -> list[object]:
    info = info_of(item)
    known = info.name2fixturedefs.values() if info is not None else ()
    return [definitions[-1].func for definitions in known if definitions]

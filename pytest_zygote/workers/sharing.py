"""Fixtures that all workers share: how they are declared.

``shared`` marks the function behind a fixture; without workers the mark means nothing, and the
fixture is an ordinary one. The other names are those of pytest-mproc, for the same thing.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_zygote.core.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

ATTRIBUTE = "_zygote_shared"
GLOBAL = ("global", "node")
"""Scopes of pytest-mproc: one instance for all workers, on all machines or on each; here there is one machine."""


RUN, DAEMON = "run", "daemon"
"""How long a shared fixture lives."""
LASTING: list[object] = []
"""Functions of fixtures that outlive the run."""
DECLARED: list[object] = []
"""Functions of shared fixtures: where there is none, nobody needs to look at the fixtures of all tests."""


class Sharing(Record):
    """That a fixture is shared, and what a worker does with the value after the fork.

    Attributes:
        after_fork: called with the value in each worker; what it returns, if anything, is used instead.
        lifetime: 'run' or 'daemon'.
        check: tells whether a value that has outlived a run can be used by the next.
        inputs: files, folders and environment keys that decide what it is, beside its code.
    """

    after_fork: Callable[[object], object] | None = None
    lifetime: str = RUN
    check: Callable[[object], object] | None = None
    inputs: tuple[str, ...] = ()


def shared(
    definition: T | None = None,
    *,
    after_fork: Callable[[object], object] | None = None,
    lifetime: str = RUN,
    check: Callable[[object], object] | None = None,
    inputs: Iterable[str] = (),
) -> T:
    """Set up a session fixture once for all workers, or once for all runs.

    Put it on top of ``@pytest.fixture(scope="session")``, as it is or with arguments.

    Args:
        definition: the fixture.
        after_fork: called with the value in each worker; what it returns, if anything, is used instead.
        lifetime: with 'daemon' it is set up by the first warm run that needs it, in a process of its own, and torn
            down when the daemon stops. Each run gets a copy of the value, which must be picklable.
        check: for such a fixture: called with the value before a run uses it; if it returns nothing true, or raises,
            the fixture is set up again.
        inputs: for such a fixture: files and folders, relative to the rootdir, and environment keys, as ``$NAME``; it
            is set up again when one changes.

    Raises:
        ValueError: there is no such lifetime.
    """
    if lifetime not in {RUN, DAEMON}:
        raise ValueError(f"lifetime is {lifetime!r}: use {RUN!r} or {DAEMON!r}")
    sharing = Sharing(after_fork, lifetime, check, tuple(map(str, inputs)))

    def declare(definition: T) -> T:
        function = function_of(definition)
        setattr(function, ATTRIBUTE, sharing)
        DECLARED.append(function)
        if lifetime == DAEMON:
            LASTING.append(function)
        return definition

    return declare if definition is None else declare(definition)  # type: ignore[return-value]


def function_of(definition: object) -> object:
    """Return the function that the user wrote, which pytest keeps in different places."""
    definition = getattr(definition, "_fixture_function", definition)  # pytest 8.4 and newer
    wrapped = getattr(definition, "__pytest_wrapped__", None)  # older
    return definition if wrapped is None else wrapped.obj


def sharing_of(definition: pytest.FixtureDef[object]) -> Sharing | None:
    """Return how a fixture is shared; None if it is not.

    Raises:
        pytest.UsageError: it cannot be.
    """
    function = getattr(definition.func, "__func__", definition.func)
    sharing = getattr(function, ATTRIBUTE, None)
    if sharing is not None and definition.scope != "session":
        raise pytest.UsageError(
            f"the shared fixture {definition.argname!r} has scope {definition.scope!r}: make it 'session'"
        )
    return sharing if isinstance(sharing, Sharing) else None


def fixture(function: T | None = None, *, scope: str = "function", **options: object) -> T:
    """Stand for `pytest.fixture`, and know the scopes of pytest-mproc as well."""
    if function is None:
        return lambda function: fixture(function, scope=scope, **options)  # type: ignore[return-value]
    make = pytest.fixture(scope="session" if scope in GLOBAL else scope, **options)  # type: ignore[call-overload]
    made: T = make(function)
    return shared(made) if scope in GLOBAL else made


def global_fixture(function: T | None = None, **options: object) -> T:
    """Set up a fixture once for all workers, as pytest-mproc spells it."""
    return fixture(function, **{**options, "scope": "global"})  # type: ignore[arg-type]


node_fixture = global_fixture

"""The decorators of pytest-shared-session-scope, on top of shared fixtures.

The run process owns the fixture, so nothing needs to be stored for other processes: a store is
accepted, and not used. Set-up is always called as the first, cleanup as the last.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_zygote.fixtures.declare import fixture
from pytest_zygote.shared_session_scope.types import CleanupToken, SetupToken

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

__all__ = (
    "CleanupToken",
    "SetupToken",
    "shared_session_scope_fixture",
    "shared_session_scope_json",
    "shared_session_scope_pickle",
)


MISSING = "a shared fixture yields twice: once for a token, once its value"


def shared_session_scope_fixture(
    store: object = None, *, parse: Callable[[object], object] | None = None, **options: object
) -> Callable[[T], T]:
    """Set up a session fixture once for all workers.

    Args:
        store: accepted.
        parse: makes of what the fixture returns or yields what tests see.
        options: of `pytest.fixture`; ``serialize``, ``deserialize`` and ``metadata_storage`` are accepted.
    """
    del store
    for accepted in ("serialize", "deserialize", "metadata_storage"):
        options.pop(accepted, None)

    def decorate(function: T) -> T:
        return fixture(_adapted(function, parse), **{**options, "scope": "global"})  # type: ignore[arg-type,return-value]

    return decorate


def shared_session_scope_json(parse: Callable[[object], object] | None = None, **options: object) -> Callable[[T], T]:
    """Set up a session fixture once for all workers; its value need not be anything that JSON knows."""
    return shared_session_scope_fixture(None, parse=parse, **options)


shared_session_scope_pickle = shared_session_scope_json


def _adapted(function: object, parse: Callable[[object], object] | None) -> object:
    """Return an ordinary fixture function, with one yield and the same arguments."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def yielding(*args: object, **named: object) -> Generator[object, None, None]:
            steps = function(*args, **named)
            next(steps)
            try:
                value = steps.send(SetupToken.FIRST)
            except StopIteration:
                value = MISSING
            if value is MISSING:
                pytest.fail(MISSING, pytrace=False)
            yield value if parse is None else parse(value)
            try:
                steps.send(CleanupToken.LAST)
            except StopIteration:
                return
            pytest.fail(MISSING, pytrace=False)

        return yielding

    assert callable(function)  # noqa: S101 - what a decorator is put on

    @functools.wraps(function)
    def returning(*args: object, **named: object) -> object:
        value = function(*args, **named)
        return value if parse is None else parse(value)

    return returning

"""One value of a shared fixture, and what makes and ends it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest
from _pytest.warnings import catch_warnings_for_item

from pytest_zygote.workers.sharing import Sharing, sharing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from _pytest.fixtures import SubRequest

KEEPING = "zygote_kept"
"""The plugin that has fixtures outlive the run."""
DISPOSABLE = "sqlalchemy.engine.base.Engine"


class Instance:
    """One value of a fixture.

    Attributes:
        definition: pytest's.
        key: the parameter, None without one.
        item: the test for which it was set up.
        value: what the fixture returned or yielded.
        error: what it raised instead, and its traceback.
        finalizers: what tears it down, the last first.
        reason: why it cannot be shared; '' if it can.
        output: what was printed meanwhile.
    """

    def __init__(self, request: SubRequest, definition: pytest.FixtureDef[object]) -> None:
        """Be about to be set up."""
        self.definition = definition
        self.request = request
        self.key = definition.cache_key(request)
        self.item: pytest.Item = request._pyfuncitem
        self.sharing = sharing_of(definition) or Sharing()
        self.value: object = None
        self.error: BaseException | None = None
        self.traceback: TracebackType | None = None
        self.finalizers: list[Callable[[], object]] = []
        self.reason = ""
        self.output = ""
        self.is_fresh = True

    def is_for(self, definition: pytest.FixtureDef[object], key: object) -> bool:
        """Tell whether this is the value of a fixture for a parameter."""
        try:
            return self.definition is definition and bool(self.key == key)
        except (ValueError, RuntimeError):  # arrays do not compare; pytest does the same
            return self.key is key

    def fail(self, error: BaseException) -> None:
        """Have raised an error in place of a value."""
        self.error, self.traceback = error, error.__traceback__

    def close(self) -> None:
        """Tear down."""
        __tracebackhide__ = True
        errors: list[BaseException] = []
        while self.finalizers:
            try:
                self.finalizers.pop()()
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)
        if errors:
            raise errors[0]


class Keeping(Protocol):
    """What has fixtures outlive the run."""

    def provide(self, instance: Instance) -> bool:
        """Give an instance its value; tell whether it is one of a fixture that outlives the run."""


class Nothing:
    """Says that a fixture was set up and is None."""


NOTHING = Nothing()


def finish(generator: Iterator[object]) -> None:
    """Tear down a fixture that yielded."""
    __tracebackhide__ = True
    try:
        next(generator)
    except StopIteration:
        return
    _yields_twice()


def _yields_twice() -> NoReturn:
    pytest.fail("fixture function has more than one 'yield'", pytrace=False)


def warned(item: pytest.Item) -> AbstractContextManager[None]:
    """Take warnings as pytest does while a test is set up: recorded for the summary, or errors."""
    if not item.config.pluginmanager.hasplugin("warnings"):
        return contextlib.nullcontext()
    return catch_warnings_for_item(config=item.config, ihook=item.ihook, when="runtest", item=item)


def closed(config: pytest.Config, instance: Instance) -> None:
    """Tear a value down, and keep what is printed meanwhile."""
    __tracebackhide__ = True
    instance.output = ""
    with Captured(config, instance):
        instance.close()


def is_disposable(value: object) -> bool:
    """Tell whether a value knows itself how to survive a fork."""
    return any(f"{base.__module__}.{base.__qualname__}" == DISPOSABLE for base in type(value).__mro__)


def renew(instance: Instance) -> None:
    """Make a value usable in this worker."""
    if instance.sharing.after_fork is not None and instance.error is None:
        renewed = instance.sharing.after_fork(instance.value)
        instance.value = instance.value if renewed is None else renewed
    elif is_disposable(instance.value):
        instance.value.dispose(close=False)  # type: ignore[attr-defined]  # as SQLAlchemy's documentation says


class Captured:
    """Captures output as pytest does while a test is set up."""

    def __init__(self, config: pytest.Config, instance: Instance) -> None:
        """Keep it in an instance."""
        self._manager = config.pluginmanager.getplugin("capturemanager")
        self._instance = instance

    def __enter__(self) -> None:
        if self._manager is not None:
            self._manager.resume_global_capture()

    def __exit__(self, *_: object) -> None:
        if self._manager is not None and self._manager.is_globally_capturing():
            self._manager.suspend_global_capture()
            out, err = self._manager.read_global_capture()
            self._instance.output += out + err

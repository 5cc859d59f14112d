"""What of the whole process a module may change when it is imported: its folder, handlers, seeds.

A layer must not keep such changes, since a run that never imports the module has not made them;
a run that does import it makes them again (`core.layers.import_effects.Became`).
"""

from __future__ import annotations

import locale
import logging
import os
import random
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any

# Asked twice for each module: the public module would look up an enum's member each time.
from pytest_zygote.adapters.interpreter.private.light import signal
from pytest_zygote.core.layers.import_effects import Became

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CAUGHT = {
    name: int(getattr(signal, name))
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE")
}
"""Signals that a module may want to handle."""

_streams: list[object] = []
"""`sys.stdout` and `sys.stderr` of the process that builds: a run has others."""


class ProcessState:
    """Tells what has changed since it was last asked."""

    def __init__(self) -> None:
        """Take what holds now as unchanged."""
        _streams[:] = [sys.stdout, sys.stderr]
        self._first = read()
        self._last = self._first
        self._seeded: set[str] = set()

    def changes(self) -> Iterator[Became]:
        """Give what has changed since the last call."""
        before, self._last = self._last, read()
        if before == self._last:
            return
        for what, value in self._last.items():
            if value != before.get(what, value) and self._counts(what, before[what], value):
                yield Became(what, value)

    def _counts(self, what: str, before: object, now: object) -> bool:
        if what not in ("random", "numpy.random"):
            return True
        # Drawing moves the position in the generator's vector; only seeding changes the vector.
        # Draws count when the seed is known: then a fresh interpreter stands where we do.
        if _vector(before) != _vector(now):
            self._seeded.add(what)
        return what in self._seeded

    def restore(self) -> None:
        """Put everything back; the filters of warnings are put back by ``warnings.catch_warnings``."""
        now = read()
        for what, value in self._first.items():
            if now[what] != value and what != "warning filters":
                become(what, value)
        logging.root.handlers[:] = self._first["root handlers"]  # type: ignore[call-overload]  # a tuple of handlers


def _vector(state: object) -> object:
    assert isinstance(state, tuple)  # noqa: S101 - as both generators' states are
    vector = state[1]
    return vector if isinstance(vector, _Vector) else vector[:-1]


def read() -> dict[str, object]:
    """Return what holds now."""
    mask = os.umask(0)
    os.umask(mask)
    state: dict[str, object] = {
        "folder": os.getcwd(),
        "mask": mask,
        "locale": locale.setlocale(locale.LC_ALL),
        "random": random.getstate(),
        "recursion limit": sys.getrecursionlimit(),
        "exception hook": sys.excepthook,
        "socket timeout": socket.getdefaulttimeout(),
        "warning filters": tuple(warnings.filters),
        "root handlers": tuple(logging.root.handlers),
        "root level": logging.root.level,
    }
    for name, number in _CAUGHT.items():
        state[name] = signal.getsignal(number)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and hasattr(numpy_random, "get_state"):
        name, vector, *rest = numpy_random.get_state()
        state["numpy.random"] = (name, _Vector(vector), *rest)
    return state


class _Vector:
    """An array that is compared as a value."""

    def __init__(self, array: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - numpy is not a dependency
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Vector) and bool((self.array == other.array).all())

    __hash__ = None  # type: ignore[assignment]  # never a key


def become(what: str, value: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - each setter has a type of its own
    """Make something of the process have a value that it had in a layer."""
    if what in _CAUGHT:
        if value is not None:
            signal.signal(_CAUGHT[what], value)
    else:
        _SETTERS[what](value)


def _set_filters(filters: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # warnings does not name its type
    warnings.filters[:0] = [entry for entry in filters if entry not in warnings.filters]  # type: ignore[index]  # a list
    with warnings.catch_warnings():
        pass  # has warnings that were shown before be looked at again, as `warnings.filterwarnings` does


def _add_root_handlers(handlers: tuple[logging.Handler, ...]) -> None:
    for handler in handlers:
        if handler not in logging.root.handlers:
            logging.root.addHandler(handler)
        if isinstance(handler, logging.StreamHandler) and handler.stream in _streams:
            # What a handler that is made now would write to; pytest has put its capture there.
            handler.stream = (sys.stdout, sys.stderr)[_streams.index(handler.stream)]


def _set_numpy(state: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # as numpy gives it
    name, vector, *rest = state
    sys.modules["numpy.random"].set_state((name, vector.array, *rest))


def _set_exception_hook(hook: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - any callable
    sys.excepthook = hook


_SETTERS: dict[str, Callable[[Any], object]] = {  # type: ignore[explicit-any]  # see `become`
    "folder": os.chdir,
    "mask": os.umask,
    "locale": lambda value: locale.setlocale(locale.LC_ALL, value),
    "random": random.setstate,
    "numpy.random": _set_numpy,
    "recursion limit": sys.setrecursionlimit,
    "exception hook": _set_exception_hook,
    "socket timeout": socket.setdefaulttimeout,
    "warning filters": _set_filters,
    "root handlers": _add_root_handlers,
    "root level": logging.root.setLevel,
}

"""What of the whole process a module may change when it is imported: its folder, handlers, seeds, patched libraries.

A layer must not keep such changes, since a run that never imports the module has not made them;
a run that does import it makes them again (`core.layers.import_effects.Became`). What cannot be made again in a
process with other arguments, limits or timers makes the module ineligible for a layer.

Values are compared by identity, or by equality if they are plain: objects of others are never asked.
"""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import resource
import socket
import sys
import time
import warnings
from operator import is_
from typing import TYPE_CHECKING, Any

from pytest_zygote.adapters.interpreter import attribute_writes
from pytest_zygote.adapters.interpreter.private.bare_objects import is_a, module_of

# Asked twice for each module: the public module would look up an enum's member each time.
from pytest_zygote.adapters.interpreter.private.light import signal
from pytest_zygote.core.layers.import_effects import Became

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNAL = "the handler of signal "

_SIGNALS = {
    f"{_SIGNAL}{number}": number
    for number in range(1, signal.NSIG)
    if number not in (signal.SIGKILL, signal.SIGSTOP) and not 32 <= number < getattr(signal, "SIGRTMIN", 32)  # noqa: PLR2004 - the C library's
}
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = tuple(sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}))

ATTRIBUTE = "attribute of "
"""How the name of a change to a module of the standard library begins."""

_PLAIN = (int, float, str, bytes, bool, type(None))

_GENERATORS = ("random", "numpy.random")

_VITAL = frozenset(
    {"os", "posix", "_thread", "threading", "select", "selectors", "signal", "_signal", "socket", "_socket"}
)
"""Modules that a process needs to be forked and served: nobody may be in their place."""

_VITAL_OF_SYS = frozenset(
    {"argv", "stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__", "meta_path", "path_hooks"}
)


class ProcessState:
    """Tells what has changed since it was last asked."""

    def __init__(self) -> None:
        """Take what holds now as unchanged."""
        self._attributes = attribute_writes.AttributeWrites()
        self._finders = list(sys.meta_path)
        self._first = read()
        self._last = dict(self._first)
        self._seeded: set[str] = set()

    def loaded(self, name: str) -> None:
        """Look at a module that has been loaded, too."""
        self._attributes.add(name)

    def changes(self, name: str) -> Iterator[Became]:
        """Give what has changed since the last call.

        Args:
            name: the module that has been executed since: the standard library may write into itself.
        """
        yield from self.patches(name)
        yield from self._changed_kinds()

    def accept(self) -> None:
        """Hold no module responsible for what has changed since the last call of `changes`; it is put back anyhow."""
        for _ in self.changes(""):
            pass

    def patches(self, name: str) -> Iterator[Became]:
        """Give what has changed of the standard library; nearly for nothing, where `changes` costs 0.1 ms."""
        if attribute_writes.is_standard(name):
            self._attributes.accept()
        for module, key, value in self._attributes.changes():
            yield Became(f"{ATTRIBUTE}{module}.{key}", (module, key, value))

    def _changed_kinds(self) -> Iterator[Became]:
        before, self._last = self._last, read()
        for what, value in self._last.items():
            first = before.get(what, self._first.setdefault(what, value))
            if value is first:
                continue
            # Generators hold numbers only, but so many that they are compared at once.
            is_equal = first == value if what in _GENERATORS else is_same(first, value)
            if not is_equal and self._counts(what, first, value):
                yield Became(what, value)

    def _counts(self, what: str, before: object, now: object) -> bool:
        if what not in _GENERATORS:
            return True
        # Drawing moves the position in the generator's vector; only seeding changes the vector.
        # Draws count when the seed is known: then a fresh interpreter stands where we do.
        if _vector(before) != _vector(now):
            self._seeded.add(what)
        return what in self._seeded

    def restore(self) -> None:
        """Put everything back, and look no more; ``warnings.catch_warnings`` puts back the filters of warnings."""
        self._attributes.restore()
        now = read()
        for what, value in self._first.items():
            if not is_same(now[what], value) and what != "warning filters" and what in _SETTERS:
                _SETTERS[what](value)
        for name, number in _SIGNALS.items():
            handler = self._first[name]
            if handler is not None and now[name] is not handler:
                signal.signal(number, handler)  # type: ignore[arg-type]  # what `getsignal` has given
        logging.root.handlers[:] = self._first["root handlers"]  # type: ignore[call-overload]  # a tuple of handlers
        gc.callbacks[:] = self._first["gc callbacks"]  # type: ignore[call-overload]  # a tuple of functions
        sys.meta_path[:] = self._finders


def is_same(before: object, now: object) -> bool:
    """Return whether two values are one object, or plain and equal."""
    if before is now:
        return True
    if type(before) is not type(now):
        return False
    if type(before) is tuple:
        assert type(now) is tuple  # noqa: S101 - see above
        return len(before) == len(now) and (all(map(is_, before, now)) or all(map(is_same, before, now)))
    return (type(before) in _PLAIN or type(before) is _Vector) and before == now


def ineligible(change: Became) -> str:
    """Return what a module does that makes such a change, if no other process can do it again; '' if one can."""
    if change.what.startswith(ATTRIBUTE):
        module, key = change.what.removeprefix(ATTRIBUTE).rpartition(".")[::2]
        is_vital = key != "excepthook" if module in _VITAL else module == "sys" and key in _VITAL_OF_SYS
        return f"changes {module}.{key}" if is_vital else ""
    is_replayed = change.what in _SETTERS or change.what.startswith(_SIGNAL)
    return "" if is_replayed else f"changes {change.what}"


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
        "time zone": (time.tzname, time.timezone, time.altzone, time.daylight),
        "random": random.getstate(),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "socket timeout": socket.getdefaulttimeout(),
        "warning filters": tuple(warnings.filters),
        "root handlers": tuple(logging.root.handlers),
        "root level": logging.root.level,
        "logging.disable": logging.root.manager.disable,
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        "gc callbacks": tuple(gc.callbacks),
        "import hooks": tuple(finder for finder in sys.meta_path if not _is_ours(finder)),
        "path hooks": tuple(sys.path_hooks),
        "sys.argv": tuple(sys.argv),
        "the tracer or profiler": (sys.gettrace(), sys.getprofile()),
        "timers": tuple(signal.getitimer(timer)[1] > 0 or signal.getitimer(timer)[0] > 0 for timer in _TIMERS),
        "resource limits": tuple(map(resource.getrlimit, _LIMITS)),
        "the priority": os.getpriority(os.PRIO_PROCESS, 0),
    }
    for name, number in _SIGNALS.items():
        state[name] = signal.getsignal(number)
    for module, (name, reader) in _LATER.items():
        if module in sys.modules:
            state[name] = reader(sys.modules[module])
    return state


def _is_ours(finder: object) -> bool:
    if id(finder) not in _finders:
        _finders[id(finder)] = finder, module_of(finder).startswith(_OURS)
    return _finders[id(finder)][1]


_finders: dict[int, tuple[object, bool]] = {}
"""Those seen so far, with whether they are ours."""

_OURS = ("pytest_zygote", "_pytest")
"""Whose finders come and go while a layer is built."""


def _numpy_state(module: Any) -> object:  # type: ignore[explicit-any]  # noqa: ANN401 - numpy is not a dependency
    if not hasattr(module, "get_state"):  # it is being imported
        return (None, None)
    name, vector, *rest = module.get_state()
    return (name, _Vector(vector), *rest)


def _decimal_state(module: Any) -> object:  # type: ignore[explicit-any]  # noqa: ANN401 - importing it takes time
    if "getcontext" not in vars(module):
        return None
    context = module.getcontext()
    if type(context) is not module.Context:
        return context
    text = repr(context)
    if text not in _contexts:
        _contexts[text] = context.copy()
    return text


_contexts: dict[str, Any] = {}  # type: ignore[explicit-any]  # see above
"""The contexts of `decimal` that were seen so far, by what they say: the quickest way to compare all their parts."""


def _start_method(module: Any) -> object:  # type: ignore[explicit-any]  # noqa: ANN401 - as above
    return module.get_start_method(allow_none=True) if "get_start_method" in vars(module) else None


_LATER: dict[str, tuple[str, Callable[[Any], object]]] = {  # type: ignore[explicit-any]  # see above
    "numpy.random": ("numpy.random", _numpy_state),
    "decimal": ("decimal context", _decimal_state),
    "multiprocessing": ("start method", _start_method),
}
"""What can be read only once a module is there."""


class _Vector:
    """An array that is compared as a value."""

    def __init__(self, array: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - numpy is not a dependency
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Vector) and bool((self.array == other.array).all())

    __hash__ = None  # type: ignore[assignment]  # never a key


def become(what: str, value: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - each setter has a type of its own
    """Make something of the process have a value that it had in a layer."""
    if what.startswith(ATTRIBUTE):
        attribute_writes.put(*value)
    elif not what.startswith(_SIGNAL):
        _SETTERS[what](value)
    elif value is not None:
        signal.signal(int(what.removeprefix(_SIGNAL)), value)


def _set_filters(filters: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # warnings does not name its type
    warnings.filters[:0] = [entry for entry in filters if entry not in warnings.filters]  # type: ignore[index]  # a list
    with warnings.catch_warnings():
        pass  # has warnings that were shown before be looked at again, as `warnings.filterwarnings` does


def _add_root_handlers(handlers: tuple[logging.Handler, ...]) -> None:
    known = {id(handler) for handler in logging.root.handlers}
    for handler in handlers:
        if id(handler) not in known:
            logging.root.addHandler(handler)
        if is_a(handler, logging.StreamHandler):
            _renew_stream(handler)


def _renew_stream(handler: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - of what stream is not told
    for former, now in zip(_streams, (sys.stdout, sys.stderr), strict=True):
        if handler.stream is former:
            # What a handler that is made now would write to; pytest has put its capture there.
            handler.stream = now


_streams: list[object] = [sys.stdout, sys.stderr]
"""Those of the process that builds: a run has others."""


def _add_callbacks(callbacks: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # any callables
    known = {id(callback) for callback in gc.callbacks}
    gc.callbacks.extend(callback for callback in callbacks if id(callback) not in known)


def _add_finders(finders: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # any finders
    """Add what a run has not: what was first is first again, all else comes before what stood behind it."""
    for at, finder in enumerate(finders):
        places = {id(present): place for place, present in enumerate(sys.meta_path)}
        if id(finder) not in places:
            behind = (places[id(other)] for other in finders[at + 1 :] if id(other) in places)
            sys.meta_path.insert(next(behind, len(sys.meta_path)) if at else 0, finder)


def _set_numpy(state: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # as numpy gives it
    name, vector, *rest = state
    if name is not None:
        sys.modules["numpy.random"].set_state((name, vector.array, *rest))


def _set_decimal(state: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - importing it takes time
    decimal: Any = sys.modules["decimal"]  # type: ignore[explicit-any]  # see above
    decimal.setcontext(_contexts[state].copy() if type(state) is str else state)


def _set_gc(state: tuple[bool, tuple[int, int, int], int]) -> None:
    is_enabled, threshold, debug = state
    gc.enable() if is_enabled else gc.disable()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def _set_start_method(method: str | None) -> None:
    module: Any = sys.modules["multiprocessing"]  # type: ignore[explicit-any]  # it takes None, too
    module.set_start_method(method, force=True)


_SETTERS: dict[str, Callable[[Any], object]] = {  # type: ignore[explicit-any]  # see `become`
    "folder": os.chdir,
    "mask": os.umask,
    "locale": lambda value: locale.setlocale(locale.LC_ALL, value),
    "time zone": lambda _: time.tzset(),
    "random": random.setstate,
    "numpy.random": _set_numpy,
    "recursion limit": sys.setrecursionlimit,
    "switch interval": sys.setswitchinterval,
    "socket timeout": socket.setdefaulttimeout,
    "warning filters": _set_filters,
    "root handlers": _add_root_handlers,
    "root level": logging.root.setLevel,
    "logging.disable": logging.disable,
    "gc": _set_gc,
    "gc callbacks": _add_callbacks,
    "import hooks": _add_finders,
    "decimal context": _set_decimal,
    "start method": _set_start_method,
    "fork handlers": lambda handlers: os.register_at_fork(**handlers),
}

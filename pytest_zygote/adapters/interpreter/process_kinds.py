"""What of the whole process a module may change when it is imported: how each kind is read, and how it is made again.

Values are compared by identity, or by equality if they are plain (`is_same`): objects of others are never asked.
"""

from __future__ import annotations

import atexit
import gc
import locale
import logging
import os
import random
import resource
import socket
import sys
import threading
import time
import warnings
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_zygote.adapters.interpreter import context_variables, generator_states
from pytest_zygote.adapters.interpreter.logger_state import AS_MADE, add_handlers, changed_loggers, set_logger
from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, module_of
from pytest_zygote.adapters.interpreter.private.ending import count_of_finalizers

# Asked twice for each module: the public module would look up an enum's member each time.
from pytest_zygote.adapters.interpreter.private.light import signal

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    Setter = Callable[..., object]  # type: ignore[explicit-any]  # each takes what its reader has given

SIGNAL = "the handler of signal "
LOGGER = "the logger "
CONTEXT = "the context variable "
FILTERS = "warning filters"
ZONE = "time zone"
FINALIZERS = "what is finalized at the end"
LIMITS = "resource limits"
RANDOM = "random"

_SIGNALS = {
    f"{SIGNAL}{number}": number
    for number in range(1, signal.NSIG)
    if number not in (signal.SIGKILL, signal.SIGSTOP) and not 32 <= number < getattr(signal, "SIGRTMIN", 32)  # noqa: PLR2004 - the C library's
}
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = tuple(sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}))
_PLAIN = (int, float, str, bytes, bool, type(None))


class _Kind(NamedTuple):
    """Something that a process has one of.

    Attributes:
        read: gives what holds now.
        put: makes it hold again; None for what no other process can make hold.
    """

    read: Callable[[], object]
    put: Setter | None = None


def is_same(before: object, now: object) -> bool:
    """Return whether two values are one object, or plain and equal."""
    if before is now:
        return True
    if type(before) is not type(now):
        return False
    if type(before) is tuple:
        assert type(now) is tuple  # noqa: S101 - see above
        return len(before) == len(now) and (all(map(is_, before, now)) or all(map(is_same, before, now)))
    return (type(before) in _PLAIN or type(before) is generator_states.Vector) and before == now


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _finders() -> tuple[object, ...]:
    return tuple(finder for finder in sys.meta_path if not _is_ours(finder))


def _is_ours(finder: object) -> bool:
    if id(finder) not in _seen_finders:
        _seen_finders[id(finder)] = finder, module_of(finder).startswith(("pytest_zygote", "_pytest"))
    return _seen_finders[id(finder)][1]


_seen_finders: dict[int, tuple[object, bool]] = {}
"""Those seen so far, with whether they come and go while a layer is built: ours and pytest's."""


def _add_finders(finders: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # any finders
    """Add what a run has not: what was first is first again, all else comes before what stood behind it."""
    for at, finder in enumerate(finders):
        places = {id(present): place for place, present in enumerate(sys.meta_path)}
        if id(finder) not in places:
            behind = (places[id(other)] for other in finders[at + 1 :] if id(other) in places)
            sys.meta_path.insert(next(behind, len(sys.meta_path)) if at else 0, finder)


def _add_filters(new: tuple[tuple[object, ...], tuple[object, ...]]) -> None:
    """Do what `warnings.filterwarnings` does, which moves a filter that is there already."""
    (first, last), filters = new, cast("list[object]", warnings.filters)
    filters[:] = [*first, *(entry for entry in filters if entry not in first)]
    filters += [entry for entry in last if entry not in filters]
    with warnings.catch_warnings():
        pass  # has warnings that were shown before be looked at again, as `warnings.filterwarnings` does


def _set_gc(state: tuple[bool, tuple[int, int, int], int]) -> None:
    is_enabled, threshold, debug = state
    gc.enable() if is_enabled else gc.disable()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def _add_callbacks(callbacks: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # any callables
    known = {id(callback) for callback in gc.callbacks}
    gc.callbacks.extend(callback for callback in callbacks if id(callback) not in known)


KINDS: dict[str, _Kind] = {
    "folder": _Kind(os.getcwd, os.chdir),
    "mask": _Kind(_mask, os.umask),
    "locale": _Kind(lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value)),
    ZONE: _Kind(lambda: _zone(), lambda _: time.tzset()),  # noqa: PLW0108 - it stands below
    RANDOM: _Kind(random.getstate, random.setstate),
    "recursion limit": _Kind(sys.getrecursionlimit, sys.setrecursionlimit),
    # Less than a microsecond is cut off, and what is read may be less than what was set.
    "switch interval": _Kind(sys.getswitchinterval, lambda value: sys.setswitchinterval(round(value, 6))),
    "depth of coroutines' origins": _Kind(
        sys.get_coroutine_origin_tracking_depth, sys.set_coroutine_origin_tracking_depth
    ),
    "the main thread's name": _Kind(lambda: threading.main_thread().name),
    "size of stacks": _Kind(lambda: _stack_size(), threading.stack_size),  # noqa: PLW0108 - it stands below
    "flags of shared libraries": _Kind(sys.getdlopenflags, sys.setdlopenflags),
    "limit of digits": _Kind(sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    "socket timeout": _Kind(socket.getdefaulttimeout, socket.setdefaulttimeout),
    FILTERS: _Kind(lambda: tuple(warnings.filters), _add_filters),
    "root handlers": _Kind(lambda: tuple(logging.root.handlers), lambda handlers: add_handlers(logging.root, handlers)),
    "root level": _Kind(lambda: logging.root.level, logging.root.setLevel),
    "root filters": _Kind(lambda: tuple(logging.root.filters)),
    "logging.disable": _Kind(lambda: logging.root.manager.disable, logging.disable),
    "gc": _Kind(lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug()), _set_gc),
    "gc callbacks": _Kind(lambda: tuple(gc.callbacks), _add_callbacks),
    "import hooks": _Kind(_finders, _add_finders),
    "fork handlers": _Kind(lambda: None, lambda handlers: os.register_at_fork(**handlers)),
    "exit handlers": _Kind(lambda: None, lambda handler: atexit.register(handler[0], *handler[1], **handler[2])),
    FINALIZERS: _Kind(count_of_finalizers),
    "path hooks": _Kind(lambda: tuple(sys.path_hooks)),
    "sys.argv": _Kind(lambda: tuple(sys.argv)),
    "the tracer or profiler": _Kind(lambda: (sys.gettrace(), sys.getprofile())),
    "hooks of asynchronous generators": _Kind(lambda: tuple(sys.get_asyncgen_hooks())),
    "timers": _Kind(lambda: tuple(map(any, map(signal.getitimer, _TIMERS)))),
    LIMITS: _Kind(lambda: tuple(map(resource.getrlimit, _LIMITS))),
    "the priority": _Kind(lambda: os.getpriority(os.PRIO_PROCESS, 0)),
    "processors and scheduling": _Kind(lambda: _scheduling()),  # noqa: PLW0108 - it stands below
    "which signals are blocked": _Kind(lambda: tuple(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))),
    "which imports are lazy": _Kind(lambda: _lazy_imports()),  # noqa: PLW0108 - it stands below
}
"""What each process has."""


def _stack_size() -> int:
    """Return the size of the stacks of new threads; to ask for it sets it to 0."""
    size = threading.stack_size()
    threading.stack_size(size)
    return size


def _zone() -> tuple[object, ...]:
    return time.tzname, time.timezone, time.altzone, time.daylight


def is_zone_of_environment() -> bool:
    """Return whether the time zone is the one that the environment says, which is set if it is not."""
    before = _zone()
    time.tzset()
    return _zone() == before


def _scheduling() -> tuple[object, ...]:
    return (tuple(sorted(os.sched_getaffinity(0))), os.sched_getscheduler(0)) if sys.platform == "linux" else ()


def _lazy_imports() -> tuple[object, ...]:
    if sys.version_info >= (3, 15):
        return sys.get_lazy_imports(), sys.get_lazy_imports_filter()
    return ()


def _decimal_state() -> object:
    decimal: Any = sys.modules["decimal"]  # type: ignore[explicit-any]  # importing it takes time
    context = decimal.getcontext()
    if type(context) is not decimal.Context:
        return context
    text = repr(context)
    if text not in _contexts:
        _contexts[text] = context.copy()
    return text


_contexts: dict[str, Any] = {}  # type: ignore[explicit-any]  # see above
"""The contexts of `decimal` that were seen so far, by what they say: the quickest way to compare all their parts."""


def _set_decimal(state: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - importing it takes time
    decimal: Any = sys.modules["decimal"]  # type: ignore[explicit-any]  # see above
    decimal.setcontext(_contexts[state].copy() if type(state) is str else state)


def _late(module: str, function: str) -> Setter:
    return lambda *value: getattr(sys.modules[module], function)(*value)  # noqa: PLW0108 - not imported yet


_field_size_limit = _late("csv", "field_size_limit")

LATER: dict[str, tuple[str, str, _Kind]] = {
    "numpy.random": ("numpy.random", "get_state", _Kind(generator_states.numpy_state, generator_states.set_numpy)),
    "decimal context": ("decimal", "getcontext", _Kind(_decimal_state, _set_decimal)),
    "the decimal context of new threads": (
        "decimal",
        "DefaultContext",
        _Kind(lambda: repr(sys.modules["decimal"].DefaultContext)),
    ),
    "limit of csv's fields": ("csv", "field_size_limit", _Kind(_field_size_limit, _field_size_limit)),
    "tracemalloc": ("tracemalloc", "is_tracing", _Kind(_late("tracemalloc", "is_tracing"))),
    "start method": (
        "multiprocessing",
        "get_start_method",
        _Kind(
            lambda: sys.modules["multiprocessing"].get_start_method(allow_none=True),
            lambda method: sys.modules["multiprocessing"].set_start_method(method, force=True),
        ),
    ),
}
"""What can be read only once a module is there, and has this function."""


def read(without: Container[str] = ()) -> dict[str, object]:
    """Return what holds now, but for these of the `KINDS`."""
    state = {what: kind.read() for what, kind in KINDS.items() if what not in without}
    state.update(zip(_SIGNALS, map(signal.getsignal, _SIGNALS.values()), strict=True))
    state.update((f"{LOGGER}{name}", value) for name, value in changed_loggers())
    state.update((f"{CONTEXT}{name}", value) for name, value in context_variables.values())
    for what, (module, function, kind) in LATER.items():
        if module in sys.modules and function in (dict_of(sys.modules[module]) or ()):
            state[what] = kind.read()
    return state


def without(what: str) -> object:
    """Return what holds where nothing is told of it: of a logger, what it was made with; `UNKNOWN` if nobody knows."""
    if what.startswith(CONTEXT):
        return context_variables.UNSET
    return AS_MADE if what.startswith(LOGGER) else UNKNOWN


UNKNOWN = object()
"""Stands for what could not be read yet."""


def setter(what: str) -> Setter | None:
    """Return what makes something hold; None if no other process can make it hold."""
    if what.startswith(LOGGER):
        name = what.removeprefix(LOGGER)
        return lambda state: set_logger(name, state)
    if what.startswith(CONTEXT):
        return lambda value: context_variables.set_value(what.removeprefix(CONTEXT), value)
    if what.startswith(SIGNAL):
        number = int(what.removeprefix(SIGNAL))
        return lambda handler: handler is not None and signal.signal(number, handler)
    return LATER[what][2].put if what in LATER else KINDS[what].put


def put_exactly(what: str, value: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - as it was read
    """Make something hold, and nothing beside it: a run only adds to a list, this takes away, too."""
    if what == FILTERS:
        return  # ``warnings.catch_warnings`` does
    if what in _LISTS:
        _LISTS[what][:] = value
    elif what.startswith(LOGGER):
        logging.getLogger(what.removeprefix(LOGGER)).handlers[:] = value[3]
    put = setter(what)
    if put is not None and what not in _LISTS:
        put(value)


_LISTS: dict[str, list[Any]] = {  # type: ignore[explicit-any]  # handlers, functions
    "root handlers": logging.root.handlers,
    "gc callbacks": gc.callbacks,
}

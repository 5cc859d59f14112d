"""A run: one pytest session in a process that a zygote forked.

`execute` turns the copy of a zygote into what a fresh interpreter in the client's place would
be, in this order:

1.  process group of its own (done by the zygote, before anyone can send a signal)
2.  signals as the client has them
3.  descriptors 0, 1, 2 and the streams on them
4.  environment, time zone, folder, umask, limits
5.  `sys.argv`, `sys.path`, `__main__`
6.  random state
7.  exit handlers: only those registered from here on
8.  imports: what a layer's module read is checked when the run first imports it
9.  pytest, by the same function that the console script calls
10. exit handlers, flush, `os._exit`
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import resource
import sys
import threading
import time
import types
import warnings
from typing import TYPE_CHECKING, NoReturn

import pytest
from setproctitle import setproctitle

from pytest_zygote.adapters import signals, site, sockets
from pytest_zygote.core import depth, framing, messages
from pytest_zygote.core.inputs import CHILD_MARK, MISSING, environ_differences

if TYPE_CHECKING:
    from pytest_zygote.adapters.imports import Ledger, Traits
    from pytest_zygote.adapters.sockets import Channel

MISFIT = 75
"""Exit code of a run that ended before its first test because its layer is not exact for it (EX_TEMPFAIL)."""


class Layer:
    """What a run needs to know of the zygote that it was forked from."""

    def __init__(self, ledger: Ledger) -> None:
        """Start with nothing built."""
        self.ledger = ledger
        self.kind = "base"
        self.facts: dict[str, str] = {}
        self.names: frozenset[str] = frozenset()
        self.environ: dict[str, str] = {}
        self.base_files: tuple[tuple[str, str], ...] = ()
        self.base_warned: tuple[str, ...] = ()
        self.rewritten = False

    def take(self, plan: messages.Build, built: messages.Built) -> None:
        """Add what a build brought."""
        self.kind = plan.kind
        self.facts = plan.facts
        self.names = frozenset(built.names)
        self.environ = plan.environ
        self.rewritten = self.rewritten or bool(plan.rewritten)
        if plan.kind == "base":
            self.base_files = tuple(zip(plan.modules, plan.origins, strict=True))
            self.base_warned = built.warned

    def traits(self) -> depth.LayerTraits:
        """Return what the depth rules need to know."""
        warned = tuple(name for name, traits in self.ledger.traits.items() if traits.warnings)
        return depth.LayerTraits(self.kind, self.facts, warned, self.base_warned, self.base_files, self.rewritten)


class Run:
    """The run that this process is.

    Attributes:
        layer: what it was forked from.
        request: what the client asked for.
    """

    def __init__(self, request: messages.RunRequest, layer: Layer, report: Channel) -> None:
        """Start before pytest does."""
        self.request = request
        self.layer = layer
        self.is_collecting = True
        self._report = report
        self._pid = os.getpid()

    def tell(self, message: messages.Learned | messages.Misfit) -> None:
        """Tell the daemon; a daemon that is gone, or a test that closed our descriptor, does no harm."""
        with contextlib.suppress(OSError, ValueError):
            self._report.send(message)

    def start_over(self, depth_: str, reason: str, culprits: tuple[str, ...] = ()) -> NoReturn:
        """End this process: the layer is not exact for this run, which will start from another."""
        self.tell(messages.Misfit(depth_, reason, culprits))
        os._exit(MISFIT)

    def _refuse(self, reason: str, name: str) -> None:
        if self.is_collecting:
            self.start_over("base" if self.layer.kind == "project" else "cold", reason, (name,))
        self.tell(messages.Misfit("", reason, (name,)))  # too late for this run, not for the next

    def admit(self, name: str, traits: Traits) -> None:
        """Check and repeat what executing a module would have read and done now."""
        keys = environ_differences(traits.reads, self.layer.environ, os.environ)
        if keys and os.getpid() == self._pid:
            self._refuse(f"{name} reads {keys[0]} when it is imported, and the run has changed it", name)
        for key, value in traits.writes.items():
            if value == MISSING:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        for at, entry in traits.path:
            if entry not in sys.path:
                sys.path.insert(at, entry)
        for warning, module in traits.warnings:
            _warn_again(warning, module)


def _warn_again(warning: warnings.WarningMessage, module: str) -> None:
    warnings.warn_explicit(
        warning.message, warning.category, warning.filename, warning.lineno, module=module, registry={}, source=warning.source
    )


_current: list[Run] = []


def current() -> Run | None:
    """Return the run that this process is; None in a client and in processes that tests make."""
    return _current[0] if _current else None


def execute(frame: bytes, descriptors: list[int], layer: Layer) -> int:
    """Become the client's process and run pytest in it; return the exit code."""
    (request,) = framing.FrameReader().receive(frame)
    assert isinstance(request, messages.RunRequest)  # noqa: S101 - the daemon forwards nothing else
    signals.reset_signals(request.ignored)
    *terminal, report = descriptors
    _take_terminal(terminal, request)
    _take_surroundings(request)
    _take_identity(request)
    _reseed(layer)
    _forget_exit_handlers()
    _look_again_for_new_files()
    run = Run(request, layer, sockets.adopt(report))
    _current.append(run)
    layer.ledger.admit_imports(run.admit)
    setproctitle(" ".join((request.argv0, *request.args)))
    try:
        code = _exit_code(pytest.console_main())
    except SystemExit as leaving:
        code = _exit_code(leaving.code)
    return _wind_up(code)


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _take_terminal(descriptors: list[int], request: messages.RunRequest) -> None:
    for target, descriptor in enumerate(descriptors):
        if target in request.closed:
            with contextlib.suppress(OSError):
                os.close(target)
        else:
            os.dup2(descriptor, target)
        os.close(descriptor)
    encoding = request.environ.get("PYTHONIOENCODING", "")
    sys.stdin = sys.__stdin__ = _stream(0, "r", encoding, "strict", request)  # type: ignore[misc,assignment]
    sys.stdout = sys.__stdout__ = _stream(1, "w", encoding, "strict", request)  # type: ignore[misc,assignment]
    sys.stderr = sys.__stderr__ = _stream(2, "w", encoding.partition(":")[0], "backslashreplace", request)  # type: ignore[misc,assignment]


def _stream(
    descriptor: int, mode: str, encoding: str, errors: str, request: messages.RunRequest
) -> io.TextIOWrapper | None:
    """Make a standard stream as CPython's ``create_stdio`` does (Python/pylifecycle.c)."""
    if descriptor in request.closed:
        return None
    unbuffered = bool(request.environ.get("PYTHONUNBUFFERED")) and mode == "w"
    name, _, handler = encoding.partition(":")
    if errors == "strict" and not name and _is_posix_locale(request.environ):
        errors = "surrogateescape"
    raw = open(descriptor, f"{mode}b", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115, PTH123 - it stays open
    (raw if unbuffered else raw.raw).name = ("<stdin>", "<stdout>", "<stderr>")[descriptor]  # type: ignore[attr-defined]
    stream = io.TextIOWrapper(
        raw,
        encoding=name or None,
        errors=handler or errors,
        newline="\n" if mode == "w" else None,
        line_buffering=not unbuffered and (descriptor == 2 or raw.isatty()),  # noqa: PLR2004 - stderr
        write_through=unbuffered,
    )
    stream.mode = mode  # type: ignore[misc]
    return stream


def _is_posix_locale(environ: dict[str, str]) -> bool:
    name = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    return name in ("C", "POSIX")


def _take_surroundings(request: messages.RunRequest) -> None:
    os.environ.clear()
    os.environ.update(request.environ)
    os.environ[CHILD_MARK] = "1"
    time.tzset()
    os.chdir(request.cwd)
    os.umask(request.umask)
    for name in (name for name in dir(resource) if name.startswith("RLIMIT_")):
        number = getattr(resource, name)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            wanted = resource.prlimit(request.pid, number)
            if wanted != resource.getrlimit(number):
                resource.setrlimit(number, wanted)


def _take_identity(request: messages.RunRequest) -> None:
    sys.argv[:] = [request.argv0, *request.args]
    sys.path[:] = request.path
    name, file = request.main
    main = types.ModuleType("__main__")
    main.__file__ = file
    if name:
        main.__spec__ = __import__("importlib.util").util.find_spec(name)
        main.__package__ = name.rpartition(".")[0]
    sys.modules["__main__"] = main


def _reseed(layer: Layer) -> None:
    """Draw new seeds where a fresh interpreter would; `random` does so by itself after a fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and "numpy.random" in layer.names:
        numpy_random.seed()


def _forget_exit_handlers() -> None:
    """Drop the handlers that a layer's modules registered: they clean up what is the zygote's.

    A TemporaryDirectory made at import would be deleted by the first run that ends. Modules that
    clean up after a run register once, at import, so they are registered again.
    """
    atexit._clear()
    weakref = sys.modules["weakref"]
    for finalizer in list(weakref.finalize._registry):  # noqa: SLF001 - there is no public list
        finalizer.atexit = False
    if weakref.finalize._registered_with_atexit:  # noqa: SLF001
        atexit.register(weakref.finalize._exitfunc)  # noqa: SLF001
    for module, function in (("logging", "shutdown"), ("multiprocessing.util", "_exit_function")):
        if module in sys.modules:
            atexit.register(getattr(sys.modules[module], function))


def _look_again_for_new_files() -> None:
    """Drop cached listings of the project's folders: a file may have come within a tick of the clock."""
    for path, finder in sys.path_importer_cache.items():
        if finder is not None and hasattr(finder, "invalidate_caches") and not site.is_third_party(f"{path}/"):
            finder.invalidate_caches()


def _wind_up(code: int) -> int:
    """Do what an interpreter does at its end, short of freeing memory."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - waits for threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            code = code or 120
    return code

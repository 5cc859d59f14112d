"""A run: one pytest session in a process that a zygote forked.

`execute` turns the copy of a zygote into what a fresh interpreter in the client's place would
be, in this order:

1.  process group of its own (done by the zygote, before anyone can send a signal)
2.  signals as the client has them
3.  descriptors 0, 1, 2 and the streams on them
4.  environment, time zone, folder, umask, limits
5.  `sys.argv`, `sys.path`, `__main__`, the client's debugger
6.  random state
7.  exit handlers: only those registered from here on
8.  imports: what a layer's module read is checked when the run first imports it
9.  pytest, by the same function that the console script calls
10. threads, exit handlers, flush, and the end: by exit code, or by the signal of a second Ctrl-C
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
import types
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote import workaround
from pytest_zygote.adapters.interpreter import debugpy
from pytest_zygote.adapters.interpreter.import_replay import ImportReplay
from pytest_zygote.adapters.interpreter.private import ending
from pytest_zygote.adapters.interpreter.private.state import renew_native_id
from pytest_zygote.adapters.pytest.entry import console_main
from pytest_zygote.adapters.system import signals, sockets, stdio
from pytest_zygote.adapters.system.rlimits import adopt_rlimits, limits_of
from pytest_zygote.adapters.system.titles import set_command_line, set_thread_title
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.layer_inputs import CHILD_MARK
from pytest_zygote.core.protocol import framing, messages
from pytest_zygote.core.protocol.framing import SILENT
from pytest_zygote.core.reasons import Reason
from pytest_zygote.django import settings
from pytest_zygote.run.inherited_layer import loaded_after
from pytest_zygote.run.workaround_hooks import tell

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import Never, TypeAlias

    from pytest_zygote.adapters.pytest.header_filter import HeaderFilter
    from pytest_zygote.adapters.system.rlimits import Limits
    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.run.inherited_layer import InheritedLayer

    RunChannel: TypeAlias = Channel[Never, messages.FromRun]


class RunProcess:
    """The run that this process is.

    Attributes:
        layer: what it was forked from.
        request: what the client asked for.
        plugins: what takes part in this run's session beside our own, by the name that it is registered with.
        opening: the stream of pytest's reporter, from the session's start until collection is over.
    """

    def __init__(self, request: messages.RunRequest, layer: InheritedLayer, report: RunChannel | None = None) -> None:
        """Start before pytest does; what stands for a run, and is none, has nothing to `report` to."""
        self.request = request
        self.layer = layer
        self.is_collecting = True
        self.plugins: dict[str, object] = {}
        self.opening: HeaderFilter | None = None
        self.admission = ImportReplay(layer.surroundings(self.refuse))
        self._report = report
        if report is not None:
            self.report_to(report)

    def report_to(self, report: RunChannel) -> None:
        """Tell the daemon what there is to tell on this line."""
        self._report = report
        self._pid = os.getpid()
        # A test that closes all descriptors (to become a daemon, say) frees ours for a file of its own.
        self._report_identity = stdio.identity(report.fileno())

    def loaded(self) -> tuple[str, ...]:
        """Return the modules that this run has loaded itself, in the order in which they were begun.

        Looking at those of the layer would copy the pages that hold their names and specs.
        """
        return tuple(name for name in loaded_after(self.layer.last_name) if name not in self.layer.names)

    def tell(self, message: messages.FromRun) -> None:
        """Tell the daemon; a daemon that is gone, or a test that closed our descriptor, does no harm.

        Neither does a test that forks and whose child goes on with the session: it is not this run.
        """
        with contextlib.suppress(OSError, ValueError):
            report = self._usable_report()
            if report is not None:
                report.send(message)

    def _usable_report(self) -> RunChannel | None:
        if self._report is None or os.getpid() != self._pid:
            return None
        return self._report if stdio.identity(self._report.fileno()) == self._report_identity else None

    def end(self, status: int) -> None:
        """Tell the status before this process ends, when it holds nothing that others may wait for.

        The kernel frees memory first, and closes locked files and listening sockets after that.
        """
        with contextlib.suppress(OSError, ValueError):
            report = self._usable_report()
            if report is not None:
                os.closerange(0, report.fileno())
                os.closerange(report.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
                report.send(messages.Ended(status))

    def start_over(self, depth_: str, reason: Reason, culprits: tuple[str, ...] = ()) -> NoReturn:
        """End this process: the layer is not exact for this run, which will start from another."""
        seen = self.opening.end() if self.opening else self.request.seen
        self.tell(messages.LayerIneligible(depth_, reason, culprits, seen))
        os._exit(lifecycle.LAYER_INELIGIBLE)  # noqa: TID251 - nothing that a run does at its end may happen

    def refuse(self, reason: Reason, culprits: tuple[str, ...]) -> None:
        """Start over without the culprits; while tests run it is too late for that, but not for the next run."""
        if self.is_collecting:
            self.start_over("base" if self.layer.kind == "project" else "cold", reason, culprits)
        self.tell(messages.LayerIneligible("", reason, culprits))


_current: list[RunProcess] = []


def claim() -> RunProcess | None:
    """Return the run that this process is, to its own session only.

    None in a client, in processes that tests make, and for sessions that tests start in this
    process (pytester): those are plain.
    """
    return _current.pop() if _current else None


def execute(frame: bytes, descriptors: Sequence[int], layer: InheritedLayer) -> int:
    """Become the client's process and run pytest in it; return the exit code."""
    request = request_in(frame)
    # A collection in this process would touch, and so copy, every page of the layer.
    gc.freeze()
    *terminal, report = descriptors
    adopt_terminal(request, terminal)
    run = RunProcess(request, layer, sockets.adopt(stdio.move_away(report), SILENT))
    begin(run, limits_of(request.pid))
    return finish(run, pytest_status())


def request_in(frame: bytes) -> messages.RunRequest:
    """Return the request that the daemon has forwarded."""
    (request,) = framing.FrameReader(messages.FORWARDED).receive(frame)
    return request


def adopt_terminal(request: messages.RunRequest, terminal: list[int]) -> None:
    """Have the client's signals, descriptors and streams."""
    signals.reset_signals(request.ignored)
    stdio.adopt_descriptors(terminal, request.closed)
    stdio.make_streams(request.closed, request.environ)


def begin(run: RunProcess, limits: Limits) -> None:
    """Be the process of this run, whose terminal is there already, for pytest to start in."""
    request, layer = run.request, run.layer
    _adopt_environment(request)
    unequal = adopt_rlimits(limits)
    if unequal:
        run.start_over("cold", Reason("resource-limits", f"this daemon may not take over the {unequal} of this shell"))
    _adopt_identity(request)
    _join_debugger(run)
    reseed(layer.names)
    layer.exits.begin_run()
    _look_again_for_new_files(layer)
    _prepare_libraries(run)
    layer.marks.lend()
    _current.append(run)
    run.admission.start()
    adopt_name(request)


def _adopt_environment(request: messages.RunRequest) -> None:
    os.environ.clear()
    os.environ.update(request.environ)
    os.environ[CHILD_MARK] = "1"
    time.tzset()
    os.chdir(request.cwd)
    os.umask(request.umask)


def _adopt_identity(request: messages.RunRequest) -> None:
    """Look like the program that the user started: to tests, and to processes that multiprocessing spawns."""
    name, file = request.main
    sys.argv[:] = [request.argv0, *request.args]
    sys.executable = request.interpreter[0]
    sys.orig_argv[:] = [sys.executable, *(("-m", name.removesuffix(".__main__")) if name else (file,)), *request.args]
    sys.path[:] = request.path
    main = types.ModuleType("__main__")
    main.__file__ = file
    main.__dict__["__builtins__"] = builtins
    main.__annotations__ = {}
    main.__dict__["__cached__"] = None
    main.__loader__ = importlib.machinery.SourceFileLoader(name or "__main__", file)
    if name:
        main.__spec__ = importlib.util.spec_from_file_location(name, file, loader=main.__loader__)
        main.__package__ = name.rpartition(".")[0]
        main.__dict__["__cached__"] = main.__spec__ and main.__spec__.cached
    sys.modules["__main__"] = main


def _join_debugger(run: RunProcess) -> None:
    if run.request.debugger:
        try:
            debugpy.join(run.request.debugger, run.request.pid)
        except (ImportError, OSError, RuntimeError) as error:
            run.start_over("cold", Reason("debugger-attached", f"the debugger cannot be told of this run: {error}"))


def adopt_name(request: messages.RunRequest) -> None:
    """Have the name that ps, top and psutil show for the program that the user started."""
    renew_native_id()
    set_command_line(sys.orig_argv)
    # The kernel names a process after the file that was executed: a script, or the interpreter.
    set_thread_title(os.path.basename(sys.executable if request.main[0] else request.argv0))


def reseed(inherited: Container[str]) -> None:
    """Draw new seeds where a fresh interpreter would; `random` does so by itself after a fork.

    Args:
        inherited: modules that were imported before the fork.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and "numpy.random" in inherited:
        numpy_random.seed()


def _prepare_libraries(run: RunProcess) -> None:
    workaround.registry.inherit()
    tell(None, workaround.registry.run_forked(workaround.is_loaded))
    settings.hide(run.refuse)


def _look_again_for_new_files(layer: InheritedLayer) -> None:
    """Drop cached listings of the project's folders: a file may have come within a tick of the clock."""
    for finder in layer.finders:
        finder.invalidate_caches()


def pytest_status() -> int:
    """Run pytest; return the exit code, or the negative number of the signal that ends an interpreter."""
    try:
        return _exit_code(console_main())
    except SystemExit as leaving:
        return _exit_code(leaving.code)
    except BaseException as error:  # noqa: BLE001 - shown as the interpreter shows it
        # The first frame is ours; behind it begins what the console script would have called.
        behind = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(behind), behind)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def finish(run: RunProcess, status: int) -> int:
    """End this run, all but its process; return the exit code."""
    status = _wind_up(status)
    if not workaround.registry.is_awaited:  # else the zygote tells it, with what becomes of second halves
        run.end(status)
    return status


def _wind_up(status: int) -> int:
    """Do what an interpreter does at its end, short of freeing memory (``Py_RunMain``)."""
    try:
        ending.wait_for_threads()
    except KeyboardInterrupt as error:
        sys.excepthook(type(error), error, error.__traceback__)
    ending.run_exit_functions()
    if not stdio.flush_streams():
        return 120
    if status < 0:
        signals.die_of(-status)
    return status

"""A run: one pytest session in a process that a zygote forked.

`execute` turns the copy of a zygote into what a fresh interpreter in the client's place would be. The zygote has given
it a process group of its own before anyone could send it a signal. What follows stands in `execute` and `begin`, in
order, each step with its reason.
"""

from __future__ import annotations

import contextlib
import gc
import os
from typing import TYPE_CHECKING, NoReturn

from pytest_zygote import workaround
from pytest_zygote.adapters.interpreter import debugpy
from pytest_zygote.adapters.interpreter.import_replay import ImportReplay
from pytest_zygote.adapters.system import procfs, signals, sockets, stdio
from pytest_zygote.adapters.system.rlimits import adopt_rlimits, limits_of
from pytest_zygote.adapters.system.stdio import STREAMS
from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.protocol import client_messages, framing, run_messages
from pytest_zygote.core.protocol.framing import SILENT
from pytest_zygote.core.reasons import Reason
from pytest_zygote.django import settings
from pytest_zygote.run import client_identity, interpreter_exit
from pytest_zygote.run.inherited_layer import loaded_after
from pytest_zygote.run.workaround_hooks import print_failures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Never, TypeAlias

    from pytest_zygote.adapters.pytest.header_filter import HeaderFilter
    from pytest_zygote.adapters.system.rlimits import Limits
    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.run.inherited_layer import InheritedLayer

    RunChannel: TypeAlias = Channel[Never, run_messages.FromRun]


class RunProcess:
    """The run that this process is.

    Attributes:
        layer: what it was forked from.
        request: what the client asked for.
        plugins: what takes part in this run's session beside our own, by the name that it is registered with.
        header: the stream of pytest's reporter, from the session's start until collection is over.
    """

    def __init__(
        self, request: client_messages.RunRequest, layer: InheritedLayer, report: RunChannel | None = None
    ) -> None:
        """Start before pytest does; a session, which only stands for later runs, has nothing to `report` to."""
        self.request = request
        self.layer = layer
        self.is_collecting = True
        self.plugins: dict[str, object] = {}
        self.header: HeaderFilter | None = None
        self.import_replay = ImportReplay(layer.run_state(self.reject_modules))
        self._report = report
        if report is not None:
            self.report_to(report)

    @property
    def has_client(self) -> bool:
        """Whether somebody has asked for this run; it stands for those to come otherwise."""
        return self._report is not None

    def report_to(self, report: RunChannel) -> None:
        """Send what concerns this run to the daemon on this connection."""
        self._report = report
        self._pid = os.getpid()
        # A test that closes all descriptors (to become a daemon, say) frees ours for a file of its own.
        self._report_identity = stdio.identity(report.fileno())

    def loaded(self) -> tuple[str, ...]:
        """Return the modules that this run has loaded itself, in the order in which they were begun.

        Looking at those of the layer would copy the pages that hold their names and specs.
        """
        return tuple(name for name in loaded_after(self.layer.last_name) if name not in self.layer.names)

    def report(self, message: run_messages.FromRun) -> None:
        """Send a message to the daemon, unless that is gone, or a test has closed our descriptor.

        A child of a test that goes on with the session sends nothing: it is not this run.
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
        """Send the status before this process ends, when it holds nothing that others may wait for.

        The kernel frees memory first, and closes locked files and listening sockets after that.
        """
        with contextlib.suppress(OSError, ValueError):
            report = self._usable_report()
            if report is not None:
                procfs.close_others(report.fileno())
                report.send(run_messages.Ended(status))

    def start_over(self, depth: str, reason: Reason, modules: tuple[str, ...] = ()) -> NoReturn:
        """End this process: the layer is not exact for this run, which will start from another."""
        seen = self.header.end() if self.header else self.request.seen
        self.report(run_messages.LayerIneligible(depth, reason, modules, seen))
        os._exit(lifecycle.LAYER_INELIGIBLE)  # noqa: TID251 - nothing that a run does at its end may happen

    def reject_modules(self, reason: Reason, modules: tuple[str, ...]) -> None:
        """Start over from a layer without these modules; while tests run, have the next run do so."""
        if self.is_collecting:
            self.start_over("base" if self.layer.kind == "project" else "cold", reason, modules)
        self.report(run_messages.LayerIneligible("", reason, modules))


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
    # A garbage collection in this process would touch, and so copy, every page of the layer.
    gc.freeze()
    # Signals and streams first: from here on Ctrl-C ends the run, and what goes wrong is seen by the user.
    *received, report = descriptors
    report = stdio.move_away(report)
    adopt_terminal(request, received[:STREAMS])
    run = RunProcess(request, layer, sockets.adopt(report, SILENT))
    # After ours have left the low numbers: the client's are known by theirs, as in ``--names=/dev/fd/63``.
    pass_on_descriptors(run, received[STREAMS:])
    begin(run, limits_of(request.pid))
    # From here on whatever ends this process is the session's doing, and its exit code counts.
    run.report(run_messages.Begun())
    # pytest by the function that the console script calls; then threads, exit handlers, streams, and the end: by exit
    # code, or by the signal of a second Ctrl-C.
    return finish(run, interpreter_exit.pytest_status())


def request_in(frame: bytes) -> client_messages.RunRequest:
    """Return the request that the daemon has forwarded."""
    (request,) = framing.FrameReader(client_messages.FORWARDED).receive(frame)
    return request


def adopt_terminal(request: client_messages.RunRequest, terminal: list[int]) -> None:
    """Have the client's signals, descriptors and streams."""
    signals.reset_signals(request.ignored)
    stdio.adopt_descriptors(terminal, request.closed)
    stdio.make_streams(request.closed, request.environ)


def pass_on_descriptors(run: RunProcess, received: list[int]) -> None:
    """Have the descriptors above 2 that the shell gave to the client, by the same numbers."""
    in_use = stdio.pass_on(dict(zip(run.request.descriptors, received, strict=True)))
    if in_use is not None:
        run.start_over("cold", descriptor_in_use(in_use))


def descriptor_in_use(number: int) -> Reason:
    """Return why a process of a layer cannot have a descriptor of the client."""
    return Reason("descriptor-in-use", f"a module of the layer holds descriptor {number}, which this command passes on")


def begin(run: RunProcess, limits: Limits) -> None:
    """Be the process of this run, whose terminal is there already, for pytest to start in."""
    request, layer = run.request, run.layer
    # As a whole: a key that the client does not have must not be left from the zygote's environment.
    client_identity.adopt_environment(request)
    # A run that cannot have the client's limits starts over: nothing of it has shown yet.
    _adopt_limits(run, limits)
    # Debuggers, coverage and multiprocessing look at `__main__` and the command line.
    client_identity.adopt_identity(request)
    # Before anything of the run can be stopped at; what cannot be debugged is run cold.
    _join_debugger(run)
    # A fork inherits the states of generators: all runs would draw the same numbers.
    client_identity.reseed(layer.names)
    # Exit handlers of the zygote are not the run's; those that a plain run would have registered are.
    layer.exits.begin_run()
    # A file that was saved within a tick of the clock is not in the cached listing of its folder.
    _drop_folder_listings(layer)
    # Workarounds are the user's code, and change libraries before the first import of the run.
    _prepare_libraries(run)
    # The layer knows which modules pytest would mark for rewriting; to find out again takes each session 6 ms.
    layer.marks.lend()
    # The plugin finds its run here, once: sessions that tests start in this process are plain.
    _current.append(run)
    # What a layer's module has read is checked from here on, when the run first imports it.
    run.import_replay.start()
    # For ps, top and psutil.
    client_identity.adopt_name(request)


def _adopt_limits(run: RunProcess, limits: Limits) -> None:
    unequal = adopt_rlimits(limits)
    if unequal:
        run.start_over("cold", Reason("resource-limits", f"this daemon may not take over the {unequal} of this shell"))


def _join_debugger(run: RunProcess) -> None:
    if run.request.debugger:
        try:
            debugpy.join(run.request.debugger, run.request.pid)
        except (ImportError, OSError, RuntimeError) as error:
            run.start_over("cold", Reason("debugger-attached", f"the debugger cannot be told of this run: {error}"))


def _prepare_libraries(run: RunProcess) -> None:
    workaround.registry.inherit()
    print_failures(None, workaround.registry.run_forked(workaround.is_loaded))
    settings.hide(run.reject_modules)


def _drop_folder_listings(layer: InheritedLayer) -> None:
    """Drop cached listings of the project's folders: a file may have come within a tick of the clock."""
    for finder in layer.finders:
        finder.invalidate_caches()


def finish(run: RunProcess, status: int) -> int:
    """End this run, all but its process; return the exit code."""
    status = interpreter_exit.wind_up(status)
    if not workaround.registry.is_awaited:  # else the zygote reports it, after the second halves
        run.end(status)
    return status

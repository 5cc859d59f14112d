"""Everything that can happen to a daemon: what its parts report, and the dispatcher decides about.

A part (connections, run table, layer processes, rebuild trigger, server) appends what it saw to the `EventQueue`
and calls nobody. The dispatcher handles the events when the round of the loop is over, in the order in which they
came. The unions are closed: each `match` over one ends in `assert_never`, so a new event that nobody handles
is an error of the type check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from collections import deque
    from typing import TypeAlias

    from pytest_zygote.core.protocol import layer_messages, run_messages
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.run import Run


class FromClient(Record):
    """Something that a client did."""

    client: Client


class RunRequested(FromClient):
    """It wants tests to be run."""

    request: RunRequest


class SignalRelayed(FromClient):
    """It received a signal that is meant for its run."""

    number: int


class StatusRequested(FromClient):
    """It wants to know about the daemon, as a 'table' or as 'json'."""

    form: str


class ReloadRequested(FromClient):
    """It wants all layers to be built anew."""


class StopRequested(FromClient):
    """It wants the daemon to stop, and waits until it has."""


class ClientLost(FromClient):
    """Its connection ended before it was served."""


class FromLayer(Record):
    """Something that happened to a layer."""

    layer: Layer


class LayerChanged(FromLayer):
    """It is ready, or will never be."""


class BuildFailed(FromLayer):
    """It cannot be built; without the modules in `rejected` (module → reason) it may be."""

    rejected: dict[str, str]
    reason: Reason


class LayerEnded(FromLayer):
    """Its process is gone."""


class RunReported(FromLayer):
    """It reports something about one of its runs."""

    message: layer_messages.RunEvent


class SessionFailed(FromLayer):
    """No session can be collected for this request, or its process died."""

    reason: Reason


class SessionStale(FromLayer):
    """It must be collected again."""

    reason: Reason


class FromRun(Record):
    """Something that a run reports, or that became of it."""

    run: Run


class RunEnded(FromRun):
    """It is over: exit code, or the negative number of the signal."""

    status: int


class RunNotForked(FromRun):
    """It never had a process."""

    reason: Reason


class ModulesLearned(FromRun):
    """It imported modules that its layer did not have."""

    learned: run_messages.Learned


class LayerRejected(FromRun):
    """It found its layer not exact, and ends before its first test."""

    ineligible: run_messages.LayerIneligible


class FromDaemon(Record):
    """Something that happened to the daemon itself."""


class ChildEnded(FromDaemon):
    """A child process ended or stopped, with this status of `os.waitpid`."""

    pid: int
    status: int


class StopSignalled(FromDaemon):
    """The daemon received a signal that ends it."""

    number: int


class FilesChanged(FromDaemon):
    """Files have changed: the next run may find something to build."""


class FilesPolled(FromDaemon):
    """No events of files can be had, and it is time to see whether any has changed."""


class HousekeepingDue(FromDaemon):
    """It is time to see whether the project and the socket are still there."""


if TYPE_CHECKING:
    ClientEvent: TypeAlias = (
        RunRequested | SignalRelayed | StatusRequested | ReloadRequested | StopRequested | ClientLost
    )
    LayerEvent: TypeAlias = LayerChanged | BuildFailed | LayerEnded | RunReported | SessionFailed | SessionStale
    RunEvent: TypeAlias = RunEnded | RunNotForked | ModulesLearned | LayerRejected
    DaemonEvent: TypeAlias = ChildEnded | StopSignalled | FilesChanged | FilesPolled | HousekeepingDue
    Event: TypeAlias = ClientEvent | LayerEvent | RunEvent | DaemonEvent
    EventQueue: TypeAlias = deque[Event]

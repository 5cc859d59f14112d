"""Everything that the client, the daemon, zygotes, sessions and runs send to each other.

client → daemon: RunRequest, Relay, StatusRequest, StopRequest, ReloadRequest
daemon → client: Notice, Started, Stopped, Finished, Cold, Outdated, Answer
daemon → zygote: Build, Spawn, Collect, Patch, Fork, Deliver, Retire
zygote → daemon: Hello, Importing, Built, BuildFailed, Patched, NotPatched,
    Forked, ForkFailed, RunWarning, RunStopped, RunExited
daemon → session: CheckRecollection, Fork, Deliver, Retire
session → daemon: Hello, Built, BuildFailed, NotRecollectable, Forked, ForkFailed, RunStopped, RunExited
run → daemon: Forked, Begun, Learned, LayerIneligible, Ended
zygote or session → standby run: Probe, Fork
standby run → zygote or session: Alive

Each entry is a closed union, such as `FromClient`, and a `Route` that holds a reader of frames to it, `FROM_CLIENT`:
what a peer sends out of place is refused with its name before any code of the receiver sees it. Workers and the
processes of persistent fixtures have channels of their own (`parallel.messages`, `core.fixtures.messages`).

The name of a class is its name on the wire, and the order of its fields is the order there.
"""

from __future__ import annotations

from pytest_zygote.core.protocol.client_messages import (
    FORWARDED,
    FROM_CLIENT,
    TO_CLIENT,
    Answer,
    Cold,
    ControlRequest,
    Finished,
    FromClient,
    Notice,
    Outdated,
    Relay,
    ReloadRequest,
    RunRequest,
    Started,
    StatusRequest,
    Stopped,
    StopRequest,
    ToClient,
)
from pytest_zygote.core.protocol.layer_messages import (
    FROM_SESSION,
    FROM_STANDBY,
    FROM_ZYGOTE,
    TO_SESSION,
    TO_STANDBY,
    TO_ZYGOTE,
    Alive,
    Build,
    BuildFailed,
    Built,
    CheckRecollection,
    Collect,
    Deliver,
    Fork,
    Forked,
    ForkFailed,
    FromLayer,
    FromSession,
    FromStandby,
    FromZygote,
    Hello,
    Importing,
    LayerEvent,
    NotPatched,
    NotRecollectable,
    Patch,
    Patched,
    Probe,
    Retire,
    RunEvent,
    RunExited,
    RunStopped,
    RunWarning,
    Spawn,
    ToLayer,
    ToSession,
    ToStandby,
    ToZygote,
)
from pytest_zygote.core.protocol.run_messages import (
    FROM_RUN,
    Begun,
    Ended,
    FromRun,
    LayerIneligible,
    Learned,
)

ROUTES = (FROM_CLIENT, TO_CLIENT, TO_ZYGOTE, FROM_ZYGOTE, TO_SESSION, FROM_SESSION, FROM_RUN, TO_STANDBY, FROM_STANDBY)

__all__ = [
    "FORWARDED",
    "FROM_CLIENT",
    "FROM_RUN",
    "FROM_SESSION",
    "FROM_STANDBY",
    "FROM_ZYGOTE",
    "ROUTES",
    "TO_CLIENT",
    "TO_SESSION",
    "TO_STANDBY",
    "TO_ZYGOTE",
    "Alive",
    "Answer",
    "Begun",
    "Build",
    "BuildFailed",
    "Built",
    "CheckRecollection",
    "Cold",
    "Collect",
    "ControlRequest",
    "Deliver",
    "Ended",
    "Finished",
    "Fork",
    "ForkFailed",
    "Forked",
    "FromClient",
    "FromLayer",
    "FromRun",
    "FromSession",
    "FromStandby",
    "FromZygote",
    "Hello",
    "Importing",
    "LayerEvent",
    "LayerIneligible",
    "Learned",
    "NotPatched",
    "NotRecollectable",
    "Notice",
    "Outdated",
    "Patch",
    "Patched",
    "Probe",
    "Relay",
    "ReloadRequest",
    "Retire",
    "RunEvent",
    "RunExited",
    "RunRequest",
    "RunStopped",
    "RunWarning",
    "Spawn",
    "Started",
    "StatusRequest",
    "StopRequest",
    "Stopped",
    "ToClient",
    "ToLayer",
    "ToSession",
    "ToStandby",
    "ToZygote",
]

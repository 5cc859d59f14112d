"""Everything that the client, the daemon, zygotes, sessions and runs send to each other.

client → daemon: RunRequest, Relay, StatusRequest, StopRequest, ReloadRequest
daemon → client: Notice, Started, Stopped, Finished, Cold, Outdated, Answer
daemon → zygote: Build, Spawn, Collect, Patch, Fork, Deliver, Retire
zygote → daemon: Hello, Importing, Built, BuildFailed, Patched, NotPatched,
    Forked, ForkFailed, RunWarning, RunStopped, RunContinued, RunExited
daemon → session: CheckRecollection, Fork, Deliver, Retire
session → daemon: Hello, Built, BuildFailed, NotRecollectable, Forked, ForkFailed, RunStopped,
    RunContinued, RunExited
daemon → run: RunRequest
client → run: TerminalLent
run → daemon: Forked, Begun, Learned, LayerIneligible, Ended
zygote or session → standby run: Probe, Fork
standby run → zygote or session: Alive

Each entry is a closed union, such as `FromClient`, and a `Route` that holds a reader of frames to it, `FROM_CLIENT`:
what a peer sends out of place is refused with its name before any code of the receiver sees it. Workers and the
processes of persistent fixtures have channels of their own (`parallel.messages`, `core.fixtures.messages`).

The name of a class is its name on the wire, and the order of its fields is the order there.
"""

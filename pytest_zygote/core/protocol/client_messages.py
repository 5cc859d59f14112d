"""What a client and the daemon send to each other."""

from __future__ import annotations

from pytest_zygote.core.protocol.framing import Route
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.core.reasons import Reason

LOST = 3
"""Status of a run whose end was missed, by the daemon or by its client: pytest's own for an internal error, never 0."""


class RunRequest(Record):
    """Run pytest as this client would have; its descriptors travel beside it.

    Attributes:
        version: version of the package on the client's side.
        interpreter: `sys.executable`, then the identity of the version and flags.
        args: the command line behind the program's name.
        argv0: `sys.argv[0]`.
        main: name of `__main__`'s spec ('' for a script), and its file.
        path: `sys.path` before pytest touched it.
        ignored: numbers of the signals that the client ignores (nohup ignores SIGHUP).
        closed: those of 0, 1, 2 that are closed at the client.
        descriptors: numbers above 2 that the shell gave to the client; they travel behind 0, 1 and 2.
        start: what its interpreter has that a bare one has not (`adapters.interpreter.start_state`).
        debugger: how to join the client's debug session (`adapters.interpreter.debugpy`); () if it is not debugged.
        options: what the daemon must know of options (`core.cli.daemon_options`), (flag, value) each; () from a client
            that has not read the ini-file.
        seen: what this run printed before it started over; the daemon adds it.
    """

    version: str
    interpreter: tuple[str, ...]
    args: tuple[str, ...]
    argv0: str
    main: tuple[str, str]
    cwd: str
    umask: int
    environ: dict[str, str]
    path: tuple[str, ...]
    ignored: tuple[int, ...]
    closed: tuple[int, ...]
    pid: int
    start: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()
    debugger: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    seen: str = ""


class Relay(Record):
    """A signal that the client received, for the run's process group."""

    signal: int


class StatusRequest(Record):
    """Describe the daemon; `form` is 'table' or 'json'."""

    form: str


class StopRequest(Record):
    """End the daemon and its layers."""


class ReloadRequest(Record):
    """Build all layers anew."""


class Notice(Record):
    """One line for the user's stderr."""

    text: str


class Started(Record):
    """The run exists and has this process id."""

    pid: int


class Stopped(Record):
    """The run was stopped by this signal (Ctrl-Z); the client stops itself too."""

    signal: int


class Finished(Record):
    """The run has ended: exit code, or the negative number of the signal."""

    status: int


class Cold(Record):
    """This run must be plain pytest."""

    reason: Reason


class Outdated(Record):
    """The daemon cannot serve this client at all and is leaving; a new one may be started."""

    reason: Reason


class Answer(Record):
    """The text that a status, stop or reload request asked for."""

    text: str


class TerminalLent(Record):
    """The terminal that travels beside this is the receiver's, until it closes the connection."""


ControlRequest: TypeAlias = StatusRequest | StopRequest | ReloadRequest
"""What is about the daemon itself, and is followed by an `Answer`."""

FromClient: TypeAlias = RunRequest | Relay | ControlRequest
FROM_CLIENT: Route[FromClient] = Route("client", "daemon", FromClient)
"""With a `RunRequest` travel stdin, stdout, stderr, what is passed on, and a link for the run's zygote."""

FORWARDED: Route[RunRequest] = Route("daemon", "run", RunRequest)
"""The request of a client, as the daemon packs it into the order to fork (`layer_messages.Fork`)."""

ToClient: TypeAlias = Notice | Started | Stopped | Finished | Cold | Outdated | Answer
TO_CLIENT: Route[ToClient] = Route("daemon", "client", ToClient)

LENT: Route[TerminalLent] = Route("client", "run", TerminalLent)
"""What a client in watch mode answers a debugger that connects."""

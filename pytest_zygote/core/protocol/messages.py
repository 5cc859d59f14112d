"""Everything that client, daemon, zygotes and runs send to each other; workers and keepers have channels of their own.

client → daemon    RunRequest (with three descriptors), Relay, StatusRequest, StopRequest, ReloadRequest
daemon → client    Notice, Started, Stopped, Finished, Cold, Outdated, Answer
daemon → zygote    Build, Spawn and Collect (with one descriptor), Patch, CheckRecollection, Fork (with four),
                   Deliver, Retire
zygote → daemon    Hello, Importing, Built, BuildFailed, Patched, NotPatched, Forked, ForkFailed, RunWarning,
                   RunStopped, RunExited, NotRecollectable
run    → daemon    Forked, Learned, LayerIneligible, Ended

``REGISTRY`` gives each its name on the wire; the order of a record's fields is the order there.
"""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

PROTOCOL = 2
"""Raised whenever a message changes shape; peers of another number do not talk."""


class RunRequest(Record):
    """Run pytest as this client would have; descriptors 0, 1 and 2 travel beside it.

    Attributes:
        version: version of the package on the client's side.
        interpreter: `sys.executable`, then the identity of the version and flags.
        args: the command line behind the program's name.
        argv0: `sys.argv[0]`.
        main: name of `__main__`'s spec ('' for a script), and its file.
        path: `sys.path` before pytest touched it.
        ignored: numbers of the signals that the client ignores (nohup ignores SIGHUP).
        closed: those of 0, 1, 2 that are closed at the client.
        debugger: how to join the client's debug session (`adapters.interpreter.debugpy`); () if it is not debugged.
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
    debugger: tuple[str, ...] = ()
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


class Build(Record):
    """Import these modules in this order and become a layer.

    Attributes:
        kind: 'base' or 'project'.
        modules: names, in the order a real run imported them.
        origins: the file of each ('' where it has none); another file is another module.
        rewritten: those whose assertions pytest rewrote.
        leaves: test modules and conftest files: never imported in a layer.
        path: `sys.path` while importing.
        client_path: `sys.path` of the client that asked for the layer.
        environ: the whole environment while importing.
        context: keys of `environ` that conftest files or plugins set in a real run.
        facts: options of the run that taught the modules, as `core.layers.layer_fit.Facts` holds them.
    """

    kind: str
    modules: tuple[str, ...]
    origins: tuple[str, ...]
    rewritten: tuple[str, ...]
    leaves: tuple[str, ...]
    path: tuple[str, ...]
    client_path: tuple[str, ...]
    environ: dict[str, str]
    context: tuple[str, ...]
    cwd: str
    facts: dict[str, str]


class Spawn(Record):
    """Fork a zygote for the next layer; its connection to the daemon travels beside it."""

    layer: int


class Patch(Record):
    """Become the layer that these edits of its modules make.

    Attributes:
        files: path → the text now.
        identities: path → identity of the file that had this text.
    """

    files: dict[str, bytes]
    identities: dict[str, tuple[int, ...]]


class Collect(Record):
    """Fork a collected session for a request like this; its connection to the daemon travels beside it.

    Attributes:
        request: the frame of the request.
        terminal: what the client's descriptors are (`adapters.pytest.terminal_doubles.describe`).
        limits: what the kernel granted to the client (`adapters.system.rlimits`).
    """

    request: bytes
    terminal: tuple[tuple[str, int, int, int], ...]
    limits: tuple[tuple[str, tuple[int, ...]], ...]


class Fork(Record):
    """Fork a run; `request` is the client's frame, opened only in the child.

    Attributes:
        renewed: test files that a run of a collected session must collect again.
    """

    run: int
    request: bytes
    renewed: tuple[str, ...] = ()


class Deliver(Record):
    """Send a signal to the process group of a run."""

    run: int
    signal: int


class Retire(Record):
    """Fork nothing any more; leave after the last run."""


class Hello(Record):
    """A zygote exists and has this process id."""

    pid: int


class Importing(Record):
    """A zygote is about to import this module: what it is waiting for, or dies of, has a name."""

    module: str


class Built(Record):
    """A layer is ready to fork.

    Attributes:
        names: all modules that are loaded.
        files: path → (mtime_ns, size, inode), of all that was imported or opened.
        directories: path → prefix of the modules found there ('' or 'package.').
        missing: names that were looked up and not found.
        environ: key → value of the environment keys read (`core.layers.layer_inputs.MISSING` for a missing key).
        readers: key → the module that read it first.
        written: environment keys that modules set while they were imported.
        slowest: (module, milliseconds, …) of the longest imports, flat.
        rejected: module → reason, of what could not be imported early.
        warned: modules that warned while they were imported.
        took_ms: duration of the build.
        tests: tests that were collected, in a collected session.
        renewable: test files whose changes do not make a collected session useless.
    """

    names: tuple[str, ...]
    files: dict[str, tuple[int, ...]]
    directories: dict[str, str]
    missing: tuple[str, ...]
    environ: dict[str, str]
    readers: dict[str, str]
    written: tuple[str, ...]
    slowest: tuple[tuple[str, int], ...]
    rejected: dict[str, str]
    warned: tuple[str, ...]
    took_ms: int
    tests: int = 0
    renewable: tuple[str, ...] = ()


class BuildFailed(Record):
    """This layer cannot be built; without the `culprits` it may be."""

    culprits: dict[str, str]
    reason: Reason


class Patched(Record):
    """A fork of a layer has followed the edits, proved it, and is ready to fork.

    Attributes:
        verdicts: path → what was done, in words.
    """

    verdicts: dict[str, str]
    took_ms: int


class NotPatched(Record):
    """These edits need a fresh import; nothing was changed that anybody uses."""

    reason: Reason


class Forked(Record):
    """The run's process exists; said by its zygote and by itself, since either may die early."""

    run: int
    pid: int


class ForkFailed(Record):
    """No process could be made for the run."""

    run: int
    reason: Reason


class RunWarning(Record):
    """Something that the user should read went wrong around this run, which goes on."""

    run: int
    text: str


class RunStopped(Record):
    """The run's process was stopped by a signal."""

    run: int
    signal: int


class RunExited(Record):
    """The run's process has ended: exit code, or the negative number of the signal."""

    run: int
    status: int


class Ended(Record):
    """The run is over and has given back its descriptors; freeing its memory is all that is left.

    Said by the run itself: a large one is torn down for 10 ms and more, which nobody needs to wait for.
    """

    status: int


class Learned(Record):
    """Modules that a run imported and its layer did not have, in the order of their import.

    Attributes:
        modules: rows of (name, origin, 'first' or 'third' party, 'rewritten' or '').
        leaves: name → file of the test modules and conftest files that are loaded.
        path: `sys.path` when collection had ended.
        context: environment keys that conftest files or plugins set or changed, with the values.
        facts: options of this run, as `core.layers.layer_fit.Facts` holds them.
        cache: pytest's cache directory, '' without one.
    """

    modules: tuple[tuple[str, str, str, str], ...]
    leaves: dict[str, str]
    path: tuple[str, ...]
    context: dict[str, str]
    facts: dict[str, str]
    cache: str


class LayerIneligible(Record):
    """The layer is not exact for this run, which has ended before its first test.

    Attributes:
        depth: 'base' or 'cold', from where it would be exact.
        culprits: modules that must not be in the layer for runs like this one.
        seen: what the user has seen of pytest's output.
    """

    depth: str
    reason: Reason
    culprits: tuple[str, ...]
    seen: str = ""


class CheckRecollection(Record):
    """See whether runs of a collected session can collect these files again by themselves."""

    renewed: tuple[str, ...]


class NotRecollectable(Record):
    """They cannot: all must be collected again."""

    reason: Reason


VALUES: dict[str, type] = {"Code": str, "Reason": Reason}
"""What annotations of fields name besides builtin types, with its type on the wire."""

if TYPE_CHECKING:
    Message: TypeAlias = Record

REGISTRY: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        *(RunRequest, Relay, StatusRequest, StopRequest, ReloadRequest),
        *(Notice, Started, Stopped, Finished, Cold, Outdated, Answer),
        *(Build, Spawn, Collect, Patch, Fork, Deliver, Retire),
        *(Hello, Importing, Built, BuildFailed, Patched, NotPatched),
        *(Forked, ForkFailed, RunWarning, RunStopped, RunExited),
        *(Learned, LayerIneligible, Ended),
        *(CheckRecollection, NotRecollectable),
    )
}

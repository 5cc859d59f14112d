"""What the daemon and the process of a layer, zygote or collected session, send to each other."""

from __future__ import annotations

from pytest_zygote.core.protocol.framing import Route
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.core.reasons import Reason


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
        facts: options of the run that the modules were learned from, as `core.layers.layer_fit` compares them.
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


class CheckRecollection(Record):
    """See whether runs of a collected session can collect these files again by themselves."""

    renewed: tuple[str, ...]


class Fork(Record):
    """Fork a run; `request` is the client's frame, opened only in the child.

    Attributes:
        renewed: test files that a run of a collected session must collect again.
        passed_on: how many descriptors of the client travel with it beside 0, 1, 2 and the run's report.
        leads_group: 1 if the run is to lead its process group, as the client does; 0 if not.
    """

    run: int
    request: bytes
    renewed: tuple[str, ...] = ()
    passed_on: int = 0
    leads_group: int = 1


class Probe(Record):
    """Answer, if you can: a standby run may have been stopped, or hang, since it was forked."""


class Alive(Record):
    """The standby run would receive an order now."""


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
        files: path → identity (`adapters.system.files`), of all that was imported or opened.
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
    """This layer cannot be built; without these `modules` it may be."""

    modules: dict[str, str]
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


class NotRecollectable(Record):
    """They cannot: all must be collected again."""

    reason: Reason


class Forked(Record):
    """The run's process exists; sent by its zygote and by itself, since either may die early."""

    run: int
    pid: int


class ForkFailed(Record):
    """No process could be made for the run."""

    run: int
    reason: Reason


class RunWarning(Record):
    """Something that the user should read went wrong around this run, which continues."""

    run: int
    text: str


class RunStopped(Record):
    """The run's process was stopped by a signal."""

    run: int
    signal: int


class RunContinued(Record):
    """The run's process was stopped and continues, no matter what sent the signal."""

    run: int


class RunExited(Record):
    """The run's process has ended: exit code, or the negative number of the signal."""

    run: int
    status: int


ToZygote: TypeAlias = Build | Spawn | Collect | Patch | Fork | Deliver | Retire
TO_ZYGOTE: Route[ToZygote] = Route("daemon", "zygote", ToZygote)
"""With `Spawn` and `Collect` travels one descriptor, with `Fork` four: stdin, stdout, stderr, the run's report."""

RunReport: TypeAlias = Forked | ForkFailed | RunStopped | RunContinued | RunExited
"""What becomes of a run, as the process reports that has forked it."""

RunEvent: TypeAlias = RunReport | RunWarning
"""What is about one of the runs of a layer, and not about the layer."""

FromZygote: TypeAlias = Hello | Importing | Built | BuildFailed | Patched | NotPatched | RunEvent
FROM_ZYGOTE: Route[FromZygote] = Route("zygote", "daemon", FromZygote)

ToSession: TypeAlias = CheckRecollection | Fork | Deliver | Retire
TO_SESSION: Route[ToSession] = Route("daemon", "session", ToSession)

FromSession: TypeAlias = Hello | Built | BuildFailed | NotRecollectable | RunReport
FROM_SESSION: Route[FromSession] = Route("session", "daemon", FromSession)

LayerEvent: TypeAlias = Hello | Importing | Built | BuildFailed | Patched | NotPatched | NotRecollectable
"""What is about a layer itself."""

FromLayer: TypeAlias = LayerEvent | RunEvent
ToLayer: TypeAlias = ToZygote | ToSession
"""The daemon's bookkeeping is the same for zygotes and sessions."""

ToStandby: TypeAlias = Probe | Fork
TO_STANDBY: Route[ToStandby] = Route("zygote or session", "standby run", ToStandby)

FromStandby: TypeAlias = Alive
FROM_STANDBY: Route[FromStandby] = Route("standby run", "zygote or session", FromStandby)

"""Everything that a worker and the controller of its run send each other.

Each direction has one closed union: `WorkerMessage` and `ControllerMessage`. To add a message, write its class, put it
into its union, and handle it in the `match` that type checking then complains about: in `Controller` or `ReportReplay`,
or for replies in `WorkerChannel`. The tests that a worker is to run are no messages: they are in its `WorkQueue`, from
which the controller can take them back.

Seven messages travel for each test, so they are named tuples, and each travels as a plain tuple behind the place of its
class in the union: pickling the named tuples themselves would take eight times as long. Pickles are safe between forks
of one process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import enum
import pickle
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, get_args

from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerFinished, WorkerOutgrown
from pytest_zygote.core.protocol.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_zygote.parallel.places import Place

Location: TypeAlias = tuple[str, int | None, str]
"""File, line and name of a test, as pytest has it."""


class ReportDelta(NamedTuple):
    """A report with nothing in it but times (see `report_delta`).

    Attributes:
        when: phase of the test.
        outcome: of this phase.
        duration: in seconds.
        start: of the phase, seconds since 1970.
        stop: of the phase.
        common: node id, location and keywords; None if they are those of the worker's last delta.
    """

    when: str | None
    outcome: str
    duration: float
    start: float
    stop: float
    common: tuple[str, Location, Mapping[str, int]] | None


class FullReport(NamedTuple):
    """A report as `report_data.dump_report` has made it bytes.

    Attributes:
        data: the report.
        changed: what of it is no longer what it was; '' for nothing.
    """

    data: bytes
    changed: str


class LogStart(NamedTuple):
    """The hook ``pytest_runtest_logstart`` was called."""

    nodeid: str
    location: Location


class LogFinish(NamedTuple):
    """The hook ``pytest_runtest_logfinish`` was called."""

    nodeid: str
    location: Location


class WarningRecorded(NamedTuple):
    """A warning was recorded.

    Attributes:
        data: the warning, pickled by `fixtures.transfer`.
        when: as the hook ``pytest_warning_recorded`` has it, like the others.
        nodeid: of the test.
        location: of the code; None if pytest does not know it.
    """

    data: bytes
    when: str
    nodeid: str
    location: tuple[str, int, str] | None


class JunitTarget(enum.Enum):
    """What in the junit file a test has written into."""

    SUITE = "suite"
    CASE = "case"
    ATTRIBUTE = "attribute"


class JunitPropertyRecorded(NamedTuple):
    """A test has written into the junit file itself.

    Attributes:
        target: what it is of: a property of the suite or of a case, or an attribute of a case.
        nodeid: of the test; '' for the suite.
        name: of the property.
        value: as text.
    """

    target: JunitTarget
    nodeid: str
    name: str
    value: str


class SessionStopped(NamedTuple):
    """``session.shouldfail`` or ``session.shouldstop`` was set in the worker; '' for the one that was not."""

    shouldfail: str
    shouldstop: str


class ExitRaised(NamedTuple):
    """``pytest.exit`` was called."""

    text: str
    returncode: int | None


class InterruptRaised(NamedTuple):
    """Ctrl-C ended a test.

    Attributes:
        places: where it was, the innermost last.
    """

    places: tuple[Place, ...] = ()


class InternalErrorRaised(NamedTuple):
    """pytest or a plugin failed; the text is the traceback."""

    text: str


class FixtureRequested(NamedTuple):
    """The worker waits for a shared fixture that was not set up before the fork; a reply follows.

    Attributes:
        item: the test that needs it.
        name: of the fixture.
    """

    item: int
    name: str


class Collected(NamedTuple):
    """A worker that has configured itself has collected the tests; a `CollectionReply` follows.

    Attributes:
        ids: of the tests, in their order.
        error: what failed meanwhile; '' for nothing.
    """

    ids: tuple[str, ...]
    error: str


class TerminalRequested(NamedTuple):
    """A debugger waits for the terminal; a `TerminalReply` follows."""


class TerminalReleased(NamedTuple):
    """The debugger needs the terminal no longer."""


class EndReported(NamedTuple):
    """What plain pytest prints to stderr after its session, and whether its exit code is 1 for it."""

    text: str
    is_failed: bool


class OutputReturned(NamedTuple):
    """What plugins left in ``config.workeroutput``, pickled by `fixtures.transfer`."""

    data: bytes


class WorkerOver(NamedTuple):
    """The process has nothing left to do but to give its memory back."""


class FixtureReply(NamedTuple):
    """The value of a shared fixture, pickled."""

    payload: bytes


class FixtureUnavailable(NamedTuple):
    """Why a shared fixture has no value in a worker."""

    reason: str


class CollectionReply(NamedTuple):
    """Whether a worker has collected what all others have, and so may run tests."""

    is_accepted: bool


class TerminalReply(NamedTuple):
    """Whether the worker that asked has the terminal now."""

    is_granted: bool


ReportMessage: TypeAlias = (
    ReportDelta
    | LogStart
    | LogFinish
    | FullReport
    | WarningRecorded
    | JunitPropertyRecorded
    | SessionStopped
    | ExitRaised
    | InterruptRaised
    | InternalErrorRaised
    | EndReported
    | OutputReturned
)
"""What only concerns the plugins of the session."""

PoolMessage: TypeAlias = ItemStarted | ItemFinished | QueueEmpty | WorkerFinished | WorkerOutgrown
"""What decides who runs what: these are events of `core.parallel.worker_pool`."""

WorkerMessage: TypeAlias = (
    ReportMessage | PoolMessage | Collected | FixtureRequested | TerminalRequested | TerminalReleased | WorkerOver
)
ControllerMessage: TypeAlias = FixtureReply | FixtureUnavailable | TerminalReply | CollectionReply

WORKER_MESSAGES: tuple[type[WorkerMessage], ...] = get_args(WorkerMessage)
CONTROLLER_MESSAGES: tuple[type[ControllerMessage], ...] = get_args(ControllerMessage)
_TAGS: dict[type, int] = {
    kind: tag for kinds in (WORKER_MESSAGES, CONTROLLER_MESSAGES) for tag, kind in enumerate(kinds)
}

_new = tuple.__new__
_M = TypeVar("_M", bound=tuple[object, ...])


def encode(messages: Sequence[WorkerMessage | ControllerMessage]) -> bytes:
    """Return messages of one direction as bytes."""
    return pickle.dumps([(_TAGS[type(message)], *message) for message in messages], protocol=5)


def decode_from_worker(data: bytes | memoryview) -> list[WorkerMessage]:
    """Return the messages that a worker has encoded.

    Raises:
        RemoteProtocolError: one is of no known kind.
    """
    return _decode(data, WORKER_MESSAGES)


def decode_from_controller(data: bytes | memoryview) -> list[ControllerMessage]:
    """Return the messages that the controller has encoded.

    Raises:
        RemoteProtocolError: one is of no known kind.
    """
    return _decode(data, CONTROLLER_MESSAGES)


def _decode(data: bytes | memoryview, kinds: tuple[type[_M], ...]) -> list[_M]:
    rows: list[tuple[int, object]] = pickle.loads(data)  # noqa: S301 - another fork of this process wrote it
    try:
        return [_new(kinds[row[0]], row[1:]) for row in rows]
    except IndexError:
        unknown = [row for row in rows if row[0] >= len(kinds)]
        raise RemoteProtocolError(f"a message of no known kind between worker and controller: {unknown[0]!r}") from None

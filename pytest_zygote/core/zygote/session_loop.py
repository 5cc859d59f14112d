"""What a collected session does on each event, once it is collected: `step(state, event) -> (state, actions)`.

It forks runs until it retires, and says whether saved files can be collected again by its runs. An order that is not
legal is a fault that ends it with its name; runs are then forked from its project layer. If the daemon is gone it
retires, and leaves with the last run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.layer_messages import CheckRecollection, Deliver, Fork, Retire
from pytest_zygote.core.record import Record
from pytest_zygote.core.zygote import run_table
from pytest_zygote.core.zygote.run_table import ForkOrdered, ForkStandby, RunTable
from pytest_zygote.core.zygote.zygote_loop import DaemonGone, Idle, Leave, StopListening

if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.core.protocol.layer_messages import ToSession


class SessionState(Record):
    """Where a collected session stands; it wants a standby run from the start."""

    table: RunTable = RunTable({}, wants_standby=True)
    is_retired: bool = False

    @property
    def has_idle_work(self) -> bool:
        """Whether something is to be done when no event is there."""
        return self.table.needs_standby and not self.is_retired


class SessionOrdered(Record):
    """The daemon has sent this, with these descriptors."""

    order: ToSession
    descriptors: tuple[int, ...] = ()


class CheckFiles(Record):
    """Find out whether runs can collect these files again by themselves; if they cannot, say so."""

    paths: tuple[str, ...]


if TYPE_CHECKING:
    SessionEvent: TypeAlias = SessionOrdered | DaemonGone | Idle | run_table.RunEvent
    SessionAction: TypeAlias = CheckFiles | StopListening | Leave | run_table.RunAction
    Step: TypeAlias = tuple[SessionState, tuple[SessionAction, ...]]


def step(state: SessionState, event: SessionEvent) -> Step:
    """Return the state after an event, and what is to be done, in order.

    Raises:
        RemoteProtocolError: the daemon has sent an order that is not legal now.
    """
    after, actions = _step(state, event)
    if after.is_retired and not after.table.runs:
        return after, (*actions, Leave())
    return after, actions


def _step(state: SessionState, event: SessionEvent) -> Step:
    match event:
        case SessionOrdered(order, descriptors):
            return _obey(state, order, descriptors)
        case DaemonGone():
            after, actions = _retire(state)
            return after, (StopListening(), *actions)
        case Idle():
            return state, (ForkStandby(),) if state.has_idle_work else ()
        case _:
            return _with_table(state, run_table.step(state.table, event))


def _obey(state: SessionState, order: ToSession, descriptors: tuple[int, ...]) -> Step:
    match order:
        case Fork() | CheckRecollection() if state.is_retired:
            message = f"a session that is retired was sent {type(order).__name__}"
            raise RemoteProtocolError(message)
        case Fork():
            return _with_table(state, run_table.step(state.table, ForkOrdered(order, descriptors)))
        case CheckRecollection(paths):
            return state, (CheckFiles(paths),)
        case Deliver():
            return state, run_table.deliver(state.table, order)
        case Retire():
            return _retire(state)
        case _:
            assert_never(order)


def _with_table(state: SessionState, stepped: run_table.Step) -> Step:
    return state.replaced(table=stepped[0]), stepped[1]


def _retire(state: SessionState) -> Step:
    return _with_table(state.replaced(is_retired=True), run_table.drop_standby(state.table))

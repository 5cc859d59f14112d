"""What a zygote or a collected session does on each event: `step(state, event) -> (state, actions)`.

A zygote builds one layer, or follows edits as a copy of a zygote that was built; then it forks runs, collected
sessions and other zygotes until it retires. A session joins when it is collected (`SESSION`), and forks runs. Which
order is legal when stands in `LEGAL`. A daemon sends no other, so one that comes is a fault that ends the process with
its name: to continue would be to fork from no layer.

If the daemon is gone, the clients of runs still wait for them: the zygote retires, and leaves with the last run. What
can wait is done when no event is there (`has_idle_work`): remembering the texts of modules, then a standby run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.layer_messages import (
    Build,
    BuildFailed,
    Built,
    CheckRecollection,
    Collect,
    Deliver,
    Fork,
    NotPatched,
    Patch,
    Patched,
    Retire,
    Spawn,
)
from pytest_zygote.core.record import Record
from pytest_zygote.core.zygote import run_table
from pytest_zygote.core.zygote.run_table import ForkOrdered, ForkStandby, RunTable

if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.core.protocol.layer_messages import ToLayer

EMPTY = "empty"
CANDIDATE = "candidate"
READY = "ready"
COLLECTED = "collected"
FAILED = "failed"
RETIRED = "retired"

LEGAL: dict[str, tuple[type[Record], ...]] = {
    EMPTY: (Build, Retire),
    # A copy of a project zygote, whose files have changed.
    CANDIDATE: (Patch, Retire),
    READY: (Fork, Deliver, Spawn, Collect, Retire),
    COLLECTED: (Fork, Deliver, CheckRecollection, Retire),
    # The daemon has not read yet that the layer could not be made.
    FAILED: (Retire,),
    # Its runs continue; and Retire may have crossed the end of the daemon's patience.
    RETIRED: (Deliver, Retire),
}
"""Phase → orders that may come in it."""


class ZygoteState(Record):
    """Where a zygote or a collected session stands.

    Attributes:
        phase: a key of `LEGAL`.
        table: its runs.
        is_patchable: whether the layer can follow edits: it is the project's.
        has_texts: whether texts of modules are still to be remembered, to be able to patch them.
        may_stand_by: whether runs may be forked ahead: nothing of the user's has to run before each fork.
    """

    phase: str = EMPTY
    table: RunTable = run_table.EMPTY
    is_patchable: bool = False
    has_texts: bool = False
    may_stand_by: bool = False

    @property
    def has_idle_work(self) -> bool:
        """Whether something is to be done when no event is there."""
        is_forking = self.phase in (READY, COLLECTED)
        return is_forking and (self.has_texts or (self.may_stand_by and self.table.needs_standby))


SESSION = ZygoteState(COLLECTED, RunTable({}, wants_standby=True), may_stand_by=True)
"""Where a session begins; it wants a standby run at once."""

# Events


class Ordered(Record):
    """The daemon has sent this, with these descriptors."""

    order: ToLayer
    descriptors: tuple[int, ...] = ()


class DaemonGone(Record):
    """The connection to the daemon has ended."""


class BuildEnded(Record):
    """The layer was built and its canary fork has worked, or not."""

    outcome: Built | BuildFailed
    is_patchable: bool = False
    may_stand_by: bool = False


class PatchEnded(Record):
    """The layer has followed its edits and its canary fork has worked, or not."""

    outcome: Patched | NotPatched


class Idle(Record):
    """No event was there."""


class TextsRemembered(Record):
    """Some texts were remembered, the last of them if `is_last`."""

    is_last: bool


if TYPE_CHECKING:
    Event: TypeAlias = Ordered | DaemonGone | BuildEnded | PatchEnded | Idle | TextsRemembered | run_table.RunEvent


# Actions


class BuildLayer(Record):
    """Import the modules of a plan."""

    plan: Build


class FollowEdits(Record):
    """Patch the modules."""

    order: Patch


class ForkLayer(Record):
    """Fork a zygote or a collected session, with this connection to the daemon."""

    order: Spawn | Collect
    descriptor: int


class CheckFiles(Record):
    """Find out whether runs can collect these files again by themselves; if they cannot, send that to the daemon."""

    paths: tuple[str, ...]


class RememberTexts(Record):
    """Remember the texts of some modules, or of all that are left."""

    is_rest: bool


class Send(Record):
    """Send this to the daemon."""

    message: Built | BuildFailed | Patched | NotPatched


class StopListening(Record):
    """Stop looking for orders."""


class Leave(Record):
    """End this process."""


LayerAction: TypeAlias = BuildLayer | FollowEdits | ForkLayer | CheckFiles | RememberTexts | Send
"""What is about the layer itself, and not about its runs."""

if TYPE_CHECKING:
    Action: TypeAlias = LayerAction | StopListening | Leave | run_table.RunAction
    Step: TypeAlias = tuple[ZygoteState, tuple[Action, ...]]


def step(state: ZygoteState, event: Event) -> Step:
    """Return the state after an event, and what is to be done, in order.

    Raises:
        RemoteProtocolError: the daemon has sent an order that is not legal now.
    """
    after, actions = _step(state, event)
    if after.phase == RETIRED and not after.table.runs:
        return after, (*actions, Leave())
    return after, actions


def _step(state: ZygoteState, event: Event) -> Step:
    match event:
        case Ordered(order, descriptors):
            return _obey(state, order, descriptors)
        case DaemonGone():
            after, actions = _retire(state)
            return after, (StopListening(), *actions)
        case BuildEnded(outcome) | PatchEnded(outcome):
            return _made(state, event), (Send(outcome),)
        case Idle():
            return state, _idle(state)
        case TextsRemembered(is_last):
            return state.replaced(has_texts=not is_last), ()
        case _:
            return _with_table(state, run_table.step(state.table, event))


def _obey(state: ZygoteState, order: ToLayer, descriptors: tuple[int, ...]) -> Step:
    if not isinstance(order, LEGAL[state.phase]):
        message = f"a layer that is {state.phase} was sent {type(order).__name__}"
        raise RemoteProtocolError(message)
    match order:
        case Build():
            return state, (BuildLayer(order),)
        case Patch():
            return state, (FollowEdits(order),)
        case Spawn() | Collect():
            # The fork must know all texts, and would not learn those that change before it has looked.
            rest = (RememberTexts(is_rest=True),) if state.has_texts else ()
            return state, (*rest, ForkLayer(order, *descriptors))
        case CheckRecollection(paths):
            return state, (CheckFiles(paths),)
        case Fork() | Deliver() | Retire():
            return _obey_about_runs(state, order, descriptors)
        case _:
            assert_never(order)


def _obey_about_runs(state: ZygoteState, order: Fork | Deliver | Retire, descriptors: tuple[int, ...]) -> Step:
    match order:
        case Fork():
            return _with_table(state, run_table.step(state.table, ForkOrdered(order, descriptors)))
        case Deliver():
            return state, run_table.deliver(state.table, order)
        case Retire():
            return _retire(state)
        case _:
            assert_never(order)


def _with_table(state: ZygoteState, stepped: run_table.Step) -> Step:
    return state.replaced(table=stepped[0]), stepped[1]


def _retire(state: ZygoteState) -> Step:
    return _with_table(state.replaced(phase=RETIRED), run_table.drop_standby(state.table))


def _made(state: ZygoteState, event: BuildEnded | PatchEnded) -> ZygoteState:
    if isinstance(event.outcome, BuildFailed | NotPatched):
        return state.replaced(phase=FAILED)
    if isinstance(event, PatchEnded):
        return state.replaced(phase=READY, table=state.table.replaced(wants_standby=True))
    is_project = event.is_patchable
    return state.replaced(
        phase=READY,
        # Few runs are forked from a base layer; those that are may be followed by others.
        table=state.table.replaced(wants_standby=is_project),
        is_patchable=is_project,
        has_texts=is_project,
        may_stand_by=event.may_stand_by,
    )


def _idle(state: ZygoteState) -> tuple[Action, ...]:
    if not state.has_idle_work:
        return ()
    return (RememberTexts(is_rest=False),) if state.has_texts else (ForkStandby(),)


def forked(state: ZygoteState) -> ZygoteState:
    """Return the state of a zygote that was forked from one in this state: it has no runs, and no layer of its own."""
    phase = CANDIDATE if state.is_patchable else EMPTY
    return ZygoteState(phase, is_patchable=state.is_patchable, may_stand_by=state.may_stand_by)

"""A zygote: which order is legal when, and what follows from orders, deaths and idle time."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.layer_messages import (
    TO_SESSION,
    TO_ZYGOTE,
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
    RunExited,
    Spawn,
)
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.zygote import zygote_loop
from pytest_zygote.core.zygote.run_table import (
    ChildEnded,
    DropStandby,
    EndLastRun,
    ForkRun,
    ForkStandby,
    Report,
    RunForked,
    RunTable,
    SignalRun,
    StandbyTried,
)
from pytest_zygote.core.zygote.zygote_loop import (
    CANDIDATE,
    COLLECTED,
    EMPTY,
    FAILED,
    LEGAL,
    READY,
    RETIRED,
    BuildEnded,
    BuildLayer,
    DaemonGone,
    FollowEdits,
    ForkLayer,
    Idle,
    Leave,
    Ordered,
    PatchEnded,
    RememberTexts,
    Send,
    StopListening,
    TextsRemembered,
    ZygoteState,
    forked,
    step,
)
from tests.support.strategies import example_of

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.layer_messages import ToLayer
    from pytest_zygote.core.zygote.zygote_loop import Action, Event

PLAN = Build("project", (), (), (), (), (), (), {}, (), "/project", {})
BUILT = Built((), {}, {}, (), {}, {}, (), (), {}, (), 5)
BROKEN = Reason("layer-broken", "a fork of this layer does not work (it ended with -9)")
FORK = Fork(7, b"request")
ORDERS = {*TO_ZYGOTE.kinds.values(), *TO_SESSION.kinds.values()}
PROJECT = ZygoteState(READY, is_patchable=True, may_stand_by=True)
BUSY = PROJECT.replaced(table=RunTable({100: 7}, {100: 100}, wants_standby=True))


def order_of(kind: type[ToLayer]) -> Ordered:
    """Return an order of one kind, with the descriptors that travel with it."""
    message = example_of(kind)
    assert isinstance(message, Build | Spawn | Collect | Patch | Fork | Deliver | Retire | CheckRecollection)
    return Ordered(message, (9,) if isinstance(message, Spawn | Collect) else ())


def play(state: ZygoteState, *events: Event) -> tuple[ZygoteState, list[Action]]:
    """Return the state after several events, and all that was to be done."""
    done: list[Action] = []
    for event in events:
        state, actions = step(state, event)
        done += actions
    return state, done


@pytest.mark.parametrize(("phase", "kind"), [*product(LEGAL, sorted(ORDERS, key=lambda kind: kind.__name__))])
def test_an_order_is_legal_in_its_phases_only(phase: str, kind: type[ToLayer]) -> None:
    """Elsewhere it is a fault, which names the phase and the order, and changes nothing."""
    state = ZygoteState(phase)
    if issubclass(kind, LEGAL[phase]):
        step(state, order_of(kind))
    else:
        with pytest.raises(RemoteProtocolError, match=f"a layer that is {phase} was sent {kind.__name__}"):
            step(state, order_of(kind))


def test_every_order_is_legal_somewhere() -> None:
    """A new one needs a phase."""
    assert {kind for kinds in LEGAL.values() for kind in kinds} == ORDERS


def test_a_plan_is_built() -> None:
    """The phase changes when that has ended."""
    assert step(ZygoteState(), Ordered(PLAN)) == (ZygoteState(), (BuildLayer(PLAN),))


def test_a_base_layer_forks_ahead_once_it_has_had_a_run() -> None:
    """It has no texts to remember, and its first run may be its last."""
    state, actions = step(ZygoteState(), BuildEnded(BUILT, may_stand_by=True))

    assert (state.phase, actions) == (READY, (Send(BUILT),))
    assert not state.has_idle_work
    state, _ = play(state, Ordered(FORK, (3, 4, 5, 6)), RunForked(7, 100, 100), ChildEnded(100, 0))
    assert step(state, Idle())[1] == (ForkStandby(),)


def test_a_project_layer_remembers_texts_and_forks_ahead_when_idle() -> None:
    """First all texts, a part at a time; then one standby run."""
    ready, _ = step(ZygoteState(), BuildEnded(BUILT, is_patchable=True, may_stand_by=True))
    texts = RememberTexts(is_rest=False)

    state, actions = play(
        ready, Idle(), TextsRemembered(is_last=False), Idle(), TextsRemembered(is_last=True), Idle(), StandbyTried(50)
    )

    assert actions == [texts, texts, ForkStandby()]
    assert not state.has_idle_work
    assert step(state, Idle()) == (state, ())


def test_no_run_is_forked_ahead_where_something_runs_before_each_fork() -> None:
    """A workaround's first half must have run before the fork."""
    ready, _ = step(ZygoteState(), BuildEnded(BUILT, is_patchable=True, may_stand_by=False))
    state, _ = step(ready, TextsRemembered(is_last=True))

    assert not state.has_idle_work


@pytest.mark.parametrize("outcome", [BuildFailed({}, BROKEN), BuildFailed({"app": "it starts a thread"}, BROKEN)])
def test_a_layer_whose_build_or_canary_fork_fails_forks_nothing(outcome: BuildFailed) -> None:
    """It is reported, and waits for the daemon to retire it."""
    state, actions = step(ZygoteState(), BuildEnded(outcome))

    assert (state.phase, actions) == (FAILED, (Send(outcome),))
    assert step(state, Ordered(Retire()))[1] == (Leave(),)


def test_a_candidate_follows_edits_and_serves() -> None:
    """Its texts are known already; its first standby run is forked when it is idle."""
    patched = Patched({"/project/app.py": "patched f"}, 3)

    state, actions = play(forked(PROJECT), Ordered(Patch({}, {})), PatchEnded(patched), Idle())

    assert actions == [FollowEdits(Patch({}, {})), Send(patched), ForkStandby()]
    assert state.phase == READY


def test_a_candidate_that_cannot_follow_forks_nothing() -> None:
    """The same holds if its canary fork fails."""
    outcome = NotPatched(BROKEN)
    state, actions = step(ZygoteState(CANDIDATE), PatchEnded(outcome))

    assert (state.phase, actions) == (FAILED, (Send(outcome),))


def test_a_fork_is_empty_or_a_candidate() -> None:
    """It has no runs and no standby run; a copy of a project layer is there to be patched, or is replaced by a plan."""
    assert forked(ZygoteState(READY, RunTable({100: 7}, {100: 100}))) == ZygoteState(EMPTY)
    assert forked(BUSY) == ZygoteState(CANDIDATE, is_patchable=True, may_stand_by=True)


@pytest.mark.parametrize("order", [Spawn(3), Collect(b"", (), ())])
def test_a_layer_is_forked_with_all_texts(order: Spawn | Collect) -> None:
    """What is not remembered yet is remembered first."""
    assert step(PROJECT, Ordered(order, (9,)))[1] == (ForkLayer(order, 9),)
    waiting = PROJECT.replaced(has_texts=True)
    assert step(waiting, Ordered(order, (9,)))[1] == (RememberTexts(is_rest=True), ForkLayer(order, 9))


def test_a_run_is_forked_signalled_and_reaped() -> None:
    """From the order to the report of its status."""
    state, actions = play(
        PROJECT, Ordered(FORK, (3, 4, 5, 6)), RunForked(7, 100, 100), Ordered(Deliver(7, 2)), ChildEnded(100, -2)
    )

    assert actions[0] == ForkRun(FORK, (3, 4, 5, 6), is_first=True)
    assert actions[2:] == [SignalRun(100, 100, 2), EndLastRun(7), Report(RunExited(7, -2))]
    assert state.has_idle_work


@pytest.mark.parametrize(("event", "first"), [(Ordered(Retire()), []), (DaemonGone(), [StopListening()])])
def test_runs_are_finished_before_a_zygote_leaves(event: Event, first: list[Action]) -> None:
    """Their clients wait for them, be the daemon gone or not."""
    state, actions = step(BUSY, event)

    assert (state.phase, list(actions)) == (RETIRED, first)
    assert not state.has_idle_work
    _, actions = step(state, ChildEnded(100, 1))
    assert actions == (EndLastRun(7), Report(RunExited(7, 1)), Leave())


def test_a_zygote_without_runs_leaves_at_once() -> None:
    """Its standby run ends before it."""
    standby = PROJECT.replaced(table=RunTable({}, standby=50))

    assert step(standby, Ordered(Retire()))[1] == (DropStandby(), Leave())
    assert step(standby, DaemonGone())[1] == (StopListening(), DropStandby(), Leave())


def test_a_signal_reaches_a_run_of_a_retired_zygote() -> None:
    """Ctrl-C works whatever has become of the layer."""
    assert step(BUSY.replaced(phase=RETIRED), Ordered(Deliver(7, 2)))[1] == (SignalRun(100, 100, 2),)


def test_the_phases_are_those_of_the_module() -> None:
    """Each has a row."""
    assert set(LEGAL) == {zygote_loop.EMPTY, CANDIDATE, READY, COLLECTED, FAILED, RETIRED}

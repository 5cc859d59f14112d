"""A collected session: what it does on orders, deaths and idle time."""

from __future__ import annotations

import pytest

from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.layer_messages import CheckRecollection, Deliver, Fork, Retire, RunExited
from pytest_zygote.core.zygote.run_table import (
    ActivateStandby,
    ChildEnded,
    DropStandby,
    EndLastRun,
    ForkRun,
    ForkStandby,
    Report,
    RunTable,
    SignalRun,
    StandbyTried,
)
from pytest_zygote.core.zygote.zygote_loop import (
    RETIRED,
    SESSION,
    CheckFiles,
    DaemonGone,
    Idle,
    Leave,
    Ordered,
    StopListening,
    step,
)

FORK = Fork(7, b"request", ("test_a.py",))
BUSY = SESSION.replaced(table=RunTable({100: 7}, {100: 100}))
LEAVING = BUSY.replaced(phase=RETIRED)


def test_a_run_stands_by_from_the_start() -> None:
    """The first run that is asked for waits for no fork."""
    assert step(SESSION, Idle())[1] == (ForkStandby(),)
    state, _ = step(SESSION, StandbyTried(50))
    assert not state.has_idle_work
    assert step(state, Ordered(FORK, (3, 4, 5, 6)))[1] == (ActivateStandby(FORK, (3, 4, 5, 6), 50),)


def test_a_run_is_forked_where_none_stands_by() -> None:
    """An order is never left."""
    assert step(BUSY, Ordered(FORK, (3,)))[1] == (ForkRun(FORK, (3,), is_first=False),)


def test_saved_files_are_checked() -> None:
    """Without a fork: the daemon wants to know before somebody waits."""
    assert step(BUSY, Ordered(CheckRecollection(("test_a.py",)))) == (BUSY, (CheckFiles(("test_a.py",)),))


def test_signals_reach_runs() -> None:
    """Of a retired session too."""
    assert step(BUSY, Ordered(Deliver(7, 2)))[1] == (SignalRun(100, 100, 2),)
    assert step(LEAVING, Ordered(Deliver(7, 2)))[1] == (SignalRun(100, 100, 2),)


@pytest.mark.parametrize("order", [FORK, CheckRecollection(("test_a.py",))])
def test_a_retired_session_forks_and_checks_nothing(order: Fork | CheckRecollection) -> None:
    """An order that comes nevertheless is a fault, which names the order."""
    with pytest.raises(RemoteProtocolError, match=f"a layer that is retired was sent {type(order).__name__}"):
        step(LEAVING, Ordered(order))


def test_it_leaves_with_its_last_run() -> None:
    """Retired by the daemon, or because that is gone."""
    assert step(BUSY, Ordered(Retire())) == (LEAVING, ())
    assert step(BUSY, DaemonGone()) == (LEAVING, (StopListening(),))
    assert step(LEAVING, ChildEnded(100, 0))[1] == (EndLastRun(7), Report(RunExited(7, 0)), Leave())


def test_it_leaves_at_once_without_runs() -> None:
    """Its standby run ends before it."""
    state = SESSION.replaced(table=RunTable({}, standby=50))

    assert step(state, Ordered(Retire()))[1] == (DropStandby(), Leave())


def test_nothing_is_done_when_idle_and_retired() -> None:
    """No run is forked ahead that nobody will ask for."""
    state = LEAVING.replaced(table=RunTable({100: 7}, {100: 100}, wants_standby=True))

    assert step(state, Idle()) == (state, ())

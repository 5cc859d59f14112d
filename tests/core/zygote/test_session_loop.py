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
    SignalGroup,
    StandbyTried,
)
from pytest_zygote.core.zygote.session_loop import CheckFiles, SessionOrdered, SessionState, step
from pytest_zygote.core.zygote.zygote_loop import DaemonGone, Idle, Leave, StopListening

FORK = Fork(7, b"request", ("test_a.py",))
BUSY = SessionState(RunTable({100: 7}))
RETIRED = BUSY.replaced(is_retired=True)


def test_a_run_stands_by_from_the_start() -> None:
    """The first run that is asked for waits for no fork."""
    assert step(SessionState(), Idle())[1] == (ForkStandby(),)
    state, _ = step(SessionState(), StandbyTried(50))
    assert not state.has_idle_work
    assert step(state, SessionOrdered(FORK, (3, 4, 5, 6)))[1] == (ActivateStandby(FORK, (3, 4, 5, 6), 50),)


def test_a_run_is_forked_where_none_stands_by() -> None:
    """An order is never left."""
    assert step(BUSY, SessionOrdered(FORK, (3,)))[1] == (ForkRun(FORK, (3,), is_first=False),)


def test_saved_files_are_checked() -> None:
    """Without a fork: the daemon wants to know before somebody waits."""
    assert step(BUSY, SessionOrdered(CheckRecollection(("test_a.py",)))) == (BUSY, (CheckFiles(("test_a.py",)),))


def test_signals_reach_runs() -> None:
    """Of a retired session too."""
    assert step(BUSY, SessionOrdered(Deliver(7, 2)))[1] == (SignalGroup(100, 2),)
    assert step(RETIRED, SessionOrdered(Deliver(7, 2)))[1] == (SignalGroup(100, 2),)


@pytest.mark.parametrize("order", [FORK, CheckRecollection(("test_a.py",))])
def test_a_retired_session_forks_and_checks_nothing(order: Fork | CheckRecollection) -> None:
    """An order that comes nevertheless is a fault, which names the order."""
    with pytest.raises(RemoteProtocolError, match=f"a session that is retired was sent {type(order).__name__}"):
        step(RETIRED, SessionOrdered(order))


def test_it_leaves_with_its_last_run() -> None:
    """Retired by the daemon, or because that is gone."""
    assert step(BUSY, SessionOrdered(Retire())) == (RETIRED, ())
    assert step(BUSY, DaemonGone()) == (RETIRED, (StopListening(),))
    assert step(RETIRED, ChildEnded(100, 0))[1] == (EndLastRun(7), Report(RunExited(7, 0)), Leave())


def test_it_leaves_at_once_without_runs() -> None:
    """Its standby run ends before it."""
    state = SessionState(RunTable({}, standby=50))

    assert step(state, SessionOrdered(Retire()))[1] == (DropStandby(), Leave())


def test_nothing_is_done_when_idle_and_retired() -> None:
    """No run is forked ahead that nobody will ask for."""
    state = RETIRED.replaced(table=RunTable({100: 7}, wants_standby=True))

    assert step(state, Idle()) == (state, ())

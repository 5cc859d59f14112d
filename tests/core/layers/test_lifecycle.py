"""The tables of the life of layers and runs, walked exhaustively."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from pytest_zygote.core.layers import lifecycle
from pytest_zygote.core.layers.lifecycle import (
    BUILDING,
    BUILT,
    DEADLY,
    EXITED,
    FAILED,
    GONE,
    INVALIDATED,
    READY,
    RETIRED,
    Breaker,
    BuildDeaths,
    depth_after,
    is_idle,
    step,
)
from pytest_zygote.core.protocol.errors import LocalProtocolError
from pytest_zygote.core.reasons import Reason

PHASES = (BUILDING, READY, RETIRED, GONE)
EVENTS = (BUILT, FAILED, INVALIDATED, EXITED)


@pytest.mark.parametrize(("phase", "event"), list(product(PHASES, EVENTS)))
def test_each_event_leads_somewhere_or_is_refused_by_name(phase: str, event: str) -> None:
    """What is not in the table is a bug of ours, whose text names both."""
    if (phase, event) in lifecycle.TRANSITIONS:
        assert step(phase, event) in PHASES
    else:
        with pytest.raises(LocalProtocolError, match=f"{phase} cannot be {event}"):
            step(phase, event)


def test_gone_is_the_end_and_always_near() -> None:
    """Nothing happens to a layer that is gone, and every other may go at any time."""
    assert not any(phase == GONE for phase, _ in lifecycle.TRANSITIONS)
    assert all(step(phase, EXITED) == GONE for phase in PHASES if phase != GONE)


def test_retired_layers_never_fork_again() -> None:
    """No way leads from RETIRED to READY."""
    assert {step(RETIRED, event) for event in EVENTS} == {RETIRED, GONE}


@pytest.mark.parametrize("tried", ["project", "base"])
@pytest.mark.parametrize("wanted", ["project", "base", "cold", "", "nonsense"])
def test_run_that_starts_over_starts_shallower(tried: str, wanted: str) -> None:
    """Whatever a run asks for, it ends: at the latest as plain pytest."""
    order = ("project", "base", "cold")
    assert order.index(depth_after(tried, wanted)) > order.index(tried)


def test_run_that_starts_over_gets_the_depth_it_wants() -> None:
    """A run that knows that only plain pytest is exact is not tried in the base layer."""
    assert depth_after("project", "base") == "base"
    assert depth_after("project", "cold") == "cold"


def test_signals_to_an_abandoned_run_get_harder_with_time() -> None:
    """Signals get harder with time, and the last cannot be ignored, within five seconds."""
    times = [after_s for after_s, _ in lifecycle.PRESSURE]
    assert times == sorted(times)
    assert times[0] == 0
    assert lifecycle.PRESSURE[-1][1] == "SIGKILL"
    assert times[-1] < 5


def test_notices_get_rarer() -> None:
    """A client that waits is told early, and not all the time."""
    gaps = [later - sooner for sooner, later in pairwise((0.0, *lifecycle.NOTICES_S))]
    assert gaps == sorted(gaps)


BROKEN = Reason("layer-broken", "it broke")


class TestBreaker:
    """Building stops after failures, and is tried again after a rest."""

    def test_one_failure_is_forgiven(self) -> None:
        """The next attempt may work."""
        breaker = Breaker()
        breaker.fail(100, BROKEN)
        assert not breaker.open_reason(100)

    def test_failures_in_a_row_open_it_for_a_while(self) -> None:
        """The reason is what the user reads."""
        breaker = Breaker()
        for _ in range(Breaker.LIMIT):
            breaker.fail(100, BROKEN)
        reason = breaker.open_reason(100)
        assert reason is not None
        assert str(reason).startswith("[layer-broken] it broke (")
        assert breaker.open_reason(100 + Breaker.REST_S - 1)
        assert not breaker.open_reason(100 + Breaker.REST_S)

    def test_one_failure_after_the_rest_opens_it_again(self) -> None:
        """One attempt decides."""
        breaker = Breaker()
        for now in (100, 100, 100 + Breaker.REST_S):
            breaker.fail(now, BROKEN)
        assert breaker.open_reason(101 + Breaker.REST_S)

    def test_success_closes_it(self) -> None:
        """What happened before counts no more."""
        breaker = Breaker()
        for _ in range(Breaker.LIMIT):
            breaker.fail(100, BROKEN)
        breaker.reset()
        assert not breaker.open_reason(100)
        breaker.fail(100, BROKEN)
        assert not breaker.open_reason(100)


def test_second_death_proves_which_module_is_deadly() -> None:
    """The first may have been the system's doing."""
    deaths = BuildDeaths()
    assert deaths.rejected("app") == {}
    deaths.add("app")
    assert deaths.rejected("app") == {}
    deaths.add("app")
    assert deaths.rejected("app") == {"app": DEADLY}
    assert deaths.rejected("other") == {}


def test_daemon_is_idle_after_its_limit() -> None:
    """Zero is no limit."""
    assert is_idle(now=111.0, last_request=100.0, limit_s=10.0)
    assert not is_idle(now=110.0, last_request=100.0, limit_s=10.0)
    assert not is_idle(now=1e9, last_request=100.0, limit_s=0.0)

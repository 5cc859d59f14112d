"""Which command lines are not worth a collected session."""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions.backoff import MAX_REMEMBERED, MAX_WASTED, RETRY, Backoff
from pytest_zygote.core.sessions.eligibility import Key

KEY = Key((("umask", 1),), (), ())
REASON = Reason("session-side-effect", "a thread")


def test_a_refusal_holds_for_its_object() -> None:
    """Another layer may hold what was imported late."""
    below = object()
    refusals = Backoff()
    refusals.add(KEY, below, REASON)
    assert refusals.holds(KEY, below)
    assert refusals.reason(KEY) == REASON
    assert not refusals.holds(KEY, object())


def test_changed_files_give_another_chance() -> None:
    """What was in the way may be mended."""
    below = object()
    refusals = Backoff()
    refusals.add(KEY, below, REASON)
    refusals.forget()
    assert not refusals.holds(KEY, below)
    assert not refusals.holds(KEY, None)
    assert refusals.reason(KEY) == REASON  # for the status, until there is a session
    refusals.use(KEY)
    assert not refusals.reason(KEY)


def test_sessions_that_nobody_uses_are_collected_less_often() -> None:
    """After each run they would be collected in vain."""
    refusals = Backoff()
    for _ in range(MAX_WASTED):
        assert refusals.is_worth_it(KEY)
        refusals.waste(KEY)
    tries = [refusals.is_worth_it(KEY) for _ in range(3 * RETRY)]
    assert tries.count(True) == 3
    refusals.use(KEY)
    assert refusals.is_worth_it(KEY)


def test_only_so_much_is_remembered() -> None:
    """Command lines are endless."""
    below = object()
    refusals = Backoff()
    for number in range(3 * MAX_REMEMBERED):
        refusals.add(Key((("umask", number),), (), ()), below, REASON)
        refusals.waste(Key((("umask", number),), (), ()))
    assert not refusals.reason(Key((("umask", 0),), (), ()))
    assert refusals.reason(Key((("umask", 3 * MAX_REMEMBERED - 1),), (), ()))

"""The daemon's history: counts, and the last entries of each kind."""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.history import MAX_ENTRIES, RunHistory


def test_runs_are_counted_with_the_time_that_they_saved() -> None:
    """Those of sessions apart."""
    history = RunHistory()
    history.add_run(200, is_from_session=False)
    history.add_run(300, is_from_session=True)
    assert (history.runs, history.session_runs, history.saved_ms) == (2, 1, 500)


def test_only_the_last_entries_are_remembered() -> None:
    """A daemon lives for days."""
    history = RunHistory()
    for number in range(MAX_ENTRIES + 5):
        history.add_build("base", Reason("file-changed", f"{number}.py changed"))
    assert len(history.builds) == MAX_ENTRIES
    assert history.builds[0]["reason"] == "[file-changed] 5.py changed"


def test_entries_have_reasons() -> None:
    """A cold run with its code, which is what the documentation is searched for."""
    history = RunHistory()
    history.add_verdict("app.py: patched")
    history.add_cold_run(Reason("fork-failed", "no memory"))
    assert history.verdicts[0]["reason"] == "app.py: patched"
    assert history.cold[0]["reason"] == "[fork-failed] no memory"

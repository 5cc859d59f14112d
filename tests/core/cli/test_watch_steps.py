"""What watch mode does about each event, without a terminal, a clock or a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_zygote.core.cli import watch_events as events
from pytest_zygote.core.cli import watch_steps
from pytest_zygote.core.cli.watch_mode import HELP, RUNS, Filters
from pytest_zygote.core.cli.watch_steps import PATIENCE_S, QUIET_S, SETTLED_S, WatchOptions, WatchState, timeout_s
from pytest_zygote.core.reasons import Reason

OPTIONS = WatchOptions(given=("-q", "tests"), paths=frozenset({"tests"}))
BEGIN = (events.ShowStatus(), events.ClearStatus())
PASSED = events.RunEnded(0, "2 of 2 tests")


def run(*kind: str) -> events.StartRun:
    """Return the start of a run that adds this to the command line."""
    return events.StartRun(("-q", "tests", *kind))


AFFECTED = run(*RUNS["affected"])


def walk(
    *happened: events.Event, now: float = 10.0, options: WatchOptions = OPTIONS
) -> tuple[WatchState, tuple[events.Action, ...]]:
    """Return the state after these events, and what follows the last."""
    state, actions = watch_steps.enter(now, options)
    for event in happened:
        state, actions = watch_steps.step(state, event, now, options)
    return state, actions


def test_what_is_affected_runs_at_once() -> None:
    """The status line makes room for it."""
    assert walk()[1] == (*BEGIN, AFFECTED)


class TestKeys:
    """A key is pressed."""

    @pytest.mark.parametrize(
        ("key", "kind"),
        [("\n", "affected"), ("\r", "affected"), ("a", "all"), ("f", "failed"), ("d", "debug"), ("l", "affected")],
    )
    def test_keys_start_runs(self, key: str, kind: str) -> None:
        """Of several kinds; the last one again."""
        assert walk(PASSED, events.KeyPressed(key))[1] == (*BEGIN, run(*RUNS[kind]))

    @pytest.mark.parametrize("key", ["a", "i"])
    def test_a_run_that_goes_on_is_interrupted_once(self, key: str) -> None:
        """The second time it is on its way."""
        assert walk(events.KeyPressed(key))[1] == (events.InterruptRun(),)
        assert walk(events.KeyPressed(key), events.KeyPressed(key))[1] == ()

    def test_the_run_that_was_asked_for_follows_the_interrupted_one(self) -> None:
        """Its status is shown in between."""
        state, actions = walk(events.KeyPressed("a"), events.RunEnded(2, ""))

        assert actions == (events.ShowStatus(), *BEGIN, run(*RUNS["all"]))
        assert (state.kind, state.summary.outcome) == ("all", "interrupted")

    @pytest.mark.parametrize(
        ("key", "expected"), [("k", Filters(pattern="x")), ("t", Filters(name="x")), ("p", Filters(path="x"))]
    )
    def test_a_filter_is_asked_for(self, key: str, expected: Filters) -> None:
        """And narrows the run that follows the answer."""
        assert walk(PASSED, events.KeyPressed(key))[1] == (events.AskForFilter(key),)

        state, actions = walk(PASSED, events.KeyPressed(key), events.FilterGiven(key, "x"))
        assert state.filters == expected
        assert isinstance(actions[-1], events.StartRun)
        assert "x" in actions[-1].args

    def test_nobody_is_asked_while_a_run_writes(self) -> None:
        """The question follows its end, and the run that was due follows the answer."""
        assert walk(events.KeyPressed("a"), events.KeyPressed("k"))[1] == ()
        assert walk(events.KeyPressed("a"), events.KeyPressed("k"), PASSED)[1] == (
            events.ShowStatus(),
            events.AskForFilter("k"),
        )

        answered = walk(events.KeyPressed("a"), events.KeyPressed("k"), PASSED, events.FilterGiven("k", ""))
        assert answered[1] == (*BEGIN, run(*RUNS["all"]))

    def test_a_question_that_is_left_changes_nothing(self) -> None:
        """Only a run that was due begins."""
        state, actions = walk(PASSED, events.KeyPressed("k"), events.QuestionLeft())
        assert (state.filters, actions) == (Filters(), (events.ShowStatus(),))
        following = walk(events.KeyPressed("a"), events.KeyPressed("k"), PASSED, events.QuestionLeft())

        assert following[1] == (*BEGIN, run(*RUNS["all"]))

    def test_an_answer_does_not_start_the_debugger(self) -> None:
        """Not even if it ran last."""
        assert walk(PASSED, events.KeyPressed("d"), PASSED, events.KeyPressed("k"), events.FilterGiven("k", ""))[1] == (
            *BEGIN,
            AFFECTED,
        )

    def test_stopping_at_the_first_failure_is_on_or_off(self) -> None:
        """The next run shows it."""
        state, actions = walk(PASSED, events.KeyPressed("x"))
        assert (state.filters.stops, actions) == (True, (events.ShowStatus(),))
        assert not walk(PASSED, events.KeyPressed("x"), events.KeyPressed("x"))[0].filters.stops

    def test_help_and_unknown_keys(self) -> None:
        """The status line comes back."""
        assert walk(PASSED, events.KeyPressed("w"))[1] == (events.Print(HELP.rstrip()), events.ShowStatus())
        assert walk(PASSED, events.KeyPressed("§"))[1] == (events.ShowStatus(),)

    def test_snapshots_are_updated_by_the_plugin_that_is_installed(self) -> None:
        """In a run like the last; while one goes on, nothing happens."""
        options = replace(OPTIONS, updates=("--snapshot-update",))
        assert walk(PASSED, events.KeyPressed("u"), options=options)[1] == (
            *BEGIN,
            run("--affected", "--snapshot-update"),
        )
        assert walk(events.KeyPressed("u"), options=options)[1] == ()
        assert walk(PASSED, events.KeyPressed("u"))[1] == (
            events.Print("zygote: no plugin for snapshots is installed"),
            events.ShowStatus(),
        )

    def test_q_leaves(self) -> None:
        """Nothing is shown any more."""
        state, actions = walk(PASSED, events.KeyPressed("q"))
        assert (state.is_over, actions) == (True, ())


class TestSignals:
    """A signal arrives, or the terminal goes."""

    def test_ctrl_c_interrupts_the_run_then_leaves(self) -> None:
        """Between runs it leaves at once."""
        state, actions = walk(events.InterruptAsked())
        assert (state.is_over, actions) == (False, (events.InterruptRun(),))
        assert walk(PASSED, events.InterruptAsked())[0].is_over

    def test_an_interrupt_leaves_where_there_is_no_keyboard(self) -> None:
        """Also during a run: whoever sends it, as ``timeout -s INT`` does, sends no second one."""
        assert walk(events.InterruptAsked(), options=replace(OPTIONS, has_keys=False))[0].is_over

    def test_other_signals_leave(self) -> None:
        """Also during a run."""
        assert walk(events.LeaveAsked())[0].is_over

    def test_a_resized_window_shows_the_status_anew(self) -> None:
        """Unless a run writes to it; where lines are plain it harms nobody."""
        assert walk(PASSED, events.WindowChanged())[1] == (events.ShowStatus(),)
        assert walk(events.WindowChanged())[1] == ()
        assert walk(events.WindowChanged(), options=replace(OPTIONS, is_terminal=False))[1] == ()


class TestDebugger:
    """A debugger in a run has the terminal."""

    def test_it_gets_it_and_gives_it_back(self) -> None:
        """At the end of the run at the latest."""
        state, actions = walk(events.TerminalAsked())
        assert (state.is_lent, actions) == (True, (events.LendTerminal(),))
        state, actions = walk(events.TerminalAsked(), events.TerminalReturned())
        assert (state.is_lent, actions) == (False, (events.ReclaimTerminal(),))
        assert walk(events.TerminalReturned())[1] == ()

        state, actions = walk(events.TerminalAsked(), PASSED)
        assert (state.is_lent, state.is_running) == (False, False)
        assert actions == (events.ReclaimTerminal(), events.ShowStatus())

    def test_ctrl_c_is_its_own(self) -> None:
        """As often as it is pressed; the run goes on."""
        state, actions = walk(events.TerminalAsked(), events.InterruptAsked(), events.InterruptAsked())
        assert actions == (events.InterruptRun(),)
        assert (state.interrupted_at, state.is_over) == (None, False)

    def test_it_is_neither_interrupted_by_saves_nor_killed(self) -> None:
        """Both wait until it has given the terminal back."""
        state, _ = walk(events.KeyPressed("a"), events.TerminalAsked(), events.FilesSaved(("a.py",)))
        assert timeout_s(state, 10.0, is_settled=True) is None
        later = 10.0 + 2 * PATIENCE_S
        assert watch_steps.step(state, events.TimePassed(is_settled=True), later, OPTIONS) == (state, ())

        state, _ = watch_steps.step(state, events.TerminalReturned(), later, OPTIONS)
        assert state.interrupted_at == later
        assert timeout_s(state, later, is_settled=True) == 0
        state, actions = watch_steps.step(state, events.TimePassed(is_settled=True), later, OPTIONS)
        assert (state.next_kind, actions) == ("affected", ())

    def test_ctrl_z_stops_the_run_that_has_the_terminal(self) -> None:
        """Another one goes on behind the shell."""
        assert walk(events.SuspendAsked())[1] == (events.Suspend(with_run=False),)
        assert walk(events.TerminalAsked(), events.SuspendAsked())[1] == (events.Suspend(with_run=True),)


class TestSaves:
    """Files are saved."""

    @staticmethod
    def saved(at: float, now: float, *, is_settled: bool, running: bool = False, queues: bool = False) -> WatchState:
        """Return the state at a time after two files were saved."""
        options = replace(OPTIONS, queues=queues)
        state, _ = walk(*(() if running else (PASSED,)), now=0.0)
        for paths in (("a.py",), ("b.py", "a.py")):
            state, _ = watch_steps.step(state, events.FilesSaved(paths), at, options)
        return watch_steps.step(state, events.TimePassed(is_settled), now, options)[0]

    @pytest.mark.parametrize(("is_settled", "quiet_s"), [(True, SETTLED_S), (False, QUIET_S)])
    def test_saves_wait_for_quiet(self, *, is_settled: bool, quiet_s: float) -> None:
        """Shorter if all files are closed; then the status names them."""
        assert not self.saved(10.0, 10.0 + quiet_s * 0.9, is_settled=is_settled).is_running

        state = self.saved(10.0, 10.0 + quiet_s * 1.1, is_settled=is_settled)
        assert state.is_running
        assert (state.saved, state.summary.changed) == ((), ("a.py", "b.py"))

    def test_a_save_interrupts_the_run(self) -> None:
        """And is what the next one is about."""
        state = self.saved(10.0, 11.0, is_settled=True, running=True)
        assert (state.interrupted_at, state.next_kind) == (11.0, "affected")

    def test_a_save_may_queue(self) -> None:
        """With ``--watch-queue``."""
        state = self.saved(10.0, 11.0, is_settled=True, running=True, queues=True)
        assert (state.interrupted_at, state.next_kind) == (None, "affected")

    def test_the_loop_wakes_when_the_quiet_is_over(self) -> None:
        """Without anything to wait for it sleeps."""
        state, _ = walk(PASSED)
        assert timeout_s(state, 10.0, is_settled=True) is None
        state = replace(state, saved=("a.py",), saved_at=10.0)
        assert timeout_s(state, 10.0, is_settled=True) == pytest.approx(SETTLED_S)
        assert timeout_s(state, 99.0, is_settled=True) == 0


class TestRuns:
    """A run ends, or does not."""

    def test_one_that_does_not_end_is_killed(self) -> None:
        """And again, if that does not help."""
        state, _ = walk(events.KeyPressed("i"), now=10.0)
        due = 10.0 + PATIENCE_S
        assert timeout_s(state, 10.0, is_settled=True) == PATIENCE_S
        assert watch_steps.step(state, events.TimePassed(is_settled=True), due - 0.1, OPTIONS) == (state, ())

        state, actions = watch_steps.step(state, events.TimePassed(is_settled=True), due, OPTIONS)
        assert actions == (events.KillRun(),)
        assert timeout_s(state, due, is_settled=True) == PATIENCE_S

    def test_one_that_the_daemon_declines_is_plain(self) -> None:
        """With the reason."""
        reason = Reason("daemon-lost", "it ended")
        state, actions = walk(events.RunDeclined(reason))

        assert actions == (events.StartRun(AFFECTED.args, reason),)
        assert state.is_running

    def test_a_usage_error_of_the_first_ends_it(self) -> None:
        """Nobody can mend the command line by saving a file; later a test's conftest file may be to blame."""
        assert walk(events.RunEnded(4, ""))[0].is_over
        assert not walk(PASSED, events.KeyPressed("a"), events.RunEnded(4, ""))[0].is_over

    def test_commands_run_after_each_outcome(self) -> None:
        """Not after one that was interrupted."""
        options = replace(OPTIONS, after_success="good", after_failure="bad")
        assert walk(PASSED, options=options)[1] == (events.RunCommand("good"), events.ShowStatus())
        assert walk(events.RunEnded(1, ""), options=options)[1] == (events.RunCommand("bad"), events.ShowStatus())
        assert walk(events.KeyPressed("i"), events.RunEnded(2, ""), options=options)[1] == (events.ShowStatus(),)

    def test_a_notification_is_for_another_outcome(self) -> None:
        """The same again is no news."""
        options = replace(OPTIONS, notifies=True)
        assert walk(PASSED, options=options)[1] == (events.Notify("passed 2 of 2 tests"), events.ShowStatus())
        assert walk(PASSED, events.KeyPressed("a"), PASSED, options=options)[1] == (events.ShowStatus(),)

    def test_the_exit_code_of_the_last_one_stays(self) -> None:
        """It is watch mode's own at the end; the summary says how long the run was."""
        state, _ = walk(now=10.0)
        state, _ = watch_steps.step(state, events.RunEnded(1, "1 of 2 tests"), 12.5, OPTIONS)

        assert state.status == 1
        assert (state.summary.outcome, state.summary.duration_s) == ("failed", 2.5)

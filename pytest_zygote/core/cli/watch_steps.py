"""What watch mode does about each event: ``step(state, event, now, options) -> (state, actions)``.

A save during a run interrupts it, and is never lost: what is affected is decided anew when the run has ended, from
rows that say which code each finished test ran. With ``--watch-queue`` the run is left to finish first.

Saves wait until they have been quiet for a moment: editors write twice, a change of branch is many files. Nobody is
asked for a filter while a run writes to the terminal: the run is interrupted, and the question follows its end.

A debugger in a run has the terminal as long as it likes: saves wait, and Ctrl-C is the debugger's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from pytest_zygote.core.cli import watch_events as events
from pytest_zygote.core.cli import watch_mode
from pytest_zygote.core.cli.watch_mode import Filters, Summary

QUIET_S, SETTLED_S = 0.03, 0.008
"""Saves that follow each other this fast belong together; the shorter time holds once all files are closed."""

PATIENCE_S = 5.0
"""How long an interrupted run may take to end, before it is killed."""


@dataclass(frozen=True)
class WatchOptions:
    """What the user started watch mode with.

    Attributes:
        given: the command line of the runs, without what is watch mode's own.
        paths: those arguments in it that are files or folders.
        words: what the user has written after ``--affected=``.
        queues: whether a save lets the current run finish.
        notifies: whether a change of the outcome is worth a notification.
        after_success, after_failure: commands to run; '' for none.
        updates: options that have snapshots written anew, of the plugins that are installed.
        is_terminal: whether the status line is written over by what follows.
        has_keys: whether there is a keyboard; a signal that says to interrupt then concerns the run.
    """

    given: tuple[str, ...] = ()
    paths: frozenset[str] = frozenset()
    words: str = ""
    queues: bool = False
    notifies: bool = False
    after_success: str = ""
    after_failure: str = ""
    updates: tuple[str, ...] = ()
    is_terminal: bool = True
    has_keys: bool = True


@dataclass(frozen=True)
class WatchState:
    """One stay in watch mode.

    Attributes:
        kind: of the last run.
        args: of the last run.
        is_running: whether it has not ended.
        started_at: when it began.
        interrupted_at: when it was interrupted, or signalled for the last time; None if it was not.
        is_lent: whether a debugger has the terminal.
        saved: files whose saves wait for quiet.
        saved_at: when the last of them was saved.
        next_kind: of the run that follows when this one has ended; '' for none.
        question: key of the question that follows; '' for none.
        status: exit code of the last run.
        is_over: whether the user leaves.
    """

    filters: Filters = field(default_factory=Filters)
    summary: Summary = field(default_factory=Summary)
    kind: str = watch_mode.AFFECTED
    args: tuple[str, ...] = ()
    is_running: bool = False
    started_at: float = 0.0
    interrupted_at: float | None = None
    is_lent: bool = False
    saved: tuple[str, ...] = ()
    saved_at: float = 0.0
    next_kind: str = ""
    question: str = ""
    status: int = 0
    is_over: bool = False


Step: TypeAlias = "tuple[WatchState, tuple[events.Action, ...]]"


def enter(now: float, options: WatchOptions) -> Step:
    """Return the first state, and what is to be done: what is affected runs at once."""
    return _start(WatchState(), watch_mode.AFFECTED, now, options)


def step(state: WatchState, event: events.Event, now: float, options: WatchOptions) -> Step:
    """Return what follows an event: the new state, and what is to be done, in this order."""
    state, actions = _react(state, event, now, options)
    if state.question and not state.is_running and not state.is_over:
        return replace(state, question=""), (*actions, events.AskForFilter(state.question))
    return state, actions


def timeout_s(state: WatchState, now: float, *, is_settled: bool) -> float | None:
    """Return when `TimePassed` is due at the latest; None if only other events matter."""
    if state.is_lent:
        return None
    if state.saved:
        return max(0.0, state.saved_at + _quiet_s(is_settled=is_settled) - now)
    return None if state.interrupted_at is None else max(0.0, state.interrupted_at + PATIENCE_S - now)


def _quiet_s(*, is_settled: bool) -> float:
    return SETTLED_S if is_settled else QUIET_S


def _react(state: WatchState, event: events.Event, now: float, options: WatchOptions) -> Step:
    match event:
        case events.KeyPressed(key):
            return _on_key(state, key, now, options)
        case events.FilterGiven() | events.QuestionLeft():
            return _on_answer(state, event, now, options)
        case events.FilesSaved(paths):
            saved = dict.fromkeys((*state.saved, *paths))
            return replace(state, saved=tuple(saved), saved_at=now), ()
        case events.TimePassed(is_settled):
            return _on_time(state, now, options, is_settled=is_settled)
        case events.TerminalAsked() | events.TerminalReturned() | events.RunDeclined() | events.RunEnded():
            return _on_news(state, event, now, options)
        case _:
            return _on_signal(state, event, now, options)


def _on_signal(
    state: WatchState,
    event: events.InterruptAsked | events.SuspendAsked | events.LeaveAsked | events.WindowChanged,
    now: float,
    options: WatchOptions,
) -> Step:
    match event:
        case events.InterruptAsked() if state.is_running and options.has_keys:
            return _interrupt(state, now)
        case events.InterruptAsked() | events.LeaveAsked():
            return replace(state, is_over=True), ()
        case events.SuspendAsked():
            return state, (events.Suspend(with_run=state.is_lent),)
        case events.WindowChanged():
            return state, _show(state, options) if options.is_terminal else ()
        case _:
            assert_never(event)


def _show(state: WatchState, options: WatchOptions) -> tuple[events.Action, ...]:
    """Show the status, unless that would stand in the middle of what a run writes."""
    is_hidden = state.is_over or (state.is_running and options.is_terminal)
    return () if is_hidden else (events.ShowStatus(),)


# Keys


def _on_key(state: WatchState, key: str, now: float, options: WatchOptions) -> Step:
    if key in watch_mode.KEYS:
        return _ask_for(state, watch_mode.KEYS[key], now, options)
    if key in watch_mode.PROMPTS:
        return _interrupt(replace(state, question=key), now)  # what a run writes would come into the question
    if key == "i":
        return _interrupt(state, now)
    if key == "u":
        return _update(state, now, options)
    if key == "x":
        state = replace(state, filters=replace(state.filters, stops=not state.filters.stops))
    state = replace(state, is_over=state.is_over or key == "q")
    text = (events.Print(watch_mode.HELP.rstrip()),) if key == "w" else ()
    return state, (*text, *_show(state, options))


def _on_answer(
    state: WatchState, event: events.FilterGiven | events.QuestionLeft, now: float, options: WatchOptions
) -> Step:
    """Run what a filter names. Without one, begin the run that is due, else one like the last but for a debugger."""
    if isinstance(event, events.QuestionLeft):
        return _follow(state, now, options) if state.next_kind else (state, _show(state, options))
    kind = watch_mode.ALL if event.text else state.next_kind or state.kind
    state = replace(state, filters=state.filters.answered(event.key, event.text), next_kind="")
    return _start(state, watch_mode.AFFECTED if kind == watch_mode.DEBUG else kind, now, options)


def _follow(state: WatchState, now: float, options: WatchOptions) -> Step:
    """Begin the run that is due."""
    return _start(replace(state, next_kind=""), state.next_kind, now, options)


def _update(state: WatchState, now: float, options: WatchOptions) -> Step:
    if not options.updates:
        return state, (events.Print("zygote: no plugin for snapshots is installed"), *_show(state, options))
    if state.is_running:
        return state, ()
    return _begin(state, (*state.args, options.updates[0]), now)


# Runs


def _ask_for(state: WatchState, kind: str, now: float, options: WatchOptions, *, is_save: bool = False) -> Step:
    """Start a run, now or when the current one has ended."""
    if not state.is_running:
        return _start(state, kind, now, options)
    state = replace(state, next_kind=kind)
    return (state, ()) if is_save and options.queues else _interrupt(state, now)


def _interrupt(state: WatchState, now: float) -> Step:
    if state.is_lent:
        return state, (events.InterruptRun(),)  # the prompt stays, and nobody loses patience with it
    if not state.is_running or state.interrupted_at is not None:
        return state, ()
    return replace(state, interrupted_at=now), (events.InterruptRun(),)


def _start(state: WatchState, kind: str, now: float, options: WatchOptions) -> Step:
    state = replace(state, kind=state.kind if kind == watch_mode.LAST else kind)
    first, *others = watch_mode.RUNS[state.kind]
    if options.words:
        first = f"{first}{',' if '=' in first else '='}{options.words}"
    args = (*state.filters.arguments(options.given, options.paths), first, *others)
    return _begin(state, args, now)


def _begin(state: WatchState, args: tuple[str, ...], now: float) -> Step:
    summary = replace(state.summary, running=state.kind)
    state = replace(state, summary=summary, args=args, is_running=True, started_at=now)
    return state, (events.ShowStatus(), events.ClearStatus(), events.StartRun(args))


def _on_time(state: WatchState, now: float, options: WatchOptions, *, is_settled: bool) -> Step:
    """Act on what had to wait: for editors to finish writing, or for a run to end."""
    actions: tuple[events.Action, ...] = ()
    if state.is_lent:
        return state, ()
    if state.saved and now - state.saved_at >= _quiet_s(is_settled=is_settled):
        state = replace(state, saved=(), summary=replace(state.summary, changed=state.saved))
        state, actions = _ask_for(state, watch_mode.AFFECTED, now, options, is_save=True)
    if state.interrupted_at is not None and now - state.interrupted_at >= PATIENCE_S:
        return replace(state, interrupted_at=now), (*actions, events.KillRun())
    return state, actions


RunNews: TypeAlias = "events.TerminalAsked | events.TerminalReturned | events.RunDeclined | events.RunEnded"


def _on_news(state: WatchState, event: RunNews, now: float, options: WatchOptions) -> Step:
    """Lend the terminal, or have it again: at the run's end too, for what it has forked may hold it still."""
    if isinstance(event, events.TerminalAsked):
        return replace(state, is_lent=True), (events.LendTerminal(),)
    reclaimed: tuple[events.Action, ...] = (events.ReclaimTerminal(),) if state.is_lent else ()
    interrupted_at = now if reclaimed and state.interrupted_at is not None else state.interrupted_at
    state = replace(state, is_lent=False, interrupted_at=interrupted_at)
    if isinstance(event, events.TerminalReturned):
        return state, reclaimed
    state, actions = _on_end(state, event, now, options)
    return state, (*reclaimed, *actions)


def _on_end(state: WatchState, event: events.RunDeclined | events.RunEnded, now: float, options: WatchOptions) -> Step:
    if isinstance(event, events.RunDeclined):
        return state, (events.StartRun(state.args, event.reason),)
    was_interrupted, before = state.interrupted_at is not None, state.summary.outcome
    outcome = "interrupted" if was_interrupted else watch_mode.outcome_of(event.status)
    summary = replace(
        state.summary, running="", outcome=outcome, selected=event.selected, duration_s=now - state.started_at
    )
    is_refused = not before and event.status == watch_mode.USAGE_ERROR
    state = replace(
        state,
        summary=summary,
        is_running=False,
        interrupted_at=None,
        status=event.status,
        is_over=state.is_over or is_refused,
    )
    actions = (*(() if was_interrupted else _announce(state, before, options)), *_show(state, options))
    if not state.next_kind or state.question or state.is_over:
        return state, actions
    following, more = _follow(state, now, options)
    return following, (*actions, *more)


def _announce(state: WatchState, before: str, options: WatchOptions) -> tuple[events.Action, ...]:
    """Run the user's command; notify only when the outcome is another than before."""
    command = options.after_failure if state.status else options.after_success
    commands = (events.RunCommand(command),) if command else ()
    if not options.notifies or before == state.summary.outcome:
        return commands
    return (*commands, events.Notify(f"{state.summary.outcome} {state.summary.selected}".strip()))

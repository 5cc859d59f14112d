"""The loop of watch mode: one wait for keys, saved files, news of the run, and signals.

It decides nothing: each event goes to `core.cli.watch_steps`, and the actions that come back are performed here.
"""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.adapters.system.file_watcher import FileWatcher
from pytest_zygote.adapters.system.signals import SignalPipe, suspend
from pytest_zygote.client.watch.jobs import Starter
from pytest_zygote.client.watch.keyboard import Keyboard
from pytest_zygote.client.watch.saved_files import POLL_S, SavedFiles, StoreView
from pytest_zygote.core.cli import watch_events as events
from pytest_zygote.core.cli import watch_mode, watch_steps
from pytest_zygote.core.cli.daemon_options import ignored_globs
from pytest_zygote.core.cli.options import without_commands
from pytest_zygote.core.cli.watch_steps import WatchOptions
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pytest_zygote.client.daemon_launcher import DaemonLauncher
    from pytest_zygote.client.watch.jobs import Job
    from pytest_zygote.client.watch.keyboard import TerminalLender
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import RunRequest

AFTER_S = 1.0
"""How long after a run a change may still be one of the run's."""

SIGNALS: dict[int, events.Event] = {
    signal.SIGINT: events.InterruptAsked(),
    signal.SIGTSTP: events.SuspendAsked(),
    signal.SIGWINCH: events.WindowChanged(),
    signal.SIGCONT: events.WindowChanged(),
    signal.SIGTERM: events.LeaveAsked(),
    signal.SIGHUP: events.LeaveAsked(),
}


def watch(launch: DaemonLauncher, settings: Settings, request: RunRequest) -> int:
    """Stay until the user leaves; return the exit code of the last run."""
    keyboard = Keyboard()
    where = keyboard.lend_at(launch.place)
    root, cache = launch.place.root, launch.cache
    watcher = FileWatcher(root, ignored_globs(settings))
    pause_s = POLL_S * settings.factor("--daemon-poll-throttle")
    store = StoreView(cache, root)
    files = SavedFiles(root, watcher, store.is_read_by_tests, pause_s)
    loop = WatchLoop(
        _options(settings, request, keyboard),
        keyboard,
        Starter(launch, settings, request, lambda text: keyboard.print(f"zygote: {text}"), where),
        files,
        store,
    )
    files.start(time.monotonic(), uses_events=settings.switch("--daemon-use-os-events"))
    try:
        return loop.stay()
    finally:
        files.stop()
        loop.close()


def _options(settings: Settings, request: RunRequest, keyboard: Keyboard) -> WatchOptions:
    given = without_commands(request.args, "--affected")
    return WatchOptions(
        given=given,
        paths=frozenset(arg for arg in given if not arg.startswith("-") and os.path.exists(arg.partition("::")[0])),
        words="" if settings.text("--affected") == "1" else settings.text("--affected"),
        queues=settings.switch("--watch-queue"),
        notifies=settings.switch("--watch-notify"),
        after_success=settings.text("--on-pass"),
        after_failure=settings.text("--on-fail"),
        updates=tuple(option for name, option in watch_mode.UPDATES.items() if importlib.util.find_spec(name)),
        is_terminal=keyboard.is_terminal,
        has_keys=keyboard.has_keys,
    )


class WatchLoop:
    """One stay."""

    def __init__(
        self,
        options: WatchOptions,
        keyboard: Keyboard,
        runs: Starter,
        files: SavedFiles,
        store: StoreView,
    ) -> None:
        """Begin to listen to signals."""
        self._options = options
        self._keyboard = keyboard
        self._runs = runs
        self._files = files
        self._store = store
        self._ended_at = 0.0
        self._signals = SignalPipe(tuple(SIGNALS))
        self._job: Job | None = None
        self._polls_because = ""
        self.state = watch_steps.WatchState()

    def close(self) -> None:
        """Put the terminal back."""
        self._keyboard.close()
        self._signals.close()  # last: a terminal that hangs up signals twice, and the second would end all at once

    def stay(self) -> int:
        """Run what is affected now, and then after each save; return the exit code of the last run."""
        self.enter()
        while not self.state.is_over:
            self.wait()
        return self.leave()

    def enter(self) -> None:
        """Start the first run."""
        self._keyboard.listen()
        self.state, actions = watch_steps.enter(time.monotonic(), self._options)
        self._perform(actions)

    def leave(self) -> int:
        """End a run that goes on; return the exit code of the last."""
        status = self.state.status if self._job is None else self._end(self._job)
        return max(0, status)

    def _end(self, job: Job) -> int:
        job.send(signal.SIGINT)
        outcome: int | Reason | None = None
        while outcome is None:
            if not select.select([job], [], [], watch_steps.PATIENCE_S)[0]:
                job.send(signal.SIGKILL)
            outcome = job.proceed()
        job.close()
        return self.state.status if isinstance(outcome, Reason) else outcome

    # Events

    def wait(self) -> None:
        """Wait for whatever happens first, and act on all that has happened."""
        sources: list[Job | SignalPipe | SavedFiles | TerminalLender | int] = [self._signals, self._files]
        sources += self._keyboard.sources()
        if self._job is not None:
            sources.append(self._job)
        ready = select.select(sources, [], [], self._timeout_s(time.monotonic()))[0]
        if self._signals in ready:
            self._on_signals()
        if self._job is not None and self._job in ready:
            self._proceed(self._job)
        self._on_files()
        if 0 in ready:
            self._on_keys()
        if self._keyboard.lender in ready:
            self._handle(events.TerminalReturned() if self.state.is_lent else events.TerminalAsked())
        self._handle(events.TimePassed(self._files.is_settled))

    def _timeout_s(self, now: float) -> float | None:
        due = (watch_steps.timeout_s(self.state, now, is_settled=self._files.is_settled), self._files.due_s(now))
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _handle(self, event: events.Event) -> None:
        if not self.state.is_over:
            self.state, actions = watch_steps.step(self.state, event, time.monotonic(), self._options)
            self._perform(actions)

    def _on_signals(self) -> None:
        for number in self._signals.read():
            if number == signal.SIGCONT:
                self._keyboard.listen()  # the shell, or whoever stopped us, has set the terminal its own way
            self._handle(SIGNALS[number])

    def _on_files(self) -> None:
        began = time.monotonic()
        saved = self._files.drain(began, time.monotonic)
        if self._files.polls_because != self._polls_because:
            self._polls_because = self._files.polls_because
            self._keyboard.print(f"zygote: files are looked at now and then ({self._polls_because})")
        if self._job is not None or began - self._ended_at < AFTER_S:
            written = self._store.written.all() if saved else set()
            saved = [path for path in saved if path not in written]
        if saved:
            self._handle(events.FilesSaved(tuple(saved)))

    def _on_keys(self) -> None:
        keys = self._keyboard.read()
        if not keys:
            self._handle(events.LeaveAsked())
        for key in keys:
            self._handle(events.KeyPressed(key))

    def _proceed(self, job: Job) -> None:
        """Read the news of the run."""
        outcome = job.proceed()
        if outcome is None:
            return
        job.close()
        self._job, self._ended_at = None, time.monotonic()
        if isinstance(outcome, Reason):
            self._handle(events.RunDeclined(outcome))
        else:
            self._handle(events.RunEnded(outcome, self._store.last_counts()))

    # Actions

    def _perform(self, actions: tuple[events.Action, ...]) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: events.Action) -> None:
        match action:
            case events.StartRun(args, reason):
                self._store.written.begin()
                self._job = self._runs.start_cold(args, reason) if reason else self._runs.start(args)
            case events.InterruptRun():
                self._signal(signal.SIGINT)
            case events.KillRun():
                self._signal(signal.SIGKILL)
            case events.LendTerminal() | events.ReclaimTerminal() | events.Suspend():
                self._give_way(action)
            case events.RunCommand(command):
                subprocess.run(command, shell=True, cwd=self._files.root, check=False)  # noqa: S602 - the user's own words
            case events.Notify(text):
                self._notify(text)
            case _:
                self._show(action)

    def _signal(self, number: signal.Signals) -> None:
        if self._job is not None:
            self._job.send(number)

    def _give_way(self, action: events.LendTerminal | events.ReclaimTerminal | events.Suspend) -> None:
        """Let a debugger have the terminal, or the shell."""
        match action:
            case events.LendTerminal():
                if not self._keyboard.lend():
                    self._handle(events.TerminalReturned())
            case events.ReclaimTerminal():
                self._keyboard.reclaim()
            case events.Suspend(with_run):
                job = self._job if with_run else None
                if job is not None:
                    job.pause()
                suspend()
                if job is not None:
                    job.send(signal.SIGCONT)

    def _show(self, action: events.AskForFilter | events.Print | events.ShowStatus | events.ClearStatus) -> None:
        match action:
            case events.AskForFilter(key):
                text = self._keyboard.ask(watch_mode.PROMPTS[key], self.state.filters.answer_to(key))
                if text is not None and key == "p":
                    text = self._files.matching(text)
                self._handle(events.QuestionLeft() if text is None else events.FilterGiven(key, text))
            case events.Print(text):
                self._keyboard.print(text)
            case events.ShowStatus():
                self._keyboard.show_status(
                    watch_mode.status_line(self.state.summary, self.state.filters, self._keyboard.width)
                )
            case events.ClearStatus():
                self._keyboard.clear_status()
            case _:
                assert_never(action)

    def _notify(self, text: str) -> None:
        try:
            command = ["notify-send", "pytest", text]
            subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        except OSError:
            self._keyboard.print("zygote: notify-send is not installed")

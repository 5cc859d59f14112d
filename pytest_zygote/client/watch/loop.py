"""The loop of watch mode.

One wait for everything: keys, saved files, news of the run, signals. A save during a run interrupts it,
and is never lost: what is affected is decided anew when the run has ended, from rows that say which code
each finished test ran. With ``--watch-queue`` the run is left to finish first.

Only files count whose content changed, and only those that some run can depend on: Python files,
ini-files, and what recorded tests have read. So what a test writes starts no run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import select
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system.file_watcher import FileWatcher
from pytest_zygote.adapters.system.signals import SignalPipe
from pytest_zygote.client.watch.jobs import Starter
from pytest_zygote.client.watch.keyboard import Keyboard
from pytest_zygote.core.cli import watch_mode
from pytest_zygote.core.cli.daemon_options import ignored_globs
from pytest_zygote.core.cli.options import without_commands
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pytest_zygote.client.daemon_launcher import DaemonLauncher
    from pytest_zygote.client.watch.jobs import Job
    from pytest_zygote.core.cli.options import Settings
    from pytest_zygote.core.protocol.messages import RunRequest

QUIET_S = 0.03
"""Saves that follow each other this fast belong together: editors write twice, branches are many files."""

SETTLED_S = 0.008
"""So long is enough once all files are closed: a later save interrupts the run."""

PATIENCE_S = 5.0
"""How long an interrupted run may take to end, before it is ended."""

CONFIGURATION = frozenset({"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "pytest.toml", ".pytest.ini"})

SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGWINCH", "SIGCONT"))


def watch(launch: DaemonLauncher, settings: Settings, request: RunRequest) -> int:
    """Stay until the user leaves; return the exit code of the last run."""
    session = WatchLoop(launch, settings, request)
    try:
        return session.stay()
    finally:
        session.close()


class WatchLoop:
    """One stay."""

    def __init__(self, launch: DaemonLauncher, settings: Settings, request: RunRequest) -> None:
        """Begin to watch."""
        self._root = launch.place.root
        self._settings = settings
        self._given = watch_mode.without_watch(without_commands(request.args))
        self._cache = launch.cache
        self._keyboard = Keyboard()
        self._starter = Starter(launch, settings, request, self._say)
        self._watcher = FileWatcher(self._root, ignored_globs(settings))
        self._signals = SignalPipe(SIGNALS)
        self._filters = watch_mode.Filters()
        self._state = watch_mode.WatchState()
        self._run: Job | None = None
        self._kind = watch_mode.AFFECTED
        self._args: tuple[str, ...] = ()
        self._contents: dict[str, bytes] = {}
        self._changed: list[str] = []
        self._saved_at = 0.0
        self._interrupted_at = 0.0
        self._next: str | None = None
        self._question = ""
        self._started_at = 0.0
        self._status = 0
        self._is_over = False

    def close(self) -> None:
        """Put the terminal back."""
        self._watcher.stop()
        self._signals.close()
        self._keyboard.clear_status()
        self._keyboard.restore()

    def _say(self, text: str) -> None:
        self._keyboard.say(f"zygote: {text}")

    def stay(self) -> int:
        """Run what is affected now, and then after each save."""
        self._watcher.start()
        self._keyboard.listen()
        self._start(watch_mode.AFFECTED)
        while not self._is_over:
            self._wait()
        if self._run is not None:
            self._run.send(signal.SIGINT)
            self._finish()
        return max(0, self._status)

    def _finish(self) -> None:
        """Wait for a run that was interrupted."""
        while self._run is not None:
            if not select.select([self._run], [], [], PATIENCE_S)[0]:
                self._run.send(signal.SIGKILL)
            self._proceed()

    # Events

    def _wait(self) -> None:
        sources: list[Job | SignalPipe | FileWatcher | int] = [self._signals, self._watcher]
        if self._keyboard.has_keys and not self._question:
            sources.append(0)
        if self._run is not None:
            sources.append(self._run)
        ready = select.select(sources, [], [], self._timeout_s())[0]
        if self._signals in ready:
            self._on_signals()
        if self._run is not None and self._run in ready:
            self._proceed()
        if self._watcher in ready:
            self._on_files()
        if 0 in ready:
            self._on_keys()
        self._on_time()

    def _timeout_s(self) -> float | None:
        if self._changed:
            return self._quiet_s
        return PATIENCE_S if self._interrupted_at else None

    @property
    def _quiet_s(self) -> float:
        return SETTLED_S if self._watcher.is_settled else QUIET_S

    def _on_signals(self) -> None:
        for number in self._signals.read():
            if number == signal.SIGWINCH:
                self._show()
            elif number == signal.SIGCONT:
                self._keyboard.listen()  # the shell, or whoever stopped us, has set the terminal its own way
                self._show()
            elif number == signal.SIGINT and self._run is not None:
                self._interrupt()
            else:
                self._is_over = True

    def _on_files(self) -> None:
        self._watcher.read()
        for path in self._watcher.take():
            if self._is_news(path):
                self._saved_at = time.monotonic()
                if path not in self._changed:
                    self._changed.append(path)

    def _is_news(self, path: str) -> bool:
        """Tell whether a file has other content than before, and may matter to a test."""
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return False  # a pipe would keep us waiting
            with open(path, "rb") as file:
                content = hashlib.blake2b(file.read()).digest()
        except OSError:
            content = b""
        if self._contents.get(path) == content:
            return False
        self._contents[path] = content
        return path.endswith(".py") or os.path.basename(path) in CONFIGURATION or self._is_read_by_tests(path)

    def _is_read_by_tests(self, path: str) -> bool:
        from pytest_zygote.affected.store import reads_path, store_path

        relative = os.path.relpath(path, self._root)
        return reads_path(store_path(self._cache), (relative, os.path.dirname(relative)))

    def _on_keys(self) -> None:
        keys = self._keyboard.read()
        if not keys:
            self._is_over = True
        for key in keys:
            self._on_key(key)

    def _on_key(self, key: str) -> None:
        if key in watch_mode.KEYS:
            self._ask_for(watch_mode.KEYS[key])
        elif key in watch_mode.PROMPTS:
            self._question = key
            self._interrupt()  # what a run writes would come into the question
        else:
            actions = {
                "i": self._interrupt,
                "l": lambda: self._ask_for("last"),
                "q": self._leave,
                "u": self._update,
                "w": self._help,
                "x": self._toggle_stop,
            }
            actions.get(key, self._show)()

    def _leave(self) -> None:
        self._is_over = True

    def _help(self) -> None:
        self._keyboard.say(watch_mode.HELP.rstrip())
        self._show()

    def _toggle_stop(self) -> None:
        self._filters.stops = not self._filters.stops
        self._show()

    def _on_time(self) -> None:
        """Act on what had to wait: for editors to finish writing, or for a run to end."""
        if self._question and self._run is None:
            self._narrow()
        now = time.monotonic()
        if self._changed and now - self._saved_at >= self._quiet_s:
            self._state.changed = tuple(os.path.relpath(path, self._root) for path in self._changed)
            self._changed.clear()
            self._ask_for(watch_mode.AFFECTED, is_save=True)
        if self._interrupted_at and now - self._interrupted_at >= PATIENCE_S and self._run is not None:
            self._run.send(signal.SIGKILL)

    # Runs

    def _narrow(self) -> None:
        """Ask for a filter, and begin the run that is due, else one like the last."""
        key, self._question = self._question, ""
        text = self._keyboard.ask(watch_mode.PROMPTS[key])
        setattr(self._filters, {"k": "pattern", "t": "name", "p": "path"}[key], text)
        kind, self._next = self._next or self._kind, None
        self._start(kind if kind != watch_mode.DEBUG else watch_mode.AFFECTED)

    def _update(self) -> None:
        options = [option for name, option in watch_mode.UPDATES.items() if importlib.util.find_spec(name)]
        if not options:
            self._say("no plugin for snapshots is installed")
            self._show()
        elif self._run is None:
            self._begin((*self._args, options[0]))

    def _ask_for(self, kind: str, *, is_save: bool = False) -> None:
        """Start a run, now or when the one that goes on has ended."""
        if self._run is None:
            self._start(kind)
            return
        self._next = kind
        if not (is_save and self._settings.switch("--watch-queue")):
            self._interrupt()

    def _interrupt(self) -> None:
        if self._run is not None and not self._interrupted_at:
            self._interrupted_at = time.monotonic()
            self._run.send(signal.SIGINT)

    def _start(self, kind: str) -> None:
        if kind == "last":
            kind = self._kind
        self._kind = kind
        args = (*self._filters.arguments(self._given, _is_path), *watch_mode.RUNS[kind])
        if kind == watch_mode.DEBUG:
            self._debug(args)
        else:
            self._begin(args)

    def _begin(self, args: tuple[str, ...]) -> None:
        self._announce()
        self._args = args
        self._run = self._starter.start(args)

    def _announce(self) -> None:
        self._state.running = self._kind
        self._started_at = time.monotonic()
        self._show()
        self._keyboard.clear_status()

    def _debug(self, args: tuple[str, ...]) -> None:
        self._announce()
        if not self._keyboard.has_keys:
            return
        self._signals.close()  # Ctrl-C is the debugger's
        with self._keyboard.usual():
            self._status = self._starter.hand_over(args)
        self._signals = SignalPipe(SIGNALS)
        self._ended(self._status)

    def _proceed(self) -> None:
        assert self._run is not None  # noqa: S101 - callers have looked
        outcome = self._run.proceed()
        if outcome is None:
            return
        self._run.close()
        self._run = None
        if isinstance(outcome, Reason):
            self._run = self._starter.start_cold(self._args, outcome)
            return
        was_interrupted, self._interrupted_at = bool(self._interrupted_at), 0.0
        is_first, self._status = not self._state.outcome, outcome
        self._is_over |= is_first and outcome == watch_mode.USAGE_ERROR
        self._ended(outcome, was_interrupted=was_interrupted)
        if self._next is not None and not self._question and not self._is_over:
            kind, self._next = self._next, None
            self._start(kind)

    def _ended(self, status: int, *, was_interrupted: bool = False) -> None:
        before = self._state.outcome
        self._state.running = ""
        self._state.took_s = time.monotonic() - self._started_at
        self._state.outcome = "interrupted" if was_interrupted else watch_mode.outcome_of(status)
        self._state.selected = self._last_counts()
        if not was_interrupted:
            self._tell(is_news=before != self._state.outcome)
        self._show()

    def _last_counts(self) -> str:
        from pytest_zygote.affected.store import read_setting, store_path

        return read_setting(store_path(self._cache), "counts")

    def _tell(self, *, is_news: bool) -> None:
        """Run the user's commands; a notification only when the outcome is another than before."""
        command = self._settings.text("--on-pass" if self._status == 0 else "--on-fail")
        if command:
            subprocess.run(command, shell=True, cwd=self._root, check=False)  # noqa: S602 - the user's own words
        if is_news and self._settings.switch("--watch-notify"):
            text = f"{self._state.outcome} {self._state.selected}".strip()
            try:
                subprocess.run(["notify-send", "pytest", text], check=False, stderr=subprocess.DEVNULL)  # noqa: S607
            except OSError:
                self._say("notify-send is not installed")

    def _show(self) -> None:
        if self._is_over:
            return
        if self._run is None or not self._keyboard.is_terminal:
            self._keyboard.show_status(watch_mode.status_line(self._state, self._filters, self._keyboard.width))


def _is_path(arg: str) -> bool:
    return not arg.startswith("-") and os.path.exists(arg.partition("::")[0])

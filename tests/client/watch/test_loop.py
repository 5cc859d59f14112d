"""The loop performs what is decided, with runs, keys and files of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.client.watch import loop as watch_loop
from pytest_zygote.client.watch.loop import WatchLoop
from pytest_zygote.core.cli import watch_events as events
from pytest_zygote.core.cli.watch_mode import RUNS
from pytest_zygote.core.cli.watch_steps import WatchOptions
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_zygote.client.watch.jobs import Starter
    from pytest_zygote.client.watch.keyboard import Keyboard
    from pytest_zygote.client.watch.saved_files import SavedFiles, StoreView

AFFECTED = RUNS["affected"]
LOST = Reason("daemon-lost", "it ended")


class FakeJob:
    """A run with news whenever the test says so."""

    def __init__(self) -> None:
        """Have no news."""
        self._reading, self._writing = os.pipe()
        self.outcome: int | Reason | None = None
        self.sent: list[int] = []
        self.ends_at = -1

    def end(self, outcome: int | Reason) -> None:
        """Have news."""
        self.outcome = outcome
        os.write(self._writing, b"!")

    def fileno(self) -> int:
        """Return what can be read when there is news."""
        return self._reading

    def proceed(self) -> int | Reason | None:
        """Return the news."""
        return self.outcome

    def send(self, number: int) -> None:
        """Note a signal; end by it, if it is the one."""
        self.sent.append(number)
        if number == self.ends_at:
            self.end(2)

    def pause(self) -> None:
        """Note the stop as a signal."""
        self.sent.append(signal.SIGSTOP)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reading)
        os.close(self._writing)


class FakeRuns:
    """Notes what is started."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self.jobs: list[FakeJob] = []
        self.started: list[tuple[tuple[str, ...], Reason | None]] = []

    def start(self, args: tuple[str, ...]) -> FakeJob:
        """Start a run."""
        return self.start_cold(args, None)

    def start_cold(self, args: tuple[str, ...], reason: Reason | None) -> FakeJob:
        """Start a run for a reason."""
        self.started.append((args, reason))
        self.jobs.append(FakeJob())
        return self.jobs[-1]


class FakeKeyboard:
    """Gives keys, notes what is shown."""

    has_keys = False
    is_terminal = False
    width = 100

    def __init__(self) -> None:
        """Show nothing."""
        self.shown: list[str] = []
        self.listens = 0
        self.lender: int | None = None
        self.lent = False

    def listen(self) -> None:
        """Count it."""
        self.listens += 1

    def restore(self) -> None:
        """Do nothing."""

    def clear_status(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def sources(self) -> list[int]:
        """Give what tells of debuggers, if there are any."""
        return [] if self.lender is None else [self.lender]

    def lend(self) -> bool:
        """Give the terminal away, if a test says so."""
        self.lent = self.lender is not None
        return self.lent

    def reclaim(self) -> None:
        """Have it again."""
        self.lent = False

    def usual(self) -> FakeKeyboard:
        """Be the terminal as it was."""
        return self

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def ask(self, prompt: str, _text: str) -> str:
        """Answer."""
        self.shown.append(prompt)
        return "shout"

    def print(self, text: str) -> None:
        """Note it."""
        self.shown.append(text)

    def show_status(self, text: str) -> None:
        """Note it."""
        self.shown.append(text)


class FakeStore:
    """Knows what the last run had, and what it has written."""

    def __init__(self) -> None:
        """Have one file written."""
        self.written = SimpleNamespace(begin=lambda: None, all=lambda: {"made.py"})

    def last_counts(self) -> str:
        """Return the counts."""
        return "1 of 1 test"


class FakeFiles:
    """Gives saves."""

    root = "/"
    is_settled = True
    polls_because = ""

    def __init__(self) -> None:
        """Have no saves."""
        self._reading, self._writing = os.pipe()
        self._saved: list[str] = []

    def save(self, *paths: str) -> None:
        """Report these."""
        self._saved += paths
        os.write(self._writing, b"!")

    def fileno(self) -> int:
        """Return what can be read when there are saves."""
        return self._reading

    def due_s(self, _now: float) -> float | None:
        """Return that nobody need look."""
        return None

    def drain(self, _now: float, _clock: Callable[[], float]) -> list[str]:
        """Return the saves."""
        if self._saved:
            os.read(self._reading, 10)
        saved, self._saved = self._saved, []
        return saved

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reading)
        os.close(self._writing)


class Stay:
    """A loop, and all that it uses."""

    def __init__(self, options: WatchOptions) -> None:
        """Make them."""
        self.runs, self.keyboard, self.files = FakeRuns(), FakeKeyboard(), FakeFiles()
        parts = cast("Keyboard", self.keyboard), cast("Starter", self.runs), cast("SavedFiles", self.files)
        self.loop = WatchLoop(options, *parts, cast("StoreView", FakeStore()))
        self.loop.enter()

    def press(self, keys: str) -> None:
        """Press keys."""
        self.keyboard.read = lambda: keys  # type: ignore[attr-defined]
        self.loop._on_keys()  # noqa: SLF001 - descriptor 0 is the test's own

    def end(self, outcome: int | Reason) -> None:
        """Have the run end, and the loop see it."""
        self.runs.jobs[-1].end(outcome)
        self.loop.wait()


@pytest.fixture(name="stay")
def _stay() -> Iterator[Stay]:
    before = {number: signal.getsignal(number) for number in watch_loop.SIGNALS}
    stay = Stay(WatchOptions(after_success="the user's command", notifies=True))
    yield stay
    stay.loop.close()
    stay.files.close()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(name="commands", autouse=True)
def _commands(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note commands instead of running them."""
    commands: list[object] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    return commands


def test_a_run_begins_and_its_end_is_shown(stay: Stay, commands: list[object]) -> None:
    """With the user's command, and a notification."""
    assert stay.runs.started == [(AFFECTED, None)]
    assert stay.keyboard.listens == 1

    stay.end(0)
    assert "watch: idle | passed | 1 of 1 test" in stay.keyboard.shown[-1]
    assert commands == ["the user's command", ["notify-send", "pytest", "passed 1 of 1 test"]]


def test_a_run_that_is_declined_is_plain(stay: Stay) -> None:
    """For the reason that the daemon gave."""
    stay.end(LOST)

    assert stay.runs.started == [(AFFECTED, None), (AFFECTED, LOST)]


def test_saves_start_the_next_run(stay: Stay) -> None:
    """After a moment of quiet."""
    stay.end(0)
    stay.files.save("calc.py")
    while len(stay.runs.started) == 1:
        stay.loop.wait()

    assert "running affected | calc.py changed" in stay.keyboard.shown[-1]


def test_keys_are_events(stay: Stay) -> None:
    """Several may come at once."""
    stay.end(0)
    stay.press("xa")
    assert stay.runs.started[-1] == (("-x", *RUNS["all"]), None)

    stay.press("i")
    assert stay.runs.jobs[-1].sent == [signal.SIGINT]


def test_a_terminal_that_is_gone_ends_it(stay: Stay) -> None:
    """There will be no more keys."""
    stay.press("")

    assert stay.loop.state.is_over


def test_an_answer_narrows_the_next_run(stay: Stay) -> None:
    """It is asked for between two runs, and all that it names run."""
    stay.end(0)
    stay.press("k")

    assert stay.keyboard.shown[-2].endswith("empty for none: ")
    assert stay.runs.started[-1] == (("-k", "shout", *RUNS["all"]), None)


def test_what_a_run_writes_starts_no_other(stay: Stay) -> None:
    """While it goes on; other files do."""
    stay.files.save("made.py")
    stay.loop._on_files()  # noqa: SLF001 - descriptor 0 is the test's own
    assert not stay.loop.state.saved
    stay.files.save("made.py", "app.py")
    stay.loop._on_files()  # noqa: SLF001

    assert stay.loop.state.saved == ("app.py",)


def test_a_debugger_in_a_run_has_the_terminal(stay: Stay) -> None:
    """From when it asks until it returns it; one that is gone by then gets nothing."""
    news, asking = os.pipe()
    stay.keyboard.lender = news
    os.write(asking, b"?")
    for is_lent in (True, False):
        stay.loop.wait()
        assert (stay.keyboard.lent, stay.loop.state.is_lent) == (is_lent, is_lent)

    stay.keyboard.lend = lambda: False  # type: ignore[method-assign]
    stay.loop.wait()
    assert not stay.loop.state.is_lent
    os.close(news)
    os.close(asking)


@pytest.mark.parametrize("is_lent", [False, True])
def test_ctrl_z_stops_who_has_the_terminal(stay: Stay, monkeypatch: pytest.MonkeyPatch, *, is_lent: bool) -> None:
    """Us, and the run if it reads the keys: it would read the shell's."""
    sent = stay.runs.jobs[0].sent
    monkeypatch.setattr(watch_loop, "suspend", lambda: sent.append(0))
    if is_lent:
        stay.keyboard.lender = 0
        stay.loop._handle(events.TerminalAsked())  # noqa: SLF001 - descriptor 0 is the test's own
        stay.keyboard.lender = None
    signal.raise_signal(signal.SIGTSTP)
    stay.loop.wait()

    assert sent == ([signal.SIGSTOP, 0, signal.SIGCONT] if is_lent else [0])


def test_signals_are_events(stay: Stay) -> None:
    """A continued watch mode listens anew, a resized one shows the status, Ctrl-C interrupts, others leave."""
    for number in (signal.SIGCONT, signal.SIGWINCH, signal.SIGINT):
        signal.raise_signal(number)
    stay.loop.wait()
    assert stay.keyboard.listens == 2
    assert stay.runs.jobs[0].sent == [signal.SIGINT]
    assert not stay.loop.state.is_over

    signal.raise_signal(signal.SIGTERM)
    stay.loop.wait()
    assert stay.loop.state.is_over


def test_a_run_that_goes_on_at_the_end_is_interrupted_and_waited_for(stay: Stay) -> None:
    """Its exit code is watch mode's."""
    stay.runs.jobs[0].ends_at = signal.SIGINT
    stay.press("q")

    assert stay.loop.leave() == 2
    assert stay.runs.jobs[0].sent == [signal.SIGINT]


def test_why_files_are_looked_at_is_said_once(stay: Stay) -> None:
    """Saves are noticed later then."""
    stay.files.polls_because = "as asked for"
    for _ in range(2):
        stay.files.save("notes.txt")
        stay.loop.wait()

    said = [line for line in stay.keyboard.shown if "as asked for" in line]
    assert said == ["zygote: files are looked at now and then (as asked for)"]

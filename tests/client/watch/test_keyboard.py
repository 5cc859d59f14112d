"""What watch mode writes, where there is a terminal and where there is none."""

from __future__ import annotations

import io
import os
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client.watch.keyboard import CLEAR_LINE, Keyboard
from pytest_zygote.core.protocol.client_messages import LENT, TerminalLent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Never

    from pytest_zygote.adapters.system.sockets import Channel


class Screen(io.StringIO):
    """Standard output that may be a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        """Be empty."""
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return what it is."""
        return self._is_terminal


def keyboard(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> tuple[Keyboard, Screen]:
    """Return a keyboard without keys, and what it writes to."""
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", screen)
    return Keyboard(), screen


def test_the_status_on_a_terminal_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next one, and by other lines."""
    shown, screen = keyboard(monkeypatch, is_terminal=True)
    shown.show_status("one")
    shown.show_status("two")
    shown.print("a line")
    shown.clear_status()

    assert screen.getvalue() == f"{CLEAR_LINE}one{CLEAR_LINE}two{CLEAR_LINE}a line\n"


def test_without_a_terminal_lines_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """For logs."""
    shown, screen = keyboard(monkeypatch, is_terminal=False)
    shown.show_status("one")
    shown.print("a line")

    assert screen.getvalue() == "one\na line\n"


def test_without_keys_the_terminal_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none to set."""
    shown, _ = keyboard(monkeypatch, is_terminal=False)
    shown.listen()
    shown.restore()

    assert not shown.has_keys


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("xy\x7fz \r", "onexz"),
        ("\x15new\n", "new"),
        ("\r", "one"),
        ("text\x1b", None),
        ("\x03", None),
        ("", None),
    ],
)
def test_a_line_is_typed(monkeypatch: pytest.MonkeyPatch, keys: str, expected: str | None) -> None:
    """It begins as the last one; Esc, Ctrl-C and a terminal that is gone leave it at once."""
    shown, screen = keyboard(monkeypatch, is_terminal=True)
    monkeypatch.setattr(shown, "read", lambda: keys)

    assert shown.ask("which? ", "one") == expected
    assert "which? one" in screen.getvalue()


def test_a_terminal_that_is_gone_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch mode ends then."""
    shown, _ = keyboard(monkeypatch, is_terminal=False)
    with monkeypatch.context() as alive:
        alive.setattr("os.read", lambda *_: b"ab")
        assert shown.read() == "ab"

    def fail(*_: object) -> bytes:
        raise OSError

    with monkeypatch.context() as gone:  # a worker that runs this test reads its queue before the fixture is undone
        gone.setattr("os.read", fail)
        assert shown.read() == ""


@pytest.fixture(name="lent")
def _lent(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Keyboard, str]]:
    """Return a keyboard on a terminal, and where that is lent."""
    master, slave = os.openpty()
    monkeypatch.setattr(sys, "stdin", open(slave, closefd=False))  # noqa: SIM115 - closed below
    monkeypatch.setattr(sys, "stdout", Screen(is_terminal=True))
    folder = str(tmp_path_factory.mktemp("t"))  # that of a test has its name, which may be too long for a socket
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    before = os.dup(0)
    os.dup2(slave, 0)
    keyboard = Keyboard()
    yield keyboard, keyboard.lend_at(Rendezvous(folder))
    keyboard.close()
    os.dup2(before, 0)
    sys.stdin.close()
    for descriptor in (before, master, slave):
        os.close(descriptor)


def test_the_terminal_is_lent_as_programs_expect_it(lent: tuple[Keyboard, str]) -> None:
    """Meanwhile no keys are read; then each at once, unseen."""
    keyboard, path = lent
    keyboard.listen()
    assert keyboard.sources() == [0, keyboard.lender]
    channel: Channel[TerminalLent, Never] | None = sockets.connect(path, LENT)
    assert channel is not None
    assert keyboard.lend()
    assert channel.receive() == [TerminalLent()]
    (terminal,) = channel.adopt_descriptors()
    assert keyboard.sources() == [keyboard.lender]
    keyboard.listen()
    assert termios.tcgetattr(terminal)[3] & termios.ECHO

    keyboard.reclaim()
    assert keyboard.sources() == [0, keyboard.lender]
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    assert channel.receive() is None
    os.close(terminal)
    channel.close()


def test_nobody_gets_it_who_is_gone(lent: tuple[Keyboard, str]) -> None:
    """Nor does somebody who has not asked."""
    keyboard, _ = lent

    assert not keyboard.lend()
    assert keyboard.sources() == [0, keyboard.lender]

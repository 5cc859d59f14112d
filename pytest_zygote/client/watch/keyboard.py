"""The terminal of watch mode: single keys, lines when asked, and one line of status."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTER = "\r\n"
ERASE = "\x7f\b"
ERASE_LINE = "\x15"
CANCEL = "\x1b\x03\x04"
"""Esc, Ctrl-C and Ctrl-D."""

CLEAR_LINE = "\r\x1b[K"


class Keyboard:
    """Standard input and output; where they are no terminal, there are no keys and plain lines are written."""

    def __init__(self) -> None:
        """Leave the terminal as it is."""
        self.has_keys = sys.stdin is not None and sys.stdin.isatty()
        self.is_terminal = sys.stdout.isatty()
        self._usual = termios.tcgetattr(0) if self.has_keys else []
        self._has_status = False

    def listen(self) -> None:
        """Get each key at once, unseen; Ctrl-C stays a signal."""
        if self.has_keys:
            tty.setcbreak(0, termios.TCSADRAIN)

    def restore(self) -> None:
        """Put the terminal back."""
        if self.has_keys:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._usual)

    @contextlib.contextmanager
    def usual(self) -> Iterator[None]:
        """Have the terminal as programs expect it, for a while."""
        self.restore()
        try:
            yield
        finally:
            self.listen()

    def read(self) -> str:
        """Return the keys that were pressed; '' if the terminal is gone."""
        try:
            return os.read(0, 100).decode(errors="ignore")
        except OSError:
            return ""

    def ask(self, prompt: str, text: str = "") -> str | None:
        """Ask for a line that begins as this text; return None if it is left, by Esc or Ctrl-C."""
        self.clear_status()
        with self._unsignalled():
            while True:
                self.show_status(f"{prompt}{text}")
                for key in self.read() or CANCEL[0]:
                    if key in ENTER:
                        self.print_over("")
                        return text.strip()
                    if key in CANCEL:
                        self.print_over("")
                        return None
                    text = text[:-1] if key in ERASE else "" if key == ERASE_LINE else text + key

    @contextlib.contextmanager
    def _unsignalled(self) -> Iterator[None]:
        """Get Ctrl-C as a key, for a while."""
        if self.has_keys:
            modes = termios.tcgetattr(0)
            modes[3] &= ~termios.ISIG
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        try:
            yield
        finally:
            self.listen()

    def print_over(self, text: str) -> None:
        """End the line that was typed."""
        self._has_status = False
        self.print(text)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where the output is none."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    def print(self, text: str) -> None:
        """Write a line."""
        self.clear_status()
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def show_status(self, text: str) -> None:
        """Write the line of status, which the next one replaces."""
        if self.is_terminal:
            sys.stdout.write(f"{CLEAR_LINE}{text}")
            self._has_status = True
        else:
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def clear_status(self) -> None:
        """Make room for other output."""
        if self._has_status:
            sys.stdout.write(CLEAR_LINE)
            sys.stdout.flush()
            self._has_status = False

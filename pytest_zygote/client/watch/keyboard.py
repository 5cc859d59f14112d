"""The terminal of watch mode: single keys, lines when asked, and one line of status."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
import tty
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system.sockets import Listener
from pytest_zygote.core.protocol.client_messages import TerminalLent
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.core.protocol.framing import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Never

    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.adapters.system.sockets import Channel

ENTER = "\r\n"
ERASE = "\x7f\b"
ERASE_LINE = "\x15"
CANCEL = "\x1b\x03\x04"
"""Esc, Ctrl-C and Ctrl-D."""

CLEAR_LINE = "\r\x1b[K"

SEND_TIMEOUT_S = 5.0
"""How long a run that asks for the terminal may take to receive it."""


class Keyboard:
    """Standard input and output; where they are no terminal, there are no keys and plain lines are written."""

    def __init__(self) -> None:
        """Leave the terminal as it is."""
        self.has_keys = sys.stdin is not None and sys.stdin.isatty()
        self.is_terminal = sys.stdout.isatty()
        self._usual = termios.tcgetattr(0) if self.has_keys else []
        self._has_status = False
        self.lender: TerminalLender | None = None

    def lend_at(self, place: Rendezvous) -> str:
        """Lend the terminal at a socket from now on; return its path, '' if there is no terminal, or no room for it."""
        if self.has_keys:
            with contextlib.suppress(Unavailable, OSError):
                place.ensure_folder()
                self.lender = TerminalLender(place.folder)
        return self.lender.path if self.lender is not None else ""

    def sources(self) -> list[int | TerminalLender]:
        """Return what can be read when there is news: keys, unless they are somebody else's, and who wants them."""
        lender = [] if self.lender is None else [self.lender]
        return [0, *lender] if self.has_keys and not self._is_lent else [*lender]

    @property
    def _is_lent(self) -> bool:
        return self.lender is not None and self.lender.is_lent

    def lend(self) -> bool:
        """Give the terminal to the debugger that asks; return whether it has it now."""
        self.restore()
        return self.lender is not None and self.lender.lend()

    def reclaim(self) -> None:
        """Get the keys again."""
        if self.lender is not None:
            self.lender.reclaim()
        self.listen()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.lender is not None:
            self.lender.close()
        self.clear_status()
        self.restore()

    def listen(self) -> None:
        """Get each key at once, unseen; Ctrl-C stays a signal. A terminal that is lent is left alone."""
        if self.has_keys and not self._is_lent:
            tty.setcbreak(0, termios.TCSADRAIN)

    def restore(self) -> None:
        """Put the terminal back."""
        if self.has_keys:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._usual)

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


class TerminalLender:
    """Where a debugger in a run gets the terminal: runs have no input, for the keys are watch mode's."""

    def __init__(self, folder: str) -> None:
        """Listen in a folder that is ours alone.

        Raises:
            OSError: no socket can be made there.
        """
        self.path = os.path.join(folder, f"watch{os.getpid()}.term")
        self._listener = Listener(self.path)
        self._borrower: Channel[Never, TerminalLent] | None = None

    def fileno(self) -> int:
        """Return the descriptor that can be read when somebody asks, or who has the terminal needs it no more."""
        return (self._borrower or self._listener).fileno()

    @property
    def is_lent(self) -> bool:
        """Whether somebody has the terminal."""
        return self._borrower is not None

    def lend(self) -> bool:
        """Give the terminal to whoever asks for it; return whether somebody has it now."""
        self._borrower = self._listener.accept(SILENT, send_timeout_s=SEND_TIMEOUT_S)
        if self._borrower is None:
            return False
        try:
            self._borrower.send(TerminalLent(), [0])
        except OSError:  # the run has ended meanwhile
            self.reclaim()
        return self.is_lent

    def reclaim(self) -> None:
        """Wait for the next who asks."""
        if self._borrower is not None:
            self._borrower.close()
            self._borrower = None

    def close(self) -> None:
        """Lend nothing any more."""
        self.reclaim()
        self._listener.close()

"""An interactive shell on a pseudo-terminal: what a user has, with keys to press."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import psutil

from tests.support.daemon import UNIT_S, eventually

if TYPE_CHECKING:
    from tests.support.daemon import Project

CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_Z = "\x1a"
CTRL_BACKSLASH = "\x1c"
UP = "\x1b[A"
LEFT = "\x1b[D"

_EDITING = re.compile(r"\x1b(?:\[[?\d;]*[@-ln-~]|\[0m|[=>])|(?<=\n)\r(?!\n)")
"""What an editor of lines writes besides text and its colours; from Python 3.15 on, pdb has one that is no readline."""

_APPLICATION_KEYS = re.compile(r"\x1b\[\?1([hl])")

PROMPT = re.compile(r"\[\[exit (\d+)\]\] $")

# A session of its own whose controlling terminal is descriptor 0; then the shell, with job control.
_LOG_IN = """
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
"""


class Terminal:
    """A terminal in which a shell waits in the project's folder."""

    def __init__(self, project: Project, *, rows: int = 24, columns: int = 80) -> None:
        """Open a terminal of this size and log in."""
        self.project = project
        self._text = ""
        self._at = 0
        self._has_application_keys = False
        self._master, slave = os.openpty()
        self.resize(rows, columns)
        inputrc = project.home / "inputrc"
        inputrc.write_text("set enable-bracketed-paste off\n")
        self._shell = subprocess.Popen(
            [sys.executable, "-ISc", _LOG_IN],
            cwd=project.root,
            env={
                **project.environ,
                "TERM": "xterm-256color",
                "PS1": "[[exit $?]] ",
                "INPUTRC": str(inputrc),
                "HISTFILE": "",
            },
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.expect(PROMPT.pattern)

    def close(self) -> None:
        """Hang up: the shell and what runs in it get SIGHUP."""
        if self._shell.returncode is None:
            os.close(self._master)
            self._shell.send_signal(signal.SIGHUP)
            try:
                self._shell.wait(4 * UNIT_S)
            finally:
                self._shell.kill()
                self._shell.wait()

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str) -> None:
        """Press keys; those with arrows send what the program in front has asked for."""
        sent = keys.replace("\x1b[", "\x1bO") if self._has_application_keys else keys
        os.write(self._master, sent.encode())

    def interrupt_prompt(self, pattern: str) -> None:
        """Press Ctrl-C at a prompt of readline until it shows a text.

        A signal that comes between the text of a prompt and the wait for keys is seen with the next key only.

        Raises:
            AssertionError: it does not come in time.
        """
        for _ in range(3):
            self.send(CTRL_C)
            with contextlib.suppress(AssertionError):
                self.expect(pattern, units=1)
                return
        self.expect(pattern)

    def expect(self, pattern: str, *, units: float = 4) -> re.Match[str]:
        """Wait until the terminal shows text, behind what was waited for before.

        Raises:
            AssertionError: it does not come in time.
        """
        deadline = time.monotonic() + units * UNIT_S
        while not (match := re.compile(pattern).search(self._text, self._at)):
            if not self._read(deadline - time.monotonic()):
                shown = self._text[self._at :]
                message = (
                    f"the terminal does not show {pattern!r} but:\n{shown}\n--- before that:\n{self._text[: self._at]}"
                )
                raise AssertionError(message)
        self._at = match.end()
        return match

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._master], [], [], max(0, timeout_s))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: nobody has the other end open
            return False
        shown = self._text + data.decode(errors="replace").replace("\r\n", "\n")
        for mode in _APPLICATION_KEYS.findall(shown):
            self._has_application_keys = mode == "h"
        self._text = _EDITING.sub("", shown)
        return bool(data)

    def start(self, command: str) -> None:
        """Type a command."""
        self.send(f"{command}\n")
        self.expect(re.escape(command) + r"\s*\n")

    def resume(self) -> None:
        """Bring the stopped job back, and wait until it really goes on: keys pressed before that are the shell's."""
        self.start("fg")
        eventually(self._is_job_running, "the job goes on")

    def has_editor(self) -> bool:
        """Return whether the program in front reads keys, not lines; pdb drops, from 3.15 on, what came before."""
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def settle(self) -> None:
        """Wait until the job waits too: readline loses a Ctrl-C that comes between its prompt and its look for keys."""
        eventually(self._is_job_asleep, "the job waits for keys")

    def _is_job_asleep(self) -> bool:
        group = os.tcgetpgrp(self._master)
        states = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getpgid(process.pid) == group:
                    states.add(process.status())
        return states - {psutil.STATUS_ZOMBIE} == {psutil.STATUS_SLEEPING}  # a worker may have ended meanwhile

    def _is_job_running(self) -> bool:
        group = os.tcgetpgrp(self._master)
        return group != self._shell.pid and psutil.Process(group).status() != psutil.STATUS_STOPPED

    def finish(self) -> tuple[int, str]:
        """Wait for the shell's prompt; return the exit status and what was shown until then."""
        start = self._at
        match = self.expect(PROMPT.pattern)
        return int(match[1]), self._text[start : match.start()]

    def run(self, command: str) -> tuple[int, str]:
        """Run a command to its end; return the exit status and what it showed."""
        self.start(command)
        return self.finish()

"""The run on this host, as its agent sees it: a client of the host's own daemon, and the socket to its session."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.hosts import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_zygote.hosts.frames import Message

GRACE_S = 5.0
"""What tests that run have to tear down once nobody waits for them."""
SHOWN = 4000
"""Characters of a run's output that are shown if it fails."""


class HostRunEndedError(ZygoteError):
    """The run on this host has ended before it was told to; the text says why."""


class HostRun:
    """A run that takes its tests from here."""

    def __init__(self, python: str, folder: Path, publish: Callable[[Message], None]) -> None:
        """Listen in a folder that is this user's alone.

        Args:
            python: the interpreter that runs the tests.
            folder: for the socket and the output.
            publish: hands on what the session sends.
        """
        self._python = python
        self._output = folder / "run.log"
        self._path = folder / "run.sock"
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(1)
        self._publish = publish
        self._stream: frames.SocketStream | None = None
        self._changed = threading.Condition()
        self._unsettled: set[int] = set()
        self._why = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, args: Sequence[str], cwd: Path, environ: dict[str, str]) -> None:
        """Ask the daemon of this host for a run, as a client does."""
        command = [self._python, "-m", "pytest", *args, f"--hosts-serve={self._path}"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=self._serve, daemon=True).start()
        threading.Thread(target=self._await_end, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            connection, _ = self._listener.accept()
            stream = frames.SocketStream(connection)
            with self._changed:
                self._stream = stream
                self._changed.notify_all()
            while (message := frames.receive(stream)) is not None:
                self._handle(message)
                if message["kind"] == "ended":
                    break

    def _handle(self, message: Message) -> None:
        self._publish(message)
        with self._changed:
            if message["kind"] == "settled":
                self._unsettled.difference_update(map(int, frames.texts(message, "batches")))
            elif message["kind"] in {"ended", "unusable"}:
                self._why = self._why or str(message.get("text") or "the run there has ended")
            self._changed.notify_all()

    def _await_end(self) -> None:
        assert self._process is not None  # noqa: S101 - this thread follows its start
        status = self._process.wait()
        with self._changed:
            if self._stream is None:
                output = self._output.read_bytes().decode(errors="replace").strip()
                self._why = self._why or f"pytest has ended there with {status}:\n{output[-SHOWN:]}"
            self._why = self._why or f"pytest has ended there with {status}"
            self._changed.notify_all()

    def run_batch(self, batch: int, tests: Sequence[tuple[str, int]]) -> None:
        """Have the session run tests; return when it has nothing left to begin of them.

        Raises:
            HostRunEndedError: it ended before.
        """
        with self._changed:
            self._unsettled.add(batch)
            self._changed.wait_for(lambda: self._stream is not None or self._why)
        self._send({"kind": "batch", "batch": batch, "tests": tests})
        with self._changed:
            self._changed.wait_for(lambda: batch not in self._unsettled or self._why)
            if batch in self._unsettled:
                raise HostRunEndedError(self._why)

    def end(self, kind: str) -> None:
        """Send 'finish' (no test follows) or 'stop' (none may begin); return when the session is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stream is not None or self._why)
        self._send({"kind": kind})
        with self._changed:
            self._changed.wait_for(lambda: self._why)

    def _send(self, message: Message) -> None:
        if self._stream is None or self._why:
            raise HostRunEndedError(self._why)
        try:
            frames.send(self._stream, message)
        except OSError as error:
            raise HostRunEndedError(str(error)) from error

    def close(self) -> None:
        """End the run, if it still runs: as Ctrl-C does, and soon by force."""
        with self._changed:
            self._why = self._why or "nobody waits for it any more"
            self._changed.notify_all()
        self._listener.close()
        self._path.unlink(missing_ok=True)
        process = self._process
        if process is None:
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                process.wait(GRACE_S / 5 if number == signal.SIGINT else GRACE_S / 2)
                break
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
        if self._stream is not None:
            self._stream.close()


current: list[HostRun] = []
"""The run of this process, for the tasks of the engine: they find this module by its name."""


def run_batch(batch: int, tests: Sequence[tuple[str, int]]) -> None:
    """Run a batch: a task of the engine."""
    current[0].run_batch(batch, tests)


def end(kind: str) -> None:
    """End the run: a task of the engine."""
    current[0].end(kind)

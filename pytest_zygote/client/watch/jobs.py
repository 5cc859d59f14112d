"""One run at a time, that the loop of watch mode can wait for: of the daemon's, or plain pytest."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Protocol, assert_never

from pytest_zygote.adapters.system.processes import group_of, signal_group
from pytest_zygote.adapters.system.procfs import goes_on
from pytest_zygote.client.daemon_launcher import connect_or_start
from pytest_zygote.client.request import ineligible
from pytest_zygote.client.run_relay import send_request
from pytest_zygote.core.protocol.client_messages import (
    LOST,
    Answer,
    Cold,
    Finished,
    Notice,
    Outdated,
    Relay,
    Started,
    Stopped,
)
from pytest_zygote.core.protocol.errors import ProtocolError, Unavailable
from pytest_zygote.core.reasons import Reason, cold_run
from pytest_zygote.core.runner_code import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.client.daemon_launcher import DaemonLauncher
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import FromClient, RunRequest, ToClient

DISABLE = "PYTEST_DAEMON_DISABLE"

PAUSED_WITHIN_S = 2.0
"""How long the shell waits for a run to stop; a run in an uninterruptible system call does not."""


class Job(Protocol):
    """A run that goes on."""

    def fileno(self) -> int:
        """Return the descriptor that can be read when there is news."""

    def proceed(self) -> int | Reason | None:
        """Read the news; return how the run ended, a reason to run it plain instead, or None."""

    def send(self, number: int) -> None:
        """Pass a signal on."""

    def pause(self) -> None:
        """Stop it; return when it can read no more keys."""

    def close(self) -> None:
        """Let go of the descriptor."""


class WarmRun:
    """A run that the daemon serves."""

    def __init__(
        self, channel: Channel[ToClient, FromClient], request: RunRequest, print_line: Callable[[str], None]
    ) -> None:
        """Ask for it; it gets our output, and no input: the keys are ours."""
        self._channel = channel
        self._print = print_line
        self._waiting: list[int] = []
        self._run_pid = 0
        self._is_orphan = False
        self._outcome: int | Reason | None = None
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self._link = send_request(channel, request, (nothing, 1, 2))
        finally:
            os.close(nothing)

    def fileno(self) -> int:
        """Return the socket."""
        return self._channel.fileno()

    def proceed(self) -> int | Reason | None:
        """Read what the daemon says."""
        if self._outcome is not None:
            return self._outcome
        received = self._channel.receive()
        if received is None:
            return self._abandoned()
        for message in received:
            outcome = self._handle(message)
            if outcome is not None:
                return outcome
        return None

    def _abandoned(self) -> int | Reason | None:
        """Listen to the zygote of the run from now on: the daemon is gone. If the zygote is gone too, give up."""
        if not self._run_pid:
            return Reason("daemon-lost", "the daemon ended before the run started")
        if self._is_orphan:
            return LOST
        self._channel.close()
        self._channel, self._is_orphan = self._link, True
        return self.proceed() if self._channel.is_readable() else None

    def _handle(self, message: ToClient) -> int | Reason | None:
        match message:
            case Finished(status):
                return int(status)
            case Cold(reason) | Outdated(reason):
                return reason
            case Started(pid):
                self._run_pid = int(pid)
                for number in self._waiting:
                    self._relay(number)
            case Notice(text):
                self._print(str(text))
            case Stopped():
                pass  # whatever stopped it continues it: watch mode stays responsive
            case Answer():
                self._print("the daemon sent Answer out of place")
            case _:
                assert_never(message)
        return None

    def send(self, number: int) -> None:
        """Pass a signal on, as soon as there is a process."""
        if self._run_pid:
            self._relay(number)
        else:
            self._waiting.append(number)

    def pause(self) -> None:
        """Stop the run; return when it has stopped.

        The signal goes by the daemon and the zygote. A debugger that has not received it yet would read the keys
        that are meant for the shell.
        """
        self.send(signal.SIGSTOP)
        deadline = time.monotonic() + PAUSED_WITHIN_S
        while self._run_pid and goes_on(self._run_pid) and self._outcome is None:
            if not select.select([self], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return
            self._outcome = self.proceed()

    def _relay(self, number: int) -> None:
        if self._is_orphan:
            signal_group(group_of(self._run_pid), number)
            return
        with contextlib.suppress(ConnectionError):  # it has just ended, and the news of that are still to be read
            self._channel.send(Relay(number))

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()
        if not self._is_orphan:
            self._link.close()


class ColdRun:
    """Plain pytest in a process of its own; the end of a pipe tells when it is over."""

    def __init__(self, args: tuple[str, ...], environ: Mapping[str, str]) -> None:
        """Start it, away from the terminal's keys, with these keys in its environment besides ours."""
        self._reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *args],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environ, DISABLE: "1"},
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)

    def fileno(self) -> int:
        """Return the pipe."""
        return self._reading

    def proceed(self) -> int | Reason | None:
        """Wait for the process: its end of the pipe is closed."""
        return self._process.wait()

    def send(self, number: int) -> None:
        """Send a signal to the process and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def pause(self) -> None:
        """Stop the processes: none returns from a system call after that."""
        self.send(signal.SIGSTOP)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reading)


class Starter:
    """Starts runs."""

    def __init__(
        self,
        launch: DaemonLauncher,
        settings: Settings,
        request: RunRequest,
        print_line: Callable[[str], None],
        terminal: str = "",
    ) -> None:
        """Start runs of this command, in which a debugger asks for the `terminal` at this socket; '' for none."""
        self._environ = {TERMINAL: terminal} if terminal else {}
        self._launch = launch
        self._settings = settings
        self._request = request
        self._print = print_line

    def start(self, args: tuple[str, ...]) -> Job:
        """Start a run: warm, if a daemon can be had."""
        channel = self._connect()
        if channel is None:
            return ColdRun(args, self._environ)
        environ = {**self._request.environ, **self._environ}
        return WarmRun(channel, self._request.replaced(args=args, environ=environ), self._print)

    def start_cold(self, args: tuple[str, ...], reason: Reason) -> Job:
        """Start a run that the daemon has declined."""
        if not reason.is_quiet:
            self._print(cold_run(reason))
        return ColdRun(args, self._environ)

    def _connect(self) -> Channel[ToClient, FromClient] | None:
        if ineligible(self._settings, self._settings.args, os.environ) is not None:
            return None
        try:
            may_start = self._settings.switch("--daemon-start-if-needed")
            return connect_or_start(self._launch, may_start=may_start)[0]
        except Unavailable as error:
            self._print(cold_run(error.reason))
        except (ProtocolError, OSError) as error:
            self._print(cold_run(Reason("daemon-unreachable", str(error))))
        return None

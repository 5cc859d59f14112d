"""Lends this process's terminal and signals to a run, until it ends."""

from __future__ import annotations

import os
import select
import sys

from pytest_zygote.adapters.system.signals import FORWARDED, HARMLESS, SIGCONT, SIGTSTP, SignalPipe, suspend
from pytest_zygote.adapters.system.sockets import pair
from pytest_zygote.core.protocol.client_messages import (
    LOST,
    TO_CLIENT,
    Answer,
    Cold,
    Finished,
    Notice,
    Outdated,
    Relay,
    Started,
    Stopped,
)
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record, assert_never

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import FromClient, RunRequest, ToClient

PATIENCE_MS = 500
"""A daemon that has said nothing for this long is looked at: it may have been stopped."""


class RunEnd(Record):
    """A run served the command: exit code, or the negative number of the signal."""

    status: int


class Declined(Record):
    """No run served it; `restart` if a new daemon might."""

    reason: Reason
    restart: bool


def lend(
    channel: Channel[ToClient, FromClient], request: RunRequest, terminal: Sequence[int] = (0, 1, 2)
) -> RunEnd | Declined:
    """Have a daemon run this request on our terminal.

    Signals that arrive meanwhile go to the run; when the run stops (Ctrl-Z), so do we.

    Args:
        channel: to the daemon.
        request: what to run.
        terminal: the descriptors that become the run's stdin, stdout and stderr.
    """
    reason = why_silent(channel)
    if reason:  # what is sent to it now stays open until it goes on: who reads our output would not see it end
        channel.close()
        return Declined(reason, restart=False)
    pipe = SignalPipe(tuple(number for number in FORWARDED if number not in request.ignored))
    link = None
    try:
        link = send_request(channel, request, terminal)
        return _RelayedTerminal(channel, pipe, link).wait()
    except (BrokenPipeError, ConnectionError):
        # A daemon that can serve nobody says why without having read what is asked.
        for message in channel.receive() or ():
            if isinstance(message, Cold):
                return Declined(message.reason, restart=False)
        return Declined(Reason("daemon-lost", "the daemon closed the connection"), restart=True)
    finally:
        pipe.close()
        channel.close()
        if link is not None:
            link.close()


def send_request(
    channel: Channel[ToClient, FromClient], request: RunRequest, terminal: Sequence[int]
) -> Channel[ToClient, FromClient]:
    """Ask a daemon for a run on a terminal; return a link to the run's zygote, for the time after the daemon."""
    devnull = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    link: Channel[ToClient, FromClient]
    link, theirs = pair(TO_CLIENT)
    try:
        streams = (devnull if number in request.closed else fd for number, fd in enumerate(terminal))
        channel.send(request, [*streams, *request.descriptors, theirs])
    except BaseException:
        link.close()
        raise
    finally:
        os.close(devnull)
        os.close(theirs)
    return link


def why_silent(channel: Channel[ToClient, FromClient]) -> Reason | None:
    """Return why a daemon does not answer; None if it may only be busy."""
    pid = channel.stopped_peer()
    text = f"the daemon is stopped (fg in its terminal, or kill -CONT {pid}, has it go on)"
    return Reason("daemon-suspended", text) if pid else None


class _RelayedTerminal:
    """The conversation about one run."""

    def __init__(
        self,
        channel: Channel[ToClient, FromClient],
        pipe: SignalPipe,
        link: Channel[ToClient, FromClient],
    ) -> None:
        self._channel = channel
        self._link = link
        self._pipe = pipe
        self._run_pid = 0

    def wait(self) -> RunEnd | Declined:
        """Relay until the run has ended."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        poll.register(self._pipe.fileno(), select.POLLIN)
        while True:
            events = poll.poll(None if self._run_pid else PATIENCE_MS)
            reason = None if events else why_silent(self._channel)
            if reason:
                return Declined(reason, restart=False)
            for descriptor, _ in events:
                outcome = self._relay() if descriptor == self._pipe.fileno() else self._listen()
                if outcome is not None:
                    return outcome

    def _relay(self) -> RunEnd | None:
        for number in self._pipe.read():
            if self._run_pid:
                self._channel.send(Relay(number))
            elif number == SIGTSTP:
                suspend()
            elif number not in HARMLESS:
                return RunEnd(-number)
        return None

    def _listen(self) -> RunEnd | Declined | None:
        messages = self._channel.receive()
        if messages is None:
            return self._abandoned()
        for message in messages:
            if (outcome := self._handle(message)) is not None:
                return outcome
        return None

    def _handle(self, message: ToClient) -> RunEnd | Declined | None:
        match message:
            case Finished(status):
                return RunEnd(status)
            case Cold(reason):
                return Declined(reason, restart=False)
            case Outdated(reason):
                return Declined(reason, restart=True)
            case Stopped():
                self._stop()
            case Started(pid):
                self._run_pid = pid
            case Notice(text):
                _say(text)
            case Answer():
                _say("the daemon sent Answer out of place")
            case _:
                assert_never(message)
        return None

    def _stop(self) -> None:
        """Stop until the shell continues us, unless the run was continued before we read that it was stopped."""
        from pytest_zygote.adapters.system.procfs import goes_on

        if goes_on(self._run_pid):
            return
        suspend()
        # Here the shell has continued us. The handler may not tell: a Ctrl-Z that follows at
        # once discards a SIGCONT that is still pending.
        self._channel.send(Relay(SIGCONT))

    def _abandoned(self) -> RunEnd | Declined:
        """Decide what a daemon that is suddenly gone means.

        A run that had started goes on (its zygote finishes its runs) and owns the terminal until it ends; its zygote
        says how it ended. If that is gone too, nobody can tell, and unknown is never a success.
        """
        from pytest_zygote.client.orphan_relay import OrphanRelay

        orphan = OrphanRelay(self._link, self._pipe, self._run_pid)
        status = orphan.wait()
        if status is not None:
            return RunEnd(status)
        if not orphan.run_pid:
            return Declined(Reason("daemon-lost", "the daemon ended before the run started"), restart=True)
        _say("the daemon ended during the run: its result is unknown")
        return RunEnd(LOST)


def _say(text: str) -> None:
    if sys.stderr is not None:  # it is None if its descriptor is closed
        sys.stderr.write(f"zygote: {text}\n")
        sys.stderr.flush()

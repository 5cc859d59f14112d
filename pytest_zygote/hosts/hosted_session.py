"""The run on a host, as a plugin of its session: takes tests from the agent, and sends it what is reported.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.hosts.fed_schedule import FedSchedule
from pytest_zygote.hosts import frames
from pytest_zygote.parallel.feed import NAME
from pytest_zygote.shards.event_recorder import EventRecorder

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    from pytest_zygote.core.parallel.work_units import Unit
    from pytest_zygote.hosts.frames import Message
    from pytest_zygote.shards.recorded_events import Event


def begin(config: pytest.Config) -> None:
    """Have this run take its tests from the socket that its options name."""
    config.pluginmanager.register(HostedSession(config), NAME)


class HostedSession(EventRecorder):
    """Feeds the run, and reports what it does."""

    def __init__(self, config: pytest.Config) -> None:
        """Connect later: this session may be prepared before anyone asks for it."""
        super().__init__(config)
        self._schedule: FedSchedule | None = None
        self._socket: frames.SocketStream | None = None
        self._session: pytest.Session | None = None
        self._index_of: dict[tuple[str, int], int] = {}
        self._key_of: dict[int, tuple[str, int]] = {}
        self._worker = ""
        self._early: list[Message] = []

    def _send(self, message: Message) -> None:
        if self._socket is None:
            self._early.append(message)
            return
        frames.send(self._socket, message)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Connect; say at the end why the run has ended."""
        self._session = session
        self._number_tests(session.items)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(session.config.option.hosts_serve))
        self._socket = frames.SocketStream(connection)
        early, self._early = self._early, []
        for message in early:
            self._send(message)
        if session.testsfailed or not session.items:
            self._send({"kind": "unusable", "text": "the tests could not be collected there"})
        try:
            return (yield)
        finally:
            stop = str(session.shouldstop or "")
            self._send({"kind": "ended", "stopped": stop, "failed": str(session.shouldfail or "")})
            self._socket.close()

    def _number_tests(self, items: Sequence[pytest.Item]) -> None:
        counts: defaultdict[str, int] = defaultdict(int)
        for at, item in enumerate(items):
            key = item.nodeid, counts[item.nodeid]
            counts[item.nodeid] += 1
            self._index_of[key], self._key_of[at] = at, key

    def schedule(self, units: Sequence[Unit], seconds: Mapping[int, float], workers: int) -> FedSchedule:
        """Return the schedule that is fed."""
        self._schedule = FedSchedule(units, seconds, workers)
        return self._schedule

    def fileno(self) -> int:
        """Return what is readable when the agent has sent something."""
        return -1 if self._socket is None else self._socket.fileno()

    def receive(self) -> None:
        """Put a batch into the schedule, or note that there is none any more."""
        assert self._socket is not None  # noqa: S101 - something has come from it
        assert self._schedule is not None  # noqa: S101 - the controller has made it before
        message = frames.receive(self._socket)
        kind = None if message is None else message["kind"]
        if message is not None and kind == "batch":
            self._feed(self._schedule, message)
        elif kind == "finish":
            self._schedule.awaits_more = False
        elif self._session is not None:  # it is to stop, or the agent is gone
            self._schedule.awaits_more = False
            self._session.shouldstop = self._session.shouldstop or "the run on several machines is over"

    def _feed(self, schedule: FedSchedule, message: Message) -> None:
        keys = [(str(row[0]), int(str(row[1]))) for row in frames.rows(message, "tests")]
        unknown = [nodeid for nodeid, nth in keys if (nodeid, nth) not in self._index_of]
        if unknown:
            self._send({"kind": "unusable", "text": f"{unknown[0]} was not collected there ({len(unknown)} tests)"})
        else:
            schedule.feed(frames.number(message, "batch"), [self._index_of[key] for key in keys])

    def report(self, open_tests: Collection[int]) -> None:
        """Send what was finished since the last call."""
        if self._schedule is None:
            return
        finished = self._schedule.pop_finished()
        if finished:
            rows = [[*self._key_of[item], seconds] for item, seconds in finished.items()]
            self._send({"kind": "finished", "tests": rows})
        settled = self._schedule.pop_settled(open_tests)
        if settled:
            self._send({"kind": "settled", "batches": settled})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send it, with the worker that it came from."""
        self._worker = str(getattr(report, "worker_id", ""))
        super().pytest_runtest_logreport(report)
        self._worker = ""

    def _write(self, event: Event) -> None:
        self._send({"kind": "event", "event": event, "worker": self._worker})

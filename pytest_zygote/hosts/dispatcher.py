"""Performs what a `HostPool` decides: reaches hosts, gives them tests, and replays what they report.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING, assert_never

from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.hosts import dispatch
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.shards.result import listed
from pytest_zygote.hosts import frames
from pytest_zygote.hosts.engine import LOST, HostReached, Reported, TaskDone
from pytest_zygote.hosts.event_replay import EventReplay
from pytest_zygote.parallel.plan import ParallelPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pytest

    from pytest_zygote.hosts.frames import Message
    from pytest_zygote.hosts.host_group import HostGroup

KEEP_ALIVE_S = 2.0
"""So often hosts learn that this process is there."""
STOP_S = 20.0
"""What hosts have to finish the tests that run when no other may begin."""


class Dispatcher:
    """The hosts of a run."""

    def __init__(self, session: pytest.Session, group: HostGroup, print_line: Callable[[str], None]) -> None:
        """Wait until it is known which hosts are there."""
        self._session = session
        self._group = group
        self._print_line = print_line
        self._link = group.reach()
        self._plan = ParallelPlan(session, 1)
        self._keys = _keys_of(self._plan.ids)
        self._index_of = {key: at for at, key in enumerate(self._keys)}
        self._replay = EventReplay(session, self._plan)
        self._pool = dispatch.HostPool(self._plan.units, self._plan.seconds, sum(group.workers.values()))
        self._connecting = set(group.workers)
        self._stop_at = math.inf
        self._alive_at = 0.0

    def run(self) -> None:
        """Run all tests; return when the last host has ended."""
        workers, hosts = sum(self._group.workers.values()), len(self._group.workers)
        self._print_line(
            f"{counted(workers, 'worker')} on {counted(hosts, 'host')} [{counted(len(self._keys), 'item')}]"
        )
        try:
            self._group.connect_all()
            while self._pool.hosts or (self._connecting and self._pool.left):
                self._handle_next()
            self._run_here(self._pool.left)
        finally:
            self._group.close()
            self._plan.save()
            self._replay.restore_order()

    # What hosts send

    def _handle_next(self) -> None:
        try:
            news = self._link.next(KEEP_ALIVE_S)
        except TimeoutError:
            news = None
        self._keep_alive()
        match news:
            case HostReached(number, root, why):
                self._on_reached(number, root, why)
            case Reported(number, message) if number in self._pool.hosts:
                self._on_message(number, message)
            case TaskDone(number, kind, error) if number in self._pool.hosts:
                self._on_done(number, kind, error)
            case _:
                pass  # nothing, or of a host that is lost already
        if not self._pool.is_stopping and (self._session.shouldfail or self._session.shouldstop):
            self._stop_at = time.monotonic() + STOP_S
            self._on(dispatch.StopRequested())

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now >= self._alive_at:
            self._alive_at = now + KEEP_ALIVE_S
            for number in self._pool.hosts:
                self._group.hosts[number].keep_alive()
                if not self._link.has(number):
                    self._lose(number, LOST)
        if now >= self._stop_at:
            for number in self._pool.hosts:
                self._lose(number, "it has not stopped in time")

    def _on_reached(self, number: int, root: str, why: str) -> None:
        self._connecting.discard(number)
        if why:
            self._group.leave_out(number, why)
        else:
            self._replay.add_host(number, self._group.name_of(number), root, str(self._group.root))
            self._on(dispatch.HostReady(number, self._group.workers[number]))

    def _on_message(self, number: int, message: Message) -> None:
        match message["kind"]:
            case "event":
                self._replay.note(number, message)
            case "finished":
                self._on_finished(number, frames.rows(message, "tests"))
            case "settled":
                for batch in frames.texts(message, "batches"):
                    self._on(dispatch.BatchSettled(number, int(batch)))
            case "unusable":
                self._lose(number, str(message["text"]))
            case _:  # it has ended
                self._session.shouldstop = self._session.shouldstop or self._stopped_by(message)

    def _on_finished(self, number: int, rows: Iterable[Sequence[object]]) -> None:
        for nodeid, nth, seconds in rows:
            item = self._index_of[str(nodeid), int(str(nth))]
            if not self._session.shouldfail:  # what fails elsewhere meanwhile is above the limit
                self._replay.finish(number, item, float(str(seconds)))
            self._on(dispatch.ItemsFinished(number, (item,)))

    def _stopped_by(self, message: Message) -> str:
        return "" if self._pool.is_stopping else str(message["stopped"])

    def _on_done(self, number: int, kind: str, error: str) -> None:
        if error:
            self._lose(number, error)
        elif kind != "batch":
            self._on(dispatch.HostFinished(number))

    def _lose(self, number: int, why: str) -> None:
        if not self._pool.is_stopping:
            reason = Reason("host-lost", f"{why}; what it has not finished runs elsewhere")
            self._print_line(f"\nzygote: without {self._group.name_of(number)} [{reason.code}]: {reason.text}")
        self._replay.drop_host(number)
        self._on(dispatch.HostLost(number))
        self._group.hosts[number].close()

    # What the pool decides

    def _on(self, event: dispatch.Event) -> None:
        for action in self._pool.on(event):
            match action:
                case dispatch.GiveBatch(number, batch, items):
                    self._link.run_batch(number, batch, [self._keys[item] for item in items])
                case dispatch.FinishHost(number):
                    self._link.end(number, "finish")
                case dispatch.StopHost(number):
                    self._link.end(number, "stop")
                case dispatch.ReportRepeated(number, items):
                    self._report_repeated(number, items)
                case _:
                    assert_never(action)

    def _report_repeated(self, number: int, items: Sequence[int]) -> None:
        names = listed([self._plan.ids[item] for item in sorted(items)])
        self._print_line(f"zygote: may have begun on {self._group.name_of(number)}, and runs once more: {names}")

    def _run_here(self, items: Sequence[int]) -> None:
        """Run what no host has run."""
        if not items:
            return
        reason = Reason("hosts-gone", f"no host is left to run {counted(len(items), 'test')}")
        self._print_line(f"\nzygote: on this machine [{reason.code}]: {reason.text}")
        tests = [self._session.items[item] for item in sorted(items)]
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._session.shouldfail or self._session.shouldstop:
                break


def _keys_of(ids: Iterable[str]) -> list[tuple[str, int]]:
    """Return what names each test on all machines: its id, and how many before it have the same."""
    counts: defaultdict[str, int] = defaultdict(int)
    keys = []
    for nodeid in ids:
        keys.append((nodeid, counts[nodeid]))
        counts[nodeid] += 1
    return keys

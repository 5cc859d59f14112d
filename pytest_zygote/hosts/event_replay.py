"""Shows what hosts report as if the tests had run here: all of a test at once, when it is finished.

So of a test that runs again because its host was lost, nothing is counted twice.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.parallel.result_order import ResultOrder
from pytest_zygote.parallel.xdist_node import Node
from pytest_zygote.shards.recorded_events import KIND, report_data
from pytest_zygote.shards.replay import replay_event

if TYPE_CHECKING:
    import pytest

    from pytest_zygote.hosts.frames import Message
    from pytest_zygote.parallel.plan import ParallelPlan
    from pytest_zygote.shards.recorded_events import Event


class EventReplay:
    """What hosts have reported of tests that are not finished.

    Attributes:
        restore_order: puts summaries in the order of collection.
    """

    def __init__(self, session: pytest.Session, plan: ParallelPlan) -> None:
        """Call the plugins of this session."""
        self._session = session
        self._plan = plan
        self._order = ResultOrder(session)
        self._names: dict[int, str] = {}
        self._roots: dict[int, tuple[str, str]] = {}
        self._nodes: dict[str, Node] = {}
        self._events: dict[tuple[int, str], list[tuple[Event, str]]] = {}
        self.restore_order = self._order.restore

    def add_host(self, number: int, name: str, there: str, here: str) -> None:
        """Note how a host is called, and where the tree is."""
        self._names[number], self._roots[number] = name, (there, here)

    def drop_host(self, number: int) -> None:
        """Forget what a host has reported of tests that it has not finished."""
        for key in [key for key in self._events if key[0] == number]:
            del self._events[key]

    def note(self, host: int, message: Message) -> None:
        """Keep an event of a test until that is finished."""
        event = message["event"]
        if isinstance(event, dict) and event.get("nodeid"):
            noted = self._events.setdefault((host, str(event["nodeid"])), [])
            noted.append((event, str(message["worker"])))

    def finish(self, host: int, item: int, seconds: float) -> None:
        """Report all about a test."""
        test = self._session.items[item]
        events = self._events.pop((host, test.nodeid), [])
        worker = next((worker for _, worker in reversed(events) if worker), "gw0")
        node = self._node(f"{self._names[host]}-{worker}")
        self._plan.note_begin(item, node.gateway.id)
        self._plan.note(item, seconds, 0.0)
        for event, _ in events:
            self._replay(test, item, _moved(event, *self._roots[host]), node)

    def _replay(self, test: pytest.Item, item: int, event: object, node: Node) -> None:
        if not isinstance(event, dict):
            return
        if event.get(KIND) != "TestReport":
            replay_event(self._session.config, event)
            return
        hook = test.ihook
        report = hook.pytest_report_from_serializable(config=self._session.config, data=report_data(event))
        marks = {"node": node, "worker_id": node.gateway.id, "testrun_uid": self._plan.testrunuid, "item_index": item}
        vars(report).update(marks)
        if self._order.has_junit_files:
            self._order.note(report)
        hook.pytest_runtest_logreport(report=report)

    def _node(self, name: str) -> Node:
        if name not in self._nodes:
            self._nodes[name] = Node(self._session.config, name, len(self._names), self._plan.testrunuid)
        return self._nodes[name]


def _moved(value: object, there: str, here: str) -> object:
    """Return what was reported with the paths of this tree."""
    match value:
        case str():
            return value.replace(there, here)
        case list() | tuple():
            return [_moved(one, there, here) for one in value]
        case dict():
            return {key: _moved(one, there, here) for key, one in value.items()}
        case _:
            return value

"""What ran is known exactly, and knowing it leaves nothing behind."""

from __future__ import annotations

import importlib
import sys
from types import FunctionType

import pytest

from pytest_zygote.adapters.interpreter.executed_code import CountedStarts, MonitoredStarts, new_starts

TEXT = """
def plain(): return 1
def raising(): raise ValueError
def generator(): yield 1
def unused(): return (lambda: 1)()
async def coroutine(): pass
class A:
    def method(self): return 1
    def other(self): return 1
"""
RUN = """
plain()
try:
    raising()
except ValueError:
    pass
list(generator())
A().method()
"""


def test_calls_count_as_runs_also_failing_ones() -> None:
    """Not what was only defined, nor a coroutine that nobody awaited."""
    starts = new_starts(lambda path: path == "some.py")
    module, namespace = compile(TEXT + RUN, "some.py", "exec"), {"__name__": "some"}
    starts.start()
    exec(module, namespace)  # noqa: S102 - the text above
    starts.stop()
    functions = [*namespace.values(), *vars(namespace["A"]).values()]
    live = [function.__code__ for function in functions if isinstance(function, FunctionType)]
    ran = {name for name, _ in starts.ran("some.py", module, live)}
    assert {"plain", "raising", "generator", "method"} <= ran
    assert not {"unused", "coroutine", "other", "<lambda>"} & ran


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="these versions are monitored")
def test_what_is_not_live_counts_as_having_run() -> None:
    """A counter can only be read while there is a function that holds the code."""
    module = compile(TEXT, "some.py", "exec")
    assert {"plain", "unused", "A"} <= {name for name, _ in CountedStarts().ran("some.py", module, [])}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="these versions count")
class TestMonitored:
    """``MonitoredStarts``."""

    def test_leaves_the_tool_numbers_as_they_were(self) -> None:
        """The next user of a number sees all code, also what was seen before."""
        namespace: dict[str, FunctionType] = {}
        exec(compile(TEXT, "some.py", "exec"), namespace)  # noqa: S102 - the text above
        monitoring = importlib.import_module("sys").monitoring
        before = [monitoring.get_tool(tool) for tool in range(6)]
        starts = MonitoredStarts(lambda _path: True)
        starts.start()
        namespace["plain"]()
        starts.stop()
        assert [monitoring.get_tool(tool) for tool in range(6)] == before
        again = MonitoredStarts(lambda _path: True)
        again.start()
        namespace["plain"]()
        again.stop()
        assert ("plain", 2) in again.ran("some.py", namespace["plain"].__code__, [])

    def test_without_a_free_number_everything_may_have_run(self) -> None:
        """So nothing is patched."""
        monitoring = importlib.import_module("sys").monitoring
        taken = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
        for tool in taken:
            monitoring.use_tool_id(tool, "test")
        try:
            starts = MonitoredStarts(lambda _path: True)
            starts.start()
            starts.stop()
        finally:
            for tool in taken:
                monitoring.free_tool_id(tool)
        module = compile(TEXT, "some.py", "exec")
        assert "unused" in {name for name, _ in starts.ran("some.py", module, [])}

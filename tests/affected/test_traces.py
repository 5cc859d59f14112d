"""Which tests come after those that leave something."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.affected.traces import Traces
from pytest_zygote.core.affected.dependency import AFTER, DATA, ENVIRON, PROJECT, Need


def run(traces: Traces, nodeid: str, *read: str) -> tuple[set[Need], bool]:
    """Run a test, which reads these keys; return what it comes after, and whether it has left something."""
    item = cast("pytest.Item", SimpleNamespace(path=Path(nodeid.partition("::")[0])))
    traces.begin_test(item)
    needs, has_left = traces.end_test(item, nodeid, dict.fromkeys((Need(ENVIRON, "", key) for key in read), b""))
    return set(needs), has_left


def test_a_test_comes_after_the_last_one_of_its_file_that_left_something() -> None:
    """One look at a time: that after a test is the one before the next of this file."""
    looks = iter([0, 1, 1, 2, 5, 5, 2, 2])
    traces = Traces(lambda _: next(looks))

    assert run(traces, "t.py::makes") == (set(), True)
    assert run(traces, "t.py::reads") == ({Need(AFTER, "", "t.py::makes")}, False)
    assert run(traces, "t.py::adds") == ({Need(AFTER, "", "t.py::makes")}, True)
    assert run(traces, "other.py::test") == (set(), False)
    assert run(traces, "t.py::last") == ({Need(AFTER, "", "t.py::adds")}, False)


def test_keys_of_the_environment_are_found_in_other_files_too() -> None:
    """By those that read them, or all keys; the last test that has set one counts."""
    looks, left = iter(range(99)), iter([["KEY"], ["OTHER"], (), (), (), ["KEY"], ()])
    traces = Traces(lambda _: next(looks), lambda: next(left))

    assert run(traces, "a.py::sets") == (set(), True)
    assert run(traces, "b.py::sets") == (set(), True)
    assert run(traces, "c.py::reads", "KEY") == ({Need(AFTER, "", "a.py::sets")}, True)
    assert run(traces, "d.py::reads", "PATH") == (set(), True)
    assert run(traces, "e.py::reads", "*") == ({Need(AFTER, "", f"{name}.py::sets") for name in "ab"}, True)
    assert run(traces, "f.py::sets", "KEY") == ({Need(AFTER, "", "a.py::sets")}, True)
    assert run(traces, "g.py::reads", "KEY") == ({Need(AFTER, "", "f.py::sets")}, True)


@pytest.mark.parametrize("error", [RuntimeError, KeyError])
def test_what_cannot_be_looked_at_is_left(error: type[Exception]) -> None:
    """A thread changes it, or it is a mapping that fails; a test that runs again does not come after itself."""

    def state_of(_item: pytest.Item) -> object:
        raise error

    traces = Traces(state_of)
    assert [run(traces, "t.py::test") for _ in range(2)] == [(set(), True)] * 2


def test_files_of_other_tests_get_their_names() -> None:
    """In the process that stores records: a fork does not know what others have written."""
    traces = Traces(lambda _: 0)
    plain, read = (
        {Need(DATA, "a"): b"1"},
        {Need(PROJECT): b"1", Need(AFTER, "/made"): b"", Need(AFTER, "/foreign"): b""},
    )

    assert traces.named("t.py::writes", plain, ["/made"]) is plain
    assert traces.named("t.py::reads", read, ()) == {Need(PROJECT): b"1", Need(AFTER, "", "t.py::writes"): b""}
    assert traces.named("t.py::writes", read, ()) == {Need(PROJECT): b"1"}, "its own"

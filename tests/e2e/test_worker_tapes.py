"""What workers tell: all of it arrives, once and in order, while tests run and after a worker has died."""

from __future__ import annotations

import os
import select
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.adapters.system import processes
from pytest_zygote.parallel import fast_hooks
from pytest_zygote.parallel.ring_buffer import HEADER, RingBuffer
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.worker_channel import WorkerChannel
from pytest_zygote.parallel.worker_handle import WorkerHandle
from tests.support.daemon import UNIT_S

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pytest_zygote.fixtures.transfer import Event
    from pytest_zygote.parallel.worker_handle import Node
    from tests.support.daemon import Project


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(None)), max_size=40))
def test_what_is_written_is_read(steps: list[bytes | None]) -> None:
    """In the same pieces and order, however often the tape has come to its end; None stands for a look."""
    tape = RingBuffer(capacity=64)
    written: list[bytes] = []
    read: list[bytes] = []
    for step in [*steps, None]:
        if step is None:
            read += [bytes(piece) for _, piece in tape.read(tape.written)]
            assert not tape.has_news
        elif tape.write(step):
            written.append(step)
        else:
            held = sum(HEADER.size + len(piece) for piece in written[len(read) :])
            assert held + HEADER.size + len(step) > 64
    assert read == written
    tape.close()


def test_a_piece_whose_bytes_are_not_there_yet_is_read_later() -> None:
    """Another processor may see the counter before the bytes."""
    tape = RingBuffer()
    for piece in (b"first", b"second"):
        tape.write(piece)
    place = HEADER.size + len(b"first") + HEADER.size
    kept, tape.ring[place : place + 3] = bytes(tape.ring[place : place + 3]), b"\0\0\0"
    assert [bytes(piece) for _, piece in tape.read(tape.written)] == [b"first"]
    assert tape.has_news
    tape.ring[place : place + 3] = kept
    assert [bytes(piece) for _, piece in tape.read(tape.written)] == [b"second"]
    tape.close()


@pytest.fixture
def board() -> Iterator[SharedFlags]:
    """A board of no run."""
    made = SharedFlags(0, 1)
    yield made
    made.close()


@pytest.fixture
def member(board: SharedFlags) -> Iterator[WorkerHandle]:
    """A worker that tells pieces of all sizes, and then is killed."""
    made = WorkerHandle(0, cast("Node", SimpleNamespace(gateway=SimpleNamespace(id="gw0"))))

    def tell() -> int:
        link, _ = made.become()
        line = WorkerChannel(link, made.tape, board, is_chatty=False)
        for event in told():
            line.tell(event)
            line.commit()
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    made.started(processes.fork_among_threads(tell))
    yield made
    made.await_end(UNIT_S)
    made.close()


def told() -> list[Event]:
    """Return events of which some are larger than the tape, and many more than fit on it."""
    return [("event", number, "x" * (400_000 if number % 40 == 0 else number)) for number in range(1, 2000)]


@pytest.mark.parametrize("is_asleep", [False, True])
def test_all_arrives_in_order(member: WorkerHandle, board: SharedFlags, *, is_asleep: bool) -> None:
    """Also what does not fit on the tape, and what was told just before the end; who sleeps is woken."""
    events: list[Event] = []
    is_over = False
    while not is_over:
        if is_asleep:
            board.sleep()
        ready, _, _ = select.select([member], [], [], UNIT_S)
        assert ready
        received, is_over = member.receive(is_called=True)
        events += received
    assert events == told()


def test_reports_of_a_worker_that_died_are_not_lost(project: Project) -> None:
    """Though the run process had not looked at one of them by then; and all tests run exactly once."""
    project.write(
        "conftest.py",
        """
        import os, pathlib, time

        def pytest_runtest_logreport(report):
            deadline = time.monotonic() + 20
            while not pathlib.Path("dying").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        """,
    )
    project.write(
        "test_it.py",
        """
        import os, pathlib, pytest

        @pytest.mark.parametrize("n", range(300))
        def test_it(n):
            with pathlib.Path("ran").open("a") as file:
                file.write(f"{n} ")
            if n == 40:
                pathlib.Path("dying").touch()
                os._exit(1)
        """,
    )
    result = project.plain("-n1")
    assert "1 failed, 299 passed" in result.stdout
    assert "crashed while running 'test_it.py::test_it[40]' (exit code 1)" in result.stdout
    assert sorted(map(int, (project.root / "ran").read_text().split())) == list(range(300))


def test_reports_arrive_while_the_next_test_runs(project: Project) -> None:
    """Whoever watches sees the end of a test that took no time, and the beginning of one that takes long."""
    project.write(
        "conftest.py",
        """
        def pytest_runtest_logstart(nodeid):
            print("begun", nodeid, file=open("seen", "a"))

        def pytest_runtest_logfinish(nodeid):
            print("over", nodeid, file=open("seen", "a"))
        """,
    )
    project.write(
        "test_it.py",
        """
        import pathlib, time

        def test_quick(): ...
        def test_long():
            deadline = time.monotonic() + 20
            while "over test_it.py::test_quick" not in pathlib.Path("seen").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        """,
    )
    project.write("seen", "")
    assert "2 passed" in project.plain("-n1").stdout


hookspec, hookimpl = pluggy.HookspecMarker("t"), pluggy.HookimplMarker("t")


class Specs:
    """Hooks with the names that are called often."""

    @hookspec
    def pytest_runtest_logstart(self, nodeid: str, location: str) -> None:
        """Return nothing."""

    @hookspec
    def pytest_runtest_logreport(self, report: str) -> None:
        """Return a list."""

    @hookspec
    def pytest_runtest_logfinish(self, nodeid: str, location: str) -> None:
        """Return nothing."""

    @hookspec(firstresult=True)
    def pytest_report_teststatus(self, report: str, config: str) -> None:
        """Return the first result."""


class Plain:
    """Implementations that take some of the arguments."""

    def __init__(self, name: str) -> None:
        """Have a name to answer with."""
        self.name = name

    @hookimpl
    def pytest_runtest_logstart(self, location: str, nodeid: str) -> None:
        """Answer nothing."""
        assert (location, nodeid) == ("here", "it")

    @hookimpl
    def pytest_runtest_logreport(self) -> str:
        """Answer."""
        return self.name

    @hookimpl
    def pytest_report_teststatus(self, report: str) -> str | None:
        """Answer to one report."""
        return self.name if report == self.name else None


class Wrapping:
    """An implementation around others."""

    @hookimpl(wrapper=True)
    def pytest_runtest_logreport(self) -> Generator[None, list[str], list[str]]:
        """Change the result."""
        return [*(yield), "wrapped"]


def results(manager: pluggy.PluginManager) -> list[object]:
    """Call all hooks."""
    hook = manager.hook
    called = [hook.pytest_runtest_logstart(nodeid="it", location="here"), hook.pytest_runtest_logreport(report="")]
    return [*called, *(hook.pytest_report_teststatus(report=name, config="") for name in ("a", "b", "c"))]


def test_hooks_that_are_called_often_do_what_they_do() -> None:
    """Whoever comes and goes, wraps or traces them meanwhile."""
    manager = pluggy.PluginManager("t")
    manager.add_hookspecs(Specs)
    first = Plain("a")
    manager.register(first)
    with fast_hooks.quickened(cast("pytest.Config", SimpleNamespace(hook=manager.hook, pluginmanager=manager))):
        assert results(manager) == [[], ["a"], "a", None, None]
        manager.register(Plain("b"))
        assert results(manager) == [[], ["b", "a"], "a", "b", None]
        wrapping = Wrapping()
        manager.register(wrapping)
        assert results(manager) == [[], ["b", "a", "wrapped"], "a", "b", None]
        manager.unregister(wrapping)
        manager.unregister(first)
        seen: list[str] = []
        undo = manager.add_hookcall_monitoring(lambda name, *_: seen.append(name), lambda *_: None)
        assert results(manager) == [[], ["b"], None, "b", None]
        assert len(seen) == 5
        undo()
    assert type(manager.hook.pytest_runtest_logreport) is pluggy.HookCaller
    assert results(manager) == [[], ["b"], None, "b", None]

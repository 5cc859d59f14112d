"""What workers send: all of it arrives, once and in order, while tests run and after a worker has died."""

from __future__ import annotations

import os
import select
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.system import processes
from pytest_zygote.parallel.messages import LogStart, WorkerMessage
from pytest_zygote.parallel.shared_flags import SharedFlags
from pytest_zygote.parallel.worker_channel import WorkerChannel
from pytest_zygote.parallel.worker_handle import WorkerHandle
from tests.support.daemon import UNIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.parallel.xdist_node import Node
    from tests.support.daemon import Project


@pytest.fixture
def flags() -> Iterator[SharedFlags]:
    """Flags of no run."""
    made = SharedFlags(0, 1)
    yield made
    made.close()


@pytest.fixture
def worker(flags: SharedFlags) -> Iterator[WorkerHandle]:
    """A worker that sends messages of all sizes, and then is killed."""
    made = WorkerHandle(0, cast("Node", SimpleNamespace(gateway=SimpleNamespace(id="gw0"))))

    def send() -> int:
        channel = WorkerChannel(made.become().link, made.ring, flags, is_verbose=False)
        for message in sent():
            channel.send(message)
            channel.commit()
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    made.started(processes.fork_among_threads(send))
    yield made
    made.await_end(UNIT_S)
    made.close()


def sent() -> list[WorkerMessage]:
    """Return messages of which some are larger than the ring, and many more than fit into it."""
    return [LogStart("x" * (400_000 if number % 40 == 0 else number), ("", number, "")) for number in range(1, 2000)]


@pytest.mark.parametrize("is_asleep", [False, True])
def test_all_arrives_in_order(worker: WorkerHandle, flags: SharedFlags, *, is_asleep: bool) -> None:
    """Also what does not fit into the ring, and what was sent just before the end; a sleeping run process is woken."""
    messages: list[WorkerMessage] = []
    is_over = False
    while not is_over:
        if is_asleep:
            flags.sleep()
        ready, _, _ = select.select([worker], [], [], UNIT_S)
        assert ready
        received, is_over = worker.receive(is_ready=True)
        messages += received
    assert messages == sent()


@pytest.mark.measured
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

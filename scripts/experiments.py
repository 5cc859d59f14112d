"""The experiments behind the figures. Each prepares its projects and daemons, takes samples, and stops what it started.

Contenders take turns (A B C, A B C, …) so that a machine that grows busy is busy for all of them.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent

from scripts import example, procfs, synthetic
from scripts.affected_experiments import hot_function, store_size, watch_save
from scripts.bench import ADDOPTS, Bench
from scripts.django_experiments import django_test
from scripts.edit_experiments import branch_switch, busy_test, edit_large, import_graph, many_edits, shifted_lines
from scripts.figures import Samples
from scripts.parallel_experiments import heavy_imports, many_reports, namesake, throughput, trivial_tests
from scripts.procfs import Process
from scripts.runners import Place, Plain, Warm, private_place
from scripts.session_experiments import (
    edit_and_think,
    file_edited,
    names_of_many,
    one_test_collected,
    selection_collected,
)
from scripts.stopwatch import UntrueRunError
from scripts.suite_experiments import real_suites, recording

BARRIER_TEST = '''
"""Says that it runs, and goes on when it is told to: so that several runs are alive at the same time."""

import os
import socket

import market


def test_waits():
    assert market.volatility is not None
    with socket.socket(socket.AF_UNIX) as barrier:
        barrier.connect(os.environ["ZYGOTE_BENCHMARK_BARRIER"])
        assert barrier.recv(1) == b"g"
'''


def one_test(bench: Bench) -> Samples:
    """One test, by every contender, and the floors."""
    test = example.ONE_TEST
    with private_place() as place, ExitStack() as daemons:
        plain, warm = bench.pair(place)
        off = Plain(place.with_environ(PYTEST_DAEMON_DISABLE="1"), bench.ours, warm.project)
        hot = daemons.enter_context(bench.hot(place).started())
        fast = daemons.enter_context(bench.fast(place).started(test))
        daemons.enter_context(warm.started())
        return bench.interleaved(
            {
                "cold": lambda: plain.pytest(test).seconds,
                "pz": lambda: warm.pz(test).seconds,
                "pytest-fast": lambda: fast.warm().seconds,
                "off": lambda: off.pytest(test).seconds,
                "pytest": lambda: warm.pytest(test).seconds,
                "import pytest": lambda: plain.python("-c", "import pytest").seconds,
                "python": lambda: plain.python("-I", "-S", "-c", "pass").seconds,
                "pytest-hot-reloading": lambda: hot.pytest(test).seconds,
            }
        )


def suite(bench: Bench) -> Samples:
    """All tests of the example project."""
    with private_place() as place:
        plain, warm = bench.pair(place)
        with warm.started():
            return bench.interleaved(
                {
                    "cold": lambda: plain.pytest(tests=example.TESTS).seconds,
                    "pz": lambda: warm.pz(tests=example.TESTS).seconds,
                }
            )


def first_run(bench: Bench) -> Samples:
    """The run that finds no daemon and nothing learned."""
    with private_place() as place:
        plain, warm = bench.pair(place)

        def first() -> float:
            warm.forget()
            seconds = warm.call("pz", example.ONE_TEST).that_passed(1).seconds
            procfs.wait_until_idle(place.scratch)
            return seconds

        samples = bench.interleaved(
            {"cold": lambda: plain.pytest(example.ONE_TEST).seconds, "first": first}, max(3, bench.repeat // 2)
        )
        warm.forget()
        return samples


def edit_test(bench: Bench) -> Samples:
    """A run at once after its test file was saved, by the name of a test that was not there before."""
    with private_place() as place:
        _, warm = bench.pair(place)
        edited = _EditedTest(warm.project)

        def unedited() -> float:
            procfs.wait_until_idle(place.scratch)
            return warm.pz(edited.name).seconds

        def at_once() -> float:
            procfs.wait_until_idle(place.scratch)
            edited.edit()
            return warm.pz(edited.name).seconds

        edited.edit()
        with warm.started():
            return bench.interleaved({"edited": at_once, "same": unedited})


class _EditedTest:
    """A test file whose only test has another name after each edit."""

    def __init__(self, project: Path) -> None:
        self._path = project / "tests" / "test_edited.py"
        self._edits = 0

    @property
    def name(self) -> str:
        """The name of the test that is there now."""
        return f"tests/{self._path.name}::test_edit_{self._edits}"

    def edit(self) -> None:
        """Save the file with another test in it."""
        self._edits += 1
        text = f"""
            from market.prices import drawdown


            def test_edit_{self._edits}(prices):
                assert drawdown(prices).min() < 0, {self._edits}
        """
        self._path.write_text(dedent(text), encoding="utf-8")


def edit_module(bench: Bench) -> Samples:
    """A run at once after a module was saved that half of two hundred others were built on."""
    test = synthetic.EDITED_TEST
    with private_place() as place:
        plain_edits = synthetic.Edits(place.scratch / "plain")
        warm_edits = synthetic.Edits(place.scratch / "warm", addopts=ADDOPTS)
        plain = Plain(place, bench.ours, plain_edits.folder)
        warm = Warm(place, bench.ours, warm_edits.folder)

        def after(edit: Callable[[], None], run: Callable[[str], float]) -> float:
            procfs.wait_until_idle(place.scratch)
            edit()
            return run(test)

        with warm.started():
            return bench.interleaved(
                {
                    "cold": lambda: after(plain_edits.edit_body, lambda name: plain.pytest(name).seconds),
                    "body": lambda: after(warm_edits.edit_body, lambda name: warm.pz(name).seconds),
                    "constant": lambda: after(warm_edits.edit_constant, lambda name: warm.pz(name).seconds),
                    "same": lambda: after(lambda: None, lambda name: warm.pz(name).seconds),
                }
            )


def memory(bench: Bench) -> Samples:
    """Three runs that are alive at the same time, with all that belongs to them."""
    with private_place() as scratch:
        place = scratch.with_environ(ZYGOTE_BENCHMARK_BARRIER=str(scratch.scratch / "barrier"))
        plain, warm = bench.pair(place)
        for runner in (plain, warm):
            example.write_files(runner.project, {"tests/test_barrier.py": BARRIER_TEST})

        def by_plain() -> float:
            with _alive(place, lambda: plain.pytest("tests/test_barrier.py")) as processes:
                return _proportional(processes)

        def by_daemon() -> float:
            with warm.started(), _alive(place, lambda: warm.pz("tests/test_barrier.py")) as processes:
                return _proportional(processes)

        return bench.interleaved({"plain": by_plain, "warm": by_daemon}, max(3, bench.repeat // 4))


@contextmanager
def _alive(place: Place, run: Callable[[], object], count: int = 3) -> Iterator[list[Process]]:
    """Hold *count* runs in the middle of their test, and give the processes there are then."""
    address = place.environ["ZYGOTE_BENCHMARK_BARRIER"]
    with socket.socket(socket.AF_UNIX) as barrier, ThreadPoolExecutor(count) as threads, ExitStack() as connections:
        barrier.bind(address)
        barrier.listen()
        barrier.settimeout(60)
        runs = [threads.submit(run) for _ in range(count)]
        held = [connections.enter_context(barrier.accept()[0]) for _ in runs]
        procfs.wait_until_idle(place.scratch)
        yield procfs.inside(place.scratch)
        for connection in held:
            connection.sendall(b"g")
        for ending in runs:
            ending.result()
    Path(address).unlink()


def _proportional(processes: list[Process]) -> float:
    return float(sum(process.proportional_memory for process in processes))


def idle(bench: Bench) -> Samples:
    """What a daemon uses while nobody works, with five thousand imported files to watch."""
    with private_place() as place:
        project = synthetic.write_plain_files(place.scratch / "files", 5000, ADDOPTS)
        warm = Warm(place, bench.ours, project)
        with warm.started():
            warm.pz(synthetic.WATCHED_TEST)
            procfs.wait_until_idle(place.scratch)
            processes = procfs.inside(place.scratch)
            folders = len(list(project.glob("package_*")))
            if (watches := sum(process.watches for process in processes)) < folders:
                raise UntrueRunError(f"{folders} folders hold the files, and {watches} are watched")
            before = procfs.cpu_seconds(processes)
            procfs.pause(bench.idle_seconds)
            share = (procfs.cpu_seconds(processes) - before) / bench.idle_seconds
            warm.pz(synthetic.WATCHED_TEST)
            return {"share": [share * 100]}


def endurance(bench: Bench) -> Samples:
    """Many runs in a row: what grows in the daemon and its layers? A tenth of the runs goes before, for settling."""
    with private_place() as place:
        _, warm = bench.pair(place)
        with warm.started():
            sizes = []
            for number in range(-(bench.runs // 10) - 1, bench.runs + 1):
                warm.pz(example.ONE_TEST)
                if number >= 0 and number % max(1, bench.runs // 10) == 0:
                    sizes.append(_sizes(place))
                    bench.say(f"  run {number} of {bench.runs}: {_told(sizes[-1])}")
    first, last = sizes[0], sizes[-1]
    if set(first) != set(last):
        raise UntrueRunError(f"the layers did not last: {sorted(first)} became {sorted(last)}")
    return {
        "growth": [max(last[process][0] / first[process][0] - 1 for process in first) * 100],
        "descriptors": [max(last[process][1] - first[process][1] for process in first)],
    }


def _sizes(place: Place) -> dict[str, tuple[int, int]]:
    """Return the memory and the descriptors of each process there is."""
    procfs.wait_until_idle(place.scratch)
    return {_name(process): (process.resident_memory, process.descriptors) for process in procfs.inside(place.scratch)}


def _name(process: procfs.Process) -> str:
    """Return what a process is; each run is the standby run, and leaves another like it."""
    title = process.command.partition(":")[0]
    return title if title.endswith("standby run") else f"{process.pid} {title}"


def _told(sizes: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{name} {size / 1e6:.2f} MB, {descriptors} fds" for name, (size, descriptors) in sizes.items())


def fork(bench: Bench) -> Samples:
    """What the system takes for a fork of a process of this size."""
    with private_place() as place:
        plain, _ = bench.pair(place)
        run = plain.python(str(Path(__file__).with_name("fork_floor.py")), str(10 * bench.repeat))
        return {"fork": json.loads(run.out)}


EXPERIMENTS: Mapping[str, Callable[[Bench], Samples]] = {
    experiment.__name__: experiment
    for experiment in (
        *(one_test, suite, first_run, edit_test, edit_module, memory, idle, endurance, fork),
        *(edit_large, shifted_lines, import_graph, busy_test, branch_switch, many_edits),
        *(hot_function, store_size, watch_save),
        django_test,
        *(one_test_collected, selection_collected, file_edited, edit_and_think, names_of_many),
        *(trivial_tests, heavy_imports, throughput, namesake, many_reports),
        *(real_suites, recording),
    )
}

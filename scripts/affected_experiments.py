"""The experiments with `--affected` and watch mode: what an edit costs until its tests are known, and the store."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from scripts import example, procfs, synthetic
from scripts.bench import Bench
from scripts.figures import Samples
from scripts.runners import Place, Plain, private_place
from scripts.stopwatch import DEADLINE, UntrueRunError

COLD = "-p pytest_zygote --daemon-disable"
HOT_FILES = 20
PER_HOT_FILE = 10
STORED_FILES = 500
PER_STORED_FILE = 20
MODULES = 100
FUNCTIONS = 20
"""So many functions in each module; a test calls all those of ten modules."""

_WORK = """
LIMIT = 1


def hot(value):
    return (value * 1103515245 + {number}) % 2147483648


def other(value):
    return (value * 69069 + 1) % 2147483648


def loop(step):
    value = 1
    for _ in range(300_000):
        value = step(value)
    return value
"""


def hot_function(bench: Bench) -> Samples:
    """A function edited that half of a suite depends on, which computes: `--affected` and a plain run of all."""
    with private_place() as place:
        numbers = count(1)
        folders = {
            name: _write_hot(place.scratch / name, COLD if name == "affected" else "") for name in ("plain", "affected")
        }
        plain, affected = (Plain(place, bench.ours, folder) for folder in folders.values())
        _record(
            affected, HOT_FILES * PER_HOT_FILE, lambda: _edit(folders["affected"] / "work.py", "LIMIT = 1", "LIMIT = 2")
        )

        def edited() -> float:
            text = _WORK.replace("LIMIT = 1", "LIMIT = 2").format(number=next(numbers))
            (folders["affected"] / "work.py").write_text(text, encoding="utf-8")
            run = affected.call("pytest", "-q", "--affected").that_succeeded()
            if run.outcomes.get("passed") != HOT_FILES * PER_HOT_FILE // 2:
                raise UntrueRunError(f"not half of the tests ran: {run.outcomes}")
            return run.seconds

        return bench.interleaved(
            {"plain": lambda: plain.pytest("-q", tests=HOT_FILES * PER_HOT_FILE).seconds, "edited": edited},
            max(3, bench.repeat // 3),
        )


def _write_hot(folder: Path, addopts: str) -> Path:
    test = "def test_{number}():\n    assert work.loop(work.{name}) >= 0\n\n\n"
    texts = {
        f"test_{file:02}.py": "import work\n\n\n"
        + "".join(test.format(number=number, name=("hot", "other")[file % 2]) for number in range(PER_HOT_FILE))
        for file in range(HOT_FILES)
    }
    fixed = {"work.py": _WORK.format(number=0), "conftest.py": "", "pytest.ini": example.ini(addopts)}
    example.write_files(folder, {**texts, **fixed})
    return folder


def _record(project: Plain, tests: int, edit: Callable[[], None]) -> None:
    """Have all tests run as a user would: for the first time, and after an edit that reaches all of them."""
    project.pytest("-q", "--affected", tests=tests)
    edit()
    project.pytest("-q", "--affected", tests=tests)


def _edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def store_size(bench: Bench) -> Samples:
    """The store of ten thousand tests of two hundred functions each, after a first run and one of everything."""
    with private_place() as place:
        folder = _write_stored(place.scratch / "stored")
        project = Plain(place, bench.ours, folder)
        every = STORED_FILES * PER_STORED_FILE
        _record(project, every, lambda: _edit(folder / "app" / "__init__.py", "", "LIMIT = 1\n"))
        files = (folder / ".pytest_cache" / "zygote").glob("affected-*")
        return {"size": [sum(file.stat().st_size for file in files) / 1e6]}


def _write_stored(folder: Path) -> Path:
    module = "".join(f"def f{number}(x):\n    return x + {number}\n\n\n" for number in range(FUNCTIONS))
    calls = f"ALL = [{', '.join(f'f{number}' for number in range(FUNCTIONS))}]\n"
    texts = {f"app/m{number:03}.py": f"import app\n\n\n{module}{calls}" for number in range(MODULES)}
    for file in range(STORED_FILES):
        used = sorted({(file * 7 + step * 11) % MODULES for step in range(10)})
        imports = "".join(f"from app import m{number:03}\n" for number in used)
        every = " + ".join(f"m{number:03}.ALL" for number in used)
        tests = "".join(
            f"def test_{number}():\n    assert sum(f(1) for f in {every})\n\n\n" for number in range(PER_STORED_FILE)
        )
        texts[f"tests/test_{file:03}.py"] = f"{imports}\n\n{tests}"
    fixed = {"app/__init__.py": "", "conftest.py": "", "pytest.ini": example.ini(f"{COLD} -o pythonpath=.")}
    example.write_files(folder, {**texts, **fixed})
    return folder


def watch_save(bench: Bench) -> Samples:
    """From a save until the result of the one test that it reaches is on the terminal, with heavy imports."""
    with private_place() as place:
        ours = synthetic.write_long_file(place.scratch / "ours", 1, "-p pytest_zygote")
        theirs = synthetic.write_long_file(place.scratch / "theirs", 1)
        peer = bench.cache.peer("pytest-watcher", ["pytest-watcher", "pytest>=9"], bench.ours)
        runner = ("--runner", peer.command("pytest"))  # it would take the one in the search path
        commands = {
            "ours": ([bench.ours.command("pytest"), "--watch", "-v"], ours),
            "pytest-watcher": ([peer.command("ptw"), *runner, ".", "--now", "-v", synthetic.LONG_TEST], theirs),
        }
        with (
            watching(place, *commands["ours"]) as first,
            watching(place, *commands["pytest-watcher"]) as second,
        ):
            numbers = count(1)
            for screen in (first, second):
                screen.expect(rb"1 passed")
            procfs.wait_until_idle(place.scratch)

            def save(screen: Screen, folder: Path) -> float:
                procfs.wait_until_idle(place.scratch)
                path = folder / "long.py"
                number = next(numbers)
                text = re.sub(r"y = .*", f"y = x + {number} - {number}", path.read_text(encoding="utf-8"))
                started = time.perf_counter()
                path.write_text(text, encoding="utf-8")
                screen.expect(rb"test_last \S*PASSED")
                seconds = time.perf_counter() - started
                screen.expect(rb"1 passed")
                return seconds

            return bench.interleaved(
                {"ours": lambda: save(first, ours), "pytest-watcher": lambda: save(second, theirs)}
            )


class Screen:
    """What a program writes to its terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = b""

    def expect(self, pattern: bytes) -> None:
        """Wait until it shows this, behind what was waited for before.

        Raises:
            UntrueRunError: it does not.
        """
        deadline = time.monotonic() + DEADLINE
        while not (match := re.search(pattern, self._text)):
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise UntrueRunError(f"the terminal does not show {pattern!r} but {self._text[-500:]!r}")
            self._text += os.read(self._descriptor, 65536)
        self._text = self._text[match.end() :]


@contextmanager
def watching(place: Place, command: list[str], folder: Path) -> Iterator[Screen]:
    """Start a program that watches, on a terminal, and end it by Ctrl-C's signal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=dict(place.environ), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as child:
        os.close(slave)
        try:
            yield Screen(master)
        finally:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
            os.close(master)

"""The experiments with collected sessions: runs whose configuration and collection were done ahead."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from scripts import example, procfs
from scripts.figures import Samples
from scripts.runners import Plain, Warm, private_place
from scripts.stopwatch import UntrueRunError

if TYPE_CHECKING:
    from scripts.experiments import Bench

ADDOPTS = "-p pytest_zygote"
KEPT = {"PYTEST_DAEMON_SESSIONS": "3"}
FILES = 500
PER_FILE = 20
TRIES = 300
PAUSE_S = 0.1


def one_test_collected(bench: "Bench") -> Samples:
    """One test of the example project, forked from a session that has collected it."""
    test = example.ONE_TEST
    with private_place() as place:
        plain = Plain(place, bench.ours, example.write(place.scratch / "plain"))
        warm = Warm(place.with_environ(**KEPT), bench.ours, example.write(place.scratch / "warm", ADDOPTS))
        with warm.started(), bench.fast(place).started(test) as fast:
            _collect(warm, test)
            samples = bench.interleaved(
                {
                    "cold": lambda: plain.pytest(test).seconds,
                    "pz": lambda: warm.pz(test).seconds,
                    "pytest-fast": lambda: fast.warm().seconds,
                }
            )
            _expect_hits(warm, bench.repeat)
            return samples


def selection_collected(bench: "Bench") -> Samples:
    """One of ten thousand tests, selected by ``-k``, again and again."""
    args = ("-k", "test_0499_19")
    with private_place() as place:
        plain = Plain(place, bench.ours, write_many_tests(place.scratch / "plain"))
        warm = Warm(place.with_environ(**KEPT), bench.ours, write_many_tests(place.scratch / "warm", ADDOPTS))
        with warm.started():
            _collect(warm, *args)
            repeat = max(3, bench.repeat // 3)
            samples = bench.interleaved(
                {"plain": lambda: plain.pytest(*args).seconds, "pz": lambda: warm.pz(*args).seconds}, repeat
            )
            _expect_hits(warm, repeat)
            return samples


def write_many_tests(folder: Path, addopts: str = "") -> Path:
    """Write ten thousand small tests in five hundred files; return *folder*."""
    texts = {
        f"tests/test_{file:04}.py": "".join(
            f"def test_{file:04}_{number:02}():\n    assert True\n\n\n" for number in range(PER_FILE)
        )
        for file in range(FILES)
    }
    example.write_files(folder, texts | {"conftest.py": "", "pytest.ini": example.ini(addopts)})
    return folder


def _collect(warm: Warm, *args: str) -> None:
    """Run a command line until its session is collected.

    Raises:
        UntrueRunError: it never is.
    """
    for _ in range(3):
        warm.pz(*args)
        for _ in range(TRIES):
            procfs.pause(PAUSE_S)
            status = warm.status()
            sessions = cast("list[dict[str, object]]", status["sessions"])
            if any(session["phase"] == "ready" for session in sessions):
                return
            if not sessions:
                break
    raise UntrueRunError(f"no session was collected: {warm.status()['session_unused']}")


def _expect_hits(warm: Warm, count: int) -> None:
    status = warm.status()
    if cast("int", status["session_runs"]) < count:
        raise UntrueRunError(f"not all runs were forked from a session: {status['session_unused']}")

"""The experiments with collected sessions: runs whose configuration and collection were done ahead."""

from pathlib import Path
from typing import cast

from scripts import example, procfs, synthetic
from scripts.bench import ADDOPTS, Bench
from scripts.figures import Samples
from scripts.runners import Plain, Warm, private_place
from scripts.stopwatch import Run, UntrueRunError

WITH_SESSIONS = {"PYTEST_DAEMON_SESSIONS": "3"}
FILES = 500
PER_FILE = 20
MANY_FILES = 5000
TRIES = 6000
PAUSE_S = 0.1
THINKING_S = 2.0
EDITED = "tests/test_saved.py"
REVISION = "revision.txt"


def one_test_collected(bench: Bench) -> Samples:
    """One test of the example project, forked from a session that has collected it."""
    test = example.ONE_TEST
    with private_place() as place:
        plain = Plain(place, bench.ours, example.write(place.scratch / "plain"))
        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, example.write(place.scratch / "warm", ADDOPTS))
        with warm.started(), bench.fast(place).started(test) as fast:
            collect(warm, test)
            samples = bench.interleaved(
                {
                    "cold": lambda: plain.pytest(test).seconds,
                    "pz": lambda: warm.pz(test).seconds,
                    "pytest-fast": lambda: fast.warm().seconds,
                }
            )
            _expect_hits(warm, bench.repeat)
            return samples


def selection_collected(bench: Bench) -> Samples:
    """One of ten thousand tests, selected by ``-k``, again and again."""
    args = ("-k", "test_0499_19")
    with private_place() as place:
        plain = Plain(place, bench.ours, synthetic.write_small_tests(place.scratch / "plain", FILES, PER_FILE))
        warm = Warm(
            place.with_environ(**WITH_SESSIONS),
            bench.ours,
            synthetic.write_small_tests(place.scratch / "warm", FILES, PER_FILE, ADDOPTS),
        )
        with warm.started():
            collect(warm, *args)
            repeat = max(3, bench.repeat // 3)
            samples = bench.interleaved(
                {"plain": lambda: plain.pytest(*args).seconds, "pz": lambda: warm.pz(*args).seconds}, repeat
            )
            _expect_hits(warm, repeat)
            return samples


def file_edited(bench: Bench) -> Samples:
    """One of ten thousand tests, selected by ``-k``, at once after its file was saved."""
    args = ("-k", "test_edited")
    with private_place() as place:
        plain = Plain(place, bench.ours, synthetic.write_small_tests(place.scratch / "plain", FILES - 1, PER_FILE))
        folder = synthetic.write_small_tests(place.scratch / "warm", FILES - 1, PER_FILE, ADDOPTS)
        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, folder)

        def edited(runner: Plain, script: str) -> float:
            save_revision(runner.project)
            return runner.call(script, *args).that_passed(1).seconds

        for runner in (plain, warm):
            save_revision(runner.project)
        with warm.started():
            collect(warm, *args)

            def at_once() -> float:
                procfs.wait_until_idle(place.scratch)
                return edited(warm, "pz")

            return bench.interleaved(
                {"plain": lambda: edited(plain, "pytest"), "pz": at_once}, max(3, bench.repeat // 3)
            )


def save_revision(project: Path) -> None:
    """Save the edited test file, whose test passes only if what is on disk is what runs."""
    number = int((project / REVISION).read_text(encoding="utf-8")) + 1 if (project / REVISION).exists() else 0
    test = f"def test_edited():\n    with open({REVISION!r}) as file:\n        assert file.read() == '{number}'\n"
    rest = "".join(f"\n\ndef test_other_{other:02}():\n    assert True\n" for other in range(PER_FILE - 1))
    example.write_files(project, {REVISION: str(number), EDITED: test + rest})


def edit_and_think(bench: Bench) -> Samples:
    """One test of the example project, two seconds after an edit that cannot be patched, and without one."""
    test = example.ONE_TEST
    with private_place() as place:
        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, example.write(place.scratch / "warm", ADDOPTS))
        edits = iter(range(1_000_000))
        module = warm.project / "market" / "prices.py"
        text = module.read_text(encoding="utf-8")

        def after(*, edit: bool) -> float:
            procfs.wait_until_idle(place.scratch)
            if edit:
                module.write_text(f"{text}\n\nEDITS = {next(edits)}\n", encoding="utf-8")
            procfs.pause(THINKING_S)
            return warm.pz(test).seconds

        with warm.started():
            collect(warm, test)
            return bench.interleaved({"edited": lambda: after(edit=True), "same": lambda: after(edit=False)})


def names_of_many(bench: Bench) -> Samples:
    """The names of a hundred thousand tests: the second time, and the memory that it takes."""
    args = ("--collect-only", "-q")
    with private_place() as place:
        plain = Plain(place, bench.ours, synthetic.write_small_tests(place.scratch / "plain", MANY_FILES, PER_FILE))
        folder = synthetic.write_small_tests(place.scratch / "warm", MANY_FILES, PER_FILE, ADDOPTS)
        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, folder)
        with warm.started():
            collect(warm, *args, tests=None)

            def named(runner: Plain, script: str) -> float:
                return _that_names(runner.call(script, *args), MANY_FILES * PER_FILE).seconds

            samples = bench.interleaved(
                {"plain": lambda: named(plain, "pytest"), "pz": lambda: named(warm, "pz")}, max(1, bench.repeat // 5)
            )
            _expect_hits(warm, 1)
            size = sum(process.proportional_memory for process in procfs.inside(place.scratch))
            return {**samples, "memory": [float(size)]}


def _that_names(run: Run, count: int) -> Run:
    found = sum("::" in line for line in run.out.splitlines())
    if found != count:
        raise UntrueRunError(f"{found} of {count} tests are named: {run.out[-500:]}{run.err[-500:]}")
    return run


def collect(warm: Warm, *args: str, tests: int | None = 1) -> None:
    """Run a command line until its session is collected.

    Raises:
        UntrueRunError: it never is.
    """
    for _ in range(3):
        procfs.wait_until_idle(warm.place.scratch, deadline=600)  # what the first runs teach makes other layers
        warm.call("pz", *args) if tests is None else warm.pz(*args, tests=tests)
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

"""The experiments with workers."""

from pathlib import Path

from scripts import example, synthetic
from scripts.bench import ADDOPTS, Bench
from scripts.figures import Samples
from scripts.runners import Fast, Plain, Warm, private_place
from scripts.session_experiments import WITH_SESSIONS, collect

FILES = 20
PER_FILE = 200
XDIST = ("pytest-xdist", "pytest>=9")
NAMESAKE = ("pytest-zygote", "pytest>=9")
TRIVIAL = "".join(f"def test_{number:03}():\n    assert {number} >= 0\n\n\n" for number in range(PER_FILE))


def trivial_tests(bench: Bench) -> Samples:
    """Four thousand tests that take no time: what they take beyond start and collection, with and without workers."""
    with private_place() as place:
        folder = place.scratch / "plain"
        texts = {f"tests/test_{file:02}.py": TRIVIAL for file in range(FILES)}
        example.write_files(folder, texts | {"pytest.ini": example.ini("-p pytest_zygote --daemon-disable")})
        plain = Plain(place, bench.ours, folder)
        samples = bench.interleaved(
            {
                "collection": lambda: plain.call("pytest", "-q", "--collect-only").that_succeeded().seconds,
                "plain": lambda: plain.pytest("-q", "-n0", tests=FILES * PER_FILE).seconds,
                "workers": lambda: plain.pytest("-q", "-n2", tests=FILES * PER_FILE).seconds,
            },
            max(3, bench.repeat // 3),
        )
    return {
        name: [all_of - start for all_of, start in zip(samples[name], samples["collection"], strict=True)]
        for name in ("plain", "workers")
    }


HEAVY = "import pandas\nimport scipy.stats\n\n\n"
HEAVY_FILES = 20
HEAVY_PER_FILE = 25


def heavy_imports(bench: Bench) -> Samples:
    """Five hundred tests that take no time, in files that import big libraries, with two workers."""
    tests = HEAVY_FILES * HEAVY_PER_FILE
    with private_place() as place:

        def project(name: str, addopts: str = "") -> Path:
            return synthetic.write_small_tests(place.scratch / name, HEAVY_FILES, HEAVY_PER_FILE, addopts, HEAVY)

        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, project("warm", ADDOPTS))
        xdist = Plain(place, bench.peer("xdist", XDIST), project("xdist"))
        fast = Fast(place, bench.peer("pytest-fast", Fast.requirements), project("fast"), tests, workers=2)
        with warm.started(), fast.started("tests", "tests") as fast:
            collect(warm, "-n", "2", tests=tests)
            return bench.interleaved(
                {
                    "pz": lambda: warm.pz("-n", "2", tests=tests).seconds,
                    "pytest-fast": lambda: fast.warm().seconds,
                    "pytest": lambda: warm.pytest("-n", "2", tests=tests).seconds,
                    "xdist": lambda: xdist.pytest("-n", "2", tests=tests).seconds,
                }
            )


def throughput(bench: Bench) -> Samples:
    """Four thousand tests that take no time, with two workers."""
    tests = FILES * PER_FILE
    with private_place() as place:
        texts = {f"tests/test_{file:02}.py": TRIVIAL for file in range(FILES)}
        folders = {name: place.scratch / name for name in ("warm", "fast")}
        for name, addopts in (("warm", ADDOPTS), ("fast", "")):
            example.write_files(folders[name], texts | {"pytest.ini": example.ini(addopts)})
        warm = Warm(place.with_environ(**WITH_SESSIONS), bench.ours, folders["warm"])
        fast = Fast(place, bench.peer("pytest-fast", Fast.requirements), folders["fast"], tests, workers=2)
        with warm.started(), fast.started("tests", "tests") as fast:
            collect(warm, "-q", "-n", "2", tests=tests)
            return bench.interleaved(
                {
                    "pz": lambda: warm.pz("-q", "-n", "2", tests=tests).seconds,
                    "pytest-fast": lambda: fast.warm().seconds,
                }
            )


def namesake(bench: Bench) -> Samples:
    """The same four thousand tests, cold, by us and by the other project that is called pytest-zygote."""
    tests = FILES * PER_FILE
    with private_place() as place:
        texts = {f"tests/test_{file:02}.py": TRIVIAL for file in range(FILES)}
        for name, addopts in (("ours", "-p pytest_zygote --daemon-disable"), ("theirs", "")):
            example.write_files(place.scratch / name, texts | {"pytest.ini": example.ini(addopts)})
        ours = Plain(place, bench.ours, place.scratch / "ours")
        theirs = Plain(place, bench.peer("namesake", NAMESAKE), place.scratch / "theirs")
        return bench.interleaved(
            {
                "ours": lambda: ours.pytest("-q", "-n", "2", tests=tests).seconds,
                "theirs": lambda: theirs.pytest("-q", "--workers", "2", tests=tests).seconds,
            }
        )


PEAK = """
import os
from pathlib import Path

_pid = os.getpid()


def pytest_unconfigure():
    if os.getpid() == _pid:
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
        Path("peak.txt").write_text(line.split()[1])
"""


def many_reports(bench: Bench) -> Samples:
    """Twenty thousand tests with two workers: what the run process has at most, beyond plain pytest."""
    tests = 20_000
    with private_place() as place:
        folder = synthetic.write_small_tests(place.scratch / "plain", 400, 50, "-p pytest_zygote --daemon-disable")
        example.write_files(folder, {"conftest.py": PEAK})
        plain = Plain(place, bench.ours, folder)

        def peak(*args: str) -> float:
            plain.pytest("-q", *args, tests=tests)
            return float((folder / "peak.txt").read_text(encoding="utf-8")) * 1024

        samples = bench.interleaved({"plain": peak, "workers": lambda: peak("-n", "2")}, max(1, bench.repeat // 5))
    return {"beyond": [workers - plain for workers, plain in zip(samples["workers"], samples["plain"], strict=True)]}

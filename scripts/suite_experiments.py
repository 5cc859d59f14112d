"""The experiment with suites that others have written: two workers, warm, against pytest-xdist."""

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts import example, procfs
from scripts.figures import Samples
from scripts.runners import Plain, Warm, private_place
from scripts.stopwatch import Run, UntrueRunError

if TYPE_CHECKING:
    from scripts.experiments import Bench

REQUIREMENTS = ("hypothesis", "networkx", "numpy", "pandas", "pytest-xdist", "pytest>=9", "scipy", "sympy")
LEARNING_RUNS = 2
"""The first finds out what is imported, the second what the layer lacks, and how long tests take."""


@dataclass(frozen=True)
class Suite:
    """Tests that come with a package.

    Attributes:
        name: of the package.
        arguments: what is run of it.
    """

    name: str
    arguments: tuple[str, ...]


SUITES = (
    Suite("networkx", ("networkx/classes", "networkx/generators")),
    Suite("pandas", ("-m", "not slow and not network and not db", "pandas/tests/series/methods")),
    Suite("sympy", ("sympy/core/tests/test_basic.py", "sympy/logic", "sympy/sets")),
)


def real_suites(bench: "Bench") -> Samples:
    """Run each suite with two workers, and with pytest-xdist's; all runs must have the same outcomes."""
    samples: dict[str, list[float]] = {}
    for suite in SUITES:
        measured = _suite(bench, suite)
        samples |= {f"{suite.name}, {name}": [*values] for name, values in measured.items()}
    for name in ("ours", "xdist"):
        rounds = zip(*(samples[f"{suite.name}, {name}"] for suite in SUITES), strict=True)
        samples[name] = [sum(seconds) for seconds in rounds]
    return samples


def _suite(bench: "Bench", suite: Suite) -> Samples:
    environment = bench.cache.with_us("suites", REQUIREMENTS)
    origin = environment.package(suite.name)
    options = ("-q", "-n", "2", *suite.arguments)
    with private_place() as place:
        projects = {name: place.scratch / name for name in ("ours", "xdist")}
        for name, folder in projects.items():
            # The project's own, as where it is developed, and not what is installed beside it.
            # pandas has settings of its own, without our plugin.
            shutil.copytree(origin, folder / suite.name, ignore=shutil.ignore_patterns("pyproject.toml"))
            addopts = "addopts = -p pytest_zygote\n" if name == "ours" else ""
            # A daemon begins with what is collected where nothing is named, and all of pandas takes minutes.
            tests = " ".join(argument for argument in suite.arguments if argument.startswith(suite.name))
            example.write_files(folder, {"pytest.ini": f"[pytest]\ntestpaths = {tests}\n{addopts}"})
        xdist = Plain(place, environment, projects["xdist"])
        warm = Warm(place, environment, projects["ours"])
        first = xdist.call("pytest", *options)

        def alike(run: Run) -> float:
            if (run.code, run.outcomes) != (first.code, first.outcomes) or not run.outcomes.get("passed"):
                raise UntrueRunError(f"{suite.name}: {run.code} {run.outcomes}, at first {first.code} {first.outcomes}")
            return run.seconds

        def served() -> float:
            warm.runs.append(warm.call("pytest", *options).that_was_warm())
            return alike(warm.runs[-1])

        with warm.started():
            for _ in range(LEARNING_RUNS):
                served()
                procfs.wait_until_idle(place.scratch)
            return bench.interleaved(
                {
                    "ours": served,
                    "xdist": lambda: alike(xdist.call("pytest", *options)),
                },
                max(1, bench.repeat // 5),
            )

"""The experiments with suites that others have written: two workers against pytest-xdist's, and recording."""

import resource
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts import example, procfs
from scripts.bench import Bench
from scripts.environments import Environment, pip
from scripts.figures import Samples
from scripts.runners import Plain, Warm, private_place
from scripts.stopwatch import Run, UntrueRunError

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


def real_suites(bench: Bench) -> Samples:
    """Run each suite with two workers, and with pytest-xdist's; all runs must have the same outcomes."""
    samples: dict[str, list[float]] = {}
    for suite in SUITES:
        measured = _suite(bench, suite)
        samples |= {f"{suite.name}, {name}": [*values] for name, values in measured.items()}
    for name in ("ours", "xdist"):
        rounds = zip(*(samples[f"{suite.name}, {name}"] for suite in SUITES), strict=True)
        samples[name] = [sum(seconds) for seconds in rounds]
    return samples


def _suite(bench: Bench, suite: Suite) -> Samples:
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


RECORDING = ("-p", "pytest_zygote", "--affected=all")
RECORDED = ("jinja2", "networkx", "numpy", "pytest>=9", "scipy", "trio")


def recording(bench: Bench) -> Samples:
    """Run the suites of jinja2 and networkx in one process, with and without `--affected`: seconds of the processor."""
    environment = bench.cache.with_us("recorded", RECORDED)
    samples: dict[str, list[float]] = {}
    with private_place() as place:
        jinja2, networkx = place.scratch / "jinja2", place.scratch / "networkx"
        shutil.copytree(_source(bench, environment, "jinja2"), jinja2)
        shutil.copytree(environment.package("networkx"), networkx / "networkx")
        example.write_files(networkx, {"pytest.ini": "[pytest]\n"})
        suites = {jinja2: ("-o", "pythonpath=src"), networkx: ("networkx/classes", "networkx/generators/tests")}
        for folder, arguments in suites.items():
            project = Plain(place.with_environ(PYTEST_DAEMON_DISABLE="1"), environment, folder)
            measured = bench.interleaved(
                {
                    f"{folder.name}, plain": partial(_processor, project, "-q", *arguments),
                    f"{folder.name}, recorded": partial(_processor, project, "-q", *RECORDING, *arguments),
                }
            )
            samples |= {name: [*values] for name, values in measured.items()}
    return samples


def _source(bench: Bench, environment: Environment, name: str) -> Path:
    """Return the folder with the source of a package, whose tests are not installed."""
    folder = bench.cache.folder / "sources" / name
    if not folder.exists():
        archives = folder.with_name(f"{name}.archive")
        pip(environment, "download", "--quiet", "--no-deps", "--no-binary", name, "--dest", str(archives), name)
        (archive,) = archives.iterdir()
        shutil.unpack_archive(archive, folder, filter="data")
    (source,) = folder.iterdir()
    return source


def _processor(project: Plain, *arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = project.call("pytest", *arguments).that_succeeded()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not run.outcomes.get("passed"):
        raise UntrueRunError(f"no test passed: {run.outcomes}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

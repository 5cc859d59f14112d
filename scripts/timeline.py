"""Prints where the time of a warm run goes, from the start of the client to its end.

    python -m scripts.timeline

The example project's conftest.py is made to note the time in pytest's hooks. All processes share the system's
monotonic clock, so the notes of a run and the times of its client are on one line.
"""

import json
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scripts import example
from scripts.bench import ADDOPTS
from scripts.environments import Environment
from scripts.runners import Plain, Warm, private_place

REPEAT = 20

_NOTES = """

import json
import os
import resource
import time

_notes = {}


def _note(name):
    _notes.setdefault(name, (time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt))


_note("conftest.py is imported")


def pytest_configure():
    _note("pytest is configured")


def pytest_collection():
    _note("collection begins")


def pytest_collection_finish():
    _note("collection is done")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logfinish():
    _note("the test is over")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    _note("the session is over")


def pytest_unconfigure():
    _note("pytest is unconfigured")
    with open(os.environ["ZYGOTE_TIMELINE"], "w") as file:
        json.dump(_notes, file)
"""


class Note(NamedTuple):
    """When something happened, and how many page faults the run had had by then.

    A fork shares its memory until someone writes to it; each page written to is a fault, and faults are what a warm
    run pays for instead of imports.
    """

    time: float
    faults: int = 0


Notes = Mapping[str, Note]


def main() -> None:
    """Print the medians of the phases of `pz` and of a cold run, and of what a client cannot do without."""
    with private_place() as scratch:
        notes = scratch.scratch / "notes.json"
        place = scratch.with_environ(ZYGOTE_TIMELINE=str(notes))
        environment = Environment(Path(sys.executable))
        warm = Warm(place, environment, example.write(place.scratch / "warm", ADDOPTS))
        plain = Plain(place, environment, example.write(place.scratch / "plain"))
        for project in (warm.project, plain.project):
            with (project / "conftest.py").open("a", encoding="utf-8") as conftest:
                conftest.write(_NOTES)
        print_floors(warm)
        with warm.started():
            print_phases("pz, warm", [noted(warm, "pz", notes) for _ in range(REPEAT)])
            print_phases("pytest, warm", [noted(warm, "pytest", notes) for _ in range(REPEAT)])
        print_phases("pytest, cold", [noted(plain, "pytest", notes) for _ in range(3)])


def noted(runner: Plain, script: str, notes: Path) -> Notes:
    """Run the one test and return what happened when, in the order in which it happened."""
    begin = time.monotonic()
    run = runner.call(script, example.ONE_TEST).that_passed(1)
    if isinstance(runner, Warm):
        run.that_was_warm()
    hooks = {name: Note(*note) for name, note in json.loads(notes.read_text(encoding="utf-8")).items()}
    return {"it is started": Note(begin), **hooks, "its end is known": Note(begin + run.seconds)}


def print_phases(title: str, runs: list[Notes]) -> None:
    """Print how long each phase took, as the median of these runs."""
    total = median(run["its end is known"].time - run["it is started"].time for run in runs)
    print(f"\n{title}: {total * 1000:.1f} ms")
    for before, after in pairwise(runs[0]):
        seconds = median(run[after].time - run[before].time for run in runs)
        faults = median(run[after].faults - run[before].faults for run in runs)
        print(f"  {seconds * 1000:7.1f} ms  until {after}" + (f", {faults:.0f} page faults" if faults > 0 else ""))


def print_floors(warm: Warm) -> None:
    """Print what starting an interpreter and importing the client costs, which every `pz` pays first."""
    floors = {
        "python -I -S": ("-I", "-S", "-c", "pass"),
        "python": ("-c", "pass"),
        "python, client imported": ("-c", "import pytest_zygote.client"),
        "python, pytest imported": ("-c", "import pytest"),
    }
    for title, args in floors.items():
        seconds = median(warm.python(*args).seconds for _ in range(REPEAT))
        print(f"{title}: {seconds * 1000:.1f} ms")


if __name__ == "__main__":
    main()

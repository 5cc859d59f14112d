"""Tries libraries that people really import: each in an environment of its own, plain and warm, and compared.

A library is *good* if all its runs agree with plain pytest in results, warnings, exit code and output, the later ones
were warm, and `pz` takes at most 0.3 of plain's time where plain takes a second or more: its import is in a layer.
What each came out as is kept in the cache folder, so that they can be tried a few at a time; ``--page`` writes the
table of all that is kept to docs/libraries.md. If `uv` is on the search path, it makes the environments: much faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from textwrap import indent

from pytest_zygote.core.cli.comparison import Difference, render
from scripts.differential import REPOSITORY, Project, Run, Runner, differences
from scripts.library_cases import CASES, DJANGO_SETTINGS, LibraryCase
from scripts.output_comparison import unexplained

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pytest-zygote-libraries"
PAGE = REPOSITORY / "docs" / "libraries.md"
LEARNING_RUNS = 3
"""From the third run on a project is learned."""

SLOW_S = 1.0
"""Where plain takes less, the start of Python and pytest is most of it."""

RATIO = 0.3
SHOWN = 6
REASONS = 3
"""How many reasons why modules are in no layer the page shows of a library."""

UNTRIED = ("cannot be installed", "fails in plain pytest")

HEAD = """\
# Libraries

What becomes of libraries that people really import. Of the {cases} in `scripts/library_cases.py`, {all} were tried for
this page: {good} are warm and equal, and as fast as they should be.

Each was tried in an environment of its own, by a small project that imports and uses it. *Second run*: against plain
pytest, while the project is still being learned. `pz`: against plain pytest, once it is (the median of runs taken
alternately). The machine had much other work: times and ratios say how large something is, not more. What is in no
layer is imported by each run itself: that costs time only. A library that cannot be installed, or fails in plain
pytest, is listed and does not count as tried.

Made by `python -m scripts.libraries --page`; do not edit.

| library | plain | second run | `pz` | came out as | in no layer |
|---|---|---|---|---|---|
"""


@dataclass
class Row:
    """What became of one library.

    Attributes:
        state: good, slow, cold, differs, or why it was not tried.
        plain_s: what plain pytest takes.
        learning: what the first runs take, against plain.
        pz: what `pz` takes at the end, against plain.
        told: what the plugin said.
        in_no_layer: modules that the daemon imports early in no layer, each with the reason.
        problems: what differs.
    """

    name: str
    version: str = ""
    state: str = "good"
    plain_s: float = 0.0
    learning: list[float] = field(default_factory=list)
    pz: float = 0.0
    told: list[str] = field(default_factory=list)
    in_no_layer: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return the row of the table."""
        second = f"{self.learning[1]:.2f}" if len(self.learning) > 1 else ""
        reasons = dict.fromkeys(reason.replace("|", "/") for reason in self.in_no_layer.values())
        shown = [*reasons][:REASONS]
        if len(reasons) > REASONS:
            shown.append(f"and {len(reasons) - REASONS} reasons more")
        cells = (f"{self.plain_s:.2f} s", second, f"{self.pz:.2f}", self.state, "; ".join(shown))
        return f"| {self.name} {self.version} | {' | '.join(cells)} |"


def install(case: LibraryCase) -> Path:
    """Make the environment of a library, with this checkout in it; return the folder of its commands."""
    folder = CACHE / case.name / "environment"
    wanted = ("pytest", case.name, *case.requirements)
    stamp = folder / "requirements"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != " ".join(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, symlinks=True, with_pip=False)
        _pip(folder, *wanted)
        stamp.write_text(" ".join(wanted), encoding="utf-8")
    _pip(folder, "--force-reinstall", "--no-deps", str(REPOSITORY))
    _pip(folder, str(REPOSITORY))
    return folder / "bin"


def _pip(folder: Path, *args: str) -> None:
    python = str(folder / "bin/python")
    uv = shutil.which("uv")
    pip = (
        [uv, "pip", "install", "--python", python]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install"]
    )
    subprocess.run([*pip, "--quiet", *args], check=True, capture_output=True, text=True)


def _version_of(scripts: Path, name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([scripts / "python", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def write_project(case: LibraryCase, root: Path) -> None:
    """Write the project that uses a library."""
    root.mkdir()
    files = {
        "app.py": f"{case.app}\n",
        "settings.py": DJANGO_SETTINGS,
        "test_app.py": f"import app\n\n\ndef test_use():\n{indent(case.use, '    ')}\n",
        "pytest.ini": "[pytest]\n",
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")


class Trial:
    """The runs of one library."""

    def __init__(self, row: Row, runner: Runner, rounds: int) -> None:
        self._row = row
        self._runner = runner
        self._rounds = rounds

    def run(self) -> None:
        """Run plain, warm and by `pz`, and note in the row what becomes of it."""
        self._runner.plain("-q")  # Compiles what nobody has imported yet.
        plain, again = self._runner.plain("-q"), self._runner.plain("-q")
        self._row.plain_s = round(min(plain.seconds, again.seconds), 2)
        if plain.code != 0:
            self._row.state = UNTRIED[1]
            self._row.problems.append(plain.text[-1500:])
            return
        noise = differences(plain, again)
        runs = [self._runner.warm("-q") for _ in range(LEARNING_RUNS)]
        self._row.learning = [round(run.seconds / self._row.plain_s, 2) for run in runs]
        timed = [(self._runner.plain("-q"), self._runner.pz("-q")) for _ in range(self._rounds)]
        self._row.pz = round(median(pz.seconds / plain.seconds for plain, pz in timed), 2)
        self._judge(plain, [*runs, *(pz for _, pz in timed)], noise)
        status = self._runner.status()
        self._row.in_no_layer = dict(status["rejected"])
        if self._row.state != "good":
            self._row.problems += [f"cold: {entry['reason']}" for entry in status["cold"]]
            self._row.problems.append(self._runner.log())

    def _judge(self, plain: Run, runs: list[Run], noise: tuple[Difference, ...]) -> None:
        self._row.told = list(dict.fromkeys(line for run in runs for line in run.told))
        if self._row.plain_s >= SLOW_S and self._row.pz > RATIO:
            self._row.state = "slow"
        if not all(run.is_warm for run in runs[1:]):
            self._row.state = "cold"
        for number, run in enumerate(runs, 1):
            found = unexplained(differences(plain, run), noise)
            if found:
                self._row.state = "differs"
                self._row.problems.append("\n".join([f"run {number} differs:", *render(found, SHOWN)]))


def examine(case: LibraryCase, rounds: int) -> Row:
    """Try one library, and take the time of so many runs."""
    row = Row(case.name)
    try:
        scripts = install(case)
    except subprocess.CalledProcessError as error:
        row.state = UNTRIED[0]
        row.problems.append(str(error.stderr)[-1500:])
        return row
    row.version = _version_of(scripts, case.name)
    # A short path: the name of a unix socket has little more than a hundred characters.
    with tempfile.TemporaryDirectory(prefix="pz") as runtime, tempfile.TemporaryDirectory(prefix="pj") as home:
        root = Path(home) / "project"
        write_project(case, root)
        runner = Runner(Project(case.name, row.version, root, scripts, (), ()), Path(runtime))
        try:
            Trial(row, runner, rounds).run()
        finally:
            runner.stop()
    return row


def kept_rows() -> list[Row]:
    """Return what the libraries came out as when they were tried last."""
    files = (CACHE / case.name / "row.json" for case in CASES)
    return [Row(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]


def write_page(rows: list[Row]) -> None:
    """Write the table of what came out."""
    good = sum(row.state == "good" for row in rows)
    head = HEAD.format(cases=len(CASES), good=good, all=sum(row.state not in UNTRIED for row in rows))
    PAGE.write_text(head + "".join(f"{row.line}\n" for row in rows), encoding="utf-8")


def main() -> int:
    """Try the chosen libraries, one after the other."""
    parser = argparse.ArgumentParser(description="Run projects that use libraries plain and warm, and compare.")
    parser.add_argument("--only", metavar="NAME", action="append", help="this library; may be given several times")
    parser.add_argument("--rounds", type=int, default=3, help="how often to take the time (default: %(default)s)")
    parser.add_argument("--page", action="store_true", help="write docs/libraries.md from what is kept")
    parser.add_argument("--discard", action="store_true", help="remove each environment once its library was tried")
    options = parser.parse_args()
    chosen = [case for case in CASES if case.name in (options.only or [case.name] * (not options.page))]
    is_good = True
    for case in chosen:
        row = examine(case, options.rounds)
        (CACHE / case.name).mkdir(parents=True, exist_ok=True)
        (CACHE / case.name / "row.json").write_text(json.dumps(asdict(row), indent=1), encoding="utf-8")
        print(row.line, *row.problems, sep="\n", flush=True)
        is_good = is_good and row.state == "good"
        if options.discard:
            shutil.rmtree(CACHE / case.name / "environment", ignore_errors=True)
    if options.page:
        write_page(kept_rows())
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())

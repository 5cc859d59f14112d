"""Compares warm runs with plain pytest on the suites of well-known projects.

The promise is that nobody can tell a warm run from a plain one, except by the clock. Suites
that others wrote try that harder than ours can. Each project is fetched from the package
index, gets an environment of its own in a cache folder, and runs

1. plain, twice: what already differs here is the suite's own noise. It is shown, and set
   aside in what follows;
2. warm, three times: the first run may have to start the daemon, the second and the third
   must be warm, and start from layers that learned from the runs before;
3. some of its files and some single tests, plain and warm, spread over the whole suite;
4. one file with other options, plain and warm.

Compared are results, order, warnings, collection, exit codes and every line of the output.
With PYTEST_DAEMON_SESSIONS=3 and PYTEST_DAEMON_FORCE_SESSIONS=1 in the environment, all warm runs that can be are
forked from collected sessions (`make differential-sessions`).

The exit code is 1 if anything differs, or if a run that had to be warm was not, which the
recording proves by the process it names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.core.cli.comparison import Difference, compare, render
from pytest_zygote.core.cli.recording import Recording, decode
from pytest_zygote.run.outcome_recorder import VARIABLE
from scripts.output_comparison import compare_output, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_zygote.daemon.status_snapshot import StatusSnapshot

REPOSITORY = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pytest-zygote-differential"
LIMIT_S = 900
"""No run takes longer; one that does hangs, which is a difference too."""

LAST_WORDS_S = 10
"""How long a killed command's other processes have to follow it."""

SHOWN = 12
"""How many differences of a run are shown; the first ones tell most."""

LOG_LINES = 30
"""How much of the daemon's log is shown when something went wrong."""

WARM_RUNS = 3
PROBES = 3
"""How many files, and how many single tests, are run by themselves."""

VARIANTS = (
    ("-v", "--tb=short"),
    ("-q", "-k", "not a"),
    ("--collect-only",),
    ("-x", "--capture=no"),
    ("-p", "no:cacheprovider"),
    ("-p", "no:doctest", "-W", "default"),
    ("--assert=plain",),
    ("--import-mode=append",),
    ("--no-such-option",),
)
"""Options that decide what is printed, what is run, or how it is imported. Not every layer is exact for each of them,
so that these runs may be cold; yet none may differ."""

MISLEADING = ("CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
"""Variables that children do not get. With CI the plugin is inert, and plain would be compared with plain; without
bytecode files each plain run compiles everything; the others bring in what is not the project's."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A project with tests.

    Attributes:
        name: Its name on the package index.
        requirements: What its tests need besides itself and pytest.
        options: How its tests are run.
        parts: Which of its tests are run; none: all.
        quick: Which of them are run with ``--quick``; none: the project is left out.
        is_in_wheel: Whether the tests are part of the package. If not, they are in the source distribution only.
        folder: Where to start pytest, below the unpacked project: where its settings are.
    """

    name: str
    requirements: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    is_in_wheel: bool = False
    folder: str = "."


TALKATIVE = ("-rA",)
"""Show the output of passed tests too. For more than some thousand tests, pytest takes minutes for it."""

SEEDED = ("--hypothesis-seed=0",)
"""Hypothesis tries other examples in each run; a seed makes it try the same ones."""

SUITES = (
    Suite("attrs", ("cloudpickle", "hypothesis", "pympler", "pytest-xdist[psutil]"), TALKATIVE + SEEDED),
    Suite("click", options=TALKATIVE, quick=("tests/test_basic.py", "tests/test_imports.py", "tests/test_testing.py")),
    # Its tests import a private name that pytest 9 no longer has.
    Suite("flask", ("asgiref", "greenlet", "pytest<9", "python-dotenv"), TALKATIVE),
    Suite("jinja2", ("trio",), TALKATIVE, quick=("tests/test_ext.py", "tests/test_loader.py")),
    # With watchdog 7, the test of its reloader waits for ever.
    Suite("werkzeug", ("cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout", "watchdog<7"), TALKATIVE),
    # Without the 50,000 ways to compare two versions, which take minutes.
    Suite("packaging", ("hypothesis", "pretend", "tomli_w"), (*SEEDED, "--ignore=tests/test_version.py")),
    Suite(
        "networkx",
        ("numpy", "scipy"),
        parts=(
            "networkx/algorithms/bipartite",
            "networkx/algorithms/centrality",
            "networkx/algorithms/community",
            "networkx/algorithms/flow",
            "networkx/algorithms/tests",
            "networkx/classes",
        ),
        is_in_wheel=True,
    ),
    Suite(
        "pandas",
        ("hypothesis",),
        # Without the project's --durations: no two runs agree on which tests are slow.
        (*SEEDED, "-o", "addopts=--capture=no", "-m", "not slow and not network and not db"),
        (
            "tests/series/accessors",
            "tests/series/indexing",
            "tests/series/methods",
            "tests/series/test_constructors.py",
        ),
        is_in_wheel=True,
        folder="pandas",
    ),
)


@dataclass(frozen=True, slots=True)
class Project:
    """An installed suite.

    Attributes:
        name: Its name on the package index.
        version: The fetched version.
        folder: Where pytest is started.
        scripts: Where the commands of its environment are.
        options: How its tests are run.
        parts: Which of its tests are run.
    """

    name: str
    version: str
    folder: Path
    scripts: Path
    options: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as seen from outside and as recorded from inside.

    Attributes:
        code: The exit status of the command, or None if it did not end.
        text: What it wrote to stdout and stderr, without what the tool told.
        told: What the tool told, in lines that start with ``zygote:``.
        seconds: How long the user waited.
        client: The process id of the command.
        recording: What the recorder wrote, if it did.
    """

    code: int | None
    text: str
    told: tuple[str, ...]
    seconds: float
    client: int
    recording: Recording | None

    @property
    def is_warm(self) -> bool:
        """Whether another process than the command itself ran the tests."""
        served = self.recording is not None and self.recording.process != self.client
        return served and not any("cold" in line for line in self.told)


@dataclass(slots=True)
class Row:
    """One line of the table: runs of one kind."""

    scope: str
    tests: int = 0
    plain_s: float = 0.0
    warm_s: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What became of one project."""

    project: Project
    rows: list[Row] = field(default_factory=list)
    noise: list[Difference] = field(default_factory=list)
    log: str = ""
    sessions: str = ""

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [problem for row in self.rows for problem in row.problems]


class Runner:
    """Runs pytest in a project, plain and warm, as a user of it would.

    One daemon serves all warm runs. Its runtime folder is private: a user's own daemons are neither used nor stopped.
    All runs record into the same path, because a layer may depend on the environment.
    """

    def __init__(self, project: Project, runtime: Path) -> None:
        self._project = project
        self._runtime = runtime
        self._recording = runtime / "recording.json"
        self._environment = {name: value for name, value in os.environ.items() if name not in MISLEADING} | {
            "PATH": f"{project.scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            # As on a terminal, where no buffer hides what a run wrote before it had to start again.
            "PYTHONUNBUFFERED": "1",
            "XDG_RUNTIME_DIR": str(runtime),
            VARIABLE: str(self._recording),
        }

    def plain(self, *arguments: str) -> Run:
        """Run plain pytest, with the plugin present and switched off."""
        return self._run(arguments, {"PYTEST_DAEMON_DISABLE": "1"})

    def warm(self, *arguments: str) -> Run:
        """Run pytest as its users do."""
        return self._run(arguments, {})

    def pz(self, *arguments: str) -> Run:
        """Run pytest by the short command."""
        return self._run(arguments, {}, command="pz")

    def stop(self) -> None:
        """Stop the daemon; there may be none."""
        self._run(("--stop-daemon",), {})

    def status(self) -> StatusSnapshot:
        """Return what the daemon reports about itself."""
        text = self._run(("--daemon-status=json",), {}).text.partition("\non stderr:")[0]
        status: StatusSnapshot = json.loads(text)
        return status

    def told_of_sessions(self) -> str:
        """Say how many runs the daemon has forked from collected sessions, and why the others were not."""
        status = self.status()
        logs = [path.read_text(encoding="utf-8", errors="replace") for path in self._runtime.glob("*/*.log")]
        refusals = (line.partition("no collected session: ")[2] for log in logs for line in log.splitlines())
        reasons = Counter(filter(None, refusals))
        lines = [f"{status['session_runs']} of {status['runs_served']} warm runs were forked from collected sessions"]
        return "\n".join([*lines, *(f"  {count} not: {reason}" for reason, count in reasons.most_common())])

    def log(self) -> str:
        """Give the last lines of the daemon's log."""
        logs = [path.read_text(encoding="utf-8", errors="replace") for path in self._runtime.glob("*/*.log")]
        return "\n".join(line for log in logs for line in log.splitlines()[-LOG_LINES:])

    def _run(self, arguments: Sequence[str], extra: dict[str, str], command: str = "pytest") -> Run:
        self._recording.unlink(missing_ok=True)
        start = time.perf_counter()
        process = subprocess.Popen(
            [
                self._project.scripts / command,
                "-p",
                "pytest_zygote",
                "-p",
                "pytest_zygote.run.outcome_recorder",
                *arguments,
            ],
            cwd=self._project.folder,
            env=self._environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        output, errors, has_ended = _communicate(process)
        seconds = time.perf_counter() - start
        told = tuple(line for line in errors.splitlines() if line.startswith("zygote: "))
        others = [line for line in errors.splitlines() if not line.startswith("zygote: ")]
        return Run(
            code=process.returncode if has_ended else None,
            text="\n".join([output, "on stderr:", *others]),
            told=told,
            seconds=seconds,
            client=process.pid,
            recording=decode(self._recording.read_text(encoding="ascii")) if self._recording.exists() else None,
        )


def _communicate(process: subprocess.Popen[str]) -> tuple[str, str, bool]:
    """Give what the command writes and whether it ends, with all that hold its output, in time."""
    try:
        return *process.communicate(timeout=LIMIT_S), True
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        return *process.communicate(timeout=LAST_WORDS_S), False
    except subprocess.TimeoutExpired:
        return "", "a process of this run lives on without the command", False


def differences(plain: Run, warm: Run) -> tuple[Difference, ...]:
    """Compare two runs in everything that the user or the next program sees."""
    found = compare_output(plain.text, warm.text)
    if plain.code != warm.code:
        found += (Difference("exit status", "of the command", str(plain.code), str(warm.code)),)
    if plain.recording is not None and warm.recording is not None:
        return compare(plain.recording, warm.recording) + found
    if plain.recording is not warm.recording:
        present = str(plain.recording is not None), str(warm.recording is not None)
        found += (Difference("recording", "written", *present),)
    return found


class Trial:
    """The runs of one project, compared."""

    def __init__(self, project: Project, runner: Runner) -> None:
        self._options = project.options
        self._parts = project.parts
        self._runner = runner
        self._noise: dict[tuple[str, ...], tuple[Difference, ...]] = {}
        self.report = Report(project)

    def run(self) -> Report:
        """Run everything and report; what earlier trials learned is forgotten."""
        shutil.rmtree(self.report.project.folder / ".pytest_cache", ignore_errors=True)
        arguments = (*self._options, *self._parts)
        plain, again = self._runner.plain(*arguments), self._runner.plain(*arguments)
        row = self._row("whole suite")
        row.tests, row.plain_s = _count(plain), again.seconds
        self._noise[arguments] = differences(plain, again)
        if plain.recording is None or not row.tests:
            row.problems.append(f"the plain run ran no test (exit status {plain.code}):\n{plain.text}")
            return self.report
        for number in range(1, WARM_RUNS + 1):
            warm = self._runner.warm(*arguments)
            row.warm_s = warm.seconds
            row.problems += self._problems(f"run {number}", (plain, warm), arguments, must_be_warm=number > 1)
        ids = [result.nodeid for result in plain.recording.results]
        files = _spread(list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in ids)))
        self._probes("single files", [(file,) for file in files])
        self._probes("single tests", [(nodeid,) for nodeid in _spread(ids)])
        self._probes("options", [(*options, files[0]) for options in VARIANTS], must_be_warm=False)
        self.report.noise += [difference for noise in self._noise.values() for difference in noise]
        return self.report

    def _probes(self, scope: str, commands: Iterable[tuple[str, ...]], *, must_be_warm: bool = True) -> None:
        row = self._row(scope)
        for command in commands:
            arguments = (*self._options, *command)
            plain, warm = self._runner.plain(*arguments), self._runner.warm(*arguments)
            row.tests += _count(plain)
            row.plain_s += plain.seconds
            row.warm_s += warm.seconds
            row.problems += self._problems(" ".join(command), (plain, warm), arguments, must_be_warm=must_be_warm)

    def _row(self, scope: str) -> Row:
        self.report.rows.append(Row(scope))
        return self.report.rows[-1]

    def _problems(
        self, title: str, runs: tuple[Run, Run], arguments: tuple[str, ...], *, must_be_warm: bool
    ) -> list[str]:
        """Say what is wrong with a warm run.

        Two plain runs may miss the noise. Therefore a difference has to survive a third one, and what that explains is
        listed with the rest of the noise.
        """
        plain, warm = runs
        problems = []
        if must_be_warm and not warm.is_warm:
            problems.append(f"{title}: was not warm: {' '.join(warm.told) or 'no reason given'}")
        noise = self._noise.get(arguments, ())
        if found := unexplained(differences(plain, warm), noise):
            more_noise = differences(plain, self._runner.plain(*arguments))
            self._noise[arguments] = noise + unexplained(more_noise, noise)
            found = unexplained(found, more_noise)
        if found:
            problems.append("\n".join([f"{title}: differs", *render(found, SHOWN)]))
        return problems


def _count(run: Run) -> int:
    return 0 if run.recording is None else len(run.recording.results)


def _spread(names: Sequence[str]) -> Sequence[str]:
    """Choose a few names, evenly spread; the same ones in every run of this script."""
    chosen = (names[(2 * number + 1) * len(names) // (2 * PROBES)] for number in range(PROBES))
    return tuple(dict.fromkeys(chosen))


def install(suite: Suite, cache: Path, *, is_quick: bool) -> Project:
    """Fetch a project and make its environment, unless the cache has both."""
    home = cache / f"{suite.name}-py{sys.version_info.major}.{sys.version_info.minor}"
    environment = home / "environment"
    project_key = repr((suite.name, suite.requirements, suite.is_in_wheel))
    if not _is_done(home, "project", project_key):
        shutil.rmtree(home, ignore_errors=True)
        _fetch(suite, home)
        source = [] if suite.is_in_wheel else ["--editable", str(home / "source")]
        _pip(
            environment, "install", "pytest", *source, *suite.requirements, *map(str, (home / "archive").glob("*.whl"))
        )
        _done(home, "project", project_key)
    tool_key = _tool_key()
    if not _is_done(home, "tool", tool_key):
        # Not editable: the repository on the import path would lend its `tests` and `scripts` to the project.
        _pip(environment, "install", str(REPOSITORY))
        _done(home, "tool", tool_key)
    (archive,) = (home / "archive").iterdir()
    return Project(
        name=suite.name,
        version=archive.name.removesuffix(".tar.gz").split("-")[1],
        folder=home / "source" / suite.folder,
        scripts=environment / "bin",
        options=suite.options,
        parts=suite.quick if is_quick else suite.parts,
    )


def _fetch(suite: Suite, home: Path) -> None:
    """Download the project and unpack it, as the checkout that its developers have.

    A wheel is unpacked *and* installed: pytest puts the unpacked one first on the import path, and a run that imports
    the installed one instead is wrong.
    """
    archives, source = home / "archive", home / "source"
    venv.create(home / "environment", symlinks=True, with_pip=True)
    kind = "--only-binary" if suite.is_in_wheel else "--no-binary"
    _pip(home / "environment", "download", "--no-deps", kind, suite.name, "--dest", str(archives), suite.name)
    (archive,) = archives.iterdir()
    if suite.is_in_wheel:
        shutil.unpack_archive(archive, source, "zip")
        # Without settings of the project's own, pytest would take those of a folder above the cache.
        (source / "pytest.ini").write_text("[pytest]\n", encoding="ascii")
    else:
        shutil.unpack_archive(archive, home / "unpacked", filter="data")
        (folder,) = (home / "unpacked").iterdir()
        folder.rename(source)


def _pip(environment: Path, command: str, *arguments: str) -> None:
    """Run pip, and show what it says only if it fails."""
    pip = [str(environment / "bin" / "python"), "-m", "pip", command, *arguments]
    done = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nCannot install: {' '.join(pip)}")


def _tool_key() -> str:
    """Change with every edit of the tool, which then is installed anew."""
    files = [REPOSITORY / "pyproject.toml", *sorted((REPOSITORY / "pytest_zygote").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _is_done(home: Path, step: str, key: str) -> bool:
    done = home / f"{step}.done"
    return done.exists() and done.read_text(encoding="utf-8") == key


def _done(home: Path, step: str, key: str) -> None:
    (home / f"{step}.done").write_text(key, encoding="utf-8")


def examine(suite: Suite, cache: Path, *, is_quick: bool) -> Report:
    """Install a suite and try it."""
    project = install(suite, cache, is_quick=is_quick)
    # A short path: the name of a unix socket has little more than a hundred characters.
    with tempfile.TemporaryDirectory(prefix="pz") as runtime:
        runner = Runner(project, Path(runtime))
        try:
            report = Trial(project, runner).run()
            report.sessions = runner.told_of_sessions()
            report.log = runner.log()
        finally:
            runner.stop()
    return report


def lay_out(*cells: object) -> str:
    """Lay out one line of the table."""
    return "{:<11} {:<9} {:<13} {:>6} {:>9} {:>8} {:>9}".format(*cells)


def lines_of(report: Report) -> Iterable[str]:
    """Give the table's lines of one project."""
    for row in report.rows:
        seconds = f"{row.plain_s:.2f}", f"{row.warm_s:.2f}"
        yield lay_out(report.project.name, report.project.version, row.scope, row.tests, *seconds, len(row.problems))


def details(report: Report) -> str:
    """Show what went wrong, and in what the suite does not agree with itself."""
    name = report.project.name
    noise = {f"{name}, plain and plain: {one.kind} {one.subject}" for one in report.noise if one.kind != "output"}
    lines = [f"{name}: {problem}" for problem in report.problems] + sorted(noise)
    if count := sum(one.kind == "output" for one in report.noise):
        lines.append(f"{name}, plain and plain: {count} lines of output")
    lines += [f"{name}: {line}" for line in report.sessions.splitlines()]
    if report.problems:
        lines += [f"{name}, daemon: {line}" for line in report.log.splitlines()]
    return "\n".join(lines)


def main() -> int:
    """Try the chosen projects and print the result."""
    parser = argparse.ArgumentParser(description="Compare warm runs with plain pytest.")
    parser.add_argument("--only", metavar="NAME", action="append", help="this project; may be given several times")
    parser.add_argument("--quick", action="store_true", help="a few files of a few projects")
    parser.add_argument("--jobs", type=int, default=1, help="how many projects at once (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where projects are kept (default: %(default)s)")
    options = parser.parse_args()
    suites = [
        suite for suite in SUITES if suite.name in (options.only or [suite.name]) and (suite.quick or not options.quick)
    ]
    print(lay_out("project", "version", "runs", "tests", "plain s", "warm s", "problems"), flush=True)
    reports = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for report in pool.map(lambda suite: examine(suite, options.cache, is_quick=options.quick), suites):
            print(*lines_of(report), sep="\n", flush=True)
            reports.append(report)
    print(*filter(None, map(details, reports)), sep="\n")
    has_failed = not reports or any(report.problems for report in reports)
    print("Warm runs and plain runs differ." if has_failed else "Nothing tells warm runs from plain ones.")
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())

"""What ``pz doctor`` finds: what is wrong with a set-up, how to mend it, and what would be warm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.sessions.eligibility import PER_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_zygote.core.reasons import Code, Reason

NEWEST = (3, 15)
OLDEST_PYTEST = 8
MANY_WATCHES = 8192
"""Folders that the system lets one user watch, at least, for no project to come near it."""
SHOWN = 10
"""Entries of a list that are shown, at most."""

REMEDIES: dict[Code, str] = {
    "switched-off": "take --daemon-disable, PYTEST_DAEMON_DISABLE or zygote_disable away",
    "ci-machine": "unset CI, if this is no machine that runs the tests once",
    "nested-run": "start it outside of a test",
    "no-fork": "use WSL",
    "free-threaded": "use a build of Python with the global interpreter lock",
    "coverage-started": "measure by pytest-cov (--cov)",
    "debugger-attached": "start the debugger by debugpy 1.8 or newer",
    "tracer-active": "start this command without the tracer",
    "runtime-folder": "remove that folder, or set XDG_RUNTIME_DIR to a short one that is yours alone",
    "daemon-suspended": "continue the daemon (kill -CONT), or end it (kill); the next run starts another",
}
"""Code of what keeps all runs cold → what to do."""


@dataclass(frozen=True)
class DaemonFacts:
    """What a daemon says of itself.

    Attributes:
        version: of this package.
        python: of its interpreter.
        watching: how it learns of changes.
        is_building: whether layers are being built.
        runs: warm ones so far.
        cold: why the last runs were cold, the newest last.
        session_unused: why the last run was forked from no collected session.
        rejected: module → why it is never imported early.
    """

    version: str
    python: str
    watching: str
    is_building: bool = False
    runs: int = 0
    cold: tuple[str, ...] = ()
    session_unused: str = ""
    rejected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SetUp:
    """What is looked at.

    Attributes:
        version: of this package.
        python: of this interpreter.
        implementation: of Python.
        pytest: its version.
        ini_file: which pytest reads; '' for none.
        named_in: what names the plugin for each command; '' for nothing.
        cold: what keeps all runs cold; None for nothing.
        starts: whether a run starts a daemon.
        folder: what is wrong with the folder for sockets; None for nothing.
        watches: folders that one user may watch; 0 where that is not known.
        foreign: program → path, of those that the shell finds in another environment than this one.
        plugins: names of the modules of installed plugins.
        daemon: what it says; None if none answers.
        silent: why it does not answer, if there is one.
    """

    version: str
    python: tuple[int, int, int]
    implementation: str
    pytest: str
    ini_file: str = ""
    named_in: str = ""
    cold: Reason | None = None
    starts: bool = True
    folder: Reason | None = None
    watches: int = 0
    foreign: dict[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    daemon: DaemonFacts | None = None
    silent: Reason | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        kind: 'problem' for what keeps runs cold, or plain.
        text: what was found.
        remedy: what to do; '' for nothing.
    """

    kind: Literal["ok", "note", "problem"]
    text: str
    remedy: str = ""


def findings(found: SetUp) -> Iterator[Finding]:
    """Give all that is to be said of a set-up."""
    yield from _of_versions(found)
    yield _of_loading(found)
    for name, path in sorted(found.foreign.items()):
        module = "pytest" if name == "pytest" else "pytest_zygote"
        text = f"the command {name} is {path}, of another environment" if path else f"the shell finds no command {name}"
        yield Finding("note", text, f"activate this environment, or use `python -m {module}`")
    if found.cold is not None:
        yield _problem(found.cold)
    yield from _of_system(found)
    yield from _of_daemon(found)


def _problem(reason: Reason) -> Finding:
    return Finding("problem", str(reason), REMEDIES.get(reason.code, f"see the row {reason.code} of docs/reasons.md"))


def _of_versions(found: SetUp) -> Iterator[Finding]:
    if found.implementation != "CPython":
        yield Finding("problem", f"{found.implementation} is not supported", "use CPython")
    if found.python[:2] > NEWEST:
        newest = ".".join(map(str, NEWEST))
        yield Finding("note", f"Python {'.'.join(map(str, found.python))} is newer than what was tried ({newest})")
    major = found.pytest.partition(".")[0]
    if major.isdecimal() and int(major) < OLDEST_PYTEST:
        yield Finding("problem", f"pytest {found.pytest} is too old", f"install pytest {OLDEST_PYTEST} or newer")


def _of_loading(found: SetUp) -> Finding:
    if found.named_in:
        return Finding("ok", f"`pytest` loads this plugin: it is named in {found.named_in}")
    place = found.ini_file or "a new file pytest.ini, below the line [pytest]"
    remedy = f"add -p pytest_zygote to addopts in {place}"
    return Finding("problem", "`pytest` does not load this plugin: only `pz` is warm", remedy)


def _of_system(found: SetUp) -> Iterator[Finding]:
    if found.folder is not None:
        yield _problem(found.folder)
    if 0 < found.watches < MANY_WATCHES:
        text = f"the system lets you watch {found.watches} folders: with more, files are looked at every few seconds"
        yield Finding("note", text, "as root: sysctl fs.inotify.max_user_watches=524288")
    for name in sorted(set(found.plugins) & PER_RUN.keys()):
        yield Finding("note", f"no tests are collected ahead while {name} is loaded: it {PER_RUN[name]}")


def _of_daemon(found: SetUp) -> Iterator[Finding]:
    daemon = found.daemon
    if daemon is None:
        yield _without_daemon(found)
        return
    python = ".".join(map(str, found.python))
    if (daemon.version, daemon.python) != (found.version, python):
        text = f"the daemon is version {daemon.version} on Python {daemon.python}, this is {found.version} on {python}"
        yield Finding("note", f"{text}: the next run replaces it")
    state = ", layers are being built" if daemon.is_building else ""
    yield Finding("ok", f"the daemon answers: {counted(daemon.runs, 'warm run')} so far{state}")
    yield Finding("ok" if daemon.watching.startswith("watching") else "note", f"the daemon is {daemon.watching}")
    if daemon.cold:
        yield Finding(
            "note", f"the last run that was cold: {daemon.cold[-1]}", "docs/reasons.md has a row for each code"
        )
    if daemon.session_unused:
        yield Finding("note", f"the last run was not from tests that are collected ahead: {daemon.session_unused}")
    for name, why in sorted(daemon.rejected.items())[:SHOWN]:
        yield Finding("note", f"{name} is imported by each run: {why}")
    if len(daemon.rejected) > SHOWN:
        yield Finding("note", f"so are {len(daemon.rejected) - SHOWN} modules more: `pytest --daemon-status`")


def _without_daemon(found: SetUp) -> Finding:
    if found.silent is not None:
        return _problem(found.silent)
    if found.cold is not None:
        return Finding("ok", "no daemon runs, as none is needed")
    if not found.starts:
        remedy = "start one (pytest --daemon --detach), or take zygote_start = false away"
        return Finding("problem", "no daemon runs, and runs start none", remedy)
    return Finding("note", "no daemon runs for this project: the next run starts one, and the runs after it are warm")


def lines(found: SetUp) -> Iterator[str]:
    """Give the report, line by line."""
    problems = 0
    for finding in findings(found):
        yield f"{finding.kind:<9}{finding.text}"
        if finding.remedy:
            yield f"{'':<9}→ {finding.remedy}"
        problems += finding.kind == "problem"
    yield ""
    yield f"{counted(problems, 'problem')} to mend" if problems else "Nothing is wrong: runs here are warm."


def status(found: SetUp) -> int:
    """Return the exit code: 1 if there is a problem."""
    return int(any(finding.kind == "problem" for finding in findings(found)))

"""What each code of `pytest_zygote.core.reasons` means, what to do and what it costs: docs/reasons.md is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Code

COLD = "This run is plain pytest: right, and as slow as without us."
BASE = "The run imports the project's modules itself; packages are still warm."
NOTHING = "Nothing."
REBUILD = "The modules are imported again, once, and the next run has them."


@dataclass(frozen=True)
class Entry:
    """The documentation of a code.

    Attributes:
        means: what has happened.
        action: what the user can do.
        cost: what it costs.
    """

    means: str
    action: str
    cost: str


TABLE: dict[Code, Entry] = {
    "switched-off": Entry(
        "Warm runs are switched off: `--daemon-disable`, `PYTEST_DAEMON_DISABLE` or `zygote_disable`. Not printed.",
        "Take the option, the key or the setting away.",
        COLD,
    ),
    "ci-machine": Entry(
        "`CI` is set in the environment: a machine that runs the tests once gains nothing. Not printed.",
        "Unset `CI` if this is no such machine.",
        COLD,
    ),
    "nested-run": Entry(
        "A test of a warm run has started pytest. Not printed.", "Nothing: tests of plugins mean plain pytest.", COLD
    ),
    "plain-option": Entry("`--help` or `--version` was asked for. Not printed.", "Nothing.", NOTHING),
    "no-fork": Entry("The system is Windows, which cannot fork.", "Use WSL.", COLD),
    "coverage-started": Entry(
        "Coverage was started before pytest, and would not see a run in another process.",
        "Use `--cov` of pytest-cov instead of `coverage run -m pytest`.",
        COLD,
    ),
    "debugger-attached": Entry(
        "A debugger is attached that cannot follow the run into another process.",
        "Use debugpy 1.8 or newer with `subProcess` on, or `--pdb` and `breakpoint()`, which work in warm runs.",
        COLD,
    ),
    "tracer-active": Entry(
        "A profiler or another tracer is active in this process, and would not see the run.",
        "Switch it off, or let it be cold: profilers want to see all.",
        COLD,
    ),
    "plugin-objects": Entry(
        "A program called `pytest.main(plugins=[...])` with objects that only its own process has.",
        "Give the plugin as the name of a module, or as the module.",
        COLD,
    ),
    "no-daemon": Entry(
        "No daemon is running, and this command may not start one (`--daemon-start-if-needed=0`, or it is debugged).",
        "`pytest --daemon --detach` starts one.",
        COLD,
    ),
    "daemon-start-failed": Entry(
        "A daemon was started and ended before it could answer.", "Read its log; the line names the file.", COLD
    ),
    "daemon-unreachable": Entry(
        "Something is wrong with the connection to the daemon; the text is the system's.",
        "Read the text; `pytest --stop-daemon` and a new run start afresh.",
        COLD,
    ),
    "daemon-suspended": Entry(
        "The daemon's process is stopped (Ctrl-Z, SIGSTOP).", "`fg` in its terminal, or `kill -CONT` its pid.", COLD
    ),
    "daemon-lost": Entry(
        "The daemon ended between the request and the start of the run.",
        "Nothing: the next run starts a new one. If it happens again, read the daemon's log.",
        COLD,
    ),
    "daemon-stopping": Entry(
        "The daemon is leaving: it was asked to, nobody used it for long, or its project or socket is gone.",
        "Nothing: the next run starts a new one.",
        COLD,
    ),
    "runtime-folder": Entry(
        "The folder of the daemon's socket cannot be used: it is not private, not ours, or its path is too long.",
        "Do what the text says; `XDG_RUNTIME_DIR` names another folder.",
        COLD,
    ),
    "daemon-version": Entry(
        "The daemon is of another version of this package; it leaves, and a new one is started.", "Nothing.", REBUILD
    ),
    "daemon-interpreter": Entry(
        "The daemon runs another interpreter than this command; it leaves, and a new one is started.",
        "Use one environment for a project, or one name (`--daemon-port`) for each.",
        REBUILD,
    ),
    "descriptors-missing": Entry(
        "The client's terminal did not arrive at the daemon.", "Report it: this should not happen.", COLD
    ),
    "python-flags": Entry(
        "Python was started with other flags (`-O`, `-X`, `-W` …) than the daemon.",
        "Use the same flags, or a daemon of its own for these (`--daemon-port`).",
        COLD,
    ),
    "resource-limits": Entry(
        "The client has limits (`ulimit`) that a process of the daemon may not take on.",
        "Start the daemon from a shell with the higher limits.",
        COLD,
    ),
    "assert-mode": Entry(
        "`--assert=plain` was given, and plugins are loaded with rewritten assertions.", "Nothing.", COLD
    ),
    "import-warning": Entry(
        "A filter for warnings (`-W`, `filterwarnings`) concerns a module that warned when it was imported early.",
        "Mend what the module warns of, or name the module in `zygote_exclude`.",
        f"{BASE} If a package warned: cold.",
    ),
    "coverage-of-imports": Entry(
        "The lines that run at import count, so the run must import what is measured.",
        "Nothing; of packages that are measured too, name them in `zygote_exclude`.",
        f"{BASE} If a package is measured: cold.",
    ),
    "affected-imports": Entry(
        "`--affected` records what each import reads, so the run must see the imports.", "Nothing.", BASE
    ),
    "options-differ": Entry(
        "An option that decides what imports do differs from the run that taught the layer.",
        "Put the option into the ini-file if all runs shall have it.",
        BASE,
    ),
    "shadowed-package": Entry(
        "A module of the project stands before an installed package of the same name for this run.",
        "Rename the module, or name the package in `zygote_exclude`.",
        COLD,
    ),
    "module-moved": Entry(
        "`sys.path` leads this run to another file for a module of the layer.",
        "Set paths in `pythonpath` of the ini-file instead of a conftest file.",
        BASE,
    ),
    "imported-too-early": Entry(
        "A conftest file or plugin sets an attribute of a module before others import it; the layer had them already.",
        "Nothing: the next layer leaves those modules to the runs.",
        f"{BASE} {REBUILD}",
    ),
    "environment-read": Entry(
        "A module reads a key of the environment when it is imported, and the run has set another value.",
        "Set the key before pytest starts, or in the ini-file.",
        f"{BASE} {REBUILD}",
    ),
    "django-settings": Entry(
        "The run uses other Django settings, or other apps, than the layer was made for.",
        "Use one settings module for all runs, or a daemon for each (`--daemon-port`).",
        BASE,
    ),
    "fork-failed": Entry(
        "The system gave no process for the run (a limit of processes or memory).", "Read the system's text.", COLD
    ),
    "zygote-died": Entry(
        "A process that imports or forks has died; the text says while doing what.",
        "Read the daemon's log; name a module that kills its process in `zygote_exclude`.",
        COLD,
    ),
    "import-failed": Entry(
        "A module cannot be imported early; the text says why.",
        "Nothing: the next layer leaves it to the runs, and tries again when its file changes.",
        REBUILD,
    ),
    "layer-broken": Entry(
        "A layer was built, and its forks do not work.",
        "Name the module that the text or the log shows in `zygote_exclude`.",
        COLD,
    ),
    "inputs-unstable": Entry(
        "Files or settings change as fast as layers are built; the text names the last change.",
        "Find out what writes the file all the time.",
        COLD,
    ),
    "keeper-lost": Entry(
        "The process that held a persistent fixture has died.",
        "Nothing; the daemon's log has what the process wrote.",
        "The fixture is set up again.",
    ),
    "session-ineligible": Entry(
        "No run can be forked from a collected session of this command line.", "Nothing.", "The run collects itself."
    ),
    "not-patchable": Entry("An edit cannot be patched into the loaded module.", "Nothing.", REBUILD),
}
"""In the order of `pytest_zygote.core.reasons.Code`."""

CODES = tuple(TABLE)

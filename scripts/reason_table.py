"""What each code of a reason means, what to do and what it costs.

``python -m scripts.reasons`` makes docs/reasons.md of it, and `Code` in `pytest_zygote.core.reasons`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Code

COLD = "This run is plain pytest: right, and as slow as without us."
BASE = "The run imports the project's modules itself; packages are still warm."
NOTHING = "Nothing."
ALONE = "The tests run one after the other in the run process."
COLLECTS = "Each worker imports and collects the tests itself; `--fork-workers=collected` forks them all the same."
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


TABLE: dict[str, Entry] = {
    # The client serves the run itself, whatever the daemon is.
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
    "free-threaded": Entry(
        "This Python was built without the global interpreter lock. Forks of it are not known to be what a fresh "
        "interpreter would be.",
        "Use a build with the lock.",
        COLD,
    ),
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
    # No daemon can be had.
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
    # The daemon cannot serve this client.
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
    "descriptors-exhausted": Entry(
        "So many commands run at once that the daemon can open hardly another file.",
        "Raise the limit (`ulimit -n`) where the daemon is started.",
        COLD,
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
    "interpreter-prepared": Entry(
        "Something was done to the interpreter of this command before pytest began that plain `pytest` does not do: a "
        "program has imported modules or replaced functions before it called `pytest.main`, or a launcher "
        "(`kernprof`, `memray run`, `python -m gevent.monkey`) or a `sitecustomize` module has prepared it. A run "
        "happens in another process, which has none of that.",
        "Start plain `pytest` or `pz`, or do the preparation in a conftest file.",
        COLD,
    ),
    "kernel-context": Entry(
        "The command is in another namespace, control group with limits, root folder, or has other groups or "
        "capabilities than the daemon: its tests would reach what it may not, or the other way round.",
        "If all commands are to run in this context: `pytest --stop-daemon`, and the next one starts a daemon here.",
        COLD,
    ),
    "descriptor-in-use": Entry(
        "The command was given open files by its shell (`--names=<(…)`, `exec 7<file`), and one of their numbers is in "
        "use in the layer: a module keeps a file open that it opened when it was imported.",
        "Nothing, or use another number.",
        COLD,
    ),
    # No layer is exact for the run.
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
    "process-asked": Entry(
        "A module asks for the working directory, the terminal or a loaded module when it is imported, and was told "
        "something else than in this run.",
        "Ask where the answer is used, in a function; or run pytest from the same folder.",
        f"{BASE} {REBUILD} If an installed package asks, the run is plain pytest.",
    ),
    "import-hook": Entry(
        "A conftest file or a plugin has installed an import hook, which may change what modules are.",
        "Nothing: the next layer leaves the project's modules to the runs.",
        f"{BASE} {REBUILD}",
    ),
    "file-rewritten": Entry(
        "The run has written the file of a module before it was imported: generated code.",
        "Nothing: the next layer leaves that module to the runs. Generate it only when its source has changed.",
        f"{BASE} {REBUILD}",
    ),
    "django-settings": Entry(
        "The run uses other Django settings, or other apps, than the layer was made for.",
        "Use one settings module for all runs, or a daemon for each (`--daemon-port`).",
        BASE,
    ),
    # A layer or a run cannot be made.
    "fork-failed": Entry(
        "The system gave no process for the run (a limit of processes or memory).", "Read the system's text.", COLD
    ),
    "zygote-died": Entry(
        "A process that imports or forks has died; the text says while doing what.",
        "Read the daemon's log; name a module that kills its process in `zygote_exclude`.",
        COLD,
    ),
    "run-lost": Entry(
        "The process of the run has ended before it called pytest: a fault of pytest_zygote's, and never a result.",
        "Read the daemon's log, and report what it says.",
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
    "internals-changed": Entry(
        "Something that each version of CPython or pytest has in its own way is not as we know it: it is too new.",
        "Update this package; docs/internals-we-rely-on.md lists what we rely on.",
        "What relies on it is not done: no layers, no patches, no collected sessions, or no selection within files.",
    ),
    "inputs-unstable": Entry(
        "A layer would have to be built a second time for the run, as its inputs have changed meanwhile; the text "
        "names the last change.",
        "If it happens often, find out what writes the file all the time.",
        COLD,
    ),
    "layers-not-ready": Entry(
        "Layers take longer to build than a run waits: never longer than its own imports take, and where everything is "
        "imported anew no more than a tenth of that and 0.3 s.",
        "Nothing: they are built beside the run.",
        COLD,
    ),
    # A persistent fixture is set up anew.
    "keeper-lost": Entry(
        "The process that held a persistent fixture has died.",
        "Nothing; the daemon's log has what the process wrote.",
        "The fixture is set up again.",
    ),
    # A layer is built, or built anew.
    "first-start": Entry(
        "No layer was there yet.", "Nothing.", "The first run imports everything, as plain pytest does."
    ),
    "file-changed": Entry("A file that the layer was made of has changed, and cannot be patched.", "Nothing.", REBUILD),
    "file-appeared": Entry("A new file supplies or hides a module of the layer.", "Nothing.", REBUILD),
    "environment-changed": Entry(
        "A key of the environment that a module read when it was imported has another value.",
        "Set it to one value for all runs.",
        REBUILD,
    ),
    "environment-learned": Entry(
        "A conftest file or plugin sets keys of the environment that modules read; the layer was built without them.",
        "Nothing: the next layer has them.",
        REBUILD,
    ),
    "path-changed": Entry(
        "`sys.path` is another one, and leads to modules of the layer.",
        "Start pytest in the same way each time.",
        REBUILD,
    ),
    "process-gone": Entry("The layer's process has died.", "Read the daemon's log.", REBUILD),
    "modules-learned": Entry(
        "A run imported modules that the layer did not have.", "Nothing: it happens beside the runs.", NOTHING
    ),
    "modules-rejected": Entry(
        "Modules must not be in a layer for runs like this one; the text says why.",
        "Nothing: it happens beside the runs.",
        NOTHING,
    ),
    "import-retried": Entry(
        "A module that could not be imported early has changed, and is tried again.", "Nothing.", REBUILD
    ),
    "patches-piled-up": Entry(
        "So many edits in a row were patched that all is imported anew: forks of forks need more memory.",
        "Nothing: it happens beside the runs.",
        NOTHING,
    ),
    "recheck-requested": Entry(
        "Tests failed after patches, and `zygote_recheck` has them run again from fresh imports.", "Nothing.", REBUILD
    ),
    "reload-requested": Entry("`pytest --daemon-reload` was called.", "Nothing.", REBUILD),
    # No run is forked from a collected session.
    "session-option": Entry(
        "An option or a setting asks for what each run must do itself: `--lf` reads what the last run has left.",
        "Nothing, or leave the option out.",
        "The run collects itself.",
    ),
    "session-debugged": Entry(
        "The command is debugged: a collected session would join the debugger in place of its runs.",
        "Nothing.",
        "The run collects itself.",
    ),
    "session-without-layer": Entry(
        "The run cannot start from the project layer, on which collected sessions stand.",
        "See which reason the run printed.",
        "The run collects itself.",
    ),
    "session-plugin": Entry(
        "A plugin may prepare something for one run, in a hook that all forks of a session would share.",
        "If it does not, set `pytest_zygote_session_safe = True` in its module.",
        "The run collects itself.",
    ),
    "session-side-effect": Entry(
        "While tests were collected, something was done or left that each run must do itself: with the time, a random "
        "number, a file, a thread, a workaround.",
        "Move what the text names from the module into a fixture.",
        "The run collects itself.",
    ),
    "session-failed": Entry(
        "Collecting ahead came to no test: an error, or pytest ended before.", "Nothing.", "The run collects itself."
    ),
    "session-recollection": Entry(
        "A test file was saved, and runs of the collected session cannot collect it again by themselves.",
        "Nothing: the session is collected anew.",
        "The run collects itself.",
    ),
    "terminal-unusual": Entry(
        "A descriptor of the command is no terminal, pipe or output file.", "Nothing.", "The run collects itself."
    ),
    "session-unlike": Entry(
        "No session was collected for a request like this: other arguments, environment, terminal or limits.",
        "Nothing: one is collected after the run.",
        "The run collects itself.",
    ),
    "session-collecting": Entry(
        "The session for this command line is not collected yet.", "Nothing.", "The run collects itself."
    ),
    "session-evicted": Entry(
        "Others were used since, and only so many are there at a time.",
        "Raise `zygote_sessions`.",
        "The run collects itself.",
    ),
    "layer-replaced": Entry(
        "The project layer that the session was forked from was replaced.",
        "Nothing: it is collected again.",
        "The run collects itself.",
    ),
    "memory-full": Entry(
        "All sessions together have too much memory for themselves.",
        "Lower `zygote_sessions`.",
        "The run collects itself.",
    ),
    # More tests are affected than the changes reach.
    "foreign-workers": Entry(
        "With `--affected`, workers of pytest-xdist collect and run tests, each in a process begun anew.",
        "Leave out `--no-zygote-workers`, or `-n`.",
        "All tests run, and nothing is recorded.",
    ),
    "functions-unreported": Entry(
        "Other tools use all numbers of `sys.monitoring`, so it is not known which functions a test runs.",
        "Leave one of these tools out.",
        "Each test depends on all loaded modules of the project.",
    ),
    "options-unknown": Entry(
        "An option of a plugin or conftest file has a value that shows as an address in memory, like an object without "
        "a `__repr__`. It cannot be compared with the value of an earlier run.",
        "Give the value a `__repr__` that says what it holds, or keep the text that was given.",
        "All tests run, and nothing is recorded.",
    ),
    "tests-in-one-process": Entry(
        "Tests get no forks of their own, because somebody could tell: a hook of a conftest file or plugin takes part "
        "in running or reporting tests, a fixture is shared by all tests, output is not captured by descriptor, or "
        "files are open.",
        "Nothing need be done. What tests share, like a fixture of session scope, could have a narrower scope.",
        "Each test depends on all files that it can reach, and not only on the functions that it runs.",
    ),
    "coverage-incomplete": Entry(
        "`--affected` has left out tests, and coverage is measured in a way in which the lines that they covered "
        "before cannot be added: contexts, plugins of coverage, workers, `sys.monitoring` as its core.",
        "Measure without these, in one process (`COVERAGE_CORE=ctrace`), or measure with all tests: `--affected=all`.",
        "Totals are those of the tests that ran.",
    ),
    "results-remembered": Entry(
        "Hooks of a conftest file or plugin see how tests end, and decide before other tests whether those run: as in "
        "pytest's recipe for test steps, and in pytest-dependency. A test that is left out would count as not passed.",
        "Nothing need be done.",
        "If any test is affected, all tests run.",
    ),
    "plugin-imported-first": Entry(
        "A plugin of the project was imported before recording began (`-p`, `PYTEST_PLUGINS`, an entry point), and "
        "does more than to define functions. Nobody saw what it read.",
        "Load it from a conftest file (`pytest_plugins`), or have its functions read what they need.",
        "Each test depends on all files of the project, and on the whole environment.",
    ),
    # Tests run in one process, though workers are asked for.
    "order-matters": Entry(
        "`--stepwise` needs the tests one after the other, and `-n` asks for workers.", "Leave one of them out.", ALONE
    ),
    "debugger-without-terminal": Entry(
        "`--pdb` with workers whose standard input is no terminal: each would read a part of what is typed.",
        "Run it from a terminal, or without `-n`.",
        ALONE,
    ),
    "opened-in-collection": Entry(
        "Importing the tests has opened something that is still there (a socket, a pipe, a file that is read, shared "
        "memory, an event loop), or started a process. Workers that are forked after that would all use it at once.",
        "Open it in a fixture.",
        COLLECTS,
    ),
    "asked-in-collection": Entry(
        "Importing the tests has asked for what is another one in each process, and may have kept it: the name of the "
        "worker (`PYTEST_XDIST_WORKER`), the process id, a port, a temporary folder.",
        "Ask for it in a fixture.",
        COLLECTS,
    ),
    "threads-running": Entry(
        "A plugin or a test module has started a thread during collection, and a forked worker would not have it.",
        "Start the thread in a fixture.",
        COLLECTS,
    ),
    "plugin-ends-sessions": Entry(
        "A plugin does something at the end of each worker's session that a forked worker cannot do for it.",
        "`--no-zygote-workers`: the workers of pytest-xdist are processes with a session of their own.",
        ALONE,
    ),
    "scheduler-replaced": Entry(
        "The hook `pytest_xdist_make_scheduler` is implemented: it decides about the workers of pytest-xdist.",
        "`--no-zygote-workers`, or remove the hook.",
        ALONE,
    ),
    "worker-lost": Entry(
        "A worker that was to collect the tests itself has ended before it had; no test had run.",
        "See what it has written; `--fork-workers=collected`, or a fixture for what it does when it is imported.",
        ALONE,
    ),
    "few-descriptors": Entry(
        "The system lets a process open few files (`ulimit -n`), and the run process needs some for each worker.",
        "Raise the limit, or ask for fewer workers.",
        "There are fewer workers than were asked for.",
    ),
    # A run on several machines is less than was asked for.
    "outside-root": Entry(
        "pytest was started in a folder that is not in the project: hosts have the project only.",
        "Start it in the project.",
        ALONE,
    ),
    "host-unusable": Entry(
        "A host of `--hosts` is off, its key is not known, or it has no Python with this plugin of the same version.",
        "The text is what ssh or the interpreter there has said: try `ssh HOST` and `python -m pytest_zygote` there.",
        "The other hosts run the tests.",
    ),
    "host-lost": Entry(
        "A host has said nothing for too long, or what ran there has ended.",
        "See what the text says of it. Tests that had begun there are named: they may have run twice.",
        "What the host has not finished runs on the others.",
    ),
    "hosts-gone": Entry(
        "Tests are left, and no host.", "See why each was lost.", "They run on this machine, one after the other."
    ),
    # An edit is reloaded.
    "reload-asked": Entry(
        "The file says `# zygote: reload` in its first lines, or `zygote_always_reload` names it.",
        "Take the mark away if the module can be patched after all.",
        REBUILD,
    ),
    "many-files": Entry(
        "More files changed at once than are worth comparing: a branch was switched.", "Nothing.", REBUILD
    ),
    "file-relinked": Entry("A file of the project became a link, or is none any more.", "Nothing.", REBUILD),
    "does-not-compile": Entry(
        "The new text has a syntax error, or the compiler warns of it.",
        "Finish the edit; the run shows the error.",
        REBUILD,
    ),
    "text-unknown": Entry(
        "The text that was imported is not known: the file changed while the layer was built.",
        "Nothing: the next edit can be patched.",
        REBUILD,
    ),
    "module-replaced": Entry(
        "The module in `sys.modules` is not what an import of its file made: another object or name, or two.",
        "Import a module by one name only.",
        REBUILD,
    ),
    "process-started": Entry(
        "A process was started while the project was imported; what it learned of the code cannot be patched.",
        "Start processes in tests or fixtures instead of at import.",
        REBUILD,
    ),
    "file-examined": Entry(
        "Code looked at the file itself while the project was imported: its text, or when it changed.",
        "Nothing, if this is meant.",
        REBUILD,
    ),
    "import-warns": Entry(
        "The module warns when it is imported, or a warning names a line of it; a patch could not repeat that.",
        "Mend what the warning is about.",
        REBUILD,
    ),
    "lines-examined": Entry(
        "Code looks at line numbers or bytecode while the project is imported; an edit moves lines.",
        "Nothing, if this is meant.",
        REBUILD,
    ),
    "import-differs": Entry(
        "What importing the module executes has changed: constants, decorators, defaults, bases, class attributes.",
        "Nothing: only a fresh import is right.",
        REBUILD,
    ),
    "ran-at-import": Entry(
        "The function that changed has run while the project was imported; what came of it would stay.",
        "Call it later than at import.",
        REBUILD,
    ),
    "signature-differs": Entry(
        "The function has other parameters, is of another kind, or uses other variables around it.",
        "Nothing: only a fresh import is right.",
        REBUILD,
    ),
    "addition-visible": Entry(
        "A name is new, and something may have looked for it: a star import, `hasattr`, a subclass …",
        "Nothing: only a fresh import is right.",
        REBUILD,
    ),
    "addition-fails": Entry(
        "A statement that is new cannot be executed now as it would have been then.", "Read the text.", REBUILD
    ),
    "docstring-examined": Entry(
        "A docstring changed that a decorator, a class or other code may have copied.",
        "Nothing, if this is meant.",
        REBUILD,
    ),
    "annotations-examined": Entry(
        "Annotations changed that other code has looked at, or that a copy of the function would not get.",
        "Nothing, if this is meant.",
        REBUILD,
    ),
    "function-ambiguous": Entry(
        "The function that changed is not to be found in the process, or there are several of it.",
        "Nothing: only a fresh import is right.",
        REBUILD,
    ),
    "patch-failed": Entry(
        "A patch was tried in a fork, and its result was not that of a fresh import.",
        "Report it, with the edit; the run is right all the same.",
        REBUILD,
    ),
}

CODES = cast("tuple[Code, ...]", tuple(TABLE))

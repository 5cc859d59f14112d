"""The options of this plugin: one table for the command line, the environment and ini-files.

The client reads command lines itself, because it must know the options before any plugin is loaded. pytest gets the
same table, for its help and to accept the options in the run.

The older plugin's options (pytest-hot-reloading) are all accepted; `Option.help` says what each
does now.
"""

from __future__ import annotations

from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Option(Record):
    """One setting.

    Attributes:
        flag: on the command line.
        help: one line for the user.
        value: name of its value in the help; '' for a switch, [word] for a switch that takes this word.
        environ: environment key; '' without one.
        ini: ini key; '' without one.
        default: what holds when it is set nowhere.
        daemon: the method of `Settings` by which the daemon reads it; '' if it need not know.
        is_command: whether it asks for something else than a run.
        command: the command that it is for; '' if it means something without one.
    """

    flag: str
    help: str
    value: str = ""
    environ: str = ""
    ini: str = ""
    default: str = ""
    daemon: str = ""
    is_command: bool = False
    command: str = ""

    @property
    def has_value(self) -> bool:
        """Whether its value may be left out."""
        return self.value.startswith("[")

    def accepts(self, word: str) -> bool:
        """Return whether the next word of a command line is its value."""
        return f"[{word}]" == self.value if self.has_value else bool(self.value)


OPTIONS = (
    Option("--daemon", "be the daemon, in the foreground, in place of one that runs; Ctrl-C ends it", is_command=True),
    Option("--detach", "with --daemon: return when it is ready, leave it in the background", command="--daemon"),
    Option("--stop-daemon", "stop the daemon of this project", is_command=True),
    Option(
        "--daemon-status",
        "show layers, slow imports, reloads and why, memory; =json for programs",
        value="[json]",
        is_command=True,
    ),
    Option(
        "--daemon-doctor",
        "check the set-up of this project, and say what is wrong and how to mend it (`pz doctor`)",
        is_command=True,
    ),
    Option("--daemon-reload", "have the daemon import everything anew", is_command=True),
    Option(
        "--daemon-reset-fixtures",
        "tear down the fixtures that outlive runs: the next run sets them up again",
        is_command=True,
    ),
    Option(
        "--daemon-verify",
        "run cold and warm and compare; the exit code is 1 if they differ, else theirs",
        is_command=True,
    ),
    Option(
        "--daemon-disable",
        "no daemon and no warm run; other options work",
        environ="PYTEST_DAEMON_DISABLE",
        ini="zygote_disable",
    ),
    Option("--no-zygote-workers", "leave -n to pytest-xdist", ini="zygote_no_workers"),
    Option(
        "--affected",
        "run the tests that changes reach, and those that failed; =explain: say why; =exact: with a fork for each; "
        "=all: leave out none, but record; =audit: run all, and name the failures that would have been left out",
        value="[explain]",
    ),
    Option("--affected-since", "run the tests that changes since a git revision reach", value="REV"),
    Option(
        "--affected-frozen",
        "the same since this branch left the main one, or since a baseline or a revision; nothing is written",
        value="[NAME]",
    ),
    Option("--affected-baseline", "like --affected, and keep the results under a name", value="NAME"),
    Option("--affected-export", "like --affected, and write the results to a file", value="FILE"),
    Option("--affected-import", "like --affected, starting from results that were exported elsewhere", value="FILE"),
    Option("--shard", "run one of N parts of the tests, in any kind of run; auto: as the CI service says", value="K/N"),
    Option(
        "--shard-by",
        "what is not divided: a costly fixture's tests (auto, the default), a test, a file",
        value="auto|test|file",
        ini="zygote_shard_by",
        default="auto",
    ),
    Option("--shard-durations", "durations of earlier runs: ours, pytest-split's or a junit.xml", value="FILE"),
    Option("--shard-result", "keep all of this run in a folder, for `pz merge` and `pz rerun`", value="DIR"),
    Option(
        "--zygote-output",
        "for programs, in the place of pytest's terminal: an event a line, or failures in few words",
        value="jsonl|compact",
    ),
    Option("--zygote-trace", "write a timeline of the run, which Perfetto and chrome://tracing open", value="FILE"),
    Option(
        "--hosts",
        "run the tests on these machines, over ssh: alpha,me@beta*4 (4 workers; else as many as it has cores)",
        value="HOSTS",
    ),
    Option(
        "--hosts-env", "with --hosts: environment keys that tests there have as here, separated by commas", value="KEYS"
    ),
    Option(
        "--hosts-setup",
        "with --hosts: a command that makes the environment there, run once for each state of the lock files",
        value="CMD",
    ),
    Option("--hosts-shared-path", "with --hosts: they have this folder at the same path, and nothing is sent"),
    Option("--hosts-serve", "internal: run what the agent of a host says, at this socket", value="SOCKET"),
    Option("--watch", "stay, and run what is affected on every save; w shows the keys", is_command=True),
    Option("--watch-queue", "with --watch: a save lets the run that goes on finish first", command="--watch"),
    Option("--watch-notify", "with --watch: a desktop notification when the outcome changes", command="--watch"),
    Option("--on-pass", "with --watch: a command to run when a run has passed", value="CMD", command="--watch"),
    Option("--on-fail", "with --watch: a command to run when a run has failed", value="CMD", command="--watch"),
    Option(
        "--daemon-port",
        "name of one of several daemons of a project (no TCP port)",
        value="NAME",
        environ="PYTEST_DAEMON_PORT",
        ini="zygote_name",
    ),
    Option(
        "--daemon-start-if-needed",
        "start a daemon if none runs (the default); off: a run is cold then, with one line",
        environ="PYTEST_DAEMON_START_IF_NEEDED",
        ini="zygote_start",
        default="1",
    ),
    Option(
        "--daemon-watch-globs",
        "accepted: every imported file is watched",
        value="GLOBS",
        environ="PYTEST_DAEMON_WATCH_GLOBS",
        ini="zygote_watch_globs",
    ),
    Option(
        "--daemon-ignore-watch-globs",
        "files whose events are ignored, separated by ':'; each run looks at them all the same",
        value="GLOBS",
        environ="PYTEST_DAEMON_IGNORE_WATCH_GLOBS",
        ini="zygote_ignore_watch_globs",
        daemon="text",
    ),
    Option(
        "--daemon-use-os-events",
        "watch by events of the system (the default); =0: look at the files every few seconds",
        value="[0]",
        environ="PYTEST_DAEMON_USE_OS_EVENTS",
        ini="zygote_use_os_events",
        default="1",
        daemon="switch",
    ),
    Option(
        "--daemon-poll-throttle",
        "without events, files are looked at every 2 s times this",
        value="N",
        environ="PYTEST_DAEMON_POLL_THROTTLE",
        ini="zygote_poll_throttle",
        default="1",
        daemon="factor",
    ),
    Option(
        "--daemon-timeout",
        "seconds without a run after which the daemon ends",
        value="SECONDS",
        environ="PYTEST_DAEMON_TIMEOUT",
        ini="zygote_idle",
        default="14400",
        daemon="seconds",
    ),
    Option(
        "--daemon-background",
        "what may run your code before you ask for a run: what you save (and not what git checks out), all, or nothing",
        value="saves|all|never",
        environ="PYTEST_DAEMON_BACKGROUND",
        ini="zygote_background",
        default="saves",
        daemon="choice",
    ),
    Option(
        "--daemon-sessions",
        "how many collected sessions the daemon keeps, for the next runs of their command lines",
        value="N",
        environ="PYTEST_DAEMON_SESSIONS",
        ini="zygote_sessions",
        default="3",
        daemon="count",
    ),
    Option(
        "--daemon-do-not-autowatch-fixtures",
        "accepted: fixtures are never stale",
        environ="PYTEST_DAEMON_DO_NOT_AUTOWATCH_FIXTURES",
        ini="zygote_do_not_autowatch_fixtures",
    ),
    Option(
        "--pytest-name",
        "accepted: the daemon is started without pytest's command",
        value="NAME",
        environ="PYTEST_DAEMON_PYTEST_NAME",
        ini="zygote_pytest_name",
        default="pytest",
    ),
)

BY_FLAG = {option.flag: option for option in OPTIONS}
COMMANDS = tuple(option.flag for option in OPTIONS if option.is_command or option.command)
"""Options that ask for something else than a run, and those that go with one of them."""


class Argument(Record):
    """A word of a command line, with its value if that is the next word.

    Attributes:
        words: as they stand there.
        option: which of our options it is; None if it is something else.
        value: of the option, '1' for a switch; None if it needs one and has none.
    """

    words: tuple[str, ...]
    option: Option | None = None
    value: str | None = None


def parse(args: Iterable[str]) -> Iterator[Argument]:
    """Give the arguments of a command line; behind ``--`` is no option."""
    rest = list(args)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        option = BY_FLAG.get(flag)
        if word == "--":
            yield Argument((word, *rest))
            return
        if option is None:
            yield Argument((word,))
        elif equals:
            yield Argument((word,), option, value)
        elif rest and option.accepts(rest[0]):
            yield Argument((word, rest[0]), option, rest.pop(0))
        else:
            yield Argument((word,), option, None if option.value and not option.has_value else "1")


def without_commands(args: Iterable[str], *others: str) -> tuple[str, ...]:
    """Return what a command line says about the run alone: without commands, what goes with them, and other flags."""
    arguments = (one for one in parse(args) if one.option is None or one.option.flag not in (*COMMANDS, *others))
    return tuple(word for argument in arguments for word in argument.words)


def joined(args: Iterable[str]) -> tuple[str, ...]:
    """Return a command line in which values that stand alone are joined to their options by ``=``.

    pytest looks for rootdir before it knows our options: a value that is the name of a file would be a path to it.
    """
    words = (["=".join(one.words)] if one.option is not None else one.words for one in parse(args))
    return tuple(word for several in words for word in several)


def asks_for_daemon(args: Iterable[str]) -> bool:
    """Return whether a command line is about the daemon rather than about tests."""
    return any(argument.option is not None and argument.option.is_command for argument in parse(args))

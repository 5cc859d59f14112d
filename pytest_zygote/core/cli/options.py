"""The options of this plugin: one table for the command line, the environment and ini-files.

Read from plain text, because the client must know them before any plugin is loaded. pytest gets the
same table, for its help and to accept the options in the run.

The older plugin's options (pytest-hot-reloading) are all accepted; `Option.help` says what each
does now.
"""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import UsageError
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import NoReturn

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
MAX_DIGITS = 6
FOREVER_S = 1e9
"""Longer than any daemon lives, and still a time that the system can wait for."""


class Option(Record):
    """One setting.

    Attributes:
        flag: on the command line.
        help: one line for the user.
        value: name of its value in the help; '' for a switch, [word] for a switch that takes this word.
        environ: environment key; '' without one.
        ini: ini key; '' without one.
        default: what holds when it is set nowhere.
        daemon: how the daemon reads it (`core.cli.daemon_options`); '' if it need not know.
    """

    flag: str
    help: str
    value: str = ""
    environ: str = ""
    ini: str = ""
    default: str = ""
    daemon: str = ""

    @property
    def has_value(self) -> bool:
        """Whether its value may be left out."""
        return self.value.startswith("[")


OPTIONS = (
    Option("--daemon", "be the daemon, in the foreground; Ctrl-C ends it"),
    Option("--detach", "with --daemon: return when it is ready, leave it in the background"),
    Option("--stop-daemon", "stop the daemon of this project"),
    Option("--daemon-status", "describe the daemon; =json for programs", value="[json]"),
    Option("--daemon-reload", "have the daemon import everything anew"),
    Option("--daemon-reset-fixtures", "tear down the fixtures that outlive runs: the next run sets them up again"),
    Option("--daemon-verify", "run cold and warm, compare, exit 1 if they differ"),
    Option("--daemon-disable", "plain pytest, no daemon", environ="PYTEST_DAEMON_DISABLE", ini="zygote_disable"),
    Option("--no-zygote-workers", "leave -n to pytest-xdist", ini="zygote_no_workers"),
    Option(
        "--affected",
        "run the tests that changes reach, and those that failed; =explain: say why; =exact: with a fork for each; "
        "=all: leave out none, but record",
        value="[explain]",
    ),
    Option("--affected-since", "run the tests that changes since a git revision reach", value="REV"),
    Option(
        "--affected-frozen",
        "the same since this branch left the main one, or since a baseline or REV; the store is not written",
        value="[NAME]",
    ),
    Option("--affected-baseline", "like --affected, and keep the results under a name", value="NAME"),
    Option("--affected-export", "like --affected, and write the results to a file, for elsewhere", value="FILE"),
    Option("--affected-import", "like --affected, with results of elsewhere", value="FILE"),
    Option("--watch", "stay, and run what is affected on every save; w shows the keys"),
    Option("--watch-queue", "with --watch: a save lets the run that goes on finish first"),
    Option("--watch-notify", "with --watch: a desktop notification when the outcome changes"),
    Option("--on-pass", "with --watch: a command to run when a run has passed", value="CMD"),
    Option("--on-fail", "with --watch: a command to run when a run has failed", value="CMD"),
    Option(
        "--daemon-port",
        "name of one of several daemons of a project (no TCP)",
        value="NAME",
        environ="PYTEST_DAEMON_PORT",
        ini="zygote_name",
    ),
    Option(
        "--daemon-start-if-needed",
        "start a daemon if none runs (the default)",
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
        "seconds without a run after which the daemon leaves",
        value="SECONDS",
        environ="PYTEST_DAEMON_TIMEOUT",
        ini="zygote_idle",
        default="14400",
        daemon="seconds",
    ),
    Option(
        "--daemon-background",
        "what may run your code before you ask for a run: saves (not what git checks out), all, or never",
        value="WHEN",
        environ="PYTEST_DAEMON_BACKGROUND",
        ini="zygote_background",
        default="saves",
        daemon="background",
    ),
    Option(
        "--daemon-sessions",
        "collected sessions that are kept, for the next runs of the same command line",
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

_BY_FLAG = {option.flag: option for option in OPTIONS}


class Settings:
    """What the user asked for, from command line, environment and ini-file, in that order.

    Attributes:
        args: the command line that was read.
    """

    def __init__(
        self, args: Iterable[str], environ: Mapping[str, str], ini: Callable[[str], object] | None = None
    ) -> None:
        """Read all sources.

        Args:
            args: the command line, with what ``addopts`` adds.
            environ: the environment.
            ini: gives the value of an ini key; None where no ini-file is known.
        """
        self.args = tuple(args)
        self._given = dict(_given(self.args))
        self._environ = environ
        self._ini = ini

    def text(self, flag: str) -> str:
        """Return the value of an option as text; '' for an unset one without a default."""
        return self._find(flag)[0]

    def switch(self, flag: str) -> bool:
        """Return whether a switch is on.

        Raises:
            UsageError: its value in the environment or ini-file is neither true nor false.
        """
        text, source = self._find(flag)
        if text.lower() in TRUE:
            return True
        if text.lower() in ("", *FALSE):
            return False
        message = f"{source} is {text!r}: use one of {', '.join((*TRUE, *FALSE))}"
        raise UsageError(message)

    def seconds(self, flag: str) -> float:
        """Return a value that is a duration.

        Raises:
            UsageError: it is none.
        """
        return self._number(flag, "number of seconds")

    def factor(self, flag: str) -> float:
        """Return a value that multiplies something.

        Raises:
            UsageError: it is no number, or not above 0.
        """
        return self._number(flag, "number above 0") or self._refuse(flag, "number above 0")

    def _number(self, flag: str, kind: str) -> float:
        try:
            number = float(self._find(flag)[0])
        except ValueError:
            number = -1.0
        return number if 0 <= number < FOREVER_S else self._refuse(flag, kind)

    def _refuse(self, flag: str, kind: str) -> NoReturn:
        text, source = self._find(flag)
        message = f"{source} is {text!r}: use a {kind}"
        raise UsageError(message)

    def count(self, flag: str) -> int:
        """Return a value that is a number of things.

        Raises:
            UsageError: it is none.
        """
        text = self.text(flag)
        return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else self._refuse(flag, "whole number")

    def choice(self, flag: str, words: tuple[str, ...]) -> str:
        """Return a value that is one of a few words.

        Raises:
            UsageError: it is none of them.
        """
        text = self.text(flag)
        return text if text in words else self._refuse(flag, f"word of {', '.join(words)}")

    def _find(self, flag: str) -> tuple[str, str]:
        """Return the value of an option, and what the user calls the place where it is set.

        An empty value is one that is not set: that is how a shell or a CI file unsets a key.
        """
        option = _BY_FLAG[flag]
        if flag in self._given:
            return self._given[flag], flag
        from_environ = self._environ.get(option.environ, "").strip()
        if from_environ:
            return from_environ, option.environ
        from_ini = self._ini(option.ini) if self._ini is not None and option.ini else None
        if from_ini:
            return str(from_ini), f"{option.ini} (ini-file)"
        return option.default, flag

    def is_given(self, flag: str) -> bool:
        """Return whether the command line has the option."""
        return flag in self._given


def _given(args: Iterable[str]) -> Iterable[tuple[str, str]]:
    waiting: Option | None = None
    for arg in args:
        flag, equals, value = arg.partition("=")
        if waiting is not None and (not waiting.has_value or f"[{arg}]" == waiting.value):
            yield waiting.flag, arg
            waiting = None
            continue
        waiting = None
        if arg == "--":
            return
        option = _BY_FLAG.get(flag)
        if option is None:
            continue
        if equals or not option.value or option.has_value:
            yield flag, value if equals else "1"
        if option.value and not equals:
            waiting = option


COMMANDS = (
    *("--daemon", "--detach", "--stop-daemon", "--daemon-status", "--daemon-reload", "--daemon-reset-fixtures"),
    *("--daemon-verify", "--watch"),
)
"""Options that ask for something else than a run."""


COMPANIONS = {
    "--detach": "--daemon",
    "--watch-queue": "--watch",
    "--watch-notify": "--watch",
    "--on-pass": "--watch",
    "--on-fail": "--watch",
}
"""Options that mean nothing without a command."""


def check_combination(settings: Settings) -> None:
    """Refuse a command line that asks for two things at once, or has an option without the command that it is for.

    Raises:
        UsageError: it does; the text names the options.
    """
    given = [flag for flag in COMMANDS if settings.is_given(flag) and flag not in COMPANIONS]
    if len(given) > 1:
        message = f"{given[0]} and {given[1]} are two commands: give one at a time"
        raise UsageError(message)
    for flag, command in COMPANIONS.items():
        if settings.is_given(flag) and not settings.is_given(command):
            message = f"{flag} goes with {command}"
            raise UsageError(message)


def without_commands(args: Iterable[str]) -> tuple[str, ...]:
    """Return what a command line says about the run alone."""
    return tuple(arg for arg in args if arg not in COMMANDS)


def asks_for_daemon(args: Iterable[str]) -> bool:
    """Return whether a command line is about the daemon rather than about tests."""
    return any(arg.partition("=")[0] in COMMANDS for arg in args)

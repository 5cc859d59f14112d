"""The options of this plugin: one table for the command line, the environment and ini-files.

Read from plain text before pytest has parsed anything, because the client must know what is
asked of it while no plugin is loaded yet. pytest gets the same table, for its help and to accept
the options in the run.

The older plugin's options (pytest-hot-reloading) are all accepted; `Option.help` says what each
does now.
"""

from __future__ import annotations

from pytest_zygote.core.errors import UsageError
from pytest_zygote.core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


class Option(Record):
    """One setting.

    Attributes:
        flag: on the command line.
        value: name of its value in the help; '' for a switch.
        environ: environment key; '' without one.
        ini: ini key; '' without one.
        default: what holds when it is set nowhere.
        help: one line for the user.
    """

    flag: str
    value: str
    environ: str
    ini: str
    default: str
    help: str


OPTIONS = (
    Option("--daemon", "", "", "", "", "be the daemon, in the foreground; Ctrl-C ends it"),
    Option("--detach", "", "", "", "", "with --daemon: return when it is ready, leave it in the background"),
    Option("--stop-daemon", "", "", "", "", "stop the daemon of this project"),
    Option("--daemon-status", "[json]", "", "", "", "describe the daemon; =json for programs"),
    Option("--daemon-reload", "", "", "", "", "have the daemon import everything anew"),
    Option("--daemon-verify", "", "", "", "", "run cold and warm, compare, exit 1 if they differ"),
    Option("--daemon-disable", "", "PYTEST_DAEMON_DISABLE", "zygote_disable", "", "plain pytest, no daemon"),
    Option("--daemon-port", "NAME", "PYTEST_DAEMON_PORT", "zygote_name", "", "name of one of several daemons of a project (no TCP)"),
    Option("--daemon-start-if-needed", "", "PYTEST_DAEMON_START_IF_NEEDED", "zygote_start", "1", "start a daemon if none runs (the default)"),
    Option("--daemon-watch-globs", "GLOBS", "PYTEST_DAEMON_WATCH_GLOBS", "zygote_watch_globs", "", "accepted: every imported file is watched"),
    Option("--daemon-ignore-watch-globs", "GLOBS", "PYTEST_DAEMON_IGNORE_WATCH_GLOBS", "zygote_ignore_watch_globs", "", "files whose events are ignored, separated by ':'; each run looks at them all the same"),
    Option("--daemon-use-os-events", "", "PYTEST_DAEMON_USE_OS_EVENTS", "zygote_use_os_events", "1", "watch by events of the system (the default)"),
    Option("--daemon-poll-throttle", "N", "PYTEST_DAEMON_POLL_THROTTLE", "zygote_poll_throttle", "1", "accepted: nothing is polled"),
    Option("--daemon-timeout", "SECONDS", "PYTEST_DAEMON_TIMEOUT", "zygote_idle", "14400", "seconds without a run after which the daemon leaves"),
    Option("--daemon-do-not-autowatch-fixtures", "", "PYTEST_DAEMON_DO_NOT_AUTOWATCH_FIXTURES", "zygote_do_not_autowatch_fixtures", "", "accepted: fixtures are never stale"),
    Option("--pytest-name", "NAME", "PYTEST_DAEMON_PYTEST_NAME", "zygote_pytest_name", "pytest", "accepted: the daemon is started without pytest's command"),
)  # fmt: skip

_BY_FLAG = {option.flag: option for option in OPTIONS}


class Settings:
    """What the user asked for, from command line, environment and ini-file, in that order."""

    def __init__(self, args: Iterable[str], environ: Mapping[str, str], ini: Callable[[str], object] | None = None) -> None:
        """Read all sources.

        Args:
            args: the command line, with what ``addopts`` adds.
            environ: the environment.
            ini: gives the value of an ini key; None where no ini-file is known.
        """
        self._given = dict(_given(args))
        self._environ = environ
        self._ini = ini

    def text(self, flag: str) -> str:
        """Return the value of an option as text; '' for an unset one without a default."""
        option = _BY_FLAG[flag]
        if flag in self._given:
            return self._given[flag]
        if option.environ and option.environ in self._environ:
            return self._environ[option.environ]
        from_ini = self._ini(option.ini) if self._ini is not None and option.ini else None
        return option.default if from_ini in (None, "") else str(from_ini)

    def switch(self, flag: str) -> bool:
        """Return whether a switch is on.

        Raises:
            UsageError: its value in the environment or ini-file is neither true nor false.
        """
        text = self.text(flag).lower()
        if text in TRUE:
            return True
        if text in ("", *FALSE):
            return False
        option = _BY_FLAG[flag]
        message = f"{option.environ or option.flag} is {text!r}: use one of {', '.join((*TRUE, *FALSE))}"
        raise UsageError(message)

    def number(self, flag: str) -> float:
        """Return a value that is a number.

        Raises:
            UsageError: it is none.
        """
        text = self.text(flag)
        try:
            return float(text)
        except ValueError:
            message = f"{flag} takes a number, not {text!r}"
            raise UsageError(message) from None

    def is_given(self, flag: str) -> bool:
        """Return whether the command line has the option."""
        return flag in self._given


def _given(args: Iterable[str]) -> Iterable[tuple[str, str]]:
    waiting = ""
    for arg in args:
        flag, equals, value = arg.partition("=")
        option = _BY_FLAG.get(flag)
        if waiting:
            yield waiting, arg
            waiting = ""
        elif arg == "--":
            return
        elif option is None:
            continue
        elif equals:
            yield flag, value
        elif option.value and not option.value.startswith("["):
            waiting = flag
        else:
            yield flag, "1"


def without(flag: str, args: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command line without a switch."""
    return tuple(arg for arg in args if arg != flag)


def asks_for_daemon(args: Iterable[str]) -> bool:
    """Tell whether a command line is about the daemon rather than about tests."""
    about = ("--daemon", "--stop-daemon", "--daemon-status", "--daemon-reload", "--daemon-verify")
    return any(arg.partition("=")[0] in about for arg in args)

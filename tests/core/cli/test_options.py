"""Settings come from the command line, the environment and ini-files, in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.cli.options import OPTIONS, Option, asks_for_daemon, joined, without_commands
from pytest_zygote.core.cli.settings import FALSE, TRUE, Settings, check_combination
from pytest_zygote.core.protocol.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BY_FLAG = {option.flag: option for option in OPTIONS}
WITH_ENVIRON = [option for option in OPTIONS if option.environ]
WITH_INI = [option for option in OPTIONS if option.ini]
SWITCHES = (
    "--daemon-disable",
    "--daemon-start-if-needed",
    "--daemon-use-os-events",
    "--daemon-do-not-autowatch-fixtures",
)

LEGACY = {
    "--daemon": "",
    "--daemon-disable": "PYTEST_DAEMON_DISABLE",
    "--daemon-port": "PYTEST_DAEMON_PORT",
    "--pytest-name": "PYTEST_DAEMON_PYTEST_NAME",
    "--daemon-timeout": "PYTEST_DAEMON_TIMEOUT",
    "--daemon-watch-globs": "PYTEST_DAEMON_WATCH_GLOBS",
    "--daemon-ignore-watch-globs": "PYTEST_DAEMON_IGNORE_WATCH_GLOBS",
    "--stop-daemon": "",
    "--daemon-start-if-needed": "PYTEST_DAEMON_START_IF_NEEDED",
    "--daemon-do-not-autowatch-fixtures": "PYTEST_DAEMON_DO_NOT_AUTOWATCH_FIXTURES",
    "--daemon-use-os-events": "PYTEST_DAEMON_USE_OS_EVENTS",
    "--daemon-poll-throttle": "PYTEST_DAEMON_POLL_THROTTLE",
}
"""All options of pytest-hot-reloading 0.1, with their environment keys."""


def settings(*args: str, environ: Mapping[str, str] | None = None, ini: Mapping[str, object] | None = None) -> Settings:
    """Read settings from these sources."""
    look_up: Callable[[str], object] | None = None if ini is None else ini.get
    return Settings(args, environ or {}, look_up)


def flag_of(option: Option) -> str:
    """Name a case by its flag."""
    return option.flag


@pytest.mark.parametrize("flag", LEGACY)
def test_the_older_plugin_s_options_are_known(flag: str) -> None:
    """Under the same flag and environment key."""
    assert BY_FLAG[flag].environ == LEGACY[flag]


def test_no_two_options_share_a_name() -> None:
    """Neither a flag, nor an environment key, nor an ini key."""
    for names in ([o.flag for o in OPTIONS], [o.environ for o in WITH_ENVIRON], [o.ini for o in WITH_INI]):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("option", OPTIONS, ids=flag_of)
def test_the_default_holds_where_nothing_is_set(option: Option) -> None:
    """With an ini-file that says nothing, and without one."""
    assert settings().text(option.flag) == option.default
    assert settings(ini={}).text(option.flag) == option.default
    assert not settings().is_given(option.flag)


@pytest.mark.parametrize("option", WITH_INI, ids=flag_of)
def test_an_ini_file_sets_every_option_that_has_a_key(option: Option) -> None:
    """Under its ini key."""
    assert settings(ini={option.ini: "from-ini"}).text(option.flag) == "from-ini"


@pytest.mark.parametrize("option", WITH_ENVIRON, ids=flag_of)
def test_the_environment_goes_before_an_ini_file(option: Option) -> None:
    """Both set: the environment holds."""
    both = settings(environ={option.environ: "from-environ"}, ini={option.ini: "from-ini"})

    assert both.text(option.flag) == "from-environ"
    assert not both.is_given(option.flag)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.value], ids=flag_of)
def test_the_command_line_goes_before_everything(option: Option) -> None:
    """All three set: the command line holds."""
    everything = settings(
        f"{option.flag}=from-line", environ={option.environ: "from-environ"}, ini={option.ini: "from-ini"}
    )

    assert everything.text(option.flag) == "from-line"
    assert everything.is_given(option.flag)


@pytest.mark.parametrize("option", WITH_ENVIRON, ids=flag_of)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_key_is_not_set(option: Option, empty: str) -> None:
    """A shell unsets a key for one command by leaving it empty."""
    assert settings(environ={option.environ: empty}).text(option.flag) == option.default
    assert settings(environ={option.environ: empty}, ini={option.ini: "from-ini"}).text(option.flag) == "from-ini"


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (("--daemon-port=b",), "b"),
        (("--daemon-port", "b"), "b"),
        (("--daemon-port=a", "--daemon-port=b"), "b"),
        (("--daemon-port", "a", "tests", "--daemon-port", "b"), "b"),
        (("--daemon-port=",), ""),
        (("--daemon-port=a=b",), "a=b"),
        (("--daemon-port", "--daemon"), "--daemon"),
        (("--daemon-port",), ""),
        (("--daemon-por", "b"), ""),
        (("--", "--daemon-port=b"), ""),
    ],
)
def test_a_value_is_read_as_pytest_reads_it(args: tuple[str, ...], value: str) -> None:
    """Behind an equals sign or as the next word; the last one holds; nothing behind ``--`` is an option."""
    assert settings(*args).text("--daemon-port") == value


@pytest.mark.parametrize(
    ("args", "form"),
    [
        (("--daemon-status",), "1"),
        (("--daemon-status=json",), "json"),
        (("--daemon-status", "json"), "json"),
        (("--daemon-status", "tests"), "1"),
        (("--daemon-status", "--", "json"), "1"),
        (("--daemon-status=xml",), "xml"),
        (("--daemon-status", "--daemon-port", "b"), "1"),
    ],
)
def test_a_word_that_may_be_left_out_is_taken_if_it_is_that_word(args: tuple[str, ...], form: str) -> None:
    """What else follows is another argument."""
    assert settings(*args).text("--daemon-status") == form


def test_what_follows_a_left_out_word_is_read() -> None:
    """The argument behind ``--daemon-status`` may be an option of its own."""
    assert settings("--daemon-status", "--daemon-port", "b").text("--daemon-port") == "b"


@pytest.mark.parametrize("flag", SWITCHES)
@pytest.mark.parametrize("text", [*TRUE, *FALSE, "True", "OFF", " yes "])
def test_a_switch_understands_words(flag: str, text: str) -> None:
    """In the environment and in an ini-file, in any case of letters."""
    expected = text.strip().lower() in TRUE

    assert settings(environ={BY_FLAG[flag].environ: text}).switch(flag) is expected
    assert settings(ini={BY_FLAG[flag].ini: text.strip()}).switch(flag) is expected


@pytest.mark.parametrize("flag", SWITCHES)
def test_a_switch_is_on_where_it_is_given(flag: str) -> None:
    """Whatever the environment says."""
    assert settings(flag, environ={BY_FLAG[flag].environ: "0"}).switch(flag)


@pytest.mark.parametrize(
    ("args", "environ", "ini", "where"),
    [
        (("--daemon-disable=maybe",), {}, {}, "--daemon-disable"),
        ((), {"PYTEST_DAEMON_DISABLE": "maybe"}, {}, "PYTEST_DAEMON_DISABLE"),
        ((), {}, {"zygote_disable": "maybe"}, r"zygote_disable \(ini-file\)"),
    ],
)
def test_a_switch_that_is_neither_on_nor_off_is_an_error(
    args: tuple[str, ...], environ: dict[str, str], ini: dict[str, object], where: str
) -> None:
    """The error names the place, what stands there, and what may."""
    with pytest.raises(UsageError, match=f"^{where} is 'maybe': use one of 1, true, yes, on, 0, false, no, off$"):
        settings(*args, environ=environ, ini=ini).switch("--daemon-disable")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0.0), ("300", 300.0), ("1.5", 1.5), (" 20 ", 20.0), ("1e3", 1000.0)]
)
def test_a_duration_is_a_number_of_seconds(text: str, seconds: float) -> None:
    """Whole or not."""
    assert settings(environ={"PYTEST_DAEMON_TIMEOUT": text}).seconds("--daemon-timeout") == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e300", "4 h"])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    """The error names the place and the value."""
    with pytest.raises(UsageError, match=f"^--daemon-timeout is '{text}': use a number of seconds$"):
        settings(f"--daemon-timeout={text}").seconds("--daemon-timeout")


def test_every_default_is_a_right_value() -> None:
    """Nobody gets an error for what they did not set."""
    nothing = settings()

    assert nothing.seconds("--daemon-timeout") > 0
    assert {flag: nothing.switch(flag) for flag in SWITCHES} == {
        "--daemon-disable": False,
        "--daemon-start-if-needed": True,
        "--daemon-use-os-events": True,
        "--daemon-do-not-autowatch-fixtures": False,
    }


@given(st.lists(st.sampled_from([*BY_FLAG, "tests", "-k", "json", "--", "--daemon-port=x", "=", ""])))
def test_any_command_line_can_be_read(args: list[str]) -> None:
    """What is wrong with it is pytest's to say; a switch at the front is always found."""
    found = settings("--daemon-disable", *args)

    assert all(isinstance(found.text(flag), str) for flag in BY_FLAG)
    assert found.switch("--daemon-disable")
    assert not found.is_given("tests")


def test_the_run_of_a_command_is_what_else_the_command_line_says() -> None:
    """In the order of the user."""
    args = ("-x", "--daemon", "tests", "--detach", "--daemon-port=b", "--daemon-verify", "-k", "daemon")

    assert without_commands(args) == ("-x", "tests", "--daemon-port=b", "-k", "daemon")
    assert settings(*args).args == args


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("-q", "tests"), ("-q", "tests")),
        (("--watch", "--watch-queue", "--affected", "-q"), ("-q",)),
        (("--on-pass", "echo good", "-q"), ("-q",)),
        (("--on-fail=echo bad", "-q"), ("-q",)),
        (("--watch", "--", "--watch"), ("--", "--watch")),
    ],
)
def test_runs_do_not_get_what_goes_with_a_command(args: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Also values that stand alone, and an option that watch mode chooses itself."""
    assert without_commands(args, "--affected") == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--affected-export", "results.json", "-k", "x"), ("--affected-export=results.json", "-k", "x")),
        (("--daemon-status", "json"), ("--daemon-status=json",)),
        (("--affected", "tests"), ("--affected", "tests")),
        (("--on-pass",), ("--on-pass",)),
        (("--", "--on-pass", "x"), ("--", "--on-pass", "x")),
    ],
)
def test_values_are_joined_to_their_options(args: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """So that pytest, which does not know the options yet, takes no value for the path of a test."""
    assert joined(args) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--daemon",), True),
        (("tests", "--daemon-status=json"), True),
        (("--stop-daemon",), True),
        (("--daemon-reload",), True),
        (("--daemon-verify", "-x"), True),
        (("--daemon", "--detach"), True),
        (("--daemon-port=b", "--daemon-disable"), False),
        (("tests", "-k", "daemon"), False),
        ((), False),
    ],
)
def test_commands_about_the_daemon_are_told_from_runs(args: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - a case
    """By the flag alone, whatever its value."""
    assert asks_for_daemon(args) is expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--stop-daemon", "--daemon-status=json"), "--stop-daemon and --daemon-status are two commands"),
        (("--watch", "--daemon-verify"), "--daemon-verify and --watch are two commands"),
        (("--daemon", "--watch"), "--daemon and --watch are two commands"),
        (("--detach",), "--detach goes with --daemon"),
        (("--detach", "--stop-daemon"), "--detach goes with --daemon"),
        (("--watch-queue",), "--watch-queue goes with --watch"),
        (("--on-pass=echo", "-q"), "--on-pass goes with --watch"),
    ],
)
def test_options_that_cannot_go_together_are_refused(args: tuple[str, ...], message: str) -> None:
    """One of two commands would be ignored without a word, as would an option of another command."""
    with pytest.raises(UsageError, match=message):
        check_combination(Settings(args, {}))


@pytest.mark.parametrize(
    "args",
    [(), ("-q",), ("--daemon", "--detach"), ("--watch", "--watch-queue", "--on-fail", "echo"), ("--daemon-status",)],
)
def test_options_that_go_together_are_accepted(args: tuple[str, ...]) -> None:
    """A command has its own options."""
    check_combination(Settings(args, {}))

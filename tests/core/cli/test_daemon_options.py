"""What a daemon must know of options: collected, sent, and compared."""

from __future__ import annotations

import pytest

from pytest_zygote.core.cli.daemon_options import DaemonOptions, ignored_globs, options_of, pinned_by
from pytest_zygote.core.cli.options import OPTIONS
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.errors import UsageError


def test_all_options_that_a_daemon_must_know_are_sent() -> None:
    """Their row in the table says so, and nothing else has to."""
    options = options_of(Settings((), {}))
    assert {*options.by_flag} == {option.flag for option in OPTIONS if option.daemon}
    assert options.by_flag["--daemon-sessions"] == "3"


def test_equal_values_are_equal_texts() -> None:
    """However they are written."""
    one = options_of(Settings(["--daemon-timeout=60", "--daemon-use-os-events=yes"], {}))
    other = options_of(Settings(["--daemon-timeout=60.0", "--daemon-use-os-events=1"], {}))
    assert one == other


def test_values_survive_the_way_to_the_daemon() -> None:
    """A value may be empty, or hold what separates a flag from its value."""
    options = options_of(Settings(["--daemon-ignore-watch-globs=a=b:c*"], {}))
    received = options_of(Settings(options.arguments(), {}))
    assert received == options
    assert ignored_globs(received.settings) == ("a=b", "c*")


def test_difference_shows_both_values() -> None:
    """The user reads what has changed, and how."""
    earlier, now = DaemonOptions({"--a": "1", "--b": "2"}), DaemonOptions({"--a": "1", "--b": "0"})
    assert now.differences(earlier) == {"--b": "--b is 0, it was 2"}
    assert not now.differences(now)


def test_option_of_a_newer_table_differs() -> None:
    """A value that was not known is not equal to any."""
    assert DaemonOptions({"--new": "1"}).differences(DaemonOptions({})) == {"--new": "--new is 1, it was "}


def test_value_that_is_not_understood_is_refused_by_the_client() -> None:
    """The daemon never sees it."""
    with pytest.raises(UsageError, match="--daemon-sessions is 'many': use a whole number"):
        options_of(Settings(["--daemon-sessions=many"], {}))


def test_only_the_command_line_of_a_daemon_pins() -> None:
    """A run that happens to start a daemon says nothing about later runs."""
    args = ["--daemon-timeout=60"]
    assert pinned_by(Settings(["--daemon", *args], {})) == ("--daemon-timeout",)
    assert pinned_by(Settings(args, {})) == ()


def test_pinned_value_beats_the_ini_file_but_not_a_command_line() -> None:
    """The order of sources is that of all options."""
    request = DaemonOptions({"--daemon-sessions": "0", "--daemon-timeout": "9"})
    pinned = {"--daemon-sessions": "5"}
    assert request.overridden(pinned, ()).by_flag == {"--daemon-sessions": "5", "--daemon-timeout": "9"}
    assert request.overridden(pinned, ("--daemon-sessions=0",)) == request

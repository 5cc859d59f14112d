"""The options of pytest-xdist, and who serves them."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from types import SimpleNamespace

import pytest

from pytest_zygote.parallel import xdist_plugin
from tests.parallel.fakes import make_config

IS_XDIST_INSTALLED = importlib.util.find_spec("xdist") is not None


@pytest.mark.parametrize(
    ("args", "is_registered"),
    [
        (["-n2"], True),
        (["-n", "auto"], True),
        (["--numprocesses=4", "-v"], True),
        (["--dist=loadfile"], True),
        (["--replay=gw1"], True),
        (["--dist=each", "-n2"], False),
        (["-n2", "--tx=ssh=host"], False),
        (["-n2", "-f"], False),
        (["-no-such-option"], False),
        (["tests"], False),
    ],
)
@pytest.mark.skipif(not IS_XDIST_INSTALLED, reason="without pytest-xdist this plugin is always registered")
def test_this_plugin_stands_in_where_forks_can_do_what_is_asked(args: list[str], *, is_registered: bool) -> None:
    """Other machines, looping and plain runs are left to pytest-xdist."""
    manager = pytest.PytestPluginManager()
    xdist_plugin.register_in_place(manager, args)
    assert (manager.get_plugin("xdist") is sys.modules[xdist_plugin.__name__]) is is_registered


def test_a_plugin_that_is_blocked_is_not_registered() -> None:
    """``-p no:xdist`` is about this one, too."""
    manager = pytest.PytestPluginManager()
    manager.set_blocked("xdist")
    xdist_plugin.register_in_place(manager, ["-n2"])
    assert manager.get_plugin("xdist") is None


def test_a_plugin_that_is_there_stays() -> None:
    """``-p xdist`` asks for the real one."""
    manager = pytest.PytestPluginManager()
    real = SimpleNamespace()
    manager.register(real, "xdist")
    xdist_plugin.register_in_place(manager, ["-n2"])
    assert manager.get_plugin("xdist") is real


def resolve(**options: object) -> tuple[object, object, int]:
    """Return `numprocesses`, `dist` and the number of workers."""
    given = {"numprocesses": None, "dist": "no", "tx": [], **options}
    config = make_config(xdist_plugin, **given)
    xdist_plugin.pytest_cmdline_main(config)
    return config.option.numprocesses, config.option.dist, len(config.option.tx)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (None, "no", 0)),
        ({"numprocesses": 3}, (3, "load", 3)),
        ({"numprocesses": 3, "dist": "loadfile"}, (3, "loadfile", 3)),
        ({"numprocesses": 0, "dist": "load"}, (0, "no", 0)),
        ({"numprocesses": 8, "maxprocesses": 2}, (8, "load", 2)),
        ({"distload": True, "numprocesses": 2}, (2, "load", 2)),
        ({"cores": 4}, (4, "load", 4)),
        ({"cores": 4, "disable_mproc": True}, (0, "no", 0)),
        ({"numprocesses": "auto", "usepdb": True}, (0, "no", 0)),
    ],
)
def test_options_are_resolved(options: dict[str, object], expected: tuple[object, object, int]) -> None:
    """As pytest-xdist does it."""
    assert resolve(**options) == expected


def test_the_environment_may_say_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with pytest-xdist."""
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "7")
    assert resolve(numprocesses="auto") == (7, "load", 7)


def test_each_is_about_several_machines() -> None:
    """So it is an error here."""
    with pytest.raises(pytest.UsageError, match="--dist=each is about several machines"):
        resolve(numprocesses=2, dist="each")


@pytest.mark.parametrize(("text", "expected"), [("4", 4), ("4*2", 8), ("4/2", 2), ("1/2", 1)])
def test_cores_may_be_calculated(text: str, expected: int) -> None:
    """There is always one."""
    assert xdist_plugin._cores(text) == expected  # noqa: SLF001


def test_a_truth_that_is_none_is_an_error() -> None:
    """It may be the first argument of the command line."""
    with pytest.raises(argparse.ArgumentTypeError, match="'tests' is neither true nor false"):
        xdist_plugin._truth("tests")  # noqa: SLF001

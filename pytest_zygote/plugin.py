"""The pytest plugin: options and hooks in the user's pytest, and in the run.

In the user's process it hands over as early as pytest allows: in `pytest_addoption` the
arguments, rootdir and ini-file are known, while conftest files and other plugins are not loaded
yet. In a run it checks that the layer is exact, and tells the daemon what was imported.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.client import daemon_name, say_cold
from pytest_zygote.client.request import hindrance

if TYPE_CHECKING:
    from pytest_zygote.run import Run


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options; hand over to the daemon if this run can be warm."""
    group = parser.getgroup("zygote", "warm runs in a fork of a process that has imported everything")
    group.addoption("--daemon-disable", action="store_true", help="plain pytest, no daemon")
    group.addoption("--daemon-port", metavar="NAME", help="name of one of several daemons of a project")
    group.addoption("--stop-daemon", action="store_true", help="stop the daemon of this project")
    group.addoption("--daemon-status", nargs="?", const="table", metavar="json", help="describe the daemon")
    group.addoption("--daemon-reload", action="store_true", help="build all layers anew")
    parser.addini("zygote_start", "start a daemon if none runs", type="bool", default=True)
    parser.addini("zygote_preload", "modules to import early", type="args", default=[])
    parser.addini("zygote_exclude", "modules never to import early", type="args", default=[])
    config = pluginmanager.get_plugin("pytestconfig")
    run = _current_run()
    if run is not None:
        from pytest_zygote.session import RunPlugin

        pluginmanager.register(RunPlugin(run), "zygote_run")
    elif config is not None:
        _hand_over(config)


def _current_run() -> Run | None:
    module = sys.modules.get("pytest_zygote.run")
    return None if module is None else module.current()  # type: ignore[no-any-return]


def _hand_over(config: pytest.Config) -> None:
    args = tuple(str(arg) for arg in config.invocation_params.args)
    all_args = (*config.getini("addopts"), *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *args)
    reason = hindrance(all_args, os.environ)
    if reason is None:
        from pytest_zygote.client.takeover import take_over

        reason = take_over(config, args, all_args, daemon_name(all_args))
    say_cold(reason)

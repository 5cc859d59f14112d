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

from pytest_zygote.client import say_cold
from pytest_zygote.client.request import hindrance
from pytest_zygote.core.errors import UsageError
from pytest_zygote.core.options import OPTIONS, Settings

if TYPE_CHECKING:
    from pytest_zygote.run import Run


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options; hand over to the daemon if this run can be warm."""
    group = parser.getgroup("zygote", "warm runs, in a fork of a process that has imported everything")
    for option in OPTIONS:
        if option.value.startswith("["):
            group.addoption(option.flag, nargs="?", const="1", metavar=option.value.strip("[]"), help=option.help)
        elif option.value:
            group.addoption(option.flag, metavar=option.value, help=option.help)
        else:
            group.addoption(option.flag, action="store_true", help=option.help)
        if option.ini:
            parser.addini(option.ini, option.help, default=None)
    parser.addini("zygote_preload", "modules to import early, beside those that runs imported", type="args", default=[])
    parser.addini("zygote_exclude", "modules, packages or patterns never to import early", type="args", default=[])
    run = _current_run()
    if run is not None:
        from pytest_zygote.session import RunPlugin

        pluginmanager.register(RunPlugin(run), "zygote_run")
    else:
        _hand_over(parser, pluginmanager)


def _current_run() -> Run | None:
    module = sys.modules.get("pytest_zygote.run")
    return None if module is None else module.current()  # type: ignore[no-any-return]


def _hand_over(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    config = pluginmanager.get_plugin("pytestconfig")
    if config is None:
        return
    given = (str(arg) for arg in config.invocation_params.args)
    args = (*config.getini("addopts"), *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *given)
    settings = Settings(args, os.environ, config.getini)
    try:
        reason = hindrance(settings, args, os.environ)
        if reason is None:
            from pytest_zygote.client.takeover import take_over

            reason = take_over(config, parser, settings)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    say_cold(reason)

"""The pytest plugin: options and hooks in the user's pytest, and in the run.

In the user's process it hands over as early as pytest allows: in `pytest_addoption` the
arguments, rootdir and ini-file are known, while conftest files and other plugins are not loaded
yet. In a run it checks that the layer is exact, and tells the daemon what was imported.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import argparse
import enum
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.private import plain
from pytest_zygote.client import COLD, DISABLE, addopts, print_cold
from pytest_zygote.client.request import ineligible
from pytest_zygote.core.cli.options import OPTIONS, asks_for_daemon, joined
from pytest_zygote.core.cli.settings import Settings, check_combination
from pytest_zygote.core.protocol.errors import Unavailable, UsageError
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.runner_code import TERMINAL

if TYPE_CHECKING:
    from pytest_zygote.parallel.configured_worker import ConfiguredWorker
    from pytest_zygote.run.process import RunProcess


class Paths(argparse.Action):
    """Stores paths, with those that followed an option (`more`)."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store them."""
        del parser, option_string
        setattr(namespace, self.dest, [*vars(self)["more"], *(values if isinstance(values, list) else ())])


class Value(argparse.Action):
    """An option with a value.

    One whose value may be left out is followed by a word of its own, or by a path, as in ``--affected tests``: that is
    for those who look at what is left of the command line.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store the value; have an option that begins like another one switch that on."""
        del option_string
        is_word = self.const is None or not isinstance(values, str) or values == self.metavar
        if not is_word and os.path.exists(str(values).partition("::")[0]):
            plain.add_path(parser, namespace, str(values), Paths)
            values = self.const
        setattr(namespace, self.dest, values)
        if self.dest.startswith("affected_") and not getattr(namespace, "affected", None):
            namespace.affected = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Take part in the run, before it imports anything of the project's."""
    from pytest_zygote.parallel import run_limits

    run_limits.begin(early_config)
    options = early_config.known_args_namespace
    is_here = not early_config.pluginmanager.has_plugin("zygote_served")
    if is_here and (options.zygote_output or options.zygote_trace):
        from pytest_zygote import output

        output.begin(early_config, _served(early_config))
    if options.shard is not None or options.shard_result:
        from pytest_zygote.shards import plugin as shards

        # Before selection by changes, which chooses from the tests of a shard.
        shards.begin(early_config, _settings(early_config).text("--shard-by"))
    if is_here:
        _select_and_share_out(early_config, options)


def _select_and_share_out(early_config: pytest.Config, options: argparse.Namespace) -> None:
    if options.hosts or options.hosts_serve:
        from pytest_zygote.hosts import plugin as hosts

        hosts.begin(early_config)
    if options.affected:
        from pytest_zygote.affected.plugin import begin

        begin(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of tests that name what they depend on."""
    text = "with --affected, run the test again if a path, a glob, '$KEY' or 'package:NAME' changes."
    config.addinivalue_line("markers", f"{MARK}(*things): {text}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check these marks in each run: else they would be errors only with ``--affected``."""
    marked = [item for item in items if item.get_closest_marker(MARK) is not None]
    if marked:
        from pytest_zygote.affected.declarations import check_marks

        check_marks(marked)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Let fixtures outlive a warm run that are declared to."""
    sharing = sys.modules.get("pytest_zygote.fixtures.declare")
    if sharing is not None and sharing.PERSISTENT and session.config.pluginmanager.has_plugin("zygote_run"):
        from pytest_zygote.fixtures import persistent

        persistent.begin(session, _settings(session.config).text("--daemon-port"))


@pytest.hookimpl(trylast=True)
def pytest_enter_pdb(config: pytest.Config) -> None:
    """Give a debugger the terminal, in a run of watch mode: such runs have no input."""
    if path := os.environ.get(TERMINAL):
        from pytest_zygote.run.borrowed_terminal import borrow

        borrow(config, path)


MARK = "depends_on"

LISTS = {
    "zygote_preload": "modules to import early although no run has imported them",
    "zygote_exclude": "modules, packages or patterns never to import early",
    "zygote_always_reload": "globs of paths, or of file names, of modules that are never patched in place",
    "zygote_workarounds": "modules that register workarounds",
}
"""Settings of the ini-file that are lists."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options; hand over to the daemon if this run can be warm."""
    # Else our modules would be loaded by pytest's rewriter of assertions: it is slow, and nobody reads ours.
    plain.unmark(pluginmanager, "pytest_zygote")
    group = parser.getgroup("zygote", "warm runs, in a fork of a process that has imported everything")
    for option in OPTIONS:
        if option.has_value:
            word = option.value.strip("[]")
            group.addoption(option.flag, nargs="?", const="1", metavar=word, help=option.help, action=Value)
        elif option.value:
            group.addoption(option.flag, metavar=option.value, help=option.help, action=Value)
        else:
            group.addoption(option.flag, action="store_true", help=option.help)
        if option.ini:
            parser.addini(option.ini, option.help, default=None)
    add_settings(parser)
    config = pluginmanager.get_plugin("pytestconfig")
    if config is None:  # a program made a plugin manager of its own
        return
    kind = _find_kind(config, parser)
    settings = _settings(config)
    has_workers = _stand_in(pluginmanager, settings)
    if has_workers and kind is not SessionKind.WORKER:
        from pytest_zygote.parallel.configured_worker import prepare

        is_recorded = any(arg.startswith("--affected") for arg in settings.args)
        prepare(config, may_fork=kind is SessionKind.RUN and not is_recorded)
    _add_what_runs_need(parser, pluginmanager)


def _add_what_runs_need(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_zygote import hookspecs
    from pytest_zygote.parallel import run_limits

    run_limits.add_options(parser)
    pluginmanager.add_hookspecs(hookspecs)


class SessionKind(enum.Enum):
    """What a session is for."""

    WORKER = "it is one of several that run the tests"
    COLLECTED_AHEAD = "runs will be forked from it"
    RUN = "it runs tests"


def _find_kind(config: pytest.Config, parser: pytest.Parser) -> SessionKind:
    """Make this session that of a worker or a run, or hand it over; return what it is for."""
    if (worker := _current_worker()) is not None:
        worker.join(config)
        return SessionKind.WORKER
    if (run := _current_run()) is not None:
        _join(run, config)
        return SessionKind.RUN if run.has_client else SessionKind.COLLECTED_AHEAD
    _hand_over(config, parser)
    return SessionKind.RUN


def _stand_in(pluginmanager: pytest.PytestPluginManager, settings: Settings) -> bool:
    """Return whether there may be workers that we fork."""
    if settings.switch("--no-zygote-workers"):
        return False
    from pytest_zygote.parallel import mproc_fixtures, xdist_plugin

    pluginmanager.register(mproc_fixtures, "zygote_folders")
    return xdist_plugin.register_in_place(pluginmanager, settings.args)


def add_settings(parser: pytest.Parser) -> None:
    """Register the keys of the ini-file that belong to no option."""
    for name, text in LISTS.items():
        parser.addini(name, text, type="args", default=[])
    text = "run tests that failed again from fresh imports, if modules were patched; say loudly if one passes then"
    parser.addini("zygote_recheck", text, type="bool")


def _served(config: pytest.Config) -> dict[str, object]:
    """Return how this run is served, for `output`."""
    from pytest_zygote.core.output.events import served

    run = config.pluginmanager.get_plugin("zygote_run")
    return served("" if run is None else run.layer_kind, COLD[0] if COLD else None)


def _current_run() -> RunProcess | None:
    module = sys.modules.get("pytest_zygote.run.process")
    return None if module is None else module.claim()


def _current_worker() -> ConfiguredWorker | None:
    module = sys.modules.get("pytest_zygote.parallel.configured_worker")
    return None if module is None else module.claim()


def _join(run: RunProcess, config: pytest.Config) -> None:
    from pytest_zygote.run.layer_check import RunPlugin
    from pytest_zygote.run.workaround_hooks import WorkaroundHooks

    config.pluginmanager.register(RunPlugin(run), "zygote_run")
    config.pluginmanager.register(WorkaroundHooks(run.layer.workarounds), "zygote_around")
    for name, plugin in run.plugins.items():
        config.pluginmanager.register(plugin, name)
    if _settings(config).switch("--daemon-disable"):
        run.start_over("cold", Reason("switched-off", "the ini-file switches warm runs off"))  # `pz` reads no ini-file


def _hand_over(config: pytest.Config, parser: pytest.Parser) -> None:
    try:
        given = tuple(map(str, config.invocation_params.args))  # `addopts` may say how all stays in watch mode are
        check_combination(Settings(given, os.environ))
        if joined(given) != given:
            from pytest_zygote.client.handover import restart_if_misread

            restart_if_misread(given)
        reason = _reason_to_stay(config, parser, _settings(config))
    except (Unavailable, UsageError) as error:
        raise pytest.UsageError(str(error)) from error
    if reason is not None:
        environ = pytest.MonkeyPatch()  # a program may call `pytest.main` again
        environ.setenv(DISABLE, "1")
        config.add_cleanup(environ.undo)
        config.add_cleanup(COLD.clear)
        print_cold(reason)


def _settings(config: pytest.Config) -> Settings:
    given = (str(arg) for arg in config.invocation_params.args)
    return Settings((*config.getini("addopts"), *addopts(os.environ), *given), os.environ, config.getini)


def _reason_to_stay(config: pytest.Config, parser: pytest.Parser, settings: Settings) -> Reason | None:
    """Carry out what is not a run; hand over a run; return why it must be served here, None if it was served."""
    if asks_for_daemon(settings.args):  # also in CI, and where runs are cold by another setting: it is a command
        from pytest_zygote.client.handover import obey

        obey(config, settings)
    if (reason := ineligible(settings, settings.args, os.environ)) is not None:
        return reason
    from pytest_zygote.client.handover import adopt

    return adopt(config, parser, settings)

"""What the plugin does in the user's process instead of running pytest there."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import start_state
from pytest_zygote.adapters.pytest.private import plain
from pytest_zygote.adapters.system import signals
from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client.daemon_launcher import DaemonLauncher, connect_or_start
from pytest_zygote.client.request import make_request
from pytest_zygote.client.run_relay import Declined, RunEnd, lend
from pytest_zygote.core.cli.daemon_options import options_of, pinned_by
from pytest_zygote.core.cli.options import joined, parse
from pytest_zygote.core.protocol.errors import ProtocolError, Unavailable
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import NoReturn

    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.protocol.client_messages import RunRequest

FORCE = "PYTEST_DAEMON_FORCE_SESSIONS"
"""Environment key by which tests of this package have all runs that can be forked from collected sessions."""


def obey(config: pytest.Config, settings: Settings) -> NoReturn:
    """Carry out a command about the daemon and end this process.

    Raises:
        UsageError: the command is not understood.
        Unavailable: it cannot be carried out.
    """
    from pytest_zygote.client import commands

    args = tuple(str(arg) for arg in config.invocation_params.args)
    try:
        launch = _launch(config, settings)
        if settings.is_given("--daemon-doctor"):
            from pytest_zygote.client import doctor

            signals.leave(doctor.report(config, settings, launch.place))
        commands.obey(launch, settings, make_request(args, _python_path(config), launch.options))
    except (ProtocolError, OSError) as error:
        raise Unavailable(Reason("daemon-unreachable", str(error))) from error


def restart_if_misread(args: tuple[str, ...]) -> None:
    """Become pytest once more if it has taken the value of an option for a path, and looked for rootdir there.

    ``--affected-export ../results.json``: pytest does not know the option before this plugin is loaded. Where the
    plugin is named in the ini-file alone, it is not loaded then: the ini-file of another folder was looked for.
    """
    values = {argument.value for argument in parse(args) if len(argument.words) > 1 and argument.option is not None}
    is_misread = any(value is not None and os.path.exists(value) for value in values)
    program, theirs = sys.orig_argv[: -len(args)], tuple(sys.orig_argv[-len(args) :])
    if is_misread and theirs == args and start_state.is_pytest():
        os.execv(sys.executable, [*program, *joined(args)])  # noqa: S606 - as this process was started


def adopt(config: pytest.Config, parser: pytest.Parser, settings: Settings) -> Reason | None:
    """Serve this run from the daemon; return the reason if it must be served here.

    Where pytest is the program, this process ends as the run ended. Where a program called
    `pytest.main`, the program gets the exit code: see `Served`.
    """
    names = _plugin_names(config.invocation_params.plugins or ())
    if names is None:
        return Reason("plugin-objects", "plugin objects cannot be sent to another process")
    args = (*(f"-p{name}" for name in names), *(str(arg) for arg in config.invocation_params.args))
    launch = _launch(config, settings)
    try:
        outcome = _serve(launch, make_request(args, _python_path(config), launch.options), settings)
    except Unavailable as error:
        return error.reason
    except (ProtocolError, OSError) as error:
        return Reason("daemon-unreachable", str(error))
    if not isinstance(outcome, RunEnd):
        return outcome
    if start_state.is_pytest() or outcome.status < 0:
        signals.leave_like(outcome.status)
    config.pluginmanager.register(Served(outcome.status, parser), "zygote_served")
    return None


def _plugin_names(plugins: Sequence[object]) -> list[str] | None:
    """Return the names by which a run can import the plugins that a program gives; None if there is one without.

    PyCharm gives its plugin as a module.
    """
    names = [plugin if isinstance(plugin, str) else getattr(plugin, "__name__", "") for plugin in plugins]
    are_modules = (
        isinstance(plugin, str) or (isinstance(plugin, ModuleType) and sys.modules.get(name) is plugin)
        for name, plugin in zip(names, plugins, strict=True)
    )
    return names if all(are_modules) else None


def _python_path(config: pytest.Config) -> tuple[str, ...]:
    """Return what ``pythonpath`` of the ini-file has added by now: pytest 9 does so before it loads plugins."""
    is_done = plain.is_python_path_early(config)
    return tuple(str(path) for path in config.getini("pythonpath")) if is_done else ()


def _launch(config: pytest.Config, settings: Settings) -> DaemonLauncher:
    return DaemonLauncher(
        Rendezvous(str(config.rootpath), settings.text("--daemon-port")),
        cache=_cache(config),
        options=options_of(settings),
        pinned=pinned_by(settings),
        forces_sessions=os.environ.get(FORCE) == "1",
    )


def _cache(config: pytest.Config) -> str:
    """Return pytest's cache folder; '' with ``-p no:cacheprovider``."""
    try:
        return str(config.rootpath / str(config.getini("cache_dir")))
    except ValueError:
        return ""


def _serve(launch: DaemonLauncher, request: RunRequest, settings: Settings) -> RunEnd | Reason:
    outcome = _ask_for_run(launch, request, settings)
    if isinstance(outcome, Declined) and outcome.restart:
        outcome = _ask_for_run(launch, request, settings)  # of a daemon of our own version
    return outcome.reason if isinstance(outcome, Declined) else outcome


def _ask_for_run(launch: DaemonLauncher, request: RunRequest, settings: Settings) -> RunEnd | Declined:
    # Of a process that is debugged, the daemon would be, too.
    may_start = settings.switch("--daemon-start-if-needed") and not request.debugger
    channel, started = connect_or_start(launch, may_start=may_start)
    if started:
        sys.stderr.write(f"zygote: started a daemon for {launch.place.root}\n")
    return lend(channel, request)


class Served:
    """Makes `pytest.main`, called by a program, return the exit code of a run that has happened.

    pytest offers no way out of its own configuration short of ending the process. So it goes
    on, without what costs time or has effects: conftest files are not loaded, options that they
    would have defined are not refused, and the command is over before a session starts.
    """

    def __init__(self, status: int, parser: pytest.Parser) -> None:
        """Remember the exit code; loosen this one parser."""
        self._status = status
        parser.parse = parser.parse_known_args  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, object, object]:
        """Load no conftest file."""
        early_config.known_args_namespace.noconftest = True
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self) -> int:
        """Be the command: it has been served."""
        return self._status

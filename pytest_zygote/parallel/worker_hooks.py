"""Hooks that tell what happened: in a worker nobody listens but the one who passes it on.

The run process calls them again for what it is told, so plugins that watch (the terminal, junitxml,
last-failed …) see in one process what they would see without workers.

Hooks that begin and end a session are not called in a worker either, since the run process is the
session. Some plugins do one thing in the workers of pytest-xdist and another in its controller:
they ask for ``workerinput`` or for ``PYTEST_XDIST_WORKER``. Such a hook is called in a worker too.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel.report_delta import Shortener

if TYPE_CHECKING:
    import warnings
    from collections.abc import Callable, Iterator

TOLD = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish", "pytest_warning_recorded")
ASKS = ("workerinput", "workeroutput", "PYTEST_XDIST_WORKER", "is_xdist_worker", "get_xdist_worker_id")
IN_WORKERS = ("pytest_configure", "pytest_sessionstart", "pytest_sessionfinish", "pytest_unconfigure")
"""Hooks that begin and end a session, which are called in a worker if they ask."""
FOR_PARENT = ("_pytest.", "pytest_zygote.", "pytest_cov.", "xdist.")
"""Plugins whose hooks are known to do nothing in a worker, or are served otherwise."""
UNSERVED = ("syrupy",)
"""Plugins that write what a process has collected when its session ends, in every worker of pytest-xdist."""


def silence(config: pytest.Config) -> None:
    """Have nobody listen in this process."""
    for name in TOLD:
        caller = getattr(config.hook, name)
        for implementation in caller.get_hookimpls():
            caller._remove_plugin(implementation.plugin)


class EventSender:
    """Sends what would have been reported."""

    def __init__(
        self, config: pytest.Config, send: Callable[[transfer.Event], None], flush: Callable[[], None]
    ) -> None:
        """Listen, but not to what happened before."""
        self._config = config
        self._send = send
        self._flush = flush
        self._shorten = Shortener(config).shorten
        self.is_listening = False
        self.failures = 0

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Pass on."""
        self._send(("logstart", nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Pass on."""
        self._send(("logfinish", nodeid, location))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass on, in the form that pytest has for it if there is more to it than times."""
        brief = self._shorten(report)
        if brief is not None:
            self.failures += report.failed
            self._send(brief)
        else:
            data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
            self.failures += report.failed and not hasattr(report, "wasxfail")
            self._send(("report", transfer.dump(data)))
        if report.when == "call":  # what is torn down next may end the process
            self._flush()

    @pytest.hookimpl
    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Pass on what is not repeated from before the fork."""
        if self.is_listening:
            self._send(("warning", transfer.dump_warning(warning_message), when, nodeid, location))


def call_those_that_ask(config: pytest.Config, name: str, /, **arguments: object) -> None:
    """Call a hook's implementations that do something else in workers."""
    for implementation in reversed(getattr(config.hook, name).get_hookimpls()):
        if _asks(implementation.function) and not (implementation.wrapper or implementation.hookwrapper):
            implementation.function(*(arguments[argument] for argument in implementation.argnames))


def join(config: pytest.Config) -> bool:
    """Tell whether somebody tells workers something or hears from them: they must be processes of their own."""
    return any(not _is_for_parent(function) for function in _told(config)) or any(_asking(config))


def unserved(config: pytest.Config) -> str:
    """Return a plugin whose part in workers cannot be done by a fork; '' if there is none.

    It waits for what its workers put out, or is known to write what they have, and does it in hooks that end a
    session and do not say so themselves.
    """
    known = next((name for name in UNSERVED if config.pluginmanager.hasplugin(name)), "")
    waiting = {_package(function) for function in _told(config) if _mentions(_code(function), ("workeroutput",))}
    asking = set(map(_package, _asking(config)))
    return known or min(waiting - asking - {name.rstrip(".") for name in FOR_PARENT}, default="")


def _told(config: pytest.Config) -> list[object]:
    """Return what is called in the run process when a worker ends."""
    return [implementation.function for implementation in config.hook.pytest_testnodedown.get_hookimpls()]


def _asking(config: pytest.Config) -> Iterator[object]:
    """Give what is called in a worker when its session begins and ends, since it asks for it."""
    for name in IN_WORKERS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            if _asks(implementation.function):
                yield implementation.function


def _package(function: object) -> str:
    return str(getattr(function, "__module__", "")).partition(".")[0]


def _code(function: object) -> CodeType | None:
    return getattr(getattr(function, "__func__", function), "__code__", None)


def _is_for_parent(function: object) -> bool:
    return str(getattr(function, "__module__", "")).startswith(FOR_PARENT)


def _asks(function: object) -> bool:
    return not _is_for_parent(function) and _mentions(_code(function), ASKS)


def _mentions(code: CodeType | None, asked: tuple[str, ...]) -> bool:
    if code is None:
        return False
    words = {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
    return not words.isdisjoint(asked) or any(
        _mentions(constant, asked) for constant in code.co_consts if isinstance(constant, CodeType)
    )

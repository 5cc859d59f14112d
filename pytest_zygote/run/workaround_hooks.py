"""Runs, in the process of a run, the workarounds that no zygote could run for it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_zygote import workaround

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkaroundHooks:
    """Hooks of one run.

    What plugins, ini-file and the first conftest files register runs before the session; what
    files register that collection imports, before the first test.
    """

    def __init__(self, entry_points: tuple[str, ...]) -> None:
        """Start with nothing begun; `entry_points` are modules of installed packages that register workarounds."""
        self._entry_points = entry_points
        self._pid = os.getpid()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Import the modules that register, and prepare for what other plugins do here."""
        for name in (*self._entry_points, *config.getini("zygote_workarounds")):
            _attempt(config, f"importing {name} for its workarounds", partial(importlib.import_module, name))
        _attempt(config, "pytest_zygote_after_fork", lambda: config.hook.pytest_zygote_after_fork(config=config))
        self._begin(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin what was registered while plugins were configured."""
        self._begin(session.config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin what was registered while tests were collected."""
        self._begin(session.config)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """End what this process has begun; its workers have begun nothing."""
        if os.getpid() == self._pid:
            print_failures(config, workaround.registry.end())

    def _begin(self, config: pytest.Config) -> None:
        registry = workaround.registry
        if registry.around or registry.forked:
            print_failures(config, registry.run_forked(workaround.is_importable))
            print_failures(config, registry.begin(workaround.is_importable))


def _attempt(config: pytest.Config, what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - `pytest.skip` and `sys.exit` are none of `Exception`
        print_failures(config, [workaround.describe(what, error)])


def print_failures(config: pytest.Config | None, failures: list[str]) -> None:
    """Print what went wrong to stderr, past pytest's capturing."""
    capture = config.pluginmanager.getplugin("capturemanager") if config is not None else None
    if failures and capture is not None:
        with capture.global_and_fixture_disabled():
            print_failures(None, failures)
    else:
        for failure in failures:
            sys.stderr.write(f"zygote: {failure}\n")
    sys.stderr.flush() if failures else None

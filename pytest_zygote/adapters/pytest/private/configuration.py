"""A session's configuration: folders, options, captured output, the cache.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest
from _pytest.capture import CaptureManager, FDCapture, MultiCapture
from _pytest.config.argparsing import OptionGroup

from pytest_zygote.core.internals import Feature, Internal, names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from _pytest.cacheprovider import Cache


# The command line


def short_options(group: OptionGroup) -> Callable[..., None]:  # type: ignore[explicit-any]  # what argparse takes
    """Return the function that adds options, also those with one lower-case letter, which plugins may not have."""
    return group._addoption


def conftest_modules(config: pytest.Config, path: Path) -> Sequence[ModuleType]:
    """Return the conftest files that hold for a test file."""
    return config.pluginmanager._getconftestmodules(path)


# Folders


def _tmp_path_factory(config: pytest.Config) -> pytest.TempPathFactory | None:
    return getattr(config, "_tmp_path_factory", None)


def basetemp(config: pytest.Config) -> Path | None:
    """Return the folder for temporary folders, made if it is not there yet; None if there is none."""
    factory = _tmp_path_factory(config)
    return None if factory is None else factory.getbasetemp()


def has_basetemp(config: pytest.Config) -> bool:
    """Return whether the folder for temporary folders has been made."""
    factory = _tmp_path_factory(config)
    return factory is not None and factory._basetemp is not None


def set_basetemp(config: pytest.Config, folder: Path) -> bool:
    """Have temporary folders made in this one from now on; return whether there are any."""
    factory = _tmp_path_factory(config)
    if factory is not None:
        factory._given_basetemp = factory._basetemp = folder
    return factory is not None


def cache_folder(config: pytest.Config) -> Path | None:
    """Return pytest's cache; None without one. Its public method would make a folder."""
    cache: Cache | None = getattr(config, "cache", None)
    return None if cache is None else cache._cachedir


# Captured output


def _capture_manager(config: pytest.Config) -> CaptureManager | None:
    manager: CaptureManager | None = config.pluginmanager.getplugin("capturemanager")
    return manager


def _capture_of(config: pytest.Config) -> MultiCapture[str] | None:
    """Return what captures the session's output; None if nothing does."""
    capture: MultiCapture[str] | None = getattr(_capture_manager(config), "_global_capturing", None)
    return capture


def restart_capture(
    config: pytest.Config, between: Callable[[], None] = lambda: None, *, is_suspended: bool = False
) -> MultiCapture[str] | None:
    """End capturing and begin it again, with files of this process's own; return what captures, None if nothing does.

    Args:
        config: of the session.
        between: called when nothing is captured.
        is_suspended: suspend it in any case; by default, if it was suspended.
    """
    capture, manager = _capture_of(config), _capture_manager(config)
    is_suspended = is_suspended or capture is None or not capture.is_started()
    if capture is not None:
        capture.stop_capturing()
    between()
    if capture is not None and manager is not None:
        manager._global_capturing = None
        manager.start_global_capturing()
        if is_suspended:
            manager.suspend_global_capture()
    return _capture_of(config)


def renew_capture_files(config: pytest.Config) -> list[int]:
    """Have the files that hold captured output be new ones of this process; return their descriptors.

    The streams and descriptors stay what they are: modules have kept ``sys.stdout`` while they were imported.
    """
    capture = _capture_of(config)
    streams = () if capture is None else (capture.out, capture.err)
    renewed = [stream for stream in streams if isinstance(stream, FDCapture)]
    for stream in renewed:
        is_open = stream._state == "started"
        with tempfile.TemporaryFile(buffering=0) as file:
            os.dup2(file.fileno(), stream.tmpfile.fileno(), inheritable=False)
            if is_open:
                os.dup2(file.fileno(), stream.targetfd)
    return [stream.tmpfile.fileno() for stream in renewed]


def capture_files(config: pytest.Config) -> list[int]:
    """Return the descriptors of the files that hold what is captured from descriptors 1 and 2."""
    capture = _capture_of(config)
    streams = () if capture is None else (capture.out, capture.err)
    files = [stream.tmpfile for stream in streams if isinstance(stream, FDCapture)]
    return [file.fileno() for file in files]


def saved_stdin(config: pytest.Config) -> int:
    """Return the descriptor of what stdin was before it was captured."""
    stream = getattr(_capture_of(config), "in_", None)
    return int(getattr(stream, "targetfd_save", 0))


# The end

_END_PLUGINS = ("_pytest.unraisableexception", "_pytest.threadexception")
"""What reports exceptions that nobody has caught until a process ends."""


_inherited: list[contextlib.ExitStack] = []
"""Cleanups of the parent: to free them would end their contexts, and with them the filters of warnings."""


def renew_cleanups(config: pytest.Config) -> None:
    """Have, in a fork, only those cleanups that report what happens in it: the others are of the parent."""
    _inherited.append(config._cleanup_stack)
    config._cleanup_stack = contextlib.ExitStack()
    for name, hook in zip(_END_PLUGINS, (sys.__unraisablehook__, threading.__excepthook__), strict=True):
        cleanup = getattr(sys.modules.get(name), "cleanup", None)  # there since pytest 8.4
        if cleanup is not None and config.pluginmanager.has_plugin(name.rpartition(".")[2]):
            config.add_cleanup(functools.partial(cleanup, config=config, prev_hook=hook))


def run_cleanups(config: pytest.Config) -> None:
    """Do what was to be done after the session."""
    config._cleanup_stack.close()


# pytest-cov


def is_coverage_disabled(plugin: object) -> bool:
    """Return whether pytest-cov, which is loaded, measures nothing."""
    return bool(plugin._disabled)  # type: ignore[attr-defined]


def _has_cov_switch() -> bool:
    plugin = sys.modules.get("pytest_cov.plugin")
    return plugin is None or "_disabled" in names_in(plugin.CovPlugin.__init__)


INTERNALS = (
    Internal(
        "OptionGroup._addoption",
        ("short_options",),
        Feature.WORKERS,
        "`-n` and `-d` are options, as with pytest-xdist",
        lambda: callable(OptionGroup._addoption),
    ),
    Internal(
        "pytest.PytestPluginManager._getconftestmodules",
        ("conftest_modules",),
        Feature.ISOLATION,
        "a test needs the conftest files above it",
        lambda: {"self", "path"} <= names_in(pytest.PytestPluginManager._getconftestmodules),
    ),
    Internal(
        "pytest.Config._tmp_path_factory, TempPathFactory._basetemp, _given_basetemp",
        ("basetemp", "has_basetemp", "set_basetemp"),
        Feature.WORKERS,
        "each worker has a folder of its own for temporary files; a session whose collection makes one is found",
        lambda: {"_basetemp", "_given_basetemp"} <= names_in(pytest.TempPathFactory.__init__),
    ),
    Internal(
        "Cache._cachedir",
        ("cache_folder",),
        Feature.SESSIONS,
        "a run that is forked from a collected session reads which tests failed last",
        lambda: "_cachedir" in getattr(_cache_class(), "__annotations__", {}),
    ),
    Internal(
        "CaptureManager._global_capturing, MultiCapture.out, err, in_, FDCapture.tmpfile, targetfd",
        ("restart_capture", "renew_capture_files", "capture_files", "saved_stdin"),
        Feature.WORKERS,
        "each worker captures output into files of its own",
        lambda: (
            "_global_capturing" in names_in(CaptureManager.__init__)
            and {"in_", "out", "err"} <= names_in(MultiCapture.__init__)
            and {"tmpfile", "targetfd", "_state"} <= names_in(FDCapture.__init__)
        ),
    ),
    Internal(
        "pytest.Config._cleanup_stack, _pytest.unraisableexception.cleanup, _pytest.threadexception.cleanup (8.4 on)",
        ("renew_cleanups", "run_cleanups"),
        Feature.WORKERS,
        "a worker's end is that of plain pytest",
        lambda: "_cleanup_stack" in names_in(pytest.Config.__init__),
    ),
    Internal(
        "CovPlugin._disabled of pytest-cov",
        ("is_coverage_disabled",),
        Feature.WORKERS,
        "workers measure coverage if the session does",
        _has_cov_switch,
    ),
)


def _cache_class() -> type[Cache]:
    return pytest.Cache

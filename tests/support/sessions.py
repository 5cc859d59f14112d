"""Collects a real session of pytest in this process, for tests of what takes part in one."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from _pytest.config import get_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def collected_session(folder: Path, source: str, *args: str) -> Iterator[pytest.Session]:
    """Collect the tests of one file as `pytest ARGS` would, without plugins; end the session with the block."""
    file = folder / "test_it.py"
    file.write_text(textwrap.dedent(source))
    plugins = ("cacheprovider", "terminal", "unraisableexception", "threadexception", "faulthandler", "debugging")
    options = [
        f"--rootdir={folder}",
        f"--confcutdir={folder}",  # else all folders above are collected, with what other tests have left in them
        "-c/dev/null",
        "--import-mode=importlib",
        "--assert=plain",
        "--capture=no",
        *(f"-pno:{name}" for name in plugins),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        manager = get_config().pluginmanager
        config = manager.hook.pytest_cmdline_parse(pluginmanager=manager, args=[*options, *args, str(file)])
    config._do_configure()  # noqa: SLF001 - what pytest.main does, without running the tests
    session = pytest.Session.from_config(config)
    try:
        config.hook.pytest_sessionstart(session=session)
        session.perform_collect()
        yield session
    finally:
        sys.modules.pop(file.stem, None)  # the next session's file has the same name
        session._setupstate.teardown_exact(None)  # noqa: SLF001 - as pytest does at the end of a session
        config._ensure_unconfigure()  # noqa: SLF001 - as above

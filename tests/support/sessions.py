"""Collects a real session of pytest in this process, for tests of what takes part in one."""

from __future__ import annotations

import contextlib
import textwrap
from typing import TYPE_CHECKING

import pytest
from _pytest.config import get_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def collected_session(folder: Path, source: str, *args: str) -> Iterator[pytest.Session]:
    """Collect the tests of one file as `pytest ARGS` would; end the session when the block ends."""
    file = folder / "test_it.py"
    file.write_text(textwrap.dedent(source))
    options = [f"--rootdir={folder}", "-c", "/dev/null", "--import-mode=importlib", "-pno:cacheprovider", "-q", *args]
    config = get_config()
    config = config.pluginmanager.hook.pytest_cmdline_parse(
        pluginmanager=config.pluginmanager, args=[*options, str(file)]
    )
    config._do_configure()  # noqa: SLF001 - what pytest.main does, without running the tests
    session = pytest.Session.from_config(config)
    try:
        config.hook.pytest_sessionstart(session=session)
        session.perform_collect()
        yield session
    finally:
        session._setupstate.teardown_exact(None)  # noqa: SLF001
        config._ensure_unconfigure()  # noqa: SLF001

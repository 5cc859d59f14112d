"""The fixtures for temporary folders that pytest-mproc has.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TemporaryFolders:
    """Makes temporary folders, which are removed at the end of a block or of the session."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        """Make folders in pytest's own folder for temporary files."""
        self._factory = factory
        self._created: list[Path] = []

    @contextmanager
    def create_tmp_dir(
        self,
        cleanup_immediately: bool = True,  # noqa: FBT001, FBT002 - as in pytest-mproc
        prefix: str = "mp",
    ) -> Iterator[Path]:
        """Make a folder; remove it when the block ends, or with the session; the arguments are pytest-mproc's."""
        folder = self._factory.mktemp(prefix)
        self._created.append(folder)
        yield folder
        if cleanup_immediately:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove what is left."""
        for folder in self._created:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mp_tmp_dir_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryFolders]:
    """Make temporary folders that are removed at the end of a block, or of the session."""
    folders = TemporaryFolders(tmp_path_factory)
    yield folders
    folders.close()


@pytest.fixture
def mp_tmp_dir(mp_tmp_dir_factory: TemporaryFolders) -> Iterator[Path]:
    """Make a temporary folder for one test."""
    with mp_tmp_dir_factory.create_tmp_dir() as folder:
        yield folder

"""The temporary folders of pytest-mproc."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel.mproc_fixtures import TemporaryFolders

if TYPE_CHECKING:
    from pathlib import Path


class Factory:
    """pytest's factory of temporary folders."""

    def __init__(self, folder: Path) -> None:
        """Make them here."""
        self._folder = folder
        self._count = 0

    def mktemp(self, prefix: str) -> Path:
        """Make one."""
        self._count += 1
        path = self._folder / f"{prefix}{self._count}"
        path.mkdir()
        return path


@pytest.fixture
def folders(tmp_path: Path) -> TemporaryFolders:
    """Return folders that are made in a folder of this test."""
    return TemporaryFolders(cast("pytest.TempPathFactory", Factory(tmp_path)))


def test_a_folder_is_removed_with_its_block(folders: TemporaryFolders) -> None:
    """With what is in it."""
    with folders.create_tmp_dir("data") as folder:
        (folder / "file").touch()
        assert folder.name == "data1"
    assert not folder.exists()


def test_a_folder_may_stay_until_the_end_of_the_session(folders: TemporaryFolders) -> None:
    """If that is asked for."""
    with folders.create_tmp_dir(cleanup_immediately=False) as folder:
        pass
    assert folder.exists()
    folders.close()
    assert not folder.exists()

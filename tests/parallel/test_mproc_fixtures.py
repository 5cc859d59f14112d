"""Temporary folders, as pytest-mproc has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.parallel.mproc_fixtures import TemporaryFolders

if TYPE_CHECKING:
    import pytest


def test_a_folder_is_removed_with_its_block_or_with_the_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As it is asked for."""
    folders = TemporaryFolders(tmp_path_factory)
    with folders.create_tmp_dir() as first, folders.create_tmp_dir(False, prefix="mine") as second:  # noqa: FBT003
        (first / "file").touch()
        assert second.name.startswith("mine")
    assert not first.exists()
    assert second.exists()
    folders.close()
    assert not second.exists()

"""What a layer's report says of the file system."""

from __future__ import annotations

import sys
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.layer_messages import Build
from pytest_zygote.zygote import layer_inventory

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def plan(kind: str, *path: str) -> Build:
    """Return a plan of a kind of layer."""
    return Build(kind, (), (), (), (), path, (), {}, (), "/project", {})


def test_the_slowest_imports_come_first() -> None:
    """In whole milliseconds, and not all of them."""
    took_s = {f"m{number}": number / 1000 for number in range(50)}

    found = layer_inventory.slowest(took_s)

    assert found[:2] == (("m49", 49), ("m48", 48))
    assert len(found) == layer_inventory.SLOWEST


def test_a_project_layer_does_not_look_at_installed_packages() -> None:
    """Its base layer has done so, and is replaced first."""
    assert layer_inventory.installed_files(plan("project")) == {}


def test_the_version_of_a_package_that_is_built_in_place_is_an_input(tmp_path: Path) -> None:
    """``importlib.metadata.version`` reads it from a folder beside the source."""
    version = tmp_path / "app.egg-info" / "PKG-INFO"
    version.parent.mkdir()
    version.write_text("Version: 1", encoding="utf-8")

    found = layer_inventory.installed_files(plan("project", str(tmp_path)))

    assert found[str(version)]


def test_a_folder_beside_a_module_would_hide_it_as_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the file that would make it one is an input, which is not there."""
    (tmp_path / "app").mkdir()
    module = ModuleType("app")
    module.__spec__ = spec_from_file_location("app", tmp_path / "app.py")
    monkeypatch.setitem(sys.modules, "app", module)

    found = layer_inventory.hiding_packages(["app"])

    assert list(found) == [str(tmp_path / "app" / "__init__.py")]


def test_new_files_count_in_the_projects_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those on the path, and those of its packages, whose modules have a prefix."""
    package = ModuleType("app")
    package.__path__ = [str(tmp_path / "app")]
    monkeypatch.setitem(sys.modules, "app", package)

    assert layer_inventory.import_folders((str(tmp_path),), ["app"]) == {
        str(tmp_path): "",
        str(tmp_path / "app"): "app.",
    }

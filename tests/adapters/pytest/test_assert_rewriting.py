"""pytest's marks for rewriting, asked for once."""

# ruff: noqa: SLF001 - pytest has no public name for them

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from _pytest.assertion import install_importhook
from _pytest.config import Config, get_config

from pytest_zygote.adapters.pytest.assert_rewriting import PluginMarks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder of packages on `sys.path`, with one that brings a plugin."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    install(folder, "one")
    monkeypatch.setattr(sys, "path", [str(folder)])
    yield folder
    assert Config._mark_plugins_for_rewrite is ORIGINAL


ORIGINAL = Config._mark_plugins_for_rewrite


def install(folder: Path, name: str) -> None:
    """Install a package that brings a plugin, and has a second module."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pytest11]\n{name} = {name}.plugin\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}_helper.py,,\n")
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("")
    (folder / f"{name}_helper.py").write_text("")


def marked(*, disable_autoload: bool = False) -> set[str]:
    """Return what a new session marks."""
    config = get_config()
    vars(config).setdefault("inicfg", {})
    hook = install_importhook(config)
    try:
        config._mark_plugins_for_rewrite(hook, disable_autoload)
    finally:
        sys.meta_path.remove(hook)
    assert config.pluginmanager.rewrite_hook is hook
    return set(hook._must_rewrite)


def test_a_session_marks_what_it_would_have_found(place: Path) -> None:
    """Without looking for it; the session after that looks for itself."""
    marks = PluginMarks()
    marks.learn(sys.path)
    (place / "one-1.0.dist-info" / "RECORD").write_text("")
    marks.lend()
    assert marked() == {"one", "one_helper"}
    assert marked() == set()


def test_what_was_installed_since_is_marked(place: Path) -> None:
    """Also if it came within the same tick of the clock as what was there, as far as its folder's time tells."""
    marks = PluginMarks()
    marks.learn(sys.path)
    install(place, "two")
    marks.lend()
    assert marked() == {"one", "one_helper", "two", "two_helper"}


def test_nothing_is_marked_without_plugins(place: Path) -> None:
    """With PYTEST_DISABLE_PLUGIN_AUTOLOAD."""
    marks = PluginMarks()
    marks.learn(sys.path)
    marks.lend()
    assert place.exists()
    assert marked(disable_autoload=True) == set()


@pytest.mark.parametrize("name", ["own.egg-info", "own-1.0.dist-info"])
def test_a_project_that_is_its_own_package_is_asked_each_time(
    place: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metadata can change in place."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).mkdir()
    monkeypatch.setattr(sys, "path", [str(place), str(tmp_path / "own")])
    marks = PluginMarks()
    marks.learn(sys.path)
    (place / "one-1.0.dist-info" / "RECORD").write_text("")
    marks.lend()
    assert marked() == set()

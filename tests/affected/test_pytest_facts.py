"""What is asked of pytest."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected import pytest_facts
from pytest_zygote.affected.store import store_path
from tests.affected.fakes import FakePlugins, config_of, item_of

if TYPE_CHECKING:
    from pathlib import Path

OURS = SimpleNamespace(__name__="pytest_zygote.parallel.xdist_plugin")
FOREIGN = SimpleNamespace(__name__="xdist.plugin")


def config(cache: str | None, root: Path) -> pytest.Config:
    """Return a configuration with this cache folder; None if the plugin for it is switched off."""

    def getini(name: str) -> str:
        if cache is None:
            raise ValueError(name)
        return cache

    return cast("pytest.Config", SimpleNamespace(getini=getini, rootpath=root))


def test_the_store_is_in_pytests_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever that is; without one, where it would be."""
    monkeypatch.setenv("CACHES", "/caches")

    assert pytest_facts.store_file(config("mine", tmp_path)) == store_path(str(tmp_path / "mine"))
    assert pytest_facts.store_file(config("$CACHES/a", tmp_path)) == store_path("/caches/a")
    assert pytest_facts.store_file(config(None, tmp_path)) == store_path(str(tmp_path / ".pytest_cache"))


def test_test_modules_and_conftest_files_are_leaves(tmp_path: Path) -> None:
    """Plugins are none."""
    plugins = {
        "conftest": SimpleNamespace(__file__="/p/conftest.py"),
        "plugin": SimpleNamespace(__file__="/p/plugin.py"),
        "object": SimpleNamespace(),
    }
    manager = FakePlugins({})
    manager.get_plugins = lambda: cast("set[object]", [*plugins.values()])  # type: ignore[method-assign]
    session = cast("pytest.Session", SimpleNamespace(config=SimpleNamespace(pluginmanager=manager)))

    found = pytest_facts.leaves(session, [item_of("t::a", str(tmp_path / "t.py"))])

    assert found == {"/p/conftest.py", str(tmp_path / "t.py")}


@pytest.mark.parametrize(
    ("plugins", "is_distributed"),
    [
        ({}, False),
        ({"xdist": FOREIGN}, False),
        ({"xdist": FOREIGN, "dsession": 1}, True),
        ({"xdist": OURS, "dsession": 1}, False),
    ],
)
def test_tests_are_distributed_by_foreign_workers(
    tmp_path: Path, plugins: dict[str, object], *, is_distributed: bool
) -> None:
    """Ours are forks, which record as one process does."""
    assert pytest_facts.is_distributed(config_of(tmp_path, plugins=plugins)) is is_distributed


def test_the_projects_roots_are_on_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its order, each once; installed packages are not the project's."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/x/site-packages", str(tmp_path / "src"), str(tmp_path)])

    assert pytest_facts.own_roots() == (str(tmp_path), str(tmp_path / "src"))


def test_a_warm_run_knows_what_it_has_loaded_itself(tmp_path: Path) -> None:
    """A cold one has loaded all."""
    served = SimpleNamespace(loaded=lambda: ("app",))

    assert pytest_facts.loaded_by(config_of(tmp_path, plugins={"zygote_run": served}))() == ("app",)
    assert "pytest" in pytest_facts.loaded_by(config_of(tmp_path))()

"""The learned list of modules: what is taken in, chosen, rejected and given another chance."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.module_graph import FAILED, FIRST, THIRD, WRITTEN, ModuleGraph, is_excluded, is_leaf

ROWS = (("app", "/p/app.py", FIRST, ""), ("lib", "/s/lib.py", THIRD, ""), ("app.x", "/p/x.py", FIRST, ""))


@pytest.fixture(name="graph")
def _graph() -> ModuleGraph:
    graph = ModuleGraph()
    graph.learn(ROWS)
    return graph


def test_what_is_known_teaches_nothing(graph: ModuleGraph) -> None:
    """What is known teaches nothing; a module from another file does."""
    assert not graph.learn(ROWS)
    assert graph.learn((("app", "/p/app/__init__.py", FIRST, ""),))
    assert list(graph.modules) == ["lib", "app.x", "app"]


def test_selects_by_party(graph: ModuleGraph) -> None:
    """Leaves, rejected and excluded modules are in no layer."""
    assert graph.select(FIRST, ()) == ["app", "app.x"]
    assert graph.select(THIRD, ()) == ["lib"]
    assert graph.select(FIRST, ("app",)) == []
    graph.rejected["app"] = "it starts a thread"
    graph.leaves["app.x"] = "/p/x.py"
    assert graph.select(FIRST, ()) == []


def test_a_failure_is_forgiven_once_by_a_run(graph: ModuleGraph) -> None:
    """A run that could import what a layer could not gives it one more chance, not one in each run."""
    for is_news in (True, False):
        graph.rejected["app"] = f"{FAILED}OSError"
        assert graph.learn(ROWS) is is_news


def test_an_edit_forgives_what_only_failed(graph: ModuleGraph) -> None:
    """Any edit forgives what only failed; what a module does itself is forgiven by an edit of its own file."""
    graph.rejected.update({"app": "it starts a thread", "app.x": f"{FAILED}OSError"})
    assert graph.forgive([]) == []
    assert graph.forgive(["/p/y.py"]) == ["app.x"]
    assert graph.forgive(["/p/app.py"]) == ["app"]
    assert not graph.rejected


def test_a_file_that_runs_write_is_not_forgiven_by_being_written(graph: ModuleGraph) -> None:
    """Else each run would start over, and each time a layer be built in vain."""
    graph.rejected["app"] = f"{WRITTEN}/p/app.py"

    assert graph.forgive(["/p/app.py"]) == []


@pytest.mark.parametrize(
    ("name", "expected"), [("app", True), ("app.x", True), ("application", False), ("glob_1", True), ("x", False)]
)
def test_a_pattern_excludes_a_module_and_all_in_it(name: str, *, expected: bool) -> None:
    """A pattern stands for a module and all in it."""
    assert is_excluded(name, ("app", "glob_*")) is expected


@pytest.mark.parametrize("path", ["/p/conftest.py", "/p/test_x.py", "/p/x_test.py"])
def test_leaves_by_name(path: str) -> None:
    """Test modules and conftest files are known by pytest's defaults."""
    assert is_leaf(path)
    assert not is_leaf("/p/app.py")

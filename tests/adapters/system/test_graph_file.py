"""What was learned survives the daemon, and nothing else is ever taken for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import graph_file
from pytest_zygote.core.layers.module_graph import FIRST, THIRD, ModuleGraph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRAPH = ModuleGraph(
    modules={"numpy": ("/site/numpy.py", THIRD, ""), "app": ("/project/app\udcff.py", FIRST, "rewritten")},
    leaves={"conftest": "/project/conftest.py"},
    path=("/project", "/site"),
    context={"DJANGO_SETTINGS_MODULE": "app.settings"},
    facts={"rootdir": "/project"},
    rejected={"bad": "it starts a thread"},
)


def test_a_graph_is_read_as_it_was_written(tmp_path: Path) -> None:
    """In the order of the modules, and with file names that are no text."""
    graph_file.save_graph(str(tmp_path), GRAPH)
    loaded = graph_file.load_graph(str(tmp_path))

    assert loaded == GRAPH
    assert list(loaded.modules) == list(GRAPH.modules)


def test_what_passes_is_not_stored(tmp_path: Path) -> None:
    """Another daemon looks at files, and at rejected modules, anew."""
    graph_file.save_graph(str(tmp_path), ModuleGraph(seen={"/project/test_a.py": (1, 2, 3)}, retried={"bad"}))
    loaded = graph_file.load_graph(str(tmp_path))

    assert (loaded.seen, loaded.retried) == ({}, set())


def test_values_of_the_environment_are_not_written(tmp_path: Path) -> None:
    """A conftest file may have read them from a file that only its owner can read; an error may quote them."""
    context = {"PASSWORD": "swordfish", "DJANGO_SETTINGS_MODULE": "swordfish!", "DJANGO_CONFIGURATION": "Test"}
    rejected = {"bad": "it cannot be imported early: ValueError: swordfish\nis wrong", "worse": "it starts a thread"}
    graph_file.save_graph(str(tmp_path), ModuleGraph(context=context, rejected=rejected))
    loaded = graph_file.load_graph(str(tmp_path))

    assert "swordfish" not in (tmp_path / "v" / "zygote" / "graph").read_text()
    assert loaded.context == {"DJANGO_CONFIGURATION": "Test"}
    assert loaded.rejected == {"bad": "it cannot be imported early: ValueError", "worse": "it starts a thread"}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda text: text[: len(text) // 2],
    "another value": lambda _: b"[]",
    "no text": lambda _: b"\xff\xfe",
    "another format": lambda text: text.replace(b'"format": 2', b'"format": 1'),
    "another interpreter": lambda text: text.replace(b'"interpreter": "', b'"interpreter": "another '),
    "a field too many": lambda text: json.dumps({**json.loads(text), "unknown": 1}).encode(),
    "a field of another type": lambda text: json.dumps({**json.loads(text), "modules": None}).encode(),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_or_foreign_file_counts_as_none(tmp_path: Path, name: str) -> None:
    """The next runs teach everything again."""
    graph_file.save_graph(str(tmp_path), GRAPH)
    path = tmp_path / "v" / "zygote" / "graph"
    path.write_bytes(DAMAGES[name](path.read_bytes()))

    assert graph_file.load_graph(str(tmp_path)) == ModuleGraph()


def test_nothing_is_written_where_no_cache_is(tmp_path: Path) -> None:
    """``-p no:cacheprovider`` leaves no folder; neither does a folder that cannot be written to end anything."""
    graph_file.save_graph("", GRAPH)
    graph_file.save_graph(str(tmp_path / "absent"), GRAPH)
    (tmp_path / "v").touch()
    graph_file.save_graph(str(tmp_path), GRAPH)

    assert graph_file.load_graph("") == ModuleGraph()
    assert [path.name for path in tmp_path.iterdir()] == ["v"]

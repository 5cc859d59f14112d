"""What a layer imports, given what runs have taught and what a request asks for."""

from __future__ import annotations

from pytest_zygote.core.layers.layer_inputs import MISSING
from pytest_zygote.core.layers.module_graph import EXCLUDED, FIRST, REWRITTEN, THIRD
from pytest_zygote.core.protocol.layer_messages import Build

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.core.layers.module_graph import ModuleGraph
    from pytest_zygote.core.protocol.client_messages import RunRequest

BY_NAME = "*"
"""Stands for the origin of a module that no run has imported: it is found when it is imported."""


def excluded(graph: ModuleGraph) -> tuple[str, ...]:
    """Return the patterns of modules that must not be imported early, the user's and ours."""
    return (*EXCLUDED, *graph.facts.get("exclude", "").split())


def has_project(graph: ModuleGraph) -> bool:
    """Return whether there is anything to import in a project layer."""
    return bool(graph.select(FIRST, excluded(graph)))


def make_plan(  # noqa: PLR0913 - all that a plan is made of
    graph: ModuleGraph,
    kind: str,
    request: RunRequest,
    context: Mapping[str, str],
    *,
    cwd: str,
    exists: Callable[[str], bool],
) -> Build:
    """Return the plan of a layer.

    Args:
        graph: what runs have taught.
        kind: 'base' or 'project'.
        request: of the run that the layer is built for.
        context: environment keys that conftest files or plugins set, with their values (`MISSING`: they delete it).
        cwd: where the zygote starts.
        exists: returns whether there is a file.
    """
    environ = {key: value for key, value in {**request.environ, **context}.items() if value != MISSING}
    rows = _rows(graph, kind, environ, exists)
    return Build(
        kind=kind,
        modules=tuple(name for name, _, _ in rows),
        origins=tuple(origin for _, origin, _ in rows),
        rewritten=tuple(name for name, _, mark in rows if mark == REWRITTEN),
        leaves=(*(name for name, file in graph.leaves.items() if exists(file)), *graph.rejected),
        path=graph.path if kind == "project" and graph.path else request.path,
        client_path=request.path,
        environ=environ,
        context=tuple(context),
        cwd=cwd,
        facts=graph.facts,
    )


def _rows(
    graph: ModuleGraph, kind: str, environ: Mapping[str, str], exists: Callable[[str], bool]
) -> list[tuple[str, str, str]]:
    """Return name, origin and 'rewritten' or '' of each module, in the order of the imports."""
    known = [(name, graph.modules[name]) for name in graph.select(THIRD if kind == "base" else FIRST, excluded(graph))]
    rows = [(name, origin, mark) for name, (origin, _, mark) in known if exists(origin)]
    if kind == "base":
        return rows
    names = {name for name, _, _ in rows}
    preload = [name for name in graph.facts.get("preload", "").split() if name not in names]
    return [
        *((name, BY_NAME, "") for name in graph.builtin(environ)),
        *rows,
        *((name, BY_NAME, "") for name in preload),
    ]

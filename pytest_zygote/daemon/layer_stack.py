"""The layers that stand on each other, and the rules when they are built anew.

    base     third-party modules; its process is started with exec
    project  first-party modules; forked from the base, or, after an edit that can be patched,
             from the project layer of before

Two stacks may exist: the one that serves, and one that is being built because runs taught more modules.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import layer_inputs, lifecycle
from pytest_zygote.core.layers.module_graph import EXCLUDED, FIRST, REWRITTEN, SETTINGS_KEYS, THIRD
from pytest_zygote.core.protocol.messages import Build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.core.layers.module_graph import ModuleGraph
    from pytest_zygote.core.protocol.messages import Patch, RunRequest
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses


log = logging.getLogger("pytest_zygote")

FIRST_START = "first start"

ONLY_AST = 0x400
"""`ast.PyCF_ONLY_AST`; importing `ast` would delay the start of a daemon."""


class LayerStack:
    """A base layer and the project layer on it."""

    def __init__(self, layers: LayerProcesses, graph: ModuleGraph, root: str, reason: str = FIRST_START) -> None:
        """Start with no layers; `graph` says what they will import, `reason` why there is this stack."""
        self._layers = layers
        self._graph = graph
        self._root = root
        self._reason = reason
        self.base: Layer | None = None
        self.project: Layer | None = None
        self.size = len(graph.modules)
        self._context = {key: graph.context[key] for key in SETTINGS_KEYS if key in graph.context}
        self._second_chance = ""

    def layer_for(self, request: RunRequest, depth: str, now: float, *, is_ahead: bool = False) -> Layer:
        """Return the layer that a run must be forked from; it may still be building.

        Args:
            request: what the client wants.
            depth: 'project', or 'base' if the project layer is not exact for the run.
            now: by the loop's clock.
            is_ahead: nobody waits for it; files that are being written are left for later.
        """
        self._look_at_loose_files()
        base = self._valid_base(request, now)
        if depth == "base" or base.phase != lifecycle.READY or not self._graph.select(FIRST, self.excluded()):
            return base
        return self._valid_project(base, request, now, is_ahead=is_ahead)

    def _look_at_loose_files(self) -> None:
        """See which files have changed that runs import themselves: test modules, and what is rejected.

        Their compiled forms are found fresh by size and second; see `files.drop_bytecode`.
        """
        graph = self._graph
        held = self.project.built.files if self.project is not None and self.project.built is not None else {}
        loose = [origin for origin, party, _ in graph.modules.values() if party == FIRST and origin not in held]
        self._note_changed(graph.leaves.values())  # no module of a layer imports one: no reason to try one again
        self._forgive(self._note_changed(loose))

    def _note_changed(self, paths: Iterable[str]) -> list[str]:
        seen, changed = self._graph.seen, []
        for path in paths:
            now = files.identity(path)
            if seen.get(path, now) != now:
                changed.append(path)
            seen[path] = now
        files.drop_bytecode(changed)
        return changed

    def _forgive(self, changed: list[str]) -> None:
        for name in self._graph.forgive(changed):
            if self._graph.modules.get(name, ("", FIRST))[1] == FIRST:
                self._second_chance = f"{name} may be imported early again"

    def _valid_base(self, request: RunRequest, now: float) -> Layer:
        is_first = self.base is None
        reason = self._reason if self.base is None else self._why_replace(self.base, request, now)
        if reason:
            self._forgive(self.base.changed_files() if self.base is not None else [])
            self.retire()
            self.base = self._layers.start_base(self._plan(request, "base"), reason)
            self.base.is_first = is_first
        assert self.base is not None  # noqa: S101 - just made
        return self.base

    def _valid_project(self, base: Layer, request: RunRequest, now: float, *, is_ahead: bool) -> Layer:
        is_first = self.project is None
        reason = base.reason if self.project is None else self._why_replace(self.project, request, now)
        reason = reason or (self._second_chance if self.project is not None and self.project.built is not None else "")
        if reason:
            self.project = self._successor(base, request, reason, is_ahead=is_ahead)
            self.project.is_first = is_first
        assert self.project is not None  # noqa: S101 - just made
        return self.project

    def _successor(self, base: Layer, request: RunRequest, reason: str, *, is_ahead: bool) -> Layer:
        """Have the project layer patched, or built anew."""
        project = self.project
        order = self._edits(project, request) if project is not None else None
        if project is not None and order is not None:
            if is_ahead and any(map(_is_half_written, order.files.values())):
                log.info("a file is being written: %s", reason)
                return project
            layer = self._layers.spawn_patched(project, order, reason)
        else:
            self._forgive(project.changed_files() if project is not None else [])
            self._second_chance = ""
            layer = self._layers.spawn_project(base, self._plan(request, "project"), reason)
        if project is not None:
            self._layers.retire(project)
        return layer

    def _edits(self, project: Layer, request: RunRequest) -> Patch | None:
        """Return the edits to patch; None if a patch would not be all that is needed."""
        if project.phase != lifecycle.READY or self._second_chance or project.differing_input(request):
            return None
        return project.find_patch(self._root, tuple(self._graph.facts.get("always_reload", "").split()))

    def renew(self, reason: str) -> None:
        """Have the next project layer built from fresh imports, whatever can be patched."""
        self._second_chance = reason

    def retire(self, reason: str = "") -> None:
        """Let all layers go; the next ones are built for this reason, if there is one."""
        self._reason = reason or self._reason
        for layer in (self.project, self.base):
            if layer is not None:
                self._layers.retire(layer)
        self.base = self.project = None

    def layers(self) -> list[Layer]:
        """Return the layers that exist, deepest first."""
        return [layer for layer in (self.project, self.base) if layer is not None]

    def excluded(self) -> tuple[str, ...]:
        """Return the user's patterns of modules that must not be imported early."""
        return (*EXCLUDED, *self._graph.facts.get("exclude", "").split())

    def _why_replace(self, layer: Layer, request: RunRequest, now: float) -> str:
        if layer.phase in (lifecycle.RETIRED, lifecycle.GONE):
            return layer.why_failed or "the process was gone"
        missed = layer.missed_context(self._graph.context, self._context)
        if missed:
            self._context.update(missed)
            return f"conftest files or plugins set {', '.join(missed)}"
        return layer.sweep(request, self._root, now)

    def _plan(self, request: RunRequest, kind: str) -> Build:
        graph = self._graph
        names = graph.select(THIRD if kind == "base" else FIRST, self.excluded())
        names = [name for name in names if os.path.exists(graph.modules[name][0])]
        rows = [graph.modules[name] for name in names]
        environ = {k: v for k, v in {**request.environ, **self._context}.items() if v != layer_inputs.MISSING}
        first, last = self._unlearned(names, environ) if kind == "project" else ((), ())
        return Build(
            kind=kind,
            modules=(*first, *names, *last),
            origins=(*("*" for _ in first), *(origin for origin, _, _ in rows), *("*" for _ in last)),
            rewritten=tuple(name for name, row in zip(names, rows, strict=True) if row[2] == REWRITTEN),
            leaves=(*(name for name, file in graph.leaves.items() if os.path.exists(file)), *graph.rejected),
            path=graph.path if kind == "project" and graph.path else request.path,
            client_path=request.path,
            environ=environ,
            context=tuple(self._context),
            cwd=self._root if os.path.isdir(self._root) else "/",
            facts=graph.facts,
        )

    def _unlearned(self, names: list[str], environ: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the project layer imports before and after the modules that runs imported."""
        preload = self._graph.facts.get("preload", "").split()
        return self._graph.builtin(environ), tuple(name for name in preload if name not in names)


def _is_half_written(text: bytes) -> bool:
    """Tell whether a text is empty or no Python: there is more to come, if nobody wants to run it."""
    if not text:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<text>", "exec", ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False

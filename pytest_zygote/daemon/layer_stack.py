"""The layers that stand on each other, and the rules when they are built anew.

    base     third-party modules; its process is started with exec
    project  first-party modules; forked from the base, or, after an edit that can be patched,
             from the project layer of before

Two stacks may exist: the one that serves, and one that is being built because runs taught more modules.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import lifecycle, stack_choice
from pytest_zygote.core.layers.layer_plan import has_project, make_plan
from pytest_zygote.core.layers.module_graph import FIRST, SETTINGS_KEYS
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.core.layers.module_graph import ModuleGraph
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.protocol.layer_messages import Build, Patch
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses


log = logging.getLogger("pytest_zygote")

FIRST_START = Reason("first-start", "first start")


class LayerStack:
    """A base layer and the project layer on it."""

    def __init__(self, layers: LayerProcesses, graph: ModuleGraph, root: str, reason: Reason = FIRST_START) -> None:
        """Start with no layers; `graph` says what they will import, `reason` why there is this stack."""
        self._layers = layers
        self._graph = graph
        self._root = root
        self._reason = reason
        self.base: Layer | None = None
        self.project: Layer | None = None
        self.size = len(graph.modules)
        self._context = {key: graph.context[key] for key in SETTINGS_KEYS if key in graph.context}
        self._retry: Reason | None = None

    def layer_for(self, request: RunRequest, depth: str, now: float, *, is_ahead: bool = False) -> Layer:
        """Return the layer that a run must be forked from; it may still be building.

        Args:
            request: what the client wants.
            depth: 'project', or 'base' if the project layer is not exact for the run.
            now: by the loop's clock.
            is_ahead: nobody waits for it; files that are being written are left for later.
        """
        self._scan_loose_files()
        base = self._valid_base(request, now)
        if depth == "base" or base.phase != lifecycle.READY or not has_project(self._graph):
            return base
        return self._valid_project(base, request, now, is_ahead=is_ahead)

    def _scan_loose_files(self) -> None:
        """See which files have changed that runs import themselves: test modules, and what is rejected.

        Their compiled forms are found fresh by size and second; see `files.drop_bytecode`.
        """
        graph = self._graph
        held = self.project.built.files if self.project is not None and self.project.built is not None else {}
        loose = [origin for origin, party, _ in graph.modules.values() if party == FIRST and origin not in held]
        self._changed_since_last_run(graph.leaves.values())  # no module of a layer imports one
        self._forgive(self._changed_since_last_run(loose))

    def _changed_since_last_run(self, paths: Iterable[str]) -> list[str]:
        seen, changed = self._graph.seen, []
        for path in paths:
            now = files.identity(path)[: files.TEXT]  # a module that sets its own mode stays rejected
            if seen.get(path, now) != now:
                changed.append(path)
            seen[path] = now
        files.drop_bytecode(changed)
        return changed

    def _forgive(self, changed: list[str]) -> None:
        for name in self._graph.forgive(changed):
            if self._graph.modules.get(name, ("", FIRST))[1] == FIRST:
                self._retry = Reason("import-retried", f"{name} may be imported early again")

    def _valid_base(self, request: RunRequest, now: float) -> Layer:
        base = self.base
        if base is None:
            self.base = self._start_base(request, self._reason)
            self.base.is_first = True
            return self.base
        stale = self._why_stale(base, request, now)
        if stale is None:
            return base
        self._forgive(base.changed_files())
        self.retire()
        self.base = self._start_base(request, stale)
        return self.base

    def _start_base(self, request: RunRequest, reason: Reason) -> Layer:
        return self._layers.start_base(self._plan(request, "base"), reason)

    def _valid_project(self, base: Layer, request: RunRequest, now: float, *, is_ahead: bool) -> Layer:
        project = self.project
        if project is None:
            self.project = self._spawn_project(base, request, base.reason)
            self.project.is_first = True
            return self.project
        # One that is still being built is not replaced to try something again.
        again = self._retry if project.built is not None else None
        reason = self._why_stale(project, request, now) or again
        if reason is not None:
            self.project = self._successor(project, base, request, reason, is_ahead=is_ahead)
        return self.project or project

    def _successor(self, project: Layer, base: Layer, request: RunRequest, reason: Reason, *, is_ahead: bool) -> Layer:
        """Have the project layer patched, or built anew; leave it as it is while a file is being written."""
        patch = self._find_patch(project, request)
        if patch is None:
            self._forgive(project.changed_files())
            layer = self._spawn_project(base, request, reason)
        elif is_ahead and any(map(stack_choice.is_half_written, patch.files.values())):
            log.info("a file is being written: %s", reason)
            return project
        else:
            layer = self._layers.spawn_patched(project, patch, reason)
        self._layers.retire(project)
        return layer

    def _spawn_project(self, base: Layer, request: RunRequest, reason: Reason) -> Layer:
        self._retry = None
        return self._layers.spawn_project(base, self._plan(request, "project"), reason)

    def _find_patch(self, project: Layer, request: RunRequest) -> Patch | None:
        """Return the edits to patch; None if a patch would not be all that is needed."""
        if project.phase != lifecycle.READY or self._retry or project.differing_input(request):
            return None
        return project.find_patch(self._root, tuple(self._graph.facts.get("always_reload", "").split()))

    def renew(self, reason: Reason) -> None:
        """Have the next project layer built from fresh imports, whatever can be patched."""
        self._retry = reason

    def retire(self, reason: Reason | None = None) -> None:
        """Let all layers go; the next ones are built for this reason, if there is one."""
        self._reason = reason or self._reason
        for layer in (self.project, self.base):
            if layer is not None:
                self._layers.retire(layer)
        self.base = self.project = None

    def layers(self) -> list[Layer]:
        """Return the layers that exist, deepest first."""
        return [layer for layer in (self.project, self.base) if layer is not None]

    def _why_stale(self, layer: Layer, request: RunRequest, now: float) -> Reason | None:
        if layer.phase in (lifecycle.RETIRED, lifecycle.GONE):
            return layer.why_failed or Reason("process-gone", "the process was gone")
        missed = layer.missed_context(self._graph.context, self._context)
        if missed:
            self._context.update(missed)
            return Reason("environment-learned", f"conftest files or plugins set {', '.join(missed)}")
        return layer.sweep(request, self._root, now)

    def _plan(self, request: RunRequest, kind: str) -> Build:
        cwd = self._root if os.path.isdir(self._root) else "/"
        return make_plan(self._graph, kind, request, self._context, cwd=cwd, exists=os.path.exists)

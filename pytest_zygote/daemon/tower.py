"""The layers that stand on each other, and the rules when they are built anew.

    base     third-party modules; its process is started with exec
    project  first-party modules; forked from the base, or, after an edit that can be patched,
             from the project layer of before

A tower decides (`layer_for`), and has the effects done by its `Builder`. Two towers may exist:
the one that serves, and one that is being built because runs taught more modules.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.adapters import files
from pytest_zygote.core import inputs, lifecycle
from pytest_zygote.core.messages import Build, Patch
from pytest_zygote.core.preload import FIRST, REWRITTEN, THIRD

if TYPE_CHECKING:
    from pytest_zygote.adapters.sockets import Channel
    from pytest_zygote.core.messages import Built, Patched, RunRequest
    from pytest_zygote.core.preload import Graph


class Layer:
    """One layer as the daemon sees it.

    Attributes:
        plan: what it was told to import.
        channel: the connection to its process.
        phase: of `core.lifecycle`.
        built: its report, once it is ready.
        runs: ids of the runs that it forked and that have not ended.
        order: the edits that it was forked to follow; None for a layer that is built.
        patches: path → what was done to it since it was imported.
        refusal: why it could not become a layer.
    """

    def __init__(self, number: int, plan: Build, channel: Channel, reason: str) -> None:
        """Start in the phase BUILDING."""
        self.number = number
        self.plan = plan
        self.channel = channel
        self.reason = reason
        self.phase = lifecycle.BUILDING
        self.built: Built | None = None
        self.runs: set[int] = set()
        self.pid = 0
        self.started = time.time()
        self.served = 0
        self.order: Patch | None = None
        self.patches: dict[str, str] = {}
        self.refusal = ""
        self._parent: Built | None = None
        self._folders: dict[str, tuple[tuple[int, ...], frozenset[str]]] = {}

    def step(self, event: str) -> None:
        """Go to the phase that follows an event."""
        self.phase = lifecycle.step(self.phase, event)

    def take(self, built: Built) -> None:
        """Take the report of a finished build."""
        self.built = built
        self.step(lifecycle.BUILT)
        self._folders = {
            folder: (files.identity(folder), files.importable_names(folder)) for folder in built.directories
        }

    def succeed(self, parent: Layer, order: Patch) -> None:
        """Be the fork of another layer that is to follow these edits."""
        self.order = order
        self.built = None
        self._parent = parent.built
        self.patches = dict(parent.patches)
        self._folders = dict(parent._folders)

    def follow(self, patched: Patched) -> None:
        """Take the report of a fork that has followed its edits."""
        assert self.order is not None  # noqa: S101 - only such a layer is patched
        assert self._parent is not None  # noqa: S101 - only a layer that is ready is forked
        files_now = {**self._parent.files, **self.order.identities}
        self.built = self._parent.replaced(files=files_now, took_ms=patched.took_ms)
        self.order, self._parent = Patch({}, self.order.identities), None
        self.patches |= patched.verdicts
        self.step(lifecycle.BUILT)

    def edits(self, root: str, always: tuple[str, ...]) -> Patch | None:
        """Return what is to be patched, if all that has changed are texts of modules."""
        from pytest_zygote.core.verdict import MAX_FILES, is_always_reloaded  # what it imports delays a daemon's start

        changed = files.changed(self.built.files) if self.built is not None else []
        if not 0 < len(changed) <= MAX_FILES:
            return None
        if any(
            not path.endswith(".py") or is_always_reloaded(path.removeprefix(f"{root}/"), always) for path in changed
        ):
            return None
        texts = {path: files.read_unchanged(path) for path in changed}
        found = {path: text for path, text in texts.items() if text is not None}
        if len(found) < len(texts):
            return None  # gone, or being written
        return Patch({path: text[0] for path, text in found.items()}, {path: text[1] for path, text in found.items()})

    def outdated(self, request: RunRequest, root: str) -> str:
        """Return why this layer is not what a fresh interpreter would import now; '' if it is.

        This is the barrier: it looks at the files themselves, whatever the watcher has said.
        """
        if self.built is None:
            return ""
        changed = files.changed(self.built.files)
        if changed:
            files.drop_bytecode(changed)
            return inputs.describe_paths(changed, root)
        return self.disturbed(request)

    def changes(self) -> list[str]:
        """Return the files that are not what this layer was made of, or was to become."""
        if self.order is not None:
            return list(self.order.identities)
        return files.changed(self.built.files) if self.built is not None else []

    def disturbed(self, request: RunRequest) -> str:
        """Return what besides its files makes this layer not exact for a run; '' if nothing does."""
        return self._supplied() or self._environ(request)

    def missed_context(self, learned: dict[str, str], known: dict[str, str]) -> dict[str, str]:
        """Return the keys that this layer's modules must find in the environment, and did not.

        A run only tells which keys had changed when collection ended. Those that a module sets
        when it is imported (scikit-learn sets KMP_DUPLICATE_LIB_OK) it will set again; the others
        were set by a conftest file or plugin before the modules that read them were imported. So
        a layer is built without them first, and shows which is which.
        """
        if self.built is None:
            return {}
        candidates = {k: v for k, v in learned.items() if known.get(k) != v and k not in self.built.written}
        now = {**self.plan.environ, **candidates}
        read = inputs.environ_differences(self.built.environ, self.plan.environ, now)
        native = inputs.native_differences(self.plan.environ, now)
        return {key: candidates[key] for key in (*read, *native) if key in candidates}

    def _environ(self, request: RunRequest) -> str:
        assert self.built is not None  # noqa: S101 - the caller checked
        now = {key: value for key, value in request.environ.items() if key not in self.plan.context}
        now |= {key: self.plan.environ[key] for key in self.plan.context if key in self.plan.environ}
        for key in inputs.environ_differences(self.built.environ, self.plan.environ, now):
            return f"{self.built.readers.get(key, 'an import')} read {key}, which changed"
        for key in inputs.native_differences(self.plan.environ, now):
            return f"{key} changed, which native code reads at import"
        if request.path[1:] != self.plan.client_path[1:]:
            return "sys.path changed"
        return ""

    def _supplied(self) -> str:
        assert self.built is not None  # noqa: S101 - the caller checked
        wanted = frozenset(self.built.names) | frozenset(self.built.missing)
        for folder, (identity, names) in self._folders.items():
            present = files.identity(folder)
            if present == identity:
                continue
            now = files.importable_names(folder)
            found = inputs.supplied_names(self.built.directories[folder], names, now, wanted)
            if found:
                return f"{found[0]} is found elsewhere now"
            self._folders[folder] = (present, names)
        return ""


class Builder(Protocol):
    """Makes the processes of layers."""

    def start_base(self, plan: Build, reason: str) -> Layer:
        """Start a base zygote."""

    def spawn_project(self, base: Layer, plan: Build, reason: str) -> Layer:
        """Have a base zygote fork a project zygote."""

    def spawn_successor(self, project: Layer, order: Patch, reason: str) -> Layer:
        """Have a project zygote fork one that follows edits of its modules."""

    def retire(self, layer: Layer) -> None:
        """Let a layer finish its runs and go."""


class Tower:
    """A base layer and the project layer on it."""

    def __init__(self, builder: Builder, graph: Graph, root: str) -> None:
        """Start with no layers; `graph` says what they will import."""
        self._builder = builder
        self._graph = graph
        self._root = root
        self.base: Layer | None = None
        self.project: Layer | None = None
        self.size = len(graph.modules)
        self._context: dict[str, str] = {}
        self._second_chance = ""

    def layer_for(self, request: RunRequest, depth: str) -> Layer:
        """Return the layer that a run must be forked from; it may still be building.

        Args:
            request: what the client wants.
            depth: 'project', or 'base' if the project layer is not exact for the run.
        """
        self._look_at_loose_files()
        base = self._valid_base(request)
        if depth == "base" or base.phase != lifecycle.READY or not self._graph.select(FIRST, self.excluded()):
            return base
        return self._valid_project(base, request)

    def _look_at_loose_files(self) -> None:
        """See which files have changed that runs import themselves: test modules, and what is rejected.

        Their compiled forms are found fresh by size and second; see `files.drop_bytecode`.
        """
        graph = self._graph
        held = self.project.built.files if self.project is not None and self.project.built is not None else {}
        loose = [origin for origin, party, _ in graph.modules.values() if party == FIRST and origin not in held]
        changed = []
        for path in (*graph.leaves.values(), *loose):
            now = files.identity(path)
            if graph.seen.get(path, now) != now:
                changed.append(path)
            graph.seen[path] = now
        files.drop_bytecode(changed)
        self._forgive(changed)

    def _forgive(self, changed: list[str]) -> None:
        for name in self._graph.forgive(changed):
            if self._graph.modules.get(name, ("", FIRST))[1] == FIRST:
                self._second_chance = f"{name} may be imported early again"

    def _valid_base(self, request: RunRequest) -> Layer:
        reason = "first start" if self.base is None else self._why_replace(self.base, request)
        if reason:
            self._forgive(self.base.changes() if self.base is not None else [])
            self.retire()
            self.base = self._builder.start_base(self._plan(request, "base"), reason)
        assert self.base is not None  # noqa: S101 - just made
        return self.base

    def _valid_project(self, base: Layer, request: RunRequest) -> Layer:
        reason = "first start" if self.project is None else self._why_replace(self.project, request)
        reason = reason or (self._second_chance if self.project is not None and self.project.built is not None else "")
        if reason:
            self.project = self._successor(base, self.project, request, reason)
        assert self.project is not None  # noqa: S101 - just made
        return self.project

    def _successor(self, base: Layer, project: Layer | None, request: RunRequest, reason: str) -> Layer:
        """Have the project layer patched, or built anew."""
        order = self._edits(project, request) if project is not None else None
        if project is not None and order is not None:
            layer = self._builder.spawn_successor(project, order, reason)
        else:
            self._forgive(project.changes() if project is not None else [])
            self._second_chance = ""
            layer = self._builder.spawn_project(base, self._plan(request, "project"), reason)
        if project is not None:
            self._builder.retire(project)
        return layer

    def _edits(self, project: Layer, request: RunRequest) -> Patch | None:
        """Return the edits to patch; None if a patch would not be all that is needed."""
        if project.phase != lifecycle.READY or self._second_chance or project.disturbed(request):
            return None
        return project.edits(self._root, tuple(self._graph.facts.get("always_reload", "").split()))

    def retire(self) -> None:
        """Let all layers go."""
        for layer in (self.project, self.base):
            if layer is not None:
                self._builder.retire(layer)
        self.base = self.project = None

    def layers(self) -> list[Layer]:
        """Return the layers that exist, deepest first."""
        return [layer for layer in (self.project, self.base) if layer is not None]

    def excluded(self) -> tuple[str, ...]:
        """Return the user's patterns of modules that must not be imported early."""
        return tuple(self._graph.facts.get("exclude", "").split())

    def _why_replace(self, layer: Layer, request: RunRequest) -> str:
        if layer.phase in (lifecycle.RETIRED, lifecycle.GONE):
            return layer.refusal or "the process was gone"
        missed = layer.missed_context(self._graph.context, self._context)
        if missed:
            self._context.update(missed)
            return f"conftest files or plugins set {', '.join(missed)}"
        return layer.outdated(request, self._root)

    def _plan(self, request: RunRequest, kind: str) -> Build:
        graph = self._graph
        names = graph.select(THIRD if kind == "base" else FIRST, self.excluded())
        names = [name for name in names if os.path.exists(graph.modules[name][0])]
        rows = [graph.modules[name] for name in names]
        preload = [name for name in graph.facts.get("preload", "").split() if name not in names]
        return Build(
            kind=kind,
            modules=(*names, *(preload if kind == "project" else ())),
            origins=(*(origin for origin, _, _ in rows), *("*" for _ in (preload if kind == "project" else ()))),
            rewritten=tuple(name for name, row in zip(names, rows, strict=True) if row[2] == REWRITTEN),
            leaves=(*(name for name, file in graph.leaves.items() if os.path.exists(file)), *graph.rejected),
            path=graph.path if kind == "project" and graph.path else request.path,
            client_path=request.path,
            environ={k: v for k, v in {**request.environ, **self._context}.items() if v != inputs.MISSING},
            context=tuple(self._context),
            cwd=self._root if os.path.isdir(self._root) else "/",
            facts=graph.facts,
        )

"""One layer as the daemon sees it: what it was made of, and whether that still holds."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers import layer_inputs, lifecycle
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.core.protocol.layer_messages import Build, Patch
from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.sessions import eligibility

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.protocol.layer_messages import Built, FromLayer, Patched, ToLayer

    LayerChannel: TypeAlias = Channel[FromLayer, ToLayer]
    Listing: TypeAlias = tuple[tuple[int, ...], frozenset[str]]

STUCK_S = 1.0
"""A build that has imported one module for so long is given up once a file has changed: it may never end."""

SESSION = "session"
"""Kind of the layers that are collected sessions."""


class Layer:
    """One layer as the daemon sees it.

    Attributes:
        plan: what it imports.
        channel: the connection to its process.
        reason: why it was made.
        phase: of `core.layers.lifecycle`; `step` changes it.
        built: its report, once it is ready.
        runs: numbers of the runs that it forked and that have not ended.
        pid: its process; 0 until that has reported.
        started: when, by the wall clock, for the status.
        last_progress: when its build last began to import a module, by the loop's clock.
        served: runs that it has forked and that ended.
        patch: the edits that it was forked to follow; None for a layer that is built.
        patches: path → what was done to it since it was imported.
        forks: how many patches in a row lie between it and the layer that imported.
        why_failed: for which reason the next one is built.
        failure: why it could not be built.
        is_first: whether no other layer stood in its place before, so that nothing is imported a second time.
        renewed: test files that have changed since, and that runs will collect again.
    """

    def __init__(self, number: int, plan: Build, channel: LayerChannel, reason: Reason, now: float) -> None:
        """Start in the phase BUILDING."""
        self.number = number
        self.plan = plan
        self.channel = channel
        self.reason = reason
        self.is_first = False
        self.phase = lifecycle.BUILDING
        self.built: Built | None = None
        self.runs: set[int] = set()
        self.pid = 0
        self.started = time.time()
        self.last_progress = now
        self.served = 0
        self.patch: Patch | None = None
        self.patches: dict[str, str] = {}
        self.forks = 0
        self.why_failed: Reason | None = None
        self.failure: Reason | None = None
        self.renewed: tuple[str, ...] = ()
        self._parent: Built | None = None
        self._folders: dict[str, Listing] = {}
        self._planned: dict[str, tuple[int, ...]] = {}

    def snapshot(self) -> None:
        """Note, before anything is imported, what is in the folders and files that it will be imported from.

        A file may come between the import that did not find it and the report of the build.
        """
        self._folders = {folder: _listing(folder) for folder in _own_folders(self.plan)}
        if self.plan.kind == "project":
            self._planned = {origin: files.identity(origin) for origin in self.plan.origins if origin != "*"}

    def step(self, event: str) -> None:
        """Go to the phase that follows an event.

        Raises:
            LocalProtocolError: the event cannot happen in this phase, which stays.
        """
        self.phase = lifecycle.step(self.phase, event)

    def on_built(self, built: Built) -> None:
        """Become ready, with the report of the build that has ended."""
        self.step(lifecycle.BUILT)
        self.built = built
        self._folders = {folder: self._folders.get(folder) or _listing(folder) for folder in built.directories}

    def start_patch(self, parent: Layer, patch: Patch) -> None:
        """Become the fork of another layer that is to follow these edits."""
        self.patch = patch
        self.built = None
        self._parent = parent.built
        self.patches = dict(parent.patches)
        self.forks = parent.forks + 1
        self._folders = dict(parent._folders)

    def on_patched(self, patched: Patched) -> None:
        """Become ready, with the report of a fork that has followed its edits."""
        if self.patch is None or self._parent is None:
            message = f"layer {self.number} was not asked to follow edits"
            raise RemoteProtocolError(message)
        self.step(lifecycle.BUILT)
        files_now = {**self._parent.files, **self.patch.identities}
        self.built = self._parent.replaced(files=files_now, took_ms=patched.took_ms)
        self.patch, self._parent = Patch({}, self.patch.identities), None
        self.patches |= patched.verdicts

    def find_patch(self, root: str, always_reloaded: tuple[str, ...]) -> Patch | None:
        """Return the edits to follow; None if something else than the text of a few modules has changed."""
        from pytest_zygote.core.patching.verdict import (  # what it imports delays a daemon's start
            MAX_FILES,
            is_always_reloaded,
        )

        changed = files.changed(self.built.files) if self.built is not None else []
        if not 0 < len(changed) <= MAX_FILES:
            return None
        texts: dict[str, bytes] = {}
        identities: dict[str, tuple[int, ...]] = {}
        for path in changed:
            found = files.read_steady(path)  # None: it is gone, or being written
            name = path.removeprefix(f"{root}/")
            if found is None or not path.endswith(".py") or is_always_reloaded(name, always_reloaded):
                return None
            texts[path], identities[path] = found
        return Patch(texts, identities)

    def sweep(self, request: RunRequest, root: str, now: float) -> Reason | None:
        """Look at everything that this layer was made of, and return why it is stale; None if it is exact for a run.

        This is the barrier: it looks at the files themselves, whatever the watcher has reported. On the way it deletes
        the compiled form of each file that has changed (`files.drop_bytecode`), and notes the test files that runs
        must collect again (`renewed`).
        """
        if self.built is None:
            return self._why_hopeless(root, now)
        changed = files.changed(self.built.files)
        files.drop_bytecode(changed)
        self.renewed = tuple(changed)
        if not eligibility.may_be_renewed(changed, self.built.renewable):
            return _files_changed(changed, root)
        return self.differing_input(request)

    def _why_hopeless(self, root: str, now: float) -> Reason | None:
        """Return which files have changed while a build hangs in an import; None if it may still be of use."""
        if self.patch is not None or now - self.last_progress < STUCK_S:
            return None
        changed = files.changed(self._planned)
        return _files_changed(changed, root) if changed else None

    def changed_files(self) -> list[str]:
        """Return the files that are not what this layer was made of, or was to become."""
        if self.patch is not None:
            return list(self.patch.identities)
        return files.changed(self.built.files) if self.built is not None else []

    def differing_input(self, request: RunRequest) -> Reason | None:
        """Return which input besides its files is not as it was, for a run; None if all are."""
        return self._supplied() or self._environ(request)

    def missed_context(self, learned: dict[str, str], known: dict[str, str]) -> dict[str, str]:
        """Return the keys that this layer's modules must find in the environment, and did not.

        A run reports only which keys had changed when collection ended. Those that a module sets
        when it is imported (scikit-learn sets KMP_DUPLICATE_LIB_OK) it will set again; the others
        were set by a conftest file or plugin before the modules that read them were imported. So
        a layer is built without them first, and shows which is which.
        """
        if self.built is None:
            return {}
        candidates = {k: v for k, v in learned.items() if known.get(k) != v and k not in self.built.written}
        now = {**self.plan.environ, **candidates}
        read = layer_inputs.environ_differences(self.built.environ, self.plan.environ, now)
        native = layer_inputs.native_differences(self.plan.environ, now)
        return {key: candidates[key] for key in (*read, *native) if key in candidates}

    def _environ(self, request: RunRequest) -> Reason | None:
        assert self.built is not None  # noqa: S101 - the caller checked
        now = {key: value for key, value in request.environ.items() if key not in self.plan.context}
        now |= {key: self.plan.environ[key] for key in self.plan.context if key in self.plan.environ}
        for key in layer_inputs.environ_differences(self.built.environ, self.plan.environ, now):
            text = f"{self.built.readers.get(key, 'an import')} read {key}, which changed"
            return Reason("environment-changed", text)
        for key in layer_inputs.native_differences(self.plan.environ, now):
            return Reason("environment-changed", f"{key} changed, which native code reads at import")
        wanted = frozenset(self.built.names) | frozenset(self.built.missing)
        paths = self.plan.client_path[1:], request.path[1:]
        if layer_inputs.path_differences(*paths, lambda entry: wanted.isdisjoint(files.importable_names(entry))):
            return Reason("path-changed", "sys.path changed")
        return None

    def _supplied(self) -> Reason | None:
        assert self.built is not None  # noqa: S101 - the caller checked
        wanted = frozenset(self.built.names) | frozenset(self.built.missing)
        for folder, (identity, names) in self._folders.items():
            present = files.identity(folder)
            if present == identity:
                continue
            now = files.importable_entries(folder)
            found = layer_inputs.supplied_names(self.built.directories[folder], names, now, wanted)
            if found:
                return Reason("file-appeared", f"{found[0]} is found elsewhere now")
            self._folders[folder] = (present, names)
        return None


def _files_changed(changed: list[str], root: str) -> Reason:
    return Reason("file-changed", layer_inputs.describe_paths(changed, root))


def _listing(folder: str) -> Listing:
    return files.identity(folder), files.importable_entries(folder)


def _own_folders(plan: Build) -> set[str]:
    """Return the folders of the project's code from which a plan imports: those on the path, and those of packages."""
    found = set(code_origin.own_folders(plan.path))
    for origin in plan.origins:
        found.update(_between(os.path.dirname(origin), found, plan.cwd))
    return found


def _between(folder: str, known: set[str], root: str) -> Iterator[str]:
    """Give a folder of the project, and those above it up to one that is known."""
    while folder not in known and folder.startswith(f"{root}/") and not code_origin.is_third_party(f"{folder}/"):
        yield folder
        folder = os.path.dirname(folder)

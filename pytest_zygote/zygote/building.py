"""Builds a layer: imports its modules and accounts for all that this read and left behind."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.adapters import files, recording, site
from pytest_zygote.adapters.imports import LeafGuard, LeafReached, MissRecorder
from pytest_zygote.adapters.rewriting import rewriting
from pytest_zygote.core.errors import BuildError
from pytest_zygote.core.inputs import MISSING
from pytest_zygote.core.messages import Built

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_zygote.adapters.imports import Ledger
    from pytest_zygote.core.messages import Build

SLOWEST = 15
"""How many of the longest imports the status shows."""


class CulpritError(BuildError):
    """A module did at import what a process that forks must not have; its text is the reason."""

    def __init__(self, culprits: list[str], reason: str) -> None:
        """Name the modules that were being imported, outermost first."""
        super().__init__(reason)
        self.culprits = culprits


def build(plan: Build, ledger: Ledger, announce: Callable[[str], None]) -> Built:
    """Import the modules of a plan into this process.

    Args:
        plan: what to import.
        ledger: where imports are recorded.
        announce: is told the name of each module before it is imported.

    Raises:
        CulpritError: a module started a thread or opened a socket. This process is of no more use.
    """
    started = time.perf_counter()
    builder = _Builder(plan, ledger)
    before = set(sys.modules)
    with builder.watching(), rewriting(plan.rewritten):
        for name, origin in zip(plan.modules, plan.origins, strict=True):
            if name not in sys.modules:
                announce(name)
                builder.import_early(name, origin)
    # Modules that were imported and dropped again are garbage now; what stays is never looked
    # at by the collector again: a collection in a run would touch, and so copy, every page.
    gc.collect()
    gc.freeze()
    return builder.report(before, started)


class _Builder:
    def __init__(self, plan: Build, ledger: Ledger) -> None:
        self._plan = plan
        self._ledger = ledger
        self._reads: dict[str, str] = {}
        self._readers: dict[str, str] = {}
        self._rejected: dict[str, str] = {}
        self._files = recording.FileRecorder(files.identity)
        self._environ = recording.EnvironRecorder(self._on_read, self._on_write)
        self._guard = LeafGuard(plan.leaves)
        self._misses = MissRecorder()
        self._sockets = _open_sockets()
        self._culprit: CulpritError | None = None
        self._known_files = set(ledger.files)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Give imports the environment and path of a run; record what they read and write."""
        os.environ.clear()
        os.environ.update(self._plan.environ)
        os.chdir(self._plan.cwd)
        path = list(sys.path)
        sys.path[:] = self._plan.path
        importlib.invalidate_caches()
        sys.meta_path.insert(0, self._guard)
        sys.meta_path.append(self._misses)
        self._ledger.on_loaded = self._check_threads
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings._showwarnmsg_impl = self._on_warning  # type: ignore[attr-defined]  # noqa: SLF001 - what catch_warnings replaces
            self._start()
            try:
                yield
            finally:
                self._stop()
                sys.path[:] = path

    def _start(self) -> None:
        self._environ.start()
        self._files.start()
        self._ledger.start_observing()

    def _stop(self) -> None:
        self._ledger.stop_observing()
        self._files.stop()
        self._environ.stop()
        sys.meta_path.remove(self._misses)
        sys.meta_path.remove(self._guard)

    def import_early(self, name: str, origin: str) -> None:
        """Import one module, unless it fails or turns out to be another file's."""
        try:
            module = importlib.import_module(name)
        except LeafReached as leaf:
            self._rejected[name] = f"imports the test module {leaf}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, a run that needs the module will show it
            self._rejected[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
        else:
            if origin not in ("*", site.origin_of(module)):
                here = site.origin_of(module) or "no file"
                self._rejected[name] = f"is {here} here, was {origin or 'no file'} in a run"
                del sys.modules[name]
        if self._culprit is None and _open_sockets() > self._sockets:
            self._culprit = CulpritError([name], f"{name} opens a socket when it is imported")
        if self._culprit is not None:
            raise self._culprit

    def _check_threads(self, name: str) -> None:
        # Raising here could be caught by an importer's ``except Exception``.
        if threading.active_count() > 1 and self._culprit is None:
            started = ", ".join(thread.name for thread in threading.enumerate()[1:])
            reason = f"{name} starts a thread when it is imported ({started})"
            self._culprit = CulpritError([*self._ledger.stack, name], reason)

    def _on_read(self, key: str, value: str | None) -> None:
        seen = MISSING if value is None else value
        self._reads.setdefault(key, seen)
        if self._ledger.stack:
            self._readers.setdefault(key, self._ledger.stack[-1])
        traits = self._ledger.note()
        if traits is not None and key not in traits.writes:
            traits.reads.setdefault(key, seen)

    def _on_write(self, key: str, value: str | None) -> None:
        traits = self._ledger.note()
        if traits is not None:
            traits.writes[key] = MISSING if value is None else value

    def _on_warning(self, message: warnings.WarningMessage) -> None:
        traits = self._ledger.note()
        if traits is not None:
            traits.warnings.append((message, _module_of(message.filename)))

    def _new_files(self) -> dict[str, tuple[int, ...]]:
        known = self._known_files
        return {path: identity for path, identity in self._ledger.files.items() if path not in known}

    def report(self, before: set[str], started: float) -> Built:
        """Describe the layer to the daemon."""
        new = [name for name in sys.modules if name not in before]
        folders = _import_folders(self._plan.path)
        times = sorted(((name, took) for name, took in self._ledger.took_s.items() if name in new), key=_took)
        return Built(
            names=tuple(sys.modules),
            files={**self._new_files(), **self._files.paths},
            directories=folders,
            missing=tuple(sorted(self._misses.names)),
            environ=self._reads,
            readers=self._readers,
            written=tuple(sorted({key for traits in self._ledger.traits.values() for key in traits.writes})),
            slowest=tuple((name, round(took * 1000)) for name, took in times[: -SLOWEST - 1 : -1]),
            rejected=self._rejected,
            warned=tuple(name for name, traits in self._ledger.traits.items() if traits.warnings),
            took_ms=round((time.perf_counter() - started) * 1000),
        )


def _took(entry: tuple[str, float]) -> float:
    return entry[1]


def _module_of(filename: str) -> str:
    """Return the module whose code warned, for filters that name modules."""
    frame = sys._getframe(1)  # noqa: SLF001 - documented in the library reference of sys
    caller: object = frame
    while caller is not None:
        if frame.f_code.co_filename == filename:
            return str(frame.f_globals.get("__name__", ""))
        caller = frame = frame.f_back  # type: ignore[assignment]  # the loop ends at None
    return ""


def _import_folders(path: tuple[str, ...]) -> dict[str, str]:
    """Return the folders of the project's own code where a new file may supply or hide a module."""
    folders = {entry: "" for entry in path if os.path.isdir(entry) and not site.is_third_party(f"{entry}/")}
    for name, module in list(sys.modules.items()):
        for folder in getattr(module, "__path__", ()):
            if isinstance(folder, str) and not site.is_third_party(f"{folder}/"):
                folders[folder] = f"{name}."
    return folders


def _open_sockets() -> int:
    count = 0
    with contextlib.suppress(OSError):
        for descriptor in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return count

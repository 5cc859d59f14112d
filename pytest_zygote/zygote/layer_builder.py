"""Builds a layer: imports its modules and accounts for all that this read and left behind."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin, io_recorder
from pytest_zygote.adapters.interpreter.attribute_writes import is_standard
from pytest_zygote.adapters.interpreter.callers import only_looks_for
from pytest_zygote.adapters.interpreter.code_events import CodeStarts
from pytest_zygote.adapters.interpreter.environ_recorder import EnvironRecorder
from pytest_zygote.adapters.interpreter.import_finders import (
    LeafGuard,
    LeafReached,
    PathLender,
    SearchRecorder,
    homes_of,
)
from pytest_zygote.adapters.interpreter.private.state import show_warnings_by
from pytest_zygote.adapters.interpreter.process_calls import ProcessCalls
from pytest_zygote.adapters.interpreter.side_effects import WRITE
from pytest_zygote.adapters.pytest.assert_rewriting import rewriting
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers.import_effects import Became
from pytest_zygote.core.layers.import_log import lineage
from pytest_zygote.core.layers.module_graph import FAILED
from pytest_zygote.core.protocol.layer_messages import Built
from pytest_zygote.zygote import layer_inventory
from pytest_zygote.zygote.base_effects import BaseEffects
from pytest_zygote.zygote.environ_inputs import EnvironInputs
from pytest_zygote.zygote.import_questions import ImportQuestions
from pytest_zygote.zygote.import_warnings import ImportWarnings
from pytest_zygote.zygote.ineligible_modules import IneligibleModules
from pytest_zygote.zygote.touched_modules import TouchedModules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger
    from pytest_zygote.adapters.interpreter.process_calls import ExitHandler
    from pytest_zygote.core.protocol.layer_messages import Build
    from pytest_zygote.zygote.updater import Updater


def build(plan: Build, ledger: Ledger, announce: Callable[[str], None], updater: Updater | None) -> Built:
    """Import the modules of a plan into this process.

    Args:
        plan: what to import.
        ledger: where imports are recorded.
        announce: called with the name of each module before it is imported.
        updater: is to patch this layer later.

    Raises:
        IneligibleModulesError: a module cannot be in a layer, and left something behind; leave this process.
    """
    started = time.perf_counter()
    builder = _Builder(plan, ledger)
    before = set(sys.modules)
    recording_starts = updater.recording() if updater is not None else contextlib.nullcontext()
    with recording_starts, builder.watching(), rewriting(plan.rewritten):
        for name, origin in zip(plan.modules, plan.origins, strict=True):
            if name not in sys.modules or builder.is_orphan(name):
                announce(name)
                builder.import_early(name, origin)
    builder.ineligible.raise_if_any()
    if plan.kind == "base" and "pytest" in sys.modules:
        _import_plugin()
    _collect_garbage(is_frozen=updater is None)
    if updater is not None:
        updater.see(builder.looked_at())
    return builder.report(before, started)


def _collect_garbage(*, is_frozen: bool) -> None:
    """Drop modules that were imported and dropped again.

    What stays is never looked at by the collector again: a collection in a run would touch, and so copy, every page.
    The patcher must find what is in a project layer; so that is frozen in each run (`run.process.execute`).
    """
    gc.collect()
    if is_frozen:
        gc.freeze()


def _import_plugin() -> None:
    """Import what runs need of ours; each would import it through pytest's rewriting, a file at a time."""
    # The self-checks, too: a project layer must not be the first to make them.
    for name in (
        "adapters.pytest.private.checks",
        "run.layer_check",
        "plugin",
        "parallel.mproc_fixtures",
        "parallel.xdist_plugin",
        "parallel.plugin",
    ):
        importlib.import_module(f"pytest_zygote.{name}")


class _Builder:
    def __init__(self, plan: Build, ledger: Ledger) -> None:
        self._plan = plan
        self._ledger = ledger
        self._rejected: dict[str, str] = {}
        self.ineligible = IneligibleModules(plan, ledger)
        self._failed: set[str] = set()
        self._files = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity)
        self._inputs = EnvironInputs(ledger, plan.environ, self.ineligible.reject)
        self._environ = EnvironRecorder(self._inputs.on_read, self._inputs.on_write)
        self._guard = LeafGuard(plan.leaves, tuple(plan.facts.get("exclude", "").split()))
        self._searches = SearchRecorder()
        homes = homes_of(zip(plan.modules, plan.origins, strict=True))
        self._lender = PathLender(plan.path, homes, ledger.lend)
        self._warnings = ImportWarnings(ledger, _Builder.import_early.__code__)
        self._before: frozenset[str] = frozenset()
        self._calls = ProcessCalls(
            self.ineligible.on_pid,
            self._on_fork_handlers,
            self._on_exit_handler,
            self.ineligible.on_variable,
        )
        self._touched = TouchedModules(ledger, code_origin.is_own_module)
        self._questions = ImportQuestions(ledger, CodeStarts("pytest_zygote questions"), self.ineligible.reject)
        self._files.on_folder = self._questions.note_folder
        self._files.on_absent = self._questions.note_absent
        if plan.kind == "project":
            self._files.is_probe = only_looks_for
            self._questions.on_folder_found = self._files.on_folder_found
            self._files.on_write = lambda frame: self._questions.judge(WRITE, frame)
            self._files.on_process = lambda frame: self._questions.judge("asks for its process", frame)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Give imports the environment and path of a run; record what they read and write."""
        os.environ.clear()
        os.environ.update(self._plan.environ)
        time.tzset()
        os.chdir(self._plan.cwd)
        path = list(sys.path)
        sys.path[:] = self._plan.client_path
        self._look_again_for_new_files()
        sys.meta_path[:0] = [self._guard, self._lender, self._searches]
        self._ledger.on_loaded = self._on_loaded
        self._files.is_import = self._ledger.is_loading
        limit = sys.getrecursionlimit()
        # Watching adds four frames to the six that an import takes: a deep chain of imports that
        # just fits in a run must not fail here. An odd number: no module sets the limit to this one.
        sys.setrecursionlimit(limit * 2 + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            show_warnings_by(self._warnings.note)
            self._start()
            try:
                yield
            finally:
                self._stop()
                sys.setrecursionlimit(limit)
                sys.path[:] = path

    def _look_again_for_new_files(self) -> None:
        """Drop cached listings of folders: a file may have come within a tick of the clock.

        What packages bring changes only with their fingerprint, and so with the base layer.
        """
        if self._plan.kind == "base":
            importlib.invalidate_caches()
        for folder in code_origin.own_folders(self._plan.path):
            sys.path_importer_cache.pop(folder, None)

    def _start(self) -> None:
        self._ledger.on_turn = self.ineligible.on_turn
        self._environ.start()
        self._before = frozenset(sys.modules)
        self._files.start()
        if self._plan.kind == "project":
            self._questions.start()
        self._calls.start()
        self._ledger.start_observing(has_native=not all(origin.endswith(".py") for origin in self._plan.origins))
        self.ineligible.start()  # last, since all others change something, too
        if self._plan.kind == "project":
            effects = BaseEffects(self._ledger, self._environ, self.ineligible.state, self._inputs.written)
            self._ledger.on_import = effects.on_import
            self._ledger.on_first_import = self.ineligible.on_first_import

    def _stop(self) -> None:
        new = [name for name in sys.modules if name not in self._before]
        self.ineligible.stop()
        self._calls.stop(new)
        self._ledger.stop_observing(code_origin.own_modules(new))
        self._files.stop(new)
        self._questions.stop()
        self._environ.stop()
        for finder in (self._guard, self._lender, self._searches):
            sys.meta_path.remove(finder)

    def import_early(self, name: str, origin: str) -> None:
        """Import one module, unless it fails or turns out to be another file's."""
        if self.is_orphan(name):
            self.ineligible.reasons[name] = f"{FAILED}its package cannot be imported"
            return
        try:
            __import__(name)
        except LeafReached as leaf:
            self.ineligible.reasons[name] = f"{FAILED}it imports {leaf}, which each run imports itself"
        except ModuleNotFoundError as error:
            # If the module itself is not there, nothing was executed.
            found = self._rejected if error.name == name else self.ineligible.reasons
            found[name] = f"{FAILED}{_line(error)}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, a run that needs the module will show it
            self.ineligible.reasons.setdefault(name, f"{FAILED}{_line(error)}")
        else:
            self._check_origin(name, origin)
        self._failed.update(part for part in lineage(name) if part not in sys.modules)
        self.ineligible.on_imported(name)

    def is_orphan(self, name: str) -> bool:
        """Return whether a package of a module has failed; the module may be left of that attempt.

        Each module of the package would make the same attempt, and those that are left would fail the next build.
        """
        return bool(self._failed) and any(
            part in self._failed and part not in sys.modules for part in lineage(name) if part != name
        )

    def _check_origin(self, name: str, origin: str) -> None:
        here = code_origin.origin_of(sys.modules[name]) if name in sys.modules else "not there"
        if origin not in ("*", here):
            self.ineligible.reasons[name] = (
                f"{FAILED}it is {here or 'no file'} here, was {origin or 'no file'} in a run"
            )

    def _on_loaded(self, name: str) -> None:
        if self._plan.kind == "project":
            self._touched.on_loaded(name)
        self.ineligible.on_loaded(name)
        self._files.on_loaded(name)

    def _on_fork_handlers(self, handlers: dict[str, object]) -> bool:
        stack = self._ledger.stack
        if not stack or is_standard(stack[-1]):
            return False
        self._ledger.note(Became("fork handlers", handlers))
        return True

    def _on_exit_handler(self, file: str, handler: ExitHandler) -> bool:
        if self._ledger.stack and code_origin.is_own(file):
            self._ledger.note(Became("exit handlers", handler))
            return True
        return False

    def looked_at(self) -> frozenset[str]:
        """Return the paths whose contents or attributes were looked at by code that was imported."""
        return (
            frozenset(path for path, known in self._files.paths.items() if len(known) > files.LINK)
            | self._files.measured
        )

    def report(self, before: set[str], started: float) -> Built:
        """Describe the layer to the daemon."""
        files.drop_bytecode(self._warnings.bytecode)
        new = [name for name in sys.modules if name not in before]
        return Built(
            names=tuple(sys.modules),
            # A module that asks whether its own file is there is an input as a whole all the same.
            files={
                **layer_inventory.hiding_packages(new),
                **{place: files.presence(place) for place in self._searches.places()},
                **self._files.paths,
                **self._ledger.files,
                **layer_inventory.installed_files(self._plan),
            },
            directories=layer_inventory.import_folders(self._plan.path, new),
            missing=self._searches.not_loaded(),
            environ=self._inputs.reads,
            readers=self._inputs.readers,
            written=self._ledger.written(),
            slowest=layer_inventory.slowest(self._ledger.duration_s),
            rejected=self._rejected,
            warned=self._ledger.warned(),
            took_ms=round((time.perf_counter() - started) * 1000),
        )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]

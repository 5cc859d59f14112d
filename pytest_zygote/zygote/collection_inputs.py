"""What a session reads while it is collected, and whether that is all that it depends on."""

from __future__ import annotations

import os
import random
import sys
import time
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import callers, code_origin, io_recorder, numpy_random, side_effects
from pytest_zygote.adapters.interpreter.import_finders import SearchRecorder
from pytest_zygote.adapters.interpreter.private.bare_objects import package_folders
from pytest_zygote.adapters.system import files
from pytest_zygote.core.protocol import layer_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

TIME_ZONE = "/etc/localtime"

CLOCK_TICK_NS = 20_000_000
"""Time stamps of files may be so much older than the clock."""


class CollectionInputs:
    """Records what collection reads, and aborts it before it does what it must not."""

    def __init__(self, abort: Callable[[str], None], *, has_descriptors: bool) -> None:
        """Watch nothing yet.

        Args:
            abort: called before something is done that must not be.
            has_descriptors: whether the command passes on open files, which nobody must look at.
        """
        self._side_effects = side_effects.SideEffects(abort, has_descriptors=has_descriptors)
        self._files = io_recorder.FileRecorder(files.identity, files.presence, files.link_identity, _is_exempt)
        self._files.on_write = lambda frame: self._side_effects.note(side_effects.WRITE, frame)
        if has_descriptors:
            self._files.on_descriptor = lambda frame: self._side_effects.note(side_effects.DESCRIPTOR, frame)
        self._files.is_probe = _is_probe
        self._files.is_import = lambda path: path in self._modules
        self._searches = SearchRecorder()
        self._modules: dict[str, tuple[int, ...]] = {}

    def start(self) -> None:
        """Watch from now on."""
        self._started = time.perf_counter()
        self._since_ns = time.time_ns() - CLOCK_TICK_NS
        self._files.start()
        sys.meta_path.insert(0, self._searches)
        self._side_effects.start()

    def found(self, path: str) -> None:
        """Take the identity of a module's file before it is read."""
        if path:
            self._modules.setdefault(path, files.identity(path))

    def stop(self, loaded: tuple[str, ...], tests: int) -> layer_messages.Built:
        """Watch no longer; return what was read."""
        self._side_effects.stop()
        self._files.stop(loaded)
        sys.meta_path.remove(self._searches)
        late = self._late(loaded)
        # Compiled files follow their sources, which are inputs themselves.
        read = {path: known for path, known in self._files.paths.items() if not path.endswith(".pyc")}
        folders = dict.fromkeys(code_origin.own_folders(sys.path), "")
        for name in loaded:
            folders.update(dict.fromkeys(package_folders(name), f"{name}."))
        return layer_messages.Built(
            names=loaded,
            files={
                **{place: files.presence(place) for place in self._searches.places()},
                **late,
                **read,
                **self._modules,
                TIME_ZONE: files.identity(TIME_ZONE),
            },
            directories=folders,
            missing=self._searches.not_loaded(),
            environ={},
            readers={},
            written=(),
            slowest=(),
            rejected={},
            warned=(),
            took_ms=round((time.perf_counter() - self._started) * 1000),
            tests=tests,
        )

    def _late(self, loaded: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """Return modules that were found by other means, like those of ``--import-mode=importlib``."""
        origins = {code_origin.origin_of(sys.modules[name]) for name in loaded if name in sys.modules}
        unknown = {path for path in origins if path and path not in self._modules}
        late = {path: files.identity(path) for path in unknown if len(self._files.paths.get(path, ())) <= files.LINK}
        for path in late:
            if not os.path.exists(path) or os.stat(path).st_ctime_ns > self._since_ns:
                self._side_effects.found = self._side_effects.found or f"{path} changed while tests were collected"
        return late

    def with_hidden(self, built: layer_messages.Built) -> layer_messages.Built:
        """Have hidden entries of the folders that were listed be inputs, too: pytest may collect from them."""
        hidden = {}
        for folder, known in built.files.items():
            if len(known) > files.BASIC:
                if files.identity(folder)[:1] != known[:1]:
                    self._side_effects.found = (
                        self._side_effects.found or f"{folder} changed while tests were collected"
                    )
                hidden[f"{folder}{files.WITH_HIDDEN}"] = files.identity(f"{folder}{files.WITH_HIDDEN}")
        return built.replaced(files={**built.files, **hidden})

    def restorer(self) -> Callable[[], None]:
        """Return what gives random generators the states in a run that collection has seeded them to."""
        state = random.getstate() if self._side_effects.is_seeded else None
        numpy_state = self._side_effects.numpy_state

        def restore() -> None:
            if state is not None:
                random.setstate(state)
            numpy_random.restore(numpy_state)

        return restore

    def only_pytests(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of these files that nobody but pytest has read or looked at."""
        return tuple(path for path in paths if path not in self._files.known_to_others)

    @property
    def side_effect(self) -> str:
        """What collection did that it must not; '' if nothing."""
        return self._side_effects.found


def _is_exempt(frame: FrameType | None) -> bool:
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(("importlib.metadata", "pytest_zygote")):
            return True
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return False
        frame = frame.f_back
    return False


def _is_probe(frame: FrameType) -> bool:
    """Return whether code asks only if there is something; pytest never wants to know more of what it does not read."""
    return not side_effects.module_of(frame) or callers.only_looks_for(frame)

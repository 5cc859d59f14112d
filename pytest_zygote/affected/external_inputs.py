"""What a test reads besides code: files, folders, environment keys; and whether it starts processes.

Files are reported by an audit hook, which stays until the process ends: a run is a process of its own.
Environment keys and looks at a path raise no audit event: `executions` reports the functions that do that.

What pytest and its plugins read for themselves does not count: the nearest caller outside of the standard
library decides. Nor do the Python files that the import system reads: their code has fingerprints. Extension modules,
archives and scripts without ``.py`` count. A file that the run itself has made is no input; one that was there before,
and that a test has written anew, is an input of other tests.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import process_kinds
from pytest_zygote.adapters.interpreter.callers import only_looks_for
from pytest_zygote.adapters.interpreter.private import importing
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.affected.calling_frames import Readers, database_files, is_git
from pytest_zygote.affected.child_reports import ChildReports
from pytest_zygote.affected.declarations import RECEIVERS
from pytest_zygote.affected.environ_reads import EnvironReads
from pytest_zygote.affected.file_state import TICK_NS, changed_ns, content, stamp
from pytest_zygote.affected.input_files import InputFiles
from pytest_zygote.affected.run_time_imports import RunTimeImports
from pytest_zygote.affected.subprocesses import SilentProcesses, reading_of
from pytest_zygote.affected.system_questions import EVENTS, FOLDERS, MADE, STARTS, Paths, is_write, source_of
from pytest_zygote.core.affected import dependency
from pytest_zygote.core.affected.dependency import Need
from pytest_zygote.core.layers.layer_inputs import WHOLE

SETS_LIMITS = frozenset({"resource.setrlimit", "resource.prlimit"})
"""Audit events of what may change a limit of the process."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_zygote.affected.current_tree import CurrentTree


class ExternalInputs:
    """Collects what is read from now on.

    Attributes:
        files: which of them are inputs.
        imports: modules that are asked for.
    """

    def __init__(
        self,
        tree: CurrentTree,
        is_own: Callable[[str], bool],
        started_ns: int,
        on_written: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Collect nothing yet.

        Args:
            tree: gives checksums.
            is_own: returns whether a file is the project's.
            started_ns: when this process began.
            on_written: called with a path before it is written.
        """
        self._tree = tree
        self._readers = Readers(is_own, tree.relative)
        self.imports = RunTimeImports(tree, self._readers)
        self._environ = EnvironReads(tree, self._readers)
        self._started_ns = started_ns
        self._read: dict[Need, tuple[bytes, str]] = {}
        self.files = InputFiles(tree.root, started_ns, on_written)
        self._paths = Paths()
        self._busy_thread = 0
        self._is_active = False
        self._changed: set[str] = set()
        self._silent = SilentProcesses()
        self._reports = ChildReports(tree, is_own, self.files.is_input, started_ns)

    def start(self) -> None:
        """Collect from now on."""
        self.resume(True)  # noqa: FBT003 - see there
        self._reports.offer()
        RECEIVERS.append(self.declare)
        sys.addaudithook(self._hook())

    def stop(self) -> None:
        """Stop collecting. The audit hook itself cannot be removed."""
        self.pause()
        if self.declare in RECEIVERS:
            RECEIVERS.remove(self.declare)
        self._reports.close()

    def pause(self) -> bool:
        """Collect nothing for a while; return what `resume` wants."""
        was_active, self._is_active = self._is_active, False
        self._environ.is_active = False
        return was_active

    def resume(self, was_active: bool) -> None:  # noqa: FBT001 - only ever what `pause` returned
        """Collect again after `pause`."""
        self._is_active = self._environ.is_active = was_active

    def is_quiet(self) -> bool:
        """Return whether there is nothing to drain."""
        is_silent = not (
            self._read or self.imports.are_pending or self._environ.are_pending or self._reports.are_awaited
        )
        return is_silent and not self._silent.have_traces()

    def drain(self) -> dict[Need, tuple[bytes, str]]:
        """Return what was read since the last call: its checksum, and the nearest file of the project on the stack."""
        reported = self._reports.drain()
        if reported is None or self._silent.have_started():
            self._need_anything("")
        for need, checksum in (reported or {}).items():
            self._read.setdefault(need, (checksum, ""))
        found = {**self.imports.drain(), **self._environ.drain(), **self._read}
        self._read.clear()
        return found

    def changed(self) -> set[str]:
        """Return which seldom changed kinds of `process_kinds` somebody has asked to change since the last call."""
        found, self._changed = self._changed, set()
        return found

    # Files

    def _hook(self) -> Callable[[str, tuple[object, ...]], None]:
        """Return a function that does as little as possible: it is called for every audit event."""
        events = EVENTS | SETS_LIMITS
        on_event = self.on_event

        def hook(event: str, args: tuple[object, ...]) -> None:
            if event in events:
                on_event(event, args, frame_above(1))

        return hook

    def on_event(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        """Note an audit event; never fail.

        Args:
            event: one of `EVENTS`, or `SETS_LIMITS`.
            args: of this event.
            frame: in which it was raised.
        """
        if event in SETS_LIMITS:
            self._changed.add(process_kinds.LIMITS)
            return
        self._paths.on_event(event, args)
        thread = threading.get_ident()
        if not self._is_active or self._busy_thread == thread:
            return  # this is our own looking
        self._busy_thread = thread
        try:
            self._note_event(event, args, frame)
        except Exception:  # noqa: BLE001, S110 - whatever it is, it must not reach the test
            pass
        finally:
            self._busy_thread = 0

    def _note_event(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        if event in STARTS:
            self._on_process(event, args, frame)
        elif event == "import":  # an extension module; others have no file here
            self._on_file(args[1], dependency.DATA, frame)
        elif event in FOLDERS:
            self._on_file("." if args[0] is None else args[0], dependency.LISTING, frame)
        else:
            self._on_open(event, args, frame)

    def _on_open(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        if event == "sqlite3.connect":
            for file in database_files(args[0]):
                self._on_file(file, dependency.DATA, frame)
        elif event in MADE or (event == "open" and is_write(args[1], args[2])):
            paths = self._paths.of(args[MADE.get(event, 0)])
            if len(paths) == 1:  # else any of them may be an input as before
                self.files.write(paths[0])
        elif event != "ctypes.dlopen" or "/" in str(args[0]):  # else the system's loader finds it
            self._on_file(args[0], dependency.DATA, frame)

    def _on_process(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        """Note what a process that is about to start reads."""
        self._silent.receive()
        reading = reading_of(event, args, frame)
        if reading.files is None:
            self._need_anything(None if self._readers.is_foreign_import(frame) else self._readers.reader(frame, ""))
        elif reading.is_python:
            self._reports.expect()
        git = os.path.join(self._tree.root, ".git")
        for file in reading.files or (os.path.join(git, name) for name in ("HEAD", "index") if is_git(args)):
            self._on_file(file, dependency.DATA, frame)

    def _need_anything(self, reader: str | None, *more: Need) -> None:
        """Note all files of the project and the whole environment as read, and more."""
        anything = (Need(dependency.PROJECT), Need(dependency.ENVIRON, "", WHOLE), *more)
        for need in anything if reader is not None else ():
            if need not in self._read:
                self._read[need] = (self._tree.now(need), str(reader))

    def _on_file(self, name: object, kind: str, frame: FrameType) -> None:
        for path in self._paths.of(name):
            source = source_of(path, frame)
            if self.files.is_of_other_test(source):
                self._need_anything(self._readers.reader(frame, source), Need(dependency.AFTER, source))
            elif self.files.is_input(source):
                self._on_input(source, kind, frame)

    def _on_input(self, path: str, kind: str, frame: FrameType) -> None:
        need = Need(kind, self._tree.relative(path))
        is_fresh = kind == dependency.DATA and changed_ns(path) >= self._started_ns - TICK_NS
        known = self._read.get(need)
        if known is None:
            reader = self._readers.reader(frame, path if kind == dependency.DATA else "")
            if reader is not None:
                self._read[need] = (self._checksum(need, path, is_fresh=is_fresh), reader)
        elif is_fresh and known[0] != self._checksum(need, path, is_fresh=True):
            self._read[need] = (os.urandom(8), known[1])  # read with two contents: no content matches both

    def _checksum(self, need: Need, path: str, *, is_fresh: bool) -> bytes:
        """Return the checksum of a need now. That of a file which changed during the run is not stored."""
        return content(path, stamp(path)) if is_fresh and os.path.exists(path) else self._tree.now(need)

    def declare(self, thing: str, frame: FrameType) -> None:
        """Note what code says that it depends on, as if it had read it.

        Args:
            thing: as users name it.
            frame: of the code.
        """
        was_active = self.pause()
        if was_active:
            need = self._tree.need_of(thing)
            self._read.setdefault(need, (self._tree.anew(need), self._readers.reader(frame, "") or ""))
        self.resume(was_active)

    # What raises no audit event

    def watched(self) -> dict[FunctionType, Callable[[FrameType], None]]:
        """Return what to do when certain functions of the standard library start."""
        seen: dict[object, Callable[[FrameType], None]] = {
            **dict.fromkeys((random.Random.seed, random.Random.setstate), self._on_seed),
            importlib.import_module: self.imports.note,
            importlib.util.find_spec: self.imports.note,
            importing.find_spec.function: self.imports.note,
        }
        functions = {function: see for function, see in seen.items() if isinstance(function, FunctionType)}
        return {**self._environ.watched(), **functions}

    def _on_seed(self, _frame: FrameType) -> None:
        self._changed.add(process_kinds.RANDOM)

    def on_look(self, name: str, value: object, frame: FrameType) -> None:
        """Note that a path is looked at without being opened.

        Args:
            name: of the function that looks.
            value: its first argument.
            frame: that calls it.
        """
        if not self._is_active or self._busy_thread == threading.get_ident():
            return
        reader = self._readers.reader(frame, "")  # mostly it is pytest that looks
        if reader is None:
            return
        is_probe = name.startswith("is_") or only_looks_for(frame)
        for path in filter(self.files.is_input, self._paths.of(value)):
            need = Need(dependency.PRESENCE if is_probe else dependency.STATUS, self._tree.relative(path))
            if need not in self._read:
                found = self._tree.presence(need.path) if is_probe else self._tree.status(need.path)
                self._read[need] = (found, reader)

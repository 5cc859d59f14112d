"""What a test reads besides code: files, folders, environment keys; and whether it starts processes.

Files are reported by an audit hook, which stays until the process ends: a run is a process of its own.
Environment keys and questions whether a path exists raise no audit event, but they go through
functions written in Python, whose starts `executions` reports with their arguments (3.12 on).

What pytest and its plugins read for themselves does not count: the nearest caller outside of the standard
library decides. Nor does what the import system reads, except extension modules: other code has fingerprints.
A file that the run itself has written is no input.
"""

from __future__ import annotations

import genericpath
import os
import pathlib
import sys
import sysconfig
import tempfile
import threading
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.affected.child_recorder import EVENTS, FOLDERS, STARTS, is_write
from pytest_zygote.affected.child_reports import ChildReports
from pytest_zygote.affected.file_state import TICK_NS, changed_ns, content, stamp
from pytest_zygote.affected.project_files import TOOL_FOLDERS
from pytest_zygote.affected.subprocesses import SilentProcesses, reading_of
from pytest_zygote.core.affected import dependency
from pytest_zygote.core.affected.dependency import Need
from pytest_zygote.core.layers.layer_inputs import WHOLE, is_volatile
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_zygote.affected.current_tree import CurrentTree

OURS = RUNNER | {"coverage", "pytest_cov", "xdist", "execnet", "hypothesis"}
"""Packages whose own reading says nothing about a test."""

_STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_SYSTEM = ("/proc/", "/dev/", "/sys/", "/run/")


class ExternalInputs:
    """Collects what is read from now on."""

    def __init__(self, tree: CurrentTree, is_own: Callable[[str], bool], started_ns: int) -> None:
        """Collect nothing yet.

        Args:
            tree: gives checksums.
            is_own: returns whether a file is the project's.
            started_ns: when this process began.
        """
        self._tree = tree
        self._is_own = is_own
        self._started_ns = started_ns
        self._read: dict[Need, tuple[bytes, str]] = {}
        self._set: set[str] = set()
        self._written: set[str] = set()
        self._busy_thread = 0
        self._is_active = False
        self._silent = SilentProcesses()
        self._reports = ChildReports(tree, is_own, self._is_input, started_ns)
        temporary = f"{tempfile.gettempdir()}/"
        if f"{tree.root}/".startswith(temporary):  # in a sandbox, what lies beside the project does too
            temporary += "pytest-of-"
        self._foreign = (temporary, f"{sys.prefix}/", f"{sys.base_prefix}/", *_SYSTEM)

    def start(self) -> None:
        """Collect from now on."""
        self._is_active = True
        self._reports.offer()
        sys.addaudithook(self._hook())

    def stop(self) -> None:
        """Stop collecting. The audit hook itself cannot be removed."""
        self._is_active = False
        self._reports.close()

    def pause(self) -> bool:
        """Collect nothing for a while; return what `resume` wants."""
        was_active, self._is_active = self._is_active, False
        return was_active

    def resume(self, was_active: bool) -> None:  # noqa: FBT001 - only ever what `pause` returned
        """Collect again after `pause`."""
        self._is_active = was_active

    def is_quiet(self) -> bool:
        """Return whether there is nothing to drain."""
        is_silent = not (self._read or self._set or self._reports.are_awaited)
        return is_silent and not self._silent.have_traces()

    def drain(self) -> dict[Need, tuple[bytes, str]]:
        """Return what was read since the last call: its checksum, and the nearest file of the project on the stack."""
        reported = self._reports.drain()
        if reported is None or self._silent.have_started():
            self._need_anything("")
        for need, checksum in (reported or {}).items():
            self._read.setdefault(need, (checksum, ""))
        found, self._read = self._read, {}
        self._set.clear()
        return found

    # Files

    def _hook(self) -> Callable[[str, tuple[object, ...]], None]:
        """Return a function that does as little as possible: it is called for every audit event."""
        events = EVENTS
        on_event = self.on_event

        def hook(event: str, args: tuple[object, ...]) -> None:
            if event in events:
                on_event(event, args, frame_above(1))

        return hook

    def on_event(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        """Note an audit event; never fail.

        Args:
            event: one of `EVENTS`.
            args: of this event.
            frame: in which it was raised.
        """
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
        elif event == "import":
            self._on_file(
                args[1], dependency.DATA, frame, is_code=True
            )  # an extension module; others have no file here
        elif event in FOLDERS:
            self._on_file("." if args[0] is None else args[0], dependency.LISTING, frame)
        elif event == "open" and is_write(args[1], args[2]):
            self._written.add(self._path(args[0]))
        else:
            self._on_file(args[0], dependency.DATA, frame)

    def _on_process(self, event: str, args: tuple[object, ...], frame: FrameType) -> None:
        """Note what a process that is about to start reads."""
        self._silent.receive()
        reading = reading_of(event, args, frame)
        if reading.files is None:
            self._need_anything(None if self._is_foreign_import(frame) else self._reader(frame))
        elif reading.is_python:
            self._reports.expect()
        for file in reading.files or ():
            self._on_file(file, dependency.DATA, frame)

    def _need_anything(self, reader: str | None) -> None:
        """Note all files of the project and the whole environment as read."""
        for need in (Need(dependency.PROJECT), Need(dependency.ENVIRON, "", WHOLE)) if reader is not None else ():
            if need not in self._read:
                self._read[need] = (self._tree.now(need), str(reader))

    def _path(self, name: object) -> str:
        if not isinstance(name, (str, bytes, os.PathLike)):
            return ""
        return os.path.abspath(os.fsdecode(name))

    def _on_file(self, name: object, kind: str, frame: FrameType, *, is_code: bool = False) -> None:
        path = self._path(name)
        if not path or not self._is_input(path):
            return
        need = Need(kind, self._tree.relative(path))
        is_fresh = kind == dependency.DATA and changed_ns(path) >= self._started_ns - TICK_NS
        known = self._read.get(need)
        if known is None:
            reader = self._nearest(frame) if is_code else self._reader(frame)
            if reader is not None:
                self._read[need] = (self._checksum(need, path, is_fresh=is_fresh), reader)
        elif is_fresh and known[0] != self._checksum(need, path, is_fresh=True):
            self._read[need] = (os.urandom(8), known[1])  # read with two contents: no content matches both

    def _checksum(self, need: Need, path: str, *, is_fresh: bool) -> bytes:
        """Return the checksum of a need now. That of a file which changed during the run is not stored."""
        return content(path, stamp(path)) if is_fresh and os.path.exists(path) else self._tree.now(need)

    def _is_input(self, path: str) -> bool:
        if path in self._written or path.endswith((".pyc", ".pyo")):
            return False
        if path.startswith(f"{self._tree.root}/") or path == self._tree.root:
            return TOOL_FOLDERS.isdisjoint(path.split("/"))
        if path.startswith(self._foreign):
            return False
        # Another program's file that changes all the time is no edit of the project.
        return changed_ns(path) < self._started_ns

    def _is_foreign_import(self, frame: FrameType | None) -> bool:
        """Return whether an installed package is being imported: the processes it starts look at the system."""
        while frame is not None and not self._is_own(frame.f_code.co_filename):
            if frame.f_code.co_name == "<module>" and not frame.f_code.co_filename.startswith("<"):
                return True
            frame = frame.f_back
        return False

    def _reader(self, frame: FrameType | None) -> str | None:
        """Return the nearest file of the project on the stack, '' if there is none; None if the read does not count."""
        caller = _caller(frame)
        return None if caller is None else self._nearest(caller)

    def _nearest(self, frame: FrameType | None) -> str:
        """Return the nearest file of the project's on the stack, '' if there is none."""
        while frame is not None:
            if self._is_own(frame.f_code.co_filename):
                return self._tree.relative(frame.f_code.co_filename)
            frame = frame.f_back
        return ""

    # Environment, and questions about paths

    def watched(self) -> dict[FunctionType, Callable[[FrameType], None]]:
        """Return what to do when certain functions of the standard library start."""
        environ = type(os.environ)
        seen: dict[object, Callable[[FrameType], None]] = {
            environ.__getitem__: self._on_key,
            environ.__setitem__: self._on_set,
            environ.__iter__: self._on_environ,
            pathlib.Path.stat: self._on_lookup,
            **dict.fromkeys((genericpath.exists, genericpath.isfile, genericpath.isdir), self._on_lookup),
        }
        return {function: see for function, see in seen.items() if isinstance(function, FunctionType)}

    def _on_key(self, frame: FrameType) -> None:
        key = frame.f_locals.get("key")
        if self._is_active and isinstance(key, str) and key not in self._set and not is_volatile(key):
            self._note_environ(key, frame)

    def _on_environ(self, frame: FrameType) -> None:
        if self._is_active:
            self._note_environ(WHOLE, frame)

    def _on_set(self, frame: FrameType) -> None:
        key = frame.f_locals.get("key")
        if self._is_active and isinstance(key, str) and not is_volatile(key):
            self._set.add(key)

    def _note_environ(self, key: str, frame: FrameType) -> None:
        need = Need(dependency.ENVIRON, "", key)
        reader = self._reader(frame) if need not in self._read else None
        if reader is not None:
            self._read[need] = (self._tree.now(need), reader)

    def _on_lookup(self, frame: FrameType) -> None:
        if not self._is_active or _caller(frame) is None:
            return
        names = frame.f_code.co_varnames
        path = self._path(frame.f_locals.get(names[0])) if names else ""
        need = Need(dependency.PRESENCE, self._tree.relative(path))
        if path and need not in self._read and self._is_input(path):
            reader = self._reader(frame)
            if reader is not None:
                self._read[need] = (self._tree.presence(need.path), reader)


def _caller(frame: FrameType | None) -> FrameType | None:
    """Return the nearest caller outside of the standard library; None if it is pytest, or an import."""
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith("<frozen importlib"):
            outer = frame.f_back
            if frame.f_code.co_name != "get_data" or (outer is not None and outer.f_code.co_name == "get_code"):
                return None
        elif not filename.startswith("<frozen ") and not _is_standard(filename):
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            return None if package in OURS else frame
        frame = frame.f_back
    return None


def _is_standard(filename: str) -> bool:
    return filename.startswith(_STANDARD) and "/site-packages/" not in filename

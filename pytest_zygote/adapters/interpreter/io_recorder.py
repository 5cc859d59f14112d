"""Records the files that code reads, or looks for, while a layer is built.

An audit hook would see the same, but it cannot be removed and slows every run (12 % on a
trivial suite). This recorder replaces functions and is gone when the layer is built.
"""

from __future__ import annotations

import builtins
import io
import os
import re
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.callers import is_own_caller, only_looks_for
from pytest_zygote.adapters.interpreter.private import reading
from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, is_a
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.bytecode import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import TypeAlias

    Function: TypeAlias = Callable[..., object]  # type: ignore[explicit-any]  # of any signature


class FileRecorder:
    """Collects the files that are opened to read, the folders listed, and what was looked for.

    Attributes:
        paths: path → identity of what was read, or presence of what was only looked for.
        measured: paths whose size or times may have been asked for.
        known_to_others: paths that somebody asked for who is neither pytest nor this package.
        on_write: called with the frame that opens a file to write.
        on_descriptor: called with the frame that asks for an open file by its number: ``open(7)``, ``/dev/fd/7``.
        on_folder: called when somebody asks for the working directory, by itself or by the relative path of something.
        on_process: called with the frame that reads in /proc of this process.
        on_absent: called with a relative path at which somebody has found nothing.
        is_import: returns whether a file is being read to import a module, which is recorded elsewhere.
        is_probe: tells whether the frame that calls `os.stat` only wants to know whether there is something.
    """

    def __init__(
        self,
        identify: Callable[[str], tuple[int, ...]],
        presence: Callable[[str], tuple[int, ...]],
        link: Callable[[str], tuple[int, ...]],
        is_exempt: Callable[[FrameType | None], bool] | None = None,
    ) -> None:
        """Start with no paths.

        Args:
            identify: gives the identity of a path.
            presence: gives only whether it is there.
            link: gives what is at a path itself, a link or not, in two numbers.
            is_exempt: tells whether what this caller asks for does not count; by default `is_own_caller`.
        """
        self._is_exempt = is_exempt or is_own_caller
        self._identify = identify
        self._presence = presence
        self._link = link
        self.paths: dict[str, tuple[int, ...]] = {}
        self.measured: set[str] = set()
        self.known_to_others: set[str] = set()
        self.on_write: Callable[[FrameType], None] = _nothing
        self.on_descriptor: Callable[[FrameType], None] = _nothing
        self.on_folder: Callable[[], None] = _nothing
        self.on_process: Callable[[FrameType], None] = _nothing
        self.on_absent: Callable[[str], None] = _nothing
        self.is_import: Callable[[str], bool] = _always
        self.is_probe: Callable[[FrameType], bool] = _always
        self._replaced: dict[Function, Function] = {}

    def start(self) -> None:
        """Record from now on."""
        opening = self._recording(io.open, _opens_to_read)
        self._replace(builtins, "open", opening)
        self._replace(io, "open", opening)
        self._replace(os, "listdir", self._recording(os.listdir, _always))
        self._replace(os, "scandir", self._scanning(os.scandir))
        self._replace(os, "open", self._recording(os.open, _flags_read))
        self._replace(os, "getcwd", self._asking(os.getcwd))
        self._replace(os, "getcwdb", self._asking(os.getcwdb))
        self._replace(io, "open_code", self._recording(io.open_code, _always))
        self._replace(os, "stat", self._probing(os.stat))
        self._replace(os, "lstat", self._probing(os.lstat))
        self._replace(os, "access", self._linking(os.access))
        self._replace(os, "readlink", self._linking(os.readlink))
        for name in reading.OPENED_BY_C:
            self.on_loaded(name)
        reading.have_loaders_read_by(self._loading(reading.get_data))
        reading.have_tokenize_open_by(opening)

    def stop(self, loaded: Iterable[str]) -> None:
        """Put the functions back, also where a module has taken one (``from io import open``).

        Args:
            loaded: names of the modules that were loaded meanwhile; touching others would copy the
                pages that a project layer shares with its base.
        """
        for name in ("builtins", "io", "os", *reading.OPENED_BY_C, *loaded):
            names = dict_of(sys.modules.get(name)) or {}
            for key, value in list(names.items()):
                if type(value) is _FUNCTION and value in self._replaced:
                    names[key] = self._replaced[value]
        self._replaced.clear()
        reading.have_loaders_read_by(reading.get_data)
        reading.have_tokenize_open_by(builtins.open)

    def _replace(self, module: object, name: str, wrapper: Function) -> None:
        self._replaced.setdefault(wrapper, getattr(module, name))
        setattr(module, name, wrapper)

    def on_folder_found(self, path: object, caller: FrameType) -> None:
        """Record that a folder is there, which this frame would make otherwise."""
        self._add((path,), caller, is_probe=True)

    def _recording(self, function: Function, counts: Function) -> Function:
        def recorded(*args: object, **named: object) -> object:
            if counts(*args, **named):
                self._add(args[:1] or (".",), frame_above(1))
            else:
                self.on_write(frame_above(1))
            try:
                return function(*args, **named)
            except FileNotFoundError:
                self._add(args[:1], frame_above(1))
                raise

        return recorded

    def on_loaded(self, name: str) -> None:
        """Record the files that a module which was just loaded opens by its C code: libraries, databases."""
        names = dict_of(sys.modules.get(name))
        function = (names or {}).get(reading.OPENED_BY_C.get(name, ""))
        if names is not None and callable(function) and function not in self._replaced:
            wrapper = self._opening(function)
            self._replaced[wrapper] = function
            names[reading.OPENED_BY_C[name]] = wrapper

    def _opening(self, function: Function) -> Function:
        """Record a library or a database; a name without a folder is the loader's to find, or no file."""

        def opened(*args: object, **named: object) -> object:
            file = args[0] if args else named.get("database", "")
            path = os.fsdecode(file) if _is_path(file) else ""  # type: ignore[arg-type]  # it is one
            path = path.removeprefix("file:").partition("?")[0]
            if path[:1] != ":" and (function.__name__ != "dlopen" or "/" in path):
                self._add((path,) if path else (), frame_above(1))
            return function(*args, **named)

        return opened

    def _scanning(self, function: Function) -> Function:
        """Record a folder, and what is in it where the caller goes on to ask the entries, which no function tells."""

        def scanned(*args: object, **named: object) -> object:
            caller = frame_above(1)
            folder = self._add(args[:1] or (".",), caller)
            if folder and "stat" in words_of(caller.f_code):
                for entry in os.listdir(folder):
                    self._add((os.path.join(folder, entry),), caller)
            return function(*args, **named)

        return scanned

    def _loading(self, function: Function) -> Function:
        """Record what is read through a loader, as `pkgutil.get_data` does; imports have a record of their own."""

        def loaded(loader: object, path: str) -> object:
            caller = frame_above(1)
            if caller.f_code.co_name != "get_code":
                self._add((path,), caller)
            else:
                source = str((dict_of(loader) or {}).get("path", path))  # for `path` may be that of the compiled form
                if not self.is_import(source):
                    self._add((source,), caller)
            return function(loader, path)

        return loaded

    def _probing(self, function: Function) -> Function:
        def probed(*args: object, **named: object) -> object:
            caller = frame_above(1)
            if function.__name__ == "lstat" or named.get("follow_symlinks") is False:
                self._add_link(args[:1], caller)
                if only_looks_for(caller):
                    return function(*args, **named)
            path = self._add(args[:1], caller, is_probe=self.is_probe(caller))
            if path and not only_looks_for(caller):
                self.measured.add(path)
            return function(*args, **named)

        return probed

    def _linking(self, function: Function) -> Function:
        """Record what is at a path itself, and not only where it leads if it is a link."""

        def linked(*args: object, **named: object) -> object:
            self._add_link(args[:1], frame_above(1))
            return function(*args, **named)

        return linked

    def _asking(self, function: Function) -> Function:
        """Report who asks for the working directory; `os.path.abspath` and `pathlib.Path.resolve` do."""

        def asked() -> object:
            if not self._is_exempt(frame_above(1)):
                self.on_folder()
            return function()

        return asked

    def _path(self, args: tuple[object, ...], caller: FrameType) -> str:
        """Return the path that was asked for; '' if it does not count."""
        if args and is_a(args[0], int):
            self.on_descriptor(caller)
            args = _folder_of(args[0])
        if not args or not _is_path(args[0]) or self._is_exempt(caller):
            return ""
        path = self._absolute(os.fsdecode(args[0]))  # type: ignore[arg-type]  # see above
        if path.startswith(("/proc/", "/sys/", "/dev/")):
            if _OF_DESCRIPTORS.match(path):
                self.on_descriptor(caller)
            if path.startswith(("/proc/self/", f"/proc/{os.getpid()}/")):
                self.on_process(caller)
            return ""
        if not is_own_caller(caller):
            self.known_to_others.add(path)
        return path

    def _absolute(self, path: str) -> str:
        if not os.path.isabs(path):
            self.on_folder() if os.path.lexists(path) else self.on_absent(path)
        return os.path.abspath(path)

    def _add(self, args: tuple[object, ...], caller: FrameType, *, is_probe: bool = False) -> str:
        path = self._path(args, caller)
        if path:
            is_link = len(self.paths.get(path, ())) == _LINK and os.path.islink(path)
            target = os.path.realpath(path) if is_link else path  # what the link itself is has been recorded
            if is_probe:
                self.paths.setdefault(target, self._presence(target))
            elif len(self.paths.get(target, ())) <= _LINK and (is_link or self.paths.get(target) != _NOTHING):
                self.paths[target] = self._identify(target)
        return path

    def _add_link(self, args: tuple[object, ...], caller: FrameType) -> None:
        path = self._path(args, caller)
        known = self.paths.get(path, ())
        if path and len(known) != _LINK:
            found = self._link(path)
            is_link = os.path.islink(path)
            if known and is_link:
                self.paths.setdefault(os.path.realpath(path), known)
            if is_link or len(known) <= 1:  # else the identity of a file tells that there is a link now
                self.paths[path] = found


def _folder_of(descriptor: object) -> tuple[str, ...]:
    """Return the folder that a descriptor is open for; () if it is none: a file was recorded when it was opened."""
    path = os.path.realpath(f"/proc/self/fd/{descriptor}")
    return (path,) if os.path.isdir(path) else ()


_FUNCTION = type(lambda: None)

_LINK = 2
"""Length of a link identity."""

_OF_DESCRIPTORS = re.compile(r"/dev/(fd|std)|/proc/[^/]+/(task/[^/]+/)?fd")

_NOTHING = (0, 0)
"""The link identity of what is not there: there is not even a link that leads nowhere."""


def _opens_to_read(_file: object, mode: object = "r", *_: object, **named: object) -> bool:
    return not set(str(named.get("mode", mode))) & set("wax+")


def _flags_read(_path: object, flags: object = os.O_RDONLY, *_: object, **__: object) -> bool:
    return not int(str(flags)) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)


def _is_path(value: object) -> bool:
    return is_a(value, str) or hasattr(type(value), "__fspath__")


def _nothing(*_: object) -> None:
    pass


def _always(*_: object, **__: object) -> bool:
    return True

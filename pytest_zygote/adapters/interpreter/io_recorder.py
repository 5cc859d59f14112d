"""Records what code reads of the outside world while a layer is built: environment and files.

An audit hook would see the same, but it cannot be removed and slows every run (12 % on a
trivial suite). These recorders replace functions and are gone when the layer is built.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private import reading
from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.layers.layer_inputs import WHOLE
from pytest_zygote.core.runner_code import RUNNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from typing import TypeAlias

    Function: TypeAlias = Callable[..., object]  # type: ignore[explicit-any]  # of any signature


class EnvironRecorder:
    """Tells which environment keys are read and written."""

    def __init__(self, read: Callable[[str, str | None], None], wrote: Callable[[str, str | None], None]) -> None:
        """Report reads and writes with the key and the value (None: not set, or deleted)."""

        class RecordingEnviron(reading.Environ):  # type: ignore[type-arg]  # not generic at run time before 3.12
            def __getitem__(self, key: str) -> str:
                value: str | None = None
                try:
                    value = super().__getitem__(key)
                finally:
                    # Also a str that is an enum's member; what is no str has raised already.
                    if isinstance(key, str) and not is_own_caller(frame_above(1)):  # type: ignore[redundant-expr]
                        read(key, value)
                return value

            def __iter__(self) -> Iterator[str]:
                if not is_own_caller(frame_above(1)):
                    read(WHOLE, "")
                return super().__iter__()

            def __setitem__(self, key: str, value: str) -> None:
                super().__setitem__(key, value)
                wrote(key, value)

            def __delitem__(self, key: str) -> None:
                super().__delitem__(key)
                wrote(key, None)

        self._plain = type(os.environ)
        self._recording = RecordingEnviron

    def start(self) -> None:
        """Record from now on."""
        os.environ.__class__ = self._recording  # same layout: no slots

    def stop(self) -> None:
        """Stop recording."""
        os.environ.__class__ = self._plain


class FileRecorder:
    """Collects the files that are opened to read, the folders listed, and what was looked for.

    Attributes:
        paths: path → identity of what was read, or presence of what was only looked for.
        measured: paths whose size or times may have been asked for.
        known_to_others: paths that somebody asked for who is neither pytest nor this package.
        on_write: called with the frame that opens a file to write.
        is_probe: tells whether the frame that calls `os.stat` only wants to know whether there is something.
    """

    def __init__(
        self,
        identify: Callable[[str], tuple[int, ...]],
        presence: Callable[[str], tuple[int, ...]],
        is_exempt: Callable[[FrameType | None], bool] | None = None,
    ) -> None:
        """Start with no paths.

        Args:
            identify: gives the identity of a path.
            presence: gives only whether it is there.
            is_exempt: tells whether what this caller asks for does not count; by default `is_own_caller`.
        """
        self._is_exempt = is_exempt or is_own_caller
        self._identify = identify
        self._presence = presence
        self.paths: dict[str, tuple[int, ...]] = {}
        self.measured: set[str] = set()
        self.known_to_others: set[str] = set()
        self.on_write: Callable[[FrameType], None] = _nothing
        self.is_probe: Callable[[FrameType], bool] = _always
        self._replaced: dict[Function, Function] = {}

    def start(self) -> None:
        """Record from now on."""
        opening = self._recording(io.open, _opens_to_read)
        self._replace(builtins, "open", opening)
        self._replace(io, "open", opening)
        self._replace(os, "listdir", self._recording(os.listdir, _always))
        self._replace(os, "scandir", self._recording(os.scandir, _always))
        self._replace(os, "stat", self._probing(os.stat))
        reading.have_loaders_read_by(self._loading(reading.get_data))
        reading.have_tokenize_open_by(opening)

    def stop(self, loaded: Iterable[str]) -> None:
        """Put the functions back, also where a module has taken one (``from io import open``).

        Args:
            loaded: names of the modules that were loaded meanwhile; touching others would copy the
                pages that a project layer shares with its base.
        """
        for module in [builtins, io, os, *(sys.modules[name] for name in loaded if name in sys.modules)]:
            names = dict_of(module) or {}
            for name, value in list(names.items()):
                if type(value) is _FUNCTION and value in self._replaced:
                    names[name] = self._replaced[value]
        self._replaced.clear()
        reading.have_loaders_read_by(reading.get_data)
        reading.have_tokenize_open_by(builtins.open)

    def _replace(self, module: object, name: str, wrapper: Function) -> None:
        self._replaced.setdefault(wrapper, getattr(module, name))
        setattr(module, name, wrapper)

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

    def _loading(self, function: Function) -> Function:
        """Record what is read through a loader, as `pkgutil.get_data` does; imports have a record of their own."""

        def loaded(loader: object, path: str) -> object:
            if frame_above(1).f_code.co_name != "get_code":
                self._add((path,), frame_above(1))
            return function(loader, path)

        return loaded

    def _probing(self, function: Function) -> Function:
        def probed(*args: object, **named: object) -> object:
            caller = frame_above(1)
            path = self._add(args[:1], caller, is_probe=self.is_probe(caller))
            if path and not only_looks_for(caller):
                self.measured.add(path)
            return function(*args, **named)

        return probed

    def _add(self, args: tuple[object, ...], caller: FrameType, *, is_probe: bool = False) -> str:
        if args and isinstance(args[0], (str, os.PathLike)) and not self._is_exempt(caller):
            path = os.path.abspath(os.fsdecode(args[0]))
            if path.startswith(("/proc/", "/sys/", "/dev/")):
                return ""
            if not is_own_caller(caller):
                self.known_to_others.add(path)
            if is_probe:
                self.paths.setdefault(path, self._presence(path))
            elif len(self.paths.get(path, ())) <= 1:
                self.paths[path] = self._identify(path)
            return path
        return ""


_FUNCTION = type(lambda: None)


_LOOKING = frozenset({"exists", "isfile", "isdir", "is_file", "is_dir", "resolve"})
"""Functions of the standard library that take no more from ``os.stat`` than what is there, if anything."""


def only_looks_for(frame: FrameType) -> bool:
    """Tell whether a call of ``os.stat`` came from such a function (`pathlib` has one of its own between)."""
    caller = frame.f_back if frame.f_code.co_name == "stat" else frame
    return (
        caller is not None
        and caller.f_code.co_name in _LOOKING
        and str(caller.f_globals.get("__name__", "")).partition(".")[0] in sys.stdlib_module_names
    )


def _opens_to_read(_file: object, mode: object = "r", *_: object, **named: object) -> bool:
    return not set(str(named.get("mode", mode))) & set("wax+")


def _nothing(_: FrameType) -> None:
    pass


def _always(*_: object, **__: object) -> bool:
    return True


def is_own_caller(frame: FrameType | None) -> bool:
    """Tell whether pytest or this package asks: they ask again in each run."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        top = name.partition(".")[0]
        if name.startswith("importlib.metadata"):
            return True  # lists all of sys.path; the packages there have a fingerprint of their own
        if top not in sys.stdlib_module_names:
            return top in RUNNER
        frame = frame.f_back
    return False

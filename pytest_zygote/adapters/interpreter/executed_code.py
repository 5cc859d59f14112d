"""Tells which functions ran: only the body of one that never ran may be replaced.

From 3.12 on, `sys.monitoring` calls us when code starts, once for each code object: the callback
returns DISABLE, and from then on the code pays nothing. Measured on the import of 2,000 small
modules from their compiled files: 2 to 4 %.

In 3.11 there is nothing so cheap (`sys.setprofile` costs 35 % of the import time). But the interpreter itself counts
the first starts of each code object (`private.counters`). If its self-check fails, nothing is patched.

Since 3.12 it is also known who looked at code instead of running it: a function whose names include
`co_firstlineno`, or `__doc__`, is watched for good, and each time it runs, the files on the stack are noted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.adapters.interpreter.code_events import DISABLE, CodeStarts
from pytest_zygote.adapters.interpreter.private.counters import has_started
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.bytecode import OPTIMIZED
from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.introspection import DOCS, LINES, OWN_LINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FrameType

HARMLESS = frozenset(
    {
        *("typing", "typing_extensions", "dataclasses", "enum", "collections", "functools", "reprlib", "contextlib"),
        "annotationlib",
    }
)
"""Modules that look at lines and docstrings where nothing comes of it: a line as a key that nobody uses, a docstring
that is handed on as the same object (which `patching` sees), that of a class which is not patched anyway, or bytecode
of annotations which is executed then."""


class Starts(Protocol):
    """Knows which code ran."""

    def start(self) -> None:
        """Watch from now on."""

    def stop(self) -> None:
        """Watch no more; what was seen stays."""

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return (name, first line) of all code of a file that ran, or may have.

        Args:
            filename: as its code objects have it.
            module: code of the whole file.
            live: the codes that functions have now.
        """

    def seen_by_others(self, kind: str) -> frozenset[str] | None:
        """Return the files at whose code somebody may have looked; None if that cannot be known.

        Args:
            kind: 'lines' (and bytecode) or 'docs'.
        """


def new_starts(is_ours: Callable[[str], bool]) -> Starts:
    """Return the means that this interpreter offers; `is_ours` tells which files count."""
    return MonitoredStarts(is_ours) if sys.version_info >= (3, 12) else CountedStarts()


class MonitoredStarts:
    """Uses `sys.monitoring`."""

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        """Watch code of the files for which `is_ours` is true."""
        self._is_ours = is_ours
        self._seen: dict[str, set[tuple[str, int]]] = {}
        self._started: list[CodeType] = []
        self._monitored = CodeStarts("pytest_zygote")
        self._is_complete = True
        self._looked_at: dict[str, set[str]] = {"lines": set(), "docs": set()}

    def start(self) -> None:
        """Watch from now on."""
        is_claimed = self._monitored.claim(self._callback())
        self._is_complete = self._is_complete and is_claimed

    def stop(self) -> None:
        """Watch no more."""
        self._monitored.release()
        self._sort()

    def _callback(self) -> Callable[[CodeType, int], object]:
        """Return a function that does as little as possible: it is called for every code object there is."""
        remember = self._started.append
        disable, looking, scopes, optimized = DISABLE, OWN_LINES | DOCS, LINES, OPTIMIZED

        def on_start(code: CodeType, _offset: int) -> object:
            # What has no file is not ours, and is thrown away at once: `dataclasses` executes 12 such codes a class.
            if code.co_filename[:1] != "<":
                remember(code)
            # Every module and class sets its docstring; what they read of others, their own words tell.
            if (looking if code.co_flags & optimized else scopes).isdisjoint(code.co_names):
                return disable
            return None if self._note_curious(code, frame_above(1)) else disable

        return on_start

    def _note_curious(self, code: CodeType, frame: FrameType) -> bool:
        """Note whose lines or docstrings this code may look at; tell whether it is of the kind that does."""
        if frame.f_globals.get("__name__") in HARMLESS:
            return False
        lines, docs = LINES, DOCS
        if not code.co_flags & OPTIMIZED:
            docs = frozenset()
        elif self._is_ours(code.co_filename):
            lines = OWN_LINES - {"__code__"} if _keeps_code(frame.f_globals) else OWN_LINES
        kinds = [kind for kind, names in (("lines", lines), ("docs", docs)) if not names.isdisjoint(code.co_names)]
        for kind in kinds:
            self._looked_at[kind].update(self._nearest(frame))
        return bool(kinds)

    def _nearest(self, frame: FrameType | None) -> Iterator[str]:
        """Give the files of the code on the stack, up to the import statement that began it."""
        is_found = False
        while frame is not None:
            filename = frame.f_code.co_filename
            if is_found and filename.startswith("<frozen importlib"):
                return
            if self._is_ours(filename):
                is_found = True
                yield filename
            frame = frame.f_back

    def seen_by_others(self, kind: str) -> frozenset[str] | None:
        """Return the files whose code was on the stack when somebody looked."""
        return frozenset(self._looked_at[kind]) if self._is_complete else None

    def _sort(self) -> None:
        """Note what started, and let go of the code objects: who holds one is of importance (`patching`)."""
        others: set[str] = set()
        for code in self._started:
            filename = code.co_filename
            seen = self._seen.get(filename)
            if seen is None and filename not in others:
                if self._is_ours(filename):
                    seen = self._seen[filename] = set()
                else:
                    others.add(filename)
            if seen is not None:
                seen.add((code.co_name, code.co_firstlineno))
        self._started.clear()

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return (name, first line) of all code of a file that was seen to start."""
        del live
        if not self._is_complete:
            return _all_of(module)
        return frozenset(self._seen.get(filename, ()))


class CountedStarts:
    """Reads the counters of the interpreter."""

    def start(self) -> None:
        """Do nothing: the interpreter counts anyway."""

    def stop(self) -> None:
        """Do nothing."""

    def seen_by_others(self, kind: str) -> frozenset[str] | None:
        """Say that nobody knows."""
        del kind
        return None

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return (name, first line) of all code of a file, but for what provably never started."""
        del filename
        unused = {
            (inner.co_name, inner.co_firstlineno)
            for code in live
            if not has_started(code)
            for _, inner in code_compare.walk(code)
        }
        # Two functions may share a name and a line, and only one of them have run.
        used = {(code.co_name, code.co_firstlineno) for code in live if has_started(code)}
        return _all_of(module) - (unused - used)


def _keeps_code(namespace: dict[str, object]) -> bool:
    """Return whether a module has a class with ``__conform__``: then code objects that it takes are told of patches."""
    return any(type(thing) is type and "__conform__" in vars(thing) for thing in tuple(namespace.values()))


def _all_of(module: CodeType) -> frozenset[tuple[str, int]]:
    return frozenset((code.co_name, code.co_firstlineno) for _, code in code_compare.walk(module))

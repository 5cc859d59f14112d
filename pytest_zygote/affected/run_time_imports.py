"""Which modules code asks for when it runs: by ``import_module``, ``find_spec`` and their like, found or not.

What import statements in files name is known by their texts; code that stands in no file (a doctest's, a template's)
is asked when it starts. Where the others are can be told only once all tests are collected: pytest has put their
folders into the search path by then.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import TYPE_CHECKING

from pytest_zygote.affected.system_questions import is_import_system
from pytest_zygote.core.affected.dependency import FOUND, IMPORTABLE, Need
from pytest_zygote.core.affected.fingerprints import imported_names
from pytest_zygote.core.bytecode import imports_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, FrameType

    from pytest_zygote.affected.calling_frames import Readers
    from pytest_zygote.affected.current_tree import CurrentTree


class RunTimeImports:
    """Collects names."""

    def __init__(self, tree: CurrentTree, readers: Readers) -> None:
        """Know of none; `readers` finds out who asks."""
        self._tree = tree
        self._readers = readers
        self._names: dict[str, tuple[str, list[str]]] = {}

    @property
    def are_pending(self) -> bool:
        """Whether there is anything to drain."""
        return bool(self._names)

    def note(self, frame: FrameType) -> None:
        """Note what is asked for in the frame of a function of the import system."""
        name, asker = _asked(frame)
        reader = self._readers.reader(asker, "") if name and name not in self._names else None
        if reader is not None:
            self._names[name] = (reader, self._added_folders())

    def note_text(self, code: CodeType, namespace: Mapping[str, object], outer: FrameType | None) -> None:
        """Note what import statements name in code that stands in no Python file; never fail.

        Args:
            code: that starts.
            namespace: its globals.
            outer: the frame that executes it.
        """
        if code.co_filename.startswith("<frozen "):
            return
        package = namespace.get("__package__")
        with contextlib.suppress(Exception):  # it must not reach the test
            names = {_resolved(name, package) for name in imported_names(code)} - self._names.keys() - {""}
            if names:
                asked = (self._readers.reader(outer, "") or "", self._added_folders())
                self._names.update(dict.fromkeys(names, asked))

    def _added_folders(self) -> list[str]:
        return [entry for entry in sys.path if self._is_below(entry)]

    def _is_below(self, path: str) -> bool:
        return path == self._tree.root or path.startswith(f"{self._tree.root}/")

    def drain(self) -> dict[Need, tuple[bytes, str]]:
        """Return what was asked for since the last call, each with its checksum and who asked."""
        found = {}
        for name, (reader, folders) in self._names.items():
            # Tests that add a folder to the search path depend on all names in it.
            added = (self._tree.relative(folder) for folder in folders if folder not in self._tree.roots)
            for need in (Need(FOUND, "", name), *(Need(IMPORTABLE, folder) for folder in added)):
                found[need] = (self._tree.now(need), reader)
        self._names.clear()
        return found


def _asked(frame: FrameType) -> tuple[str, FrameType | None]:
    """Return the module that code asks for, from the frame of a function of the import system, and who asks.

    '' for one that an import statement names: those are known by the text.
    """
    name, package = frame.f_locals.get("name"), frame.f_locals.get("package")
    asker = frame.f_back
    while asker is not None and (is_import_system(asker) or asker.f_globals.get("__name__") == "importlib"):
        asker = asker.f_back
    if not isinstance(name, str) or asker is None or imports_at(asker.f_code, asker.f_lasti):
        return "", asker
    if asker.f_code.co_name == "importorskip":
        asker = asker.f_back
    return _resolved(name, package), asker


def _resolved(name: str, package: object) -> str:
    """Return the full name of what is asked for in a package; '' for one that leads out of it."""
    if not name.startswith("."):
        return name
    try:
        return importlib.util.resolve_name(name, package if isinstance(package, str) else None)
    except ImportError:
        return ""

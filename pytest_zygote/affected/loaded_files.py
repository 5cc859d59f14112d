"""The files of the project that are loaded: their fingerprints, and which of them import which.

An edge leads from one file to another if the first has an import statement for it, at any depth, or
if code of the first was running when the second was loaded (``import_module``, plugins found by
listing a folder). A module that was loaded already by another importer leaves no trace but the
statement; so the closure over edges of both kinds is what a test module imports.

Checksums are those of the code object that ran. Test modules and conftest files are the exception:
pytest rewrites their assertions, so the text on disk is compiled again. If the file has not changed since
this process began, that is the text that ran; else the file's units get a checksum that no text has.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, cast

from pytest_zygote.adapters.system import procfs
from pytest_zygote.affected.executions import identity
from pytest_zygote.affected.file_state import TICK_NS, compiled_units, may_be_outdated, stamp
from pytest_zygote.core.affected.fingerprints import IMPORTS, code_only, owners, units_of, whole
from pytest_zygote.core.bytecode import why_unknown
from pytest_zygote.core.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType

    from pytest_zygote.affected.current_tree import CurrentTree


class LoadedFile:
    """One file.

    Attributes:
        path: as needs have it.
        units: name → checksum.
        imports: the names in its import statements.
        edges: the files that it imports.
        is_early: whether it was loaded before recording began: what it ran until then is unknown.
    """

    def __init__(self, path: str, units: dict[str, bytes], *, is_early: bool = False) -> None:
        """Start without edges."""
        self.path = path
        self.units: dict[str, bytes] = {}
        self.imports: tuple[str, ...] = ()
        self._fingerprint = b""
        self.replace_units(units)
        self.edges: set[str] = set()
        self.is_early = is_early
        self.name = ""

    def replace_units(self, units: dict[str, bytes]) -> None:
        """Use these units from now on."""
        self.units = units
        self.imports = tuple(units.get(IMPORTS, b"").decode().split())
        self._fingerprint = b""

    def fingerprint(self) -> bytes:
        """Return a checksum of all that the file holds."""
        if not self._fingerprint:
            self._fingerprint = whole(code_only(self.units))
        return self._fingerprint


class LoadedFiles:
    """All loaded files of the project.

    Attributes:
        files: path → file.
        unasked: files that were loaded while no code of the project was running: pytest did it.
        generation: grows with each new file or edge.
    """

    def __init__(self, tree: CurrentTree, is_own: Callable[[str], bool], started_ns: int) -> None:
        """Know none; `is_own` returns whether a file is the project's, `started_ns` when this process began."""
        self._tree = tree
        self._is_own = is_own
        self._started_ns = started_ns
        self._process_ns = procfs.started_ns() or started_ns  # pytest may be called twice in one process
        self._own: dict[str, bool] = {}
        self._pending: list[tuple[CodeType, str, ModuleSpec | None, tuple[str, ...]]] = []
        self._owner: dict[int, tuple[CodeType, tuple[str, str]]] = {}
        self.files: dict[str, LoadedFile] = {}
        self.unasked: set[str] = set()
        self.generation = 0
        self._linked = -1

    # Loading

    def see(self, code: CodeType, namespace: Mapping[str, object], outer: FrameType | None) -> None:
        """Note a module whose code starts, with these globals, and the file that executes it."""
        if not self.has(code.co_filename):
            return
        above: list[str] = []
        while outer is not None:
            filename = outer.f_code.co_filename
            if filename[0] != "<" and self.has(filename) and filename != code.co_filename:
                above.append(filename)
            outer = outer.f_back
        name, spec = str(namespace.get("__name__", "")), namespace.get("__spec__")
        self._pending.append((code, name, cast("ModuleSpec | None", spec), tuple(above)))

    def has(self, filename: str) -> bool:
        """Return whether a file is a Python file of the project's; one in an archive is data of the archive."""
        known = self._own.get(filename)
        if known is None:
            known = self._own[filename] = (
                filename.endswith(".py") and self._is_own(filename) and os.path.isfile(filename)
            )
        return known

    def settle(self) -> None:
        """Add the files that were loaded since the last call."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        self.generation += len(pending)
        for code, name, spec, above in pending:
            path = self._tree.relative(code.co_filename)
            self._add(path, name, self._units(path, code, spec))
            self._owner.update((identity(inner), (inner, (path, unit))) for inner, unit in owners(code))
            for importer in above:
                source = self._tree.relative(importer)
                if source not in self.files:
                    self.files[source] = self._early(source)
                self.files[source].edges.add(path)
            if not above:
                self.unasked.add(path)

    def _add(self, path: str, name: str, units: dict[str, bytes]) -> None:
        known = self.files.get(path)
        if known is None:
            known = self.files[path] = LoadedFile(path, units)
        elif known.units != units:  # it was edited and loaded again: which one a test ran is not known
            imports = b" ".join((known.units.get(IMPORTS, b""), units.get(IMPORTS, b"")))
            known.replace_units({**dict.fromkeys({*known.units, *units}, os.urandom(8)), IMPORTS: imports})
        known.name = known.name or name

    def _units(self, path: str, code: CodeType, spec: ModuleSpec | None) -> dict[str, bytes]:
        is_settled = self._is_settled(path)
        if why_unknown():
            return self._tree.units(path) if is_settled else _unknown(compiled_units(self._tree.absolute(path)))
        if type(getattr(spec, "loader", None)).__module__.startswith("_pytest"):
            return self._tree.units(path) if is_settled else _unknown(units_of(code))
        compiled = stamp(getattr(spec, "cached", None) or "")
        if not is_settled or may_be_outdated(compiled, stamp(self._tree.absolute(path))):
            return units_of(code)
        if not self._tree.is_known(path):
            self._tree.learn(path, units_of(code))
        return self._tree.units(path)

    def _is_settled(self, path: str, since_ns: int = 0) -> bool:
        """Return whether the file was last changed before this run began, or before another time."""
        identity = stamp(self._tree.absolute(path))
        return bool(identity) and max(identity[:2]) < (since_ns or self._started_ns) - TICK_NS

    def see_early(self, filenames: Iterable[str]) -> None:
        """Add modules that were loaded before recording began, or whose start the interpreter did not report."""
        for filename in filenames:
            path = self._tree.relative(filename)
            if self.has(filename) and path not in self.files:
                self.files[path] = self._early(path)
                self.unasked.add(path)
                self.generation += 1

    def may_have_read(self) -> str:
        """Return a file loaded before recording began that does more than to define functions; '' if there is none."""
        return next((path for path in self.files if not self._tree.only_defines(path)), "")

    def _early(self, path: str) -> LoadedFile:
        is_settled = self._is_settled(path, self._process_ns)
        units = self._tree.units(path) if is_settled else _unknown(compiled_units(self._tree.absolute(path)))
        return LoadedFile(path, units, is_early=True)

    # Asking

    def units_of(self, codes: list[CodeType]) -> set[tuple[str, str]]:
        """Return (path, unit) of codes of the project's; called with hundreds of codes after each test.

        Code that was copied or made anew stands for its whole file.
        """
        if not codes:
            return set()
        by_id = dict(zip(map(identity, codes), codes, strict=True))
        known = by_id.keys() & self._owner.keys()
        found = {self._owner[number][1] for number in known}
        found.update((self._path_of(by_id[number].co_filename), "*") for number in by_id.keys() - known)
        return found

    def _path_of(self, filename: str) -> str:
        path = self._tree.relative(filename)
        if path not in self.files:
            self.files[path] = self._early(path)
            self.generation += 1
        return path

    def closure(self, paths: Iterable[str]) -> frozenset[str]:
        """Return these files and all that they import, directly or not."""
        self._link()
        return frozenset(reachable(self.files.keys() & paths, lambda path: self.files[path].edges))

    def _link(self) -> None:
        """Add the edges of import statements, if files were loaded since the last call."""
        if self._linked == len(self.files):
            return
        self._linked = len(self.files)
        for loaded in tuple(self.files.values()):
            targets = {target for name in loaded.imports for target in self._targets(loaded, name)}
            targets.update(self._origins(loaded.name.rpartition(".")[0]))
            loaded.edges |= {path for path in targets if path in self.files}

    def _targets(self, loaded: LoadedFile, name: str) -> Iterable[str]:
        yield self._tree.find(loaded.path, name)
        yield from self._origins(name if name[0] != "." else "")

    def _origins(self, name: str) -> Iterable[str]:
        """Give the files of a module and of the packages around it."""
        while name:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if spec is not None and spec.origin:
                yield self._tree.relative(spec.origin)
            name = name.rpartition(".")[0]


def _unknown(units: dict[str, bytes]) -> dict[str, bytes]:
    """Return checksums that no text has."""
    return {name: found if name == IMPORTS else os.urandom(8) for name, found in units.items()}

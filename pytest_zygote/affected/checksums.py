"""The present tree: the checksum that each need has now.

Files are compiled only if their text is not known, and read only if they may have changed since
they were read last. A file that changed within a tick of the clock around that moment might have
been changed twice, so it is read again.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from pytest_zygote.affected.store import StoreError
from pytest_zygote.core.affected import impact
from pytest_zygote.core.affected.fingerprints import IMPORTS, MODULE, checksum, fingerprint, imported_names, whole
from pytest_zygote.core.layers.layer_inputs import MISSING, is_volatile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType

    from pytest_zygote.affected.store import Store
    from pytest_zygote.core.affected.impact import Need

TICK_NS = 20_000_000
"""Time stamps of files are that coarse, at most: a tick of the kernel's clock."""

PYTHON = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
"""What compiles equally."""

SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "node_modules", "venv", "htmlcov", "build", "dist", "site-packages", "__pypackages__"}
)
"""Folders that hold nothing of the project's own; those whose name begins with a dot besides."""

LARGE = 4_000_000
"""Bytes of a data file whose time stamp and size stand for its content."""

ABSENT = b""

_LARGEST = 2**63 - 1
"""Of the numbers that the store can hold."""


class CurrentTree:
    """What is on disk and in the environment."""

    def __init__(self, root: str, environ: Mapping[str, str], roots: tuple[str, ...], store: Store) -> None:
        """Look at nothing yet.

        Args:
            root: the folder that paths are relative to.
            environ: the environment that the run was started with.
            roots: folders of the project's that imports are searched in, in order.
            store: remembers files.
        """
        self.root = root
        self.roots = roots
        self._environ = environ
        self._store = store
        self._now: dict[Need, bytes] = {}
        self._files: dict[str, tuple[tuple[int, ...], int, bytes]] | None = None
        self._digests: dict[str, bytes] = {}
        self._units: dict[str, dict[str, bytes]] = {}
        self._entries: dict[str, frozenset[str]] = {}
        self._leads: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._targets: dict[tuple[tuple[str, ...], str], str] = {}
        self._new_files: dict[str, tuple[tuple[int, ...], int, bytes]] = {}
        self._new_sources: dict[bytes, dict[str, bytes]] = {}
        self._look: dict[str, Callable[[Need], bytes]] = {
            impact.BODY: self._body,
            impact.SKELETON: self._body,
            impact.FILE: lambda need: whole(_code_only(self.units(need.path))),
            impact.NAMES: lambda need: self.names(need.path, self.imports(need.path)),
            impact.DATA: lambda need: self.digest(need.path),
            impact.PRESENCE: lambda need: self.presence(need.path),
            impact.LISTING: lambda need: self.listing(need.path),
            impact.IMPORTABLE: lambda need: self.importable(need.path),
            impact.ENVIRON: lambda need: self.environ(need.name),
            impact.PROJECT: lambda _need: self.project(),
        }

    def relative(self, path: str) -> str:
        """Return a path as needs have it: from the root on, or as it is if it is not below."""
        return path[len(self.root) + 1 :] if path.startswith(f"{self.root}/") else path

    def absolute(self, path: str) -> str:
        """Return the file that a need speaks of."""
        return os.path.join(self.root, path)

    def now(self, need: Need) -> bytes:
        """Return the checksum of a need in the present tree; b'' for what is not there."""
        found = self._now.get(need)
        if found is None:
            found = self._now[need] = self._look[need.kind](need)
        return found

    # Python files

    def _body(self, need: Need) -> bytes:
        return self.units(need.path).get(need.name, ABSENT)

    def units(self, path: str) -> dict[str, bytes]:
        """Return the units of a Python file; none if it is not there, or not Python."""
        known = self._units.get(path)
        if known is None:
            known = self._units[path] = self._read_units(path)
        return known

    def imports(self, path: str) -> tuple[str, ...]:
        """Return the names that a Python file imports."""
        text = self.units(path).get(IMPORTS, b"")
        return tuple(text.decode().split()) if text else ()

    def _read_units(self, path: str) -> dict[str, bytes]:
        digest = self.digest(path)
        if digest == ABSENT or not path.endswith(".py"):
            return {MODULE: digest}
        try:
            known = self._new_sources.get(digest) or self._store.source(PYTHON, digest)
        except StoreError:
            known = None
        if known is None:
            known = compiled_units(self.absolute(path))
            self._new_sources[digest] = known
        return known

    def is_known(self, path: str) -> bool:
        """Tell whether the units of a file's present text are known, so that nothing need be compiled."""
        digest = self.digest(path)
        if path in self._units or digest in self._new_sources:
            return True
        try:
            return self._store.source(PYTHON, digest) is not None
        except StoreError:
            return False

    def learn(self, path: str, units: dict[str, bytes]) -> None:
        """Take these as the units of the text that a file has now."""
        self._new_sources[self.digest(path)] = units
        self._units[path] = units

    # Any files

    def doubtful(self) -> list[str]:
        """Return the files that tests import whose compiled file may be that of an older text."""
        try:
            paths = self._store.imported()
        except StoreError:
            return []
        files = (self.absolute(path) for path in paths if path.endswith(".py"))
        return [file for file in files if may_be_outdated(stamp(cache_from_source(file)), stamp(file))]

    def _read_files(self) -> None:
        if self._files is None:
            try:
                self._files = self._store.files()
            except StoreError:
                self._files = {}

    def digest(self, path: str) -> bytes:
        """Return the checksum of a file's content; b'' if it is not there."""
        known = self._digests.get(path)
        if known is None:
            known = self._digests[path] = self._read_digest(path)
        return known

    def _read_digest(self, path: str) -> bytes:
        identity = stamp(self.absolute(path))
        if not identity:
            return ABSENT
        self._read_files()
        known = self._files.get(path) if self._files is not None else None
        if known is not None and known[0] == identity and identity[1] < known[1] - TICK_NS:
            return known[2]
        looked = time.time_ns()
        digest = content(self.absolute(path), identity)
        self._new_files[path] = (identity, looked, digest)
        return digest

    def names(self, path: str, imports: tuple[str, ...]) -> bytes:
        """Return a checksum of the files that the imports of a file lead to."""
        key = (path, imports)
        known = self._leads.get(key)
        if known is None:
            parts = (f"{name}={self.find(path, name)}".encode() for name in sorted(imports))
            known = self._leads[key] = checksum(*parts)
        return known

    def find(self, path: str, name: str) -> str:
        """Return the file of the project's that an import in a file leads to; '' for none."""
        bare = name.lstrip(".")
        level = len(name) - len(bare)
        folders: tuple[str, ...] = self.roots
        if level:
            folder = os.path.dirname(self.absolute(path))
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            folders = (folder,)
        known = self._targets.get((folders, bare))
        if known is None:
            found = next((found for folder in folders if (found := self._find_in(folder, bare))), "")
            known = self._targets[folders, bare] = self.relative(found)
        return known

    def _find_in(self, folder: str, name: str) -> str:
        *packages, last = name.split(".")
        for package in packages:
            if package not in self._names_in(folder):
                return ""
            folder = os.path.join(folder, package)
        entries = self._names_in(folder)
        for found in (f"{last}.py", f"{last}/__init__.py"):
            if found in entries:
                return os.path.join(folder, found)
        return os.path.join(folder, last) if last in entries else ""

    def _names_in(self, folder: str) -> frozenset[str]:
        """Return what an import could find in a folder: files, folders, and folders with ``__init__.py``."""
        known = self._entries.get(folder)
        if known is None:
            known = self._entries[folder] = frozenset(_importable(folder))
        return known

    def presence(self, path: str) -> bytes:
        """Return what kind of thing is at a path; b'' if nothing is."""
        try:
            return b"%d" % stat.S_IFMT(os.stat(self.absolute(path)).st_mode)
        except (OSError, ValueError):
            return ABSENT

    def listing(self, path: str) -> bytes:
        """Return a checksum of the names in a folder; b'' if it is not there."""
        try:
            entries = os.listdir(self.absolute(path))
        except OSError:
            return ABSENT
        return listed(entries)

    def importable(self, path: str) -> bytes:
        """Return a checksum of the names that an import could find in a folder."""
        return _names(self._names_in(self.absolute(path)))

    def value(self, key: str) -> str | None:
        """Return the value that an environment key had when the run was started; None if it had none."""
        return self._environ.get(key)

    def environ(self, key: str) -> bytes:
        """Return a checksum of an environment key's value; '*' stands for the whole environment."""
        if key != "*":
            return _text(self._environ.get(key, MISSING))
        return checksum(
            *(_text(f"{name}={self._environ[name]}") for name in sorted(self._environ) if not is_volatile(name))
        )

    def project(self) -> bytes:
        """Return a checksum of all files of the project."""
        return checksum(*(part for path in self.project_files() for part in (path.encode(), self.digest(path))))

    def project_files(self) -> list[str]:
        """Return all files below the root that may be the project's own."""
        found: list[str] = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name[0] != "." and name not in SKIPPED_FOLDERS]
            folders[:] = [name for name in folders if not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))]
            found += [self.relative(os.path.join(folder, name)) for name in files if not _is_passing(name)]
        return sorted(found)

    def forget(self) -> None:
        """Look at everything anew: what was seen until now was seen before the run imported anything."""
        for known in (self._now, self._digests, self._units, self._entries, self._leads, self._targets):
            known.clear()

    def keep(self) -> None:
        """Have the store remember what was read."""
        if self._new_files or self._new_sources:
            self._store.keep_files(PYTHON, self._new_files, self._new_sources)
            self._new_files, self._new_sources = {}, {}


def _code_only(units: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: found for name, found in units.items() if name != IMPORTS}


def units_of(code: CodeType) -> dict[str, bytes]:
    """Return the units of a module's code, and among them the names that it imports."""
    return {**fingerprint(code), IMPORTS: " ".join(sorted(imported_names(code))).encode()}


def compiled_units(path: str) -> dict[str, bytes]:
    """Return the units of a file's text."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return {MODULE: content(path, stamp(path))}
    return compiled_text(text, path)


def compiled_text(text: bytes, path: str) -> dict[str, bytes]:
    """Return the units of a text; a single one if it is not Python."""
    try:
        return units_of(compile(text, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {MODULE: checksum(text)}


def may_be_outdated(compiled: tuple[int, ...], text: tuple[int, ...]) -> bool:
    """Tell from their stamps whether a compiled file may be that of an older text.

    Python compares sizes and *seconds* of a time that programs can set: it would run the old code after
    two saves in one second, or after a copy that keeps the time.
    """
    return bool(compiled and text) and compiled[0] // 10**9 <= max(text[:2]) // 10**9


def stamp(path: str) -> tuple[int, ...]:
    """Return what changes when a file does: (mtime, ctime, size, inode); () if it is not there.

    The second time stamp can be set by nobody: a file that is moved into the place of another tells.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino & _LARGEST)


def changed_ns(path: str) -> int:
    """Return when a file, or what is said of it, last changed; 0 if it is not there."""
    return max(stamp(path)[:2], default=0)


def content(path: str, identity: tuple[int, ...]) -> bytes:
    """Return the checksum of a file's bytes; of what is no plain file, that it is there: a pipe must not be read."""
    if identity and identity[2] > LARGE:
        return checksum(repr(identity).encode())
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return checksum(b"no plain file")
        with open(path, "rb") as file:
            return checksum(file.read())
    except OSError:
        return checksum(b"unreadable")


def listed(entries: Iterable[str]) -> bytes:
    """Return a checksum of the names in a folder."""
    return _names(entry for entry in entries if entry not in SKIPPED_FOLDERS and not entry.endswith(".pyc"))


def _names(names: Iterable[str]) -> bytes:
    return checksum(*(name.encode("utf-8", "surrogateescape") for name in sorted(names)))


def _text(text: str) -> bytes:
    return checksum(text.encode("utf-8", "surrogateescape"))


def _is_passing(name: str) -> bool:
    return name[0] == "." or name.endswith((".pyc", ".pyo", ".log", ".tmp", "~", ".swp"))


def _importable(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry.name
        elif entry.name.endswith(".so"):
            yield entry.name.partition(".")[0]
        elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
            yield entry.name
            if os.path.exists(os.path.join(entry.path, "__init__.py")):
                yield f"{entry.name}/__init__.py"

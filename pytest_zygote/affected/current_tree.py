"""The current tree: the checksum that each need has now.

Files are compiled only if their text is new, and read only if they may have changed since
the last read. A file that changed within a tick of the clock around that moment might have
been changed twice, so it is read again.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import time
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from pytest_zygote.affected import file_state
from pytest_zygote.affected.database import StoreError
from pytest_zygote.affected.file_state import PYTHON, TICK_NS, compiled_units, content, may_be_outdated, stamp
from pytest_zygote.affected.import_targets import ImportTargets
from pytest_zygote.affected.project_files import listed, project_files, recorded_files
from pytest_zygote.core.affected.declared import need_of
from pytest_zygote.core.affected.definitions import only_defines
from pytest_zygote.core.affected.dependency import KINDS
from pytest_zygote.core.affected.fingerprints import IMPORTS, MODULE, checksum, text_checksum
from pytest_zygote.core.affected.globs import base_of, covers, escaped
from pytest_zygote.core.layers.layer_inputs import MISSING, VOLATILE, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.affected.file_cache import FileCache, FileState
    from pytest_zygote.core.affected.dependency import Need

ABSENT = b""

PART = "part of "
"""Begins the name under which the checksum of a part of a file is remembered."""


class CurrentTree:
    """What is on disk and in the environment: `core.affected.dependency.Tree`."""

    def __init__(self, root: str, environ: Mapping[str, str], roots: tuple[str, ...], cache: FileCache) -> None:
        """Look at nothing yet.

        Args:
            root: the folder that paths are relative to.
            environ: the environment that the run was started with.
            roots: folders of the project's that imports are searched in, in order.
            cache: remembers files.
        """
        self.root = root
        self._environ = environ
        self._cache = cache
        self._targets = ImportTargets(root, roots)
        self._now: dict[Need, bytes] = {}
        self._files: dict[str, FileState] | None = None
        self._digests: dict[str, bytes] = {}
        self._units: dict[str, dict[str, bytes]] = {}
        self._new_files: dict[str, FileState] = {}
        self._new_sources: dict[bytes, dict[str, bytes]] = {}

    @property
    def roots(self) -> tuple[str, ...]:
        """Folders of the project's that imports are searched in, in order."""
        return self._targets.roots

    @roots.setter
    def roots(self, roots: tuple[str, ...]) -> None:
        self._targets.roots = roots

    def relative(self, path: str) -> str:
        """Return a path as needs have it: from the root on, '' for the root, or as it is if it is not below."""
        return "" if path == self.root else path.removeprefix(f"{self.root}/")

    def absolute(self, path: str) -> str:
        """Return the path of the file that a need names."""
        return os.path.join(self.root, path)

    def now(self, need: Need) -> bytes:
        """Return the checksum that a need has now; b'' for what is not there."""
        found = self._now.get(need)
        if found is None:
            found = self._now[need] = KINDS[need.kind].checksum(self, need)
        return found

    # Python files

    def units(self, path: str) -> dict[str, bytes]:
        """Return the units of a Python file; empty if it is not there, or not Python."""
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
        known = self._known_source(digest)
        if known is None:
            known = self._new_sources[digest] = compiled_units(self.absolute(path))
        return known

    def _known_source(self, digest: bytes) -> dict[str, bytes] | None:
        known = self._new_sources.get(digest)
        if known is None:
            with contextlib.suppress(StoreError):
                known = self._cache.source(PYTHON, digest)
        return known

    def is_known(self, path: str) -> bool:
        """Return whether the units of a file's current text are known, so that nothing need be compiled."""
        return path in self._units or self._known_source(self.digest(path)) is not None

    def learn(self, path: str, units: dict[str, bytes]) -> None:
        """Store these as the units of a file's current text."""
        self._new_sources[self.digest(path)] = units
        self._units[path] = units

    def names(self, path: str, imports: tuple[str, ...]) -> bytes:
        """Return a checksum of the files that the imports of a file lead to."""
        return self._targets.checksum(path, imports)

    def find(self, path: str, name: str) -> str:
        """Return the file of the project's that an import in a file leads to; '' for none."""
        return self._targets.find(path, name)

    # Any files

    def doubtful(self) -> list[str]:
        """Return the files imported by tests whose ``.pyc`` may be that of an older text."""
        try:
            paths = self._cache.imported()
        except StoreError:
            return []
        files = (self.absolute(path) for path in paths if path.endswith(".py"))
        return [file for file in files if may_be_outdated(stamp(cache_from_source(file)), stamp(file))]

    def digest(self, path: str) -> bytes:
        """Return the checksum of a file's content; b'' if it is not there."""
        known = self._digests.get(path)
        if known is None:
            known = self._digests[path] = self._read_digest(path)
        return known

    def digest_of_part(self, path: str, part: Callable[[bytes], bytes]) -> bytes:
        """Return the checksum of a part of a file's text, which is read only if the file has changed."""
        return self._look_up(f"{PART}{path}", path, lambda file, _: checksum(part(pathlib.Path(file).read_bytes())))

    def only_defines(self, path: str) -> bool:
        """Return whether importing a Python file executes no more than definitions."""
        try:
            return only_defines(pathlib.Path(self.absolute(path)).read_bytes())
        except OSError:
            return False

    def _read_digest(self, path: str) -> bytes:
        return self._look_up(path, path, content)

    def _look_up(self, key: str, path: str, read: Callable[[str, tuple[int, ...]], bytes]) -> bytes:
        """Return the checksum of a file as it was remembered, unless the file may have changed since."""
        file = self.absolute(path)
        identity = stamp(file)
        if not identity:
            return ABSENT
        known = self._known_files().get(key)
        if known is not None and known[0] == identity and identity[1] < known[1] - TICK_NS:
            return known[2]
        looked_ns = time.time_ns()
        try:
            digest = read(file, identity)
        except OSError:
            digest = checksum(repr(identity).encode())  # a folder, or not for us to read
        self._new_files[key] = (identity, looked_ns, digest)
        return digest

    def _known_files(self) -> dict[str, FileState]:
        if self._files is None:
            try:
                self._files = self._cache.files()
            except StoreError:
                self._files = {}
        return self._files

    def presence(self, path: str) -> bytes:
        """Return what kind of thing is at a path; b'' if nothing is."""
        return file_state.presence(self.absolute(path))

    def status(self, path: str) -> bytes:
        """Return a checksum of size, mode and times of what is at a path; b'' if nothing is."""
        text = file_state.status(self.absolute(path))
        return checksum(text) if text else ABSENT

    def listing(self, path: str) -> bytes:
        """Return a checksum of the names in a folder; b'' if it is not there."""
        try:
            entries = os.listdir(self.absolute(path))
        except OSError:
            return ABSENT
        return listed(entries)

    def importable(self, path: str) -> bytes:
        """Return a checksum of the names that an import could find in a folder."""
        return self._targets.importable(self.absolute(path))

    def project(self) -> bytes:
        """Return a checksum of all files of the project."""
        paths = project_files(self.root)
        return checksum(*(part for path in paths for part in (os.fsencode(path), self.digest(path))))

    # What tests declare

    def kind_at(self, path: str) -> str:
        """Return 'file' or 'folder' for what is at a path; '' if nothing is."""
        file = self.absolute(path)
        return "folder" if os.path.isdir(file) else "file" if os.path.lexists(file) else ""

    def need_of(self, thing: object) -> Need:
        """Return what a text names.

        Raises:
            TypeError: it is no text.
            ValueError: it names nothing.
        """
        return need_of(thing, self.relative, self.kind_at)

    def matching(self, glob: str) -> bytes:
        """Return a checksum of all files that a glob covers; b'' if there are none, and no such folder either."""
        base = base_of(glob)
        if self.kind_at(base) != "folder":
            return ABSENT
        paths = (os.path.join(base, name) for name in project_files(self.absolute(base).rstrip("/")))
        covered = [path for path in paths if covers(glob, path)]
        if not covered and glob != escaped(base):
            return ABSENT
        return checksum(*(part for path in covered for part in (os.fsencode(path), self.digest(path))))

    def package(self, name: str) -> bytes:
        """Return a checksum of the files of an installed package, by its record; b'' if it is not installed."""
        import importlib.metadata  # takes 20 ms, and few tests name a package

        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return ABSENT
        record = recorded_files((found.read_text("RECORD") or "").encode("utf-8", "surrogateescape"))
        return checksum(found.version.encode(), record)

    def anew(self, need: Need) -> bytes:
        """Return the checksum that a need has at this moment: its files may have changed since the run began."""
        before, self._digests = self._digests, {}
        try:
            return KINDS[need.kind].checksum(self, need)
        finally:
            self._digests = before

    # Environment

    def value(self, key: str) -> str | None:
        """Return the value that an environment key had when the run was started; None if it had none."""
        return self._environ.get(key)

    def environ(self, key: str) -> bytes:
        """Return a checksum of an environment key's value; '*' stands for the whole environment."""
        if key != WHOLE:
            return text_checksum(self._environ.get(key, MISSING))
        keys = (name for name in sorted(self._environ) if name not in VOLATILE)
        return checksum(*(text_checksum(f"{name}={self._environ[name]}") for name in keys))

    # What is remembered

    def forget(self) -> None:
        """Look at everything again: what was seen until now was seen before the run imported anything."""
        for known in (self._now, self._digests, self._units):
            known.clear()
        self._targets.forget()

    def save(self) -> None:
        """Store what was read."""
        if self._new_files or self._new_sources:
            self._cache.add(PYTHON, self._new_files, self._new_sources)
            self._new_files, self._new_sources = {}, {}

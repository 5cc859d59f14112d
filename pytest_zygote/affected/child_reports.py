"""What the Python processes that a test started have needed: read from the reports that they wrote (`child_recorder`).

Theory of operation. An audit event announces that a Python is about to start, but not its process id. So each child
reports that it has begun and, when its interpreter ends, what it did. If all children of a test have done both, the
test needs what they needed. Otherwise, or if a child started a process itself, it needs all files. A child that begins
after its test is over could be taken for one of the next test: from then on no children are counted in this process.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, TypedDict

from pytest_zygote.adapters.interpreter.callers import LOOKING
from pytest_zygote.affected.child_recorder import BEGUN, FOLDER, REPORT
from pytest_zygote.affected.file_state import TICK_NS, changed_ns
from pytest_zygote.affected.project_files import listed
from pytest_zygote.core.affected import dependency
from pytest_zygote.core.affected.dependency import Need
from pytest_zygote.core.affected.fingerprints import IMPORTS, MODULE, checksum, owners, units_of
from pytest_zygote.core.bytecode import why_unknown
from pytest_zygote.core.layers.layer_inputs import OURS, VOLATILE, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_zygote.affected.current_tree import CurrentTree


class ChildReport(TypedDict):
    """What a child has written down: see `child_recorder.ChildRecorder.end`."""

    is_anything: bool
    modules: list[tuple[str, bool, bytes, list[int]]]
    rest: list[str]
    read: list[str]
    listed: dict[str, list[str]]
    asked: dict[tuple[str, str, str], tuple[bytes, bytes]]
    keys: dict[str, str | None]
    path: list[str]


class ChildReports:
    """The reports of the children of this process, and of processes that it is forked into."""

    def __init__(
        self, tree: CurrentTree, is_own: Callable[[str], bool], is_input: Callable[[str], bool], since_ns: int
    ) -> None:
        """Name a folder for them, which is made for the first child.

        Args:
            tree: gives checksums.
            is_own: returns whether a Python file is the project's.
            is_input: returns whether another file may be.
            since_ns: when this run began.
        """
        self._tree = tree
        self._is_own = is_own
        self._is_input = is_input
        self._since_ns = since_ns
        self._folder = os.path.join(tempfile.gettempdir(), f"pytest-zygote-{os.getpid()}-{os.urandom(6).hex()}")
        self._pid = os.getpid()
        self._expected = 0
        self._begun: set[str] = set()
        self._is_unsure = False
        self._units: dict[bytes, tuple[dict[str, bytes], list[str]]] = {}

    def offer(self) -> None:
        """Let children find the folder. Not before Python 3.12, where they could not report what they ran."""
        if hasattr(sys, "monitoring"):
            os.environ[FOLDER] = self._folder

    def close(self) -> None:
        """Remove it."""
        if os.getpid() != self._pid:
            return
        if os.environ.get(FOLDER) == self._folder:
            del os.environ[FOLDER]
        shutil.rmtree(self._folder, ignore_errors=True)

    def expect(self) -> None:
        """Note that a Python process is about to start."""
        self._expected += 1
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)

    @property
    def are_awaited(self) -> bool:
        """Whether children have started, at any time."""
        return bool(self._expected or self._begun)

    def drain(self) -> dict[Need, bytes] | None:
        """Return what the children started since the last call needed; None if it may be anything."""
        expected, self._expected = self._expected, 0
        if not expected and not self._begun:
            return {}
        found = self._read()
        started = {name for name in found if name not in self._begun}
        self._begun |= started
        self._is_unsure |= len(started) < expected
        if self._is_unsure and expected:
            return None
        needs: dict[Need, bytes] = {}
        for name in sorted(started):
            report = found[name]
            if report is None or report["is_anything"]:
                return None
            needs.update(self._needs(report))
        return needs

    def _read(self) -> dict[str, ChildReport | None]:
        """Return the children of this process that have begun, with the report of those that have ended."""
        found: dict[str, ChildReport | None] = {}
        prefix = f"{os.getpid()}-"
        with contextlib.suppress(OSError):
            for name in os.listdir(self._folder):
                if name.startswith(prefix) and name.endswith(BEGUN):
                    found[name] = self._report(name.removesuffix(BEGUN))
        return found

    def _report(self, name: str) -> ChildReport | None:
        try:
            with open(os.path.join(self._folder, f"{name}{REPORT}"), "rb") as file:
                report: ChildReport = marshal.loads(file.read())  # noqa: S302 - a folder of our own
        except (OSError, EOFError, ValueError, TypeError):
            return None
        return report

    # Needs

    def _needs(self, report: ChildReport) -> Iterator[tuple[Need, bytes]]:
        folders = {entry for entry in report["path"] if self._is_below(entry)}
        for path, is_rewritten, code, places in report["modules"]:
            if self._is_own(path):
                folders.add(os.path.dirname(path))
                yield from self._module(self._tree.relative(path), code, places, is_rewritten=is_rewritten)
        for path in report["rest"]:
            if self._is_own(path):
                yield Need(dependency.FILE, self._tree.relative(path)), self._settled(path, dependency.FILE)
        for folder in folders:
            need = Need(dependency.IMPORTABLE, self._tree.relative(folder))
            yield need, self._tree.now(need)
        yield from self._outside(report)
        yield from self._environ(report)

    def _is_below(self, path: str) -> bool:
        return path == self._tree.root or path.startswith(f"{self._tree.root}/")

    def _module(self, path: str, code: bytes, places: list[int], *, is_rewritten: bool) -> Iterator[tuple[Need, bytes]]:
        units, names = self._read_code(code)
        if is_rewritten or why_unknown():
            is_known = self._is_settled(self._tree.absolute(path))
            units = self._tree.units(path) if is_known else dict.fromkeys(units, os.urandom(8))
        imports = tuple(units.get(IMPORTS, b"").decode(errors="replace").split())
        yield Need(dependency.SKELETON, path, MODULE), units.get(MODULE, b"")
        yield Need(dependency.NAMES, path), self._tree.names(path, imports)
        for name in {names[place] for place in places} & units.keys() - {MODULE}:
            yield Need(dependency.BODY, path, name), units.get(name, b"")

    def _read_code(self, packed: bytes) -> tuple[dict[str, bytes], list[str]]:
        """Return the units of a module, and the unit of each place in it."""
        known = self._units.get(packed)
        if known is None:
            code = marshal.loads(packed)  # noqa: S302 - a folder of our own
            known = self._units[packed] = (units_of(code), [unit for _, unit in owners(code)])
        return known

    def _outside(self, report: ChildReport) -> Iterator[tuple[Need, bytes]]:
        for path in report["read"]:
            if self._is_input(path):
                yield Need(dependency.DATA, self._tree.relative(path)), self._settled(path, dependency.DATA)
        for path, names in report["listed"].items():
            if self._is_input(path):
                yield Need(dependency.LISTING, self._tree.relative(path)), listed(names)
        for (path, name, asker), (presence, status) in report["asked"].items():
            if not self._is_input(path):
                continue
            if name.startswith("is_") or asker in LOOKING:
                yield Need(dependency.PRESENCE, self._tree.relative(path)), presence
            else:
                yield Need(dependency.STATUS, self._tree.relative(path)), checksum(status) if status else b""

    def _environ(self, report: ChildReport) -> Iterator[tuple[Need, bytes]]:
        for key, value in report["keys"].items():
            need = Need(dependency.ENVIRON, "", key)
            ignored = VOLATILE if WHOLE in report["keys"] else OURS
            if key == WHOLE or (key not in ignored and value == self._tree.value(key)):  # else the test has set it
                yield need, self._tree.now(need)

    def _settled(self, path: str, kind: str) -> bytes:
        """Return the checksum of a file; if the file changed since the run began, one of no content.

        A folder that is opened has none: what is read by it has events of its own.
        """
        need = Need(kind, self._tree.relative(path))
        return self._tree.now(need) if os.path.isdir(path) or self._is_settled(path) else os.urandom(8)

    def _is_settled(self, path: str) -> bool:
        return changed_ns(path) < self._since_ns - TICK_NS

"""What a test depends on, given what was observed while it ran, and before it.

Three observations are put together. What the *session* did before the first test (imports, parametrisation, hooks of
conftest files) belongs to every test of the run: a cache that one module fills when it is imported may hide what the
import of another needs. So does what fixtures of a *wider scope* than a function's did, once they are set up. The third
is the test's own.

Answers that many tests share are cached and returned as the same objects: the store looks those up once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.affected.observation import Observation
from pytest_zygote.core.affected.dependency import BODY, DATA, FILE, NAMES, SKELETON, Need
from pytest_zygote.core.affected.fingerprints import MODULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.affected.loaded_files import LoadedFiles

    Needs: TypeAlias = dict[Need, bytes]
    Place: TypeAlias = tuple[str, tuple[str, ...]]
    """The file that tests are in, and the conftest files that hold for them."""


class Attribution:
    """Turns observations into needs.

    Attributes:
        session: what was observed before the first test.
        wide: what fixtures of wider scopes did.
        is_precise: whether it is known which code runs; if not, tests depend on all loaded modules of the project.
    """

    def __init__(self, tree: CurrentTree, loaded: LoadedFiles) -> None:
        """Know of no observation yet."""
        self.session = Observation()
        self.wide = Observation()
        self.is_precise = False
        self._tree = tree
        self._loaded = loaded
        self._leaves: frozenset[str] = frozenset()
        self._generation = 0
        self._read_by: dict[str, Needs] = {}
        self._surrounding: dict[str, Needs] = {}
        self._absolute: dict[frozenset[str], frozenset[str]] = {}
        self._starts: dict[Place, frozenset[str]] = {}
        self._shared: dict[tuple[frozenset[str], bool, int], tuple[frozenset[str], Needs]] = {}
        self._usual: dict[tuple[Place, bool], tuple[tuple[int, int], Needs, Needs]] = {}
        self._prepared: list[Needs] = []

    # What has been observed

    def finish_collection(self, observed: Observation, leaves: Iterable[str]) -> None:
        """Attribute what was observed until now to every test.

        Args:
            observed: during the collection.
            leaves: files of the collected tests, and conftest files: only their own tests depend on them.
        """
        self.session.add(observed)
        self._leaves = frozenset(self._tree.relative(leaf) for leaf in leaves)

    def add_session(self, observed: Observation) -> None:
        """Attribute what hooks did after the collection, before the first test, to every test."""
        if not self.session.has_all_of(observed):
            self.session.add(observed)
            self._generation += 1
            self._shared.clear()

    def add_read(self, reader: str, need: Need, found: bytes) -> None:
        """Note that code of a file has read something, and may have cached it."""
        known = self._read_by.setdefault(reader, {})
        if need not in known:
            known[need] = found
            self._generation += 1

    def add_wide(self, observed: Observation) -> None:
        """Attribute what setting up a fixture did to all later tests."""
        if not self.wide.has_all_of(observed):
            self.wide.add(observed)
            self._generation += 1

    def of_collection(self) -> Needs:
        """Return all that the collection has depended on."""
        return {**self.session.needs, **dict(self._imports(self._loaded.files))}

    # What forks share

    @property
    def is_prepared(self) -> bool:
        """Whether tests run in forks, which are known by functions."""
        return bool(self._prepared)

    def prepare(self, places: Iterable[Place]) -> None:
        """Compute what tests of these files share, once for all forks."""
        starts = dict.fromkeys(self._start(place) for place in places)
        self._prepared = [self._reach(start, is_exact=True)[1] for start in starts]

    def shorten(self, shared: Needs) -> Needs | int:
        """Return a short form of needs that were computed before the fork."""
        return next((number for number, known in enumerate(self._prepared) if known is shared), shared)

    def spell_out(self, shared: Needs | int) -> Needs:
        """Return the needs whose short form a fork has sent."""
        return self._prepared[shared] if isinstance(shared, int) else shared

    # What a test depends on

    def reachable_from(self, place: Place) -> frozenset[str]:
        """Return the files that tests of a place can reach, by the names that code objects have for them."""
        files, _ = self._reach(self._start(place), is_exact=False)
        known = self._absolute.get(files)
        if known is None:
            known = self._absolute[files] = frozenset(map(self._tree.absolute, files))
        return known

    def exact(self, observed: Observation, place: Place, *, is_code: bool, is_first: bool) -> tuple[Needs, Needs]:
        """Return what a test itself needs, by functions, and what it shares with others.

        Args:
            observed: while it ran, and by fixtures of wider scopes.
            place: of the test.
            is_code: whether the test is a function of its file, rather than something in its text.
            is_first: whether nothing that ran before in this process can have cached what it needs.
        """
        own, files, shared = self._needs(observed, place, is_exact=True, is_code=is_code)
        return own if is_first else self._with_cached(own, files), shared

    def inexact(self, observed: Observation, place: Place, *, is_code: bool) -> tuple[Needs, Needs]:
        """Return the file-level needs of a test that shared its process: its own, and those it shares.

        Cached for each test file; computed anew only if the test read or ran something else.
        """
        state = (self._generation, self._loaded.generation)
        cached = self._usual.get((place, is_code))
        if cached is None or cached[0] != state:
            cached = self._usual[place, is_code] = (state, *self._inexact(self.wide.copy(), place, is_code=is_code))
        _, own, shared = cached
        if not observed or self._is_usual(observed, own, place):
            return own, shared
        observed.add(self.wide)
        return self._inexact(observed, place, is_code=is_code)

    def _is_usual(self, observed: Observation, own: Needs, place: Place) -> bool:
        files, _ = self._reach(self._start(place), is_exact=False)
        return observed.needs.items() <= own.items() and observed.paths <= files

    def _inexact(self, observed: Observation, place: Place, *, is_code: bool) -> tuple[Needs, Needs]:
        own, files, shared = self._needs(observed, place, is_exact=False, is_code=is_code)
        return self._with_cached(own, files), shared

    def _needs(
        self, observed: Observation, place: Place, *, is_exact: bool, is_code: bool
    ) -> tuple[Needs, frozenset[str], Needs]:
        path, _ = place
        start = self._start(place)
        own = self._folders(os.path.dirname(path))
        if observed.needs:
            own = {**observed.needs, **own}
        if not is_code:
            own = {**own, (text := Need(DATA, self._tree.relative(path))): self._tree.now(text)}
        if is_exact:
            own = {**own, **dict(self._bodies(observed.units))}
        files, shared = self._reach(start, is_exact=is_exact)
        if more := observed.paths - files:
            files, shared = self._reach(start | more, is_exact=is_exact)
        return own, files, shared

    def _start(self, place: Place) -> frozenset[str]:
        """Return the files from which a test's imports are followed: the same object at each call."""
        known = self._starts.get(place)
        if known is None:
            path, conftests = place
            known = self._starts[place] = frozenset(map(self._tree.relative, (path, *conftests)))
        return known

    def _with_cached(self, own: Needs, files: frozenset[str]) -> Needs:
        """Add what code that this test can reach, or code that nobody knows, has read for earlier tests.

        It may have cached it.
        """
        readers = [reader for reader in self._read_by if reader in files or not reader]
        if not readers:
            return own
        cached = {need: found for reader in readers for need, found in self._read_by[reader].items()}
        return {**cached, **own}

    def _reach(self, start: frozenset[str], *, is_exact: bool) -> tuple[frozenset[str], Needs]:
        """Return the files that tests can reach from these, and what they need: the same object at each call."""
        key = (start, is_exact, self._loaded.generation)
        known = self._shared.get(key)
        if known is None:
            asked = self._loaded.unasked - self._leaves
            files = self._loaded.closure({*start, *asked, *self._session_paths(), *self._all()})
            needs = {**self.session.needs, **dict(self._imports(files))}
            needs.update(self._functions(files) if is_exact else self._whole(files))
            known = self._shared[key] = (files, needs)
        return known

    def _session_paths(self) -> set[str]:
        return {path for path, name in self.session.units if name != MODULE} - self._leaves

    def _all(self) -> Iterable[str]:
        """Return all loaded files except other tests': what the test runs is unknown."""
        return () if self.is_precise else self._loaded.files.keys() - self._leaves

    # Needs of files

    def _imports(self, files: Iterable[str]) -> Iterator[tuple[Need, bytes]]:
        for file in files:
            loaded = self._loaded.files[file]
            yield Need(SKELETON, file, MODULE), loaded.units.get(MODULE, b"")
            yield Need(NAMES, file), self._tree.names(file, loaded.imports)

    def _whole(self, files: Iterable[str]) -> Iterator[tuple[Need, bytes]]:
        for file in files:
            yield Need(FILE, file), self._loaded.files[file].fingerprint()

    def _functions(self, files: Iterable[str]) -> Iterator[tuple[Need, bytes]]:
        """Give the functions that the session ran, and as whole files those loaded earlier."""
        yield from self._bodies(self.session.units)
        yield from self._whole(file for file in files if self._loaded.files[file].is_early)

    def _bodies(self, units: Iterable[tuple[str, str]]) -> Iterator[tuple[Need, bytes]]:
        for path, name in units:
            loaded = self._loaded.files[path]
            if name not in loaded.units:
                yield Need(FILE, path), loaded.fingerprint()
            elif name != MODULE:
                yield Need(BODY, path, name), loaded.units[name]

    def _folders(self, folder: str) -> Needs:
        """Return the files that would affect a test if they were added: conftest files, and `__init__.py`."""
        known = self._surrounding.get(folder)
        if known is None:
            known = self._surrounding[folder] = {}
            while folder.startswith(self._tree.root):
                for name in ("conftest.py", "__init__.py"):
                    need = Need(DATA, self._tree.relative(os.path.join(folder, name)))
                    if not self._tree.now(need):
                        known[need] = b""
                folder = os.path.dirname(folder)
        return known

"""Puts together what a test depended on, while it runs.

What runs before the first test (imports, parametrisation, hooks of conftest files) belongs to every
test of the run: a cache that one module fills when it is imported may hide what the import of
another needs. So do fixtures of a wider scope than a function's, once they are set up.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.affected.executions import MODULE as MODULE_CODE
from pytest_zygote.affected.executions import Executions
from pytest_zygote.affected.executions_by_file import FileExecutions
from pytest_zygote.affected.external_inputs import ExternalInputs
from pytest_zygote.affected.loaded_files import LoadedFiles
from pytest_zygote.affected.observation import Observation
from pytest_zygote.core.affected.dependency import BODY, DATA, FILE, NAMES, PROJECT, SKELETON, Need
from pytest_zygote.core.affected.fingerprints import MODULE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType
    from typing import TypeAlias

    from pytest_zygote.affected.current_tree import CurrentTree

    Needs: TypeAlias = dict[Need, bytes]
    Place: TypeAlias = tuple[str, tuple[str, ...]]
    """The file that tests are in, and the conftest files that hold for them."""


_NO_FILES: frozenset[str] = frozenset()


class Recorder:
    """Watches a run, and says after each test what it depended on.

    Attributes:
        is_precise: whether it is known which code runs; if not, tests depend on all modules of the
            project that are loaded.
        knows_environ: whether it is known which environment keys are read.
        tests_run: how many tests have run in this process, or in the one it was forked from.
    """

    # A *group* is the few tests that run in one fork: see `core.affected.fork_groups`.

    def __init__(self, tree: CurrentTree, started_ns: int, loaded: Callable[[], Iterable[str]]) -> None:
        """Watch nothing yet; `loaded` gives the names of the modules that may be the project's."""
        self._tree = tree
        self._loaded = loaded
        self._modules = LoadedFiles(tree, _owner_of(tree.root), started_ns)
        self._outside = ExternalInputs(tree, self._modules.has, started_ns)
        self._executions: Executions | FileExecutions = Executions(self._modules.has, self._modules.see)
        self._session = Observation()
        self._wide = Observation()
        self._wide_known: set[object] = set()
        self._cached: dict[str, Needs] = {}
        self._surrounding: dict[str, Needs] = {}
        self._absolute: dict[frozenset[str], frozenset[str]] = {}
        self._starts: dict[Place, frozenset[str]] = {}
        self._now = Observation()
        self._leaves: frozenset[str] = frozenset()
        self._known: dict[tuple[frozenset[str], bool, int], tuple[frozenset[str], Needs]] = {}
        self._generation = 0
        self._usual: dict[tuple[Place, bool], tuple[tuple[int, int], Needs, Needs]] = {}
        self._known_files = _NO_FILES
        self._is_armed = True
        self._is_group = False
        self._prepared: list[Needs] = []
        self.is_precise = False
        self.knows_environ = False
        self.tests_run = 0

    def start(self) -> None:
        """Watch from now on."""
        self._modules.see_early(self._loaded_files())
        watched = self._outside.watched()
        self._executions.start(watched)
        if not self._executions.knows_functions:
            self._executions = FileExecutions(self._modules.has, self._modules.see)
            self._executions.start(watched)
        self.is_precise = self._executions.knows_functions
        self.knows_environ = self._executions.knows_reads
        self._outside.start()

    def stop(self) -> None:
        """Watch no more."""
        self._executions.stop()
        self._outside.stop()

    def finish_collection(self, leaves: Iterable[str]) -> None:
        """Take what was seen until now as part of every test.

        Args:
            leaves: files of the collected tests, and conftest files: only their own tests depend on them.
        """
        self._take()
        self._session.add(self._now)
        self._leaves = frozenset(self._tree.relative(leaf) for leaf in leaves)
        self._now = Observation()
        self._restart(frozenset())

    def _loaded_files(self) -> Iterator[str]:
        for name in self._loaded():
            origin = code_origin.origin_of(sys.modules[name]) if name in sys.modules else ""
            if origin.endswith(".py"):
                yield origin

    def _take(self) -> None:
        """Add what was seen since the last time: mostly nothing, where tests need whole files."""
        started = self._executions.drain()
        if not (self.is_precise and self._outside.is_quiet() and self._are_known(started)):
            self._add(started)

    def _are_known(self, started: list[CodeType]) -> bool:
        """Tell whether nothing need be heard of any of these codes; a module may be loaded anew."""
        known = self._known_files
        return all(code.co_filename in known and code.co_name != MODULE_CODE for code in started)

    def _add(self, started: list[CodeType]) -> None:
        was_active = self._outside.pause()
        try:
            self._is_armed = False
            self._modules.settle()
            if not self.is_precise:
                self._modules.see_early(self._loaded_files())
            self._now.units |= self._modules.units_of(started)
            for need, (found, reader) in self._outside.take().items():
                self._now.needs.setdefault(need, found)
                known = self._cached.setdefault(reader, {})
                if need not in known:
                    known[need] = found
                    self._generation += 1
        finally:
            self._outside.resume(was_active)

    def _restart(self, known: frozenset[str]) -> None:
        """Hear of all code again but for that of these files, unless we do already."""
        if not self._is_armed or self._known_files is not known:
            self._executions.restart(known)
            self._known_files, self._is_armed = known, True

    def collected(self) -> Needs:
        """Return all that the collection has depended on."""
        return {**self._session.needs, **dict(self._imports(self._modules.files))}

    # One test

    def prepare(self, places: Iterable[Place]) -> None:
        """Find out now what tests of these files share: many forks will ask."""
        starts = dict.fromkeys(self._start(place) for place in places)
        self._prepared = [self._shared(start, is_exact=True)[1] for start in starts]

    def shorten(self, shared: Needs) -> Needs | int:
        """Return what stands for needs that were found out before the fork."""
        return next((number for number, known in enumerate(self._prepared) if known is shared), shared)

    def spell_out(self, shared: Needs | int) -> Needs:
        """Return what `shorten` was given in a fork."""
        return self._prepared[shared] if isinstance(shared, int) else shared

    def begin_group(self) -> None:
        """Let what a test of this process does count for all that come after it."""
        self._is_group = True

    def begin_test(self, place: Place) -> None:
        """Start anew.

        A test that is not the first of its process needs all files that its module can reach, whatever it
        runs in them: we must only hear of the others. Those are few, or none.
        """
        self._take()
        if self._is_group and self.tests_run:
            self._now.needs = {}
            return
        self._restart(self._heeded(place))
        if self._now:
            self._now = Observation()

    def _heeded(self, place: Place) -> frozenset[str]:
        """Return the files of which nothing need be heard during a test."""
        is_known = self.tests_run and self.is_precise and not self._is_group
        return self._reached(self._start(place)) if is_known else _NO_FILES

    def begin_fixture(self, place: Place, *, is_of_place: bool) -> Observation:
        """Set aside what the test has done so far; return what `end_fixture` wants.

        Args:
            place: of the test that has it set up.
            is_of_place: whether only tests of this file use what is set up now. Tests of other modules have
                another reach, and those in forks are known by functions: of what they may use, all files count.
        """
        self._take()
        self._restart(self._heeded(place) if is_of_place and not self._prepared else _NO_FILES)
        before, self._now = self._now, Observation()
        return before

    def end_fixture(self, fixture: object, before: Observation, *, is_known: bool) -> None:
        """Note what setting up a fixture of a wider scope did: later tests use it too.

        Args:
            fixture: which one.
            before: what `begin_fixture` returned.
            is_known: whether it was set up in this process; if not, it may depend on any file.
        """
        self._take()
        if not is_known and fixture not in self._wide_known:
            self._now.needs[Need(PROJECT)] = self._tree.now(Need(PROJECT))
        self._wide_known.add(fixture)
        if not self._wide.has_all_of(self._now):
            self._wide.add(self._now)
            self._generation += 1
        self._now.add(before)

    def end_test(self, place: Place, *, is_code: bool) -> tuple[bool, Needs, Needs]:
        """Return whether the record is exact, what the test itself needs, and what it shares with others.

        Tests that are alike get the same objects.

        Args:
            place: of the test.
            is_code: whether the test is a function of its file, rather than something in its text.
        """
        self._take()
        seen, self._now = self._now, Observation()
        if self._is_group:
            self._now.units = set(seen.units)
        is_exact = self.is_precise and (self._is_group or self.tests_run == 0)
        self.tests_run += 1
        was_active = self._outside.pause()
        try:
            if is_exact:
                seen.add(self._wide)  # also if this is the first test: the parent of a worker sets some up
                return (True, *self._needs(seen, place, is_exact=True, is_code=is_code))
            return (False, *self._inexact(seen, place, is_code=is_code))
        finally:
            self._outside.resume(was_active)

    def _inexact(self, seen: Observation, place: Place, *, is_code: bool) -> tuple[Needs, Needs]:
        """Return what all tests of a place need in a process that others have run in, unless this one needs more."""
        state = (self._generation, self._modules.generation)
        found = self._usual.get((place, is_code))
        if found is None or found[0] != state:
            usual = self._needs(self._wide.copy(), place, is_exact=False, is_code=is_code)
            found = self._usual[place, is_code] = (state, *usual)
        _, own, shared = found
        if not seen or (seen.needs.items() <= own.items() and seen.paths <= self._files_of(place)):
            return own, shared
        seen.add(self._wide)
        return self._needs(seen, place, is_exact=False, is_code=is_code)

    def _files_of(self, place: Place) -> frozenset[str]:
        return self._shared(self._start(place), is_exact=False)[0]

    def _needs(self, seen: Observation, place: Place, *, is_exact: bool, is_code: bool) -> tuple[Needs, Needs]:
        path, _ = place
        start = self._start(place)
        own = self._folders(os.path.dirname(path))
        if seen.needs:
            own = {**seen.needs, **own}
        if not is_code:
            own = {**own, (text := Need(DATA, self._tree.relative(path))): self._tree.now(text)}
        if is_exact:
            own = {**own, **dict(self._bodies(seen.units))}
        files, shared = self._shared(start, is_exact=is_exact)
        if more := seen.paths - files:
            files, shared = self._shared(start | more, is_exact=is_exact)
        return own if is_exact and self.tests_run == 1 else self._with_cached(own, files), shared

    def _start(self, place: Place) -> frozenset[str]:
        """Return the files from which a test's imports are followed: the same object, if asked again."""
        known = self._starts.get(place)
        if known is None:
            path, conftests = place
            known = self._starts[place] = frozenset(map(self._tree.relative, (path, *conftests)))
        return known

    def _with_cached(self, own: Needs, files: frozenset[str]) -> Needs:
        """Add what code that this test can reach has read for earlier tests: it may have kept it."""
        readers = [reader for reader in self._cached if reader in files and reader not in self._leaves]
        if not readers:
            return own
        cached = {need: found for reader in readers for need, found in self._cached[reader].items()}
        return {**cached, **own}

    def _shared(self, start: frozenset[str], *, is_exact: bool) -> tuple[frozenset[str], Needs]:
        """Return the files that tests can reach from these, and what they need: the same object, if asked again."""
        key = (start, is_exact, self._modules.generation)
        found = self._known.get(key)
        if found is None:
            asked = self._modules.unasked - self._leaves
            files = self._modules.closure({*start, *asked, *self._session_paths(), *self._all()})
            needs = {**self._session.needs, **dict(self._imports(files))}
            if is_exact:
                needs.update(self._bodies(self._session.units))
                needs.update(self._early(files))
            else:
                needs.update((Need(FILE, file), self._modules.files[file].fingerprint()) for file in files)
            found = self._known[key] = (files, needs)
        return found

    def _reached(self, start: frozenset[str]) -> frozenset[str]:
        """Return the files that tests can reach, by the names that code objects have for them."""
        files, _ = self._shared(start, is_exact=False)
        known = self._absolute.get(files)
        if known is None:
            known = self._absolute[files] = frozenset(map(self._tree.absolute, files))
        return known

    def _session_paths(self) -> set[str]:
        return {path for path, name in self._session.units if name != MODULE} - self._leaves

    def _all(self) -> Iterable[str]:
        """Return all loaded files but other tests', if nothing tells which of them a test needs."""
        return () if self.is_precise else self._modules.files.keys() - self._leaves

    def _imports(self, files: Iterable[str]) -> Iterator[tuple[Need, bytes]]:
        for file in files:
            loaded = self._modules.files[file]
            yield Need(SKELETON, file, MODULE), loaded.units.get(MODULE, b"")
            yield Need(NAMES, file), self._tree.names(file, loaded.imports)

    def _bodies(self, units: Iterable[tuple[str, str]]) -> Iterator[tuple[Need, bytes]]:
        for path, name in units:
            loaded = self._modules.files[path]
            if name in loaded.units:
                if name != MODULE:
                    yield Need(BODY, path, name), loaded.units[name]
            else:
                yield Need(FILE, path), loaded.fingerprint()

    def _early(self, files: Iterable[str]) -> Iterator[tuple[Need, bytes]]:
        for file in files:
            loaded = self._modules.files[file]
            if loaded.is_early:
                yield Need(FILE, file), loaded.fingerprint()

    def _folders(self, folder: str) -> Needs:
        """Return the files whose coming would change what surrounds a test: conftest files, and packages."""
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


def _owner_of(root: str) -> Callable[[str], bool]:
    """Return what tells whether a file is the project's: below the root, or installed in place from elsewhere."""
    below = f"{root}/"
    temporary = f"{tempfile.gettempdir()}/"

    def is_own(path: str) -> bool:
        if path.startswith(below):
            return not code_origin.is_third_party(path)
        return os.path.isabs(path) and code_origin.is_own(path) and not path.startswith(temporary)

    return is_own

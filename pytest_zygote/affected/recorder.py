"""Watches a run, and attributes what happens in it to the session, fixtures and tests.

`executions` reports the code that starts, `external_inputs` what is read; what that means for a test is decided in
`attribution`. To record in another way, replace those two: this module only decides when.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.affected.attribution import Attribution
from pytest_zygote.affected.executions import MODULE as MODULE_CODE
from pytest_zygote.affected.executions import Executions
from pytest_zygote.affected.executions_by_file import FileExecutions
from pytest_zygote.affected.external_inputs import ExternalInputs
from pytest_zygote.affected.loaded_files import LoadedFiles
from pytest_zygote.affected.observation import Observation
from pytest_zygote.affected.project_files import owner_of
from pytest_zygote.affected.shared_state import RARE
from pytest_zygote.core.affected.dependency import ENVIRON, FOUND, PROJECT, Need
from pytest_zygote.core.affected.fingerprints import MODULE
from pytest_zygote.core.bytecode import why_unknown
from pytest_zygote.core.layers.layer_inputs import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import CodeType

    from pytest_zygote.affected.attribution import Needs, Place
    from pytest_zygote.affected.current_tree import CurrentTree

_NO_FILES: frozenset[str] = frozenset()


def start_executions(files: LoadedFiles, inputs: ExternalInputs) -> Executions | FileExecutions:
    """Return what reports the functions that run, or only modules, where functions are not reported."""
    if not why_unknown():
        functions = Executions(files.has, files.see, inputs.imports.note_text)
        functions.start(inputs.watched(), inputs.on_look)
        if functions.knows_functions:
            return functions
    modules = FileExecutions(files.has, files.see)
    modules.start(inputs.watched(), inputs.on_look)
    return modules


def new_recorder(
    tree: CurrentTree, started_ns: int, loaded: Callable[[], Iterable[str]], on_written: Callable[[str], None]
) -> Recorder:
    """Return a recorder for a run that began at this time; `on_written` gets paths that are about to be written."""
    files = LoadedFiles(tree, owner_of(tree.root, started_ns), started_ns)
    return Recorder(tree, files, ExternalInputs(tree, files.has, started_ns, on_written), loaded)


class Recorder:
    """Watches a run, and returns after each test what it depended on.

    Attributes:
        is_precise: whether it is known which code runs; if not, tests depend on all modules of the
            project that are loaded.
        knows_environ: whether it is known which environment keys are read.
        read_early: a file of the project that was loaded before, and that may have read anything; '' for none.
        tests_run: how many tests have run in this process, or in the one it was forked from.
        need_of: returns what a text of a declaration names.
    """

    # A *group* is the few tests that run in one fork: see `core.affected.fork_groups`.

    def __init__(
        self,
        tree: CurrentTree,
        files: LoadedFiles,
        inputs: ExternalInputs,
        loaded: Callable[[], Iterable[str]],
        start: Callable[[LoadedFiles, ExternalInputs], Executions | FileExecutions] = start_executions,
    ) -> None:
        """Watch nothing yet.

        Args:
            tree: gives checksums.
            files: of the project that are loaded.
            inputs: what is read.
            loaded: returns the names of the modules that may be the project's.
            start: begins to watch which code runs.
        """
        self._tree = tree
        self._loaded = loaded
        self._files = files
        self._inputs = inputs
        self._start_executions = start
        self._executions: Executions | FileExecutions = FileExecutions(files.has, files.see)
        self._attribution = Attribution(tree, self._files)
        self._now = Observation()
        self._known_fixtures: set[object] = set()
        self._known_files = _NO_FILES
        self._is_armed = True
        self._is_group = False
        self.is_precise = False
        self.knows_environ = False
        self.read_early = ""
        self.tests_run = 0
        self.need_of = tree.need_of

    def start(self) -> None:
        """Start watching."""
        self._files.see_early(self._loaded_files())
        self.read_early = self._files.may_have_read()
        if self.read_early:
            for need in (Need(PROJECT), Need(ENVIRON, "", WHOLE)):
                self._now.needs[need] = self._tree.now(need)
        self._executions = self._start_executions(self._files, self._inputs)
        self.is_precise = self._attribution.is_precise = self._executions.knows_functions
        self.knows_environ = self._executions.knows_reads
        self._inputs.start()

    def stop(self) -> None:
        """Stop watching."""
        self._executions.stop()
        self._inputs.stop()

    def finish_collection(self, leaves: Iterable[str]) -> None:
        """Attribute what was observed until now to every test; `leaves` are files that only their own tests need."""
        self._drain()
        self._attribution.finish_collection(self._now, leaves)
        self._now = Observation()
        self._restart(_NO_FILES)

    def collected(self) -> Needs:
        """Return all that the collection has depended on."""
        return self._attribution.of_collection()

    # Watching

    def _loaded_files(self) -> Iterator[str]:
        for name in self._loaded():
            origin = code_origin.origin_of(sys.modules[name]) if name in sys.modules else ""
            if origin.endswith(".py"):
                yield origin

    def _drain(self) -> None:
        """Add what was observed since the last call: mostly nothing, where tests need whole files."""
        started = self._executions.drain()
        if not (self.is_precise and self._inputs.is_quiet() and self._are_known(started)):
            self._add(started)

    def _are_known(self, started: list[CodeType]) -> bool:
        """Return whether all of this code is of known files, and no module: that may be loaded again."""
        known = self._known_files
        return all(code.co_filename in known and code.co_name != MODULE_CODE for code in started)

    def _add(self, started: list[CodeType]) -> None:
        was_active = self._inputs.pause()
        try:
            self._is_armed = False
            self._files.settle()
            if not self.is_precise:
                self._files.see_early(self._loaded_files())
            self._now.units |= self._files.units_of(started)
            for need, (found, reader) in self._inputs.drain().items():
                self._now.needs.setdefault(need, found)
                if need.kind == FOUND and (target := self._tree.find("", need.name)) in self._files.files:
                    self._now.units.add((target, MODULE))  # loaded already, by whomever
                self._attribution.add_read(reader, need, found)
        finally:
            self._inputs.resume(was_active)

    def _restart(self, known: frozenset[str]) -> None:
        """Have all code reported again except that of these files, unless that is the case already."""
        if not self._is_armed or self._known_files is not known:
            self._executions.restart(known)
            self._known_files, self._is_armed = known, True

    # One test

    def prepare(self, places: Iterable[Place]) -> None:
        """Compute what tests of these files share, once for all forks."""
        self._attribution.prepare(places)

    def shorten(self, shared: Needs) -> Needs | int:
        """Return a short form of needs that were computed before the fork."""
        return self._attribution.shorten(shared)

    def spell_out(self, shared: Needs | int) -> Needs:
        """Return the needs whose short form a fork has sent."""
        return self._attribution.spell_out(shared)

    def begin_group(self) -> None:
        """From now on, count what a test of this process does for all tests that follow it."""
        self._is_group = True

    def begin_test(self, place: Place) -> None:
        """Start anew.

        A test that is not the first of its process needs all files that its module can reach, whatever it
        runs in them: only other code need be reported. That is little, or none.
        """
        self._drain()
        if not self.tests_run:
            self._inputs.files.end_fixture()  # what was written while tests were collected is for all of them
        self._inputs.files.begin_test()
        between, self._now = self._now, Observation()
        if self.tests_run:
            self._attribution.add_wide(between)
        else:
            self._attribution.add_session(between)
        if self._is_group and self.tests_run:
            self._now.units = between.units
        else:
            self._restart(self._ignored(place))

    def declare(self, needs: Iterable[Need]) -> None:
        """Have the test that has begun depend on these."""
        was_active = self._inputs.pause()
        self._now.needs.update((need, self._tree.anew(need)) for need in needs)
        self._inputs.resume(was_active)

    def changed(self) -> Collection[str]:
        """Return which seldom changed kinds of `process_kinds` may have changed since the last call."""
        changed = self._inputs.changed()
        return changed if self._executions.knows_functions else RARE

    def written(self) -> set[str]:
        """Return the files that the present test has written."""
        return self._inputs.files.written()

    def _ignored(self, place: Place) -> frozenset[str]:
        """Return the files whose code need not be reported during a test."""
        is_known = self.tests_run and self.is_precise and not self._is_group
        return self._attribution.reachable_from(place) if is_known else _NO_FILES

    def begin_fixture(self, place: Place, *, is_of_place: bool) -> Observation:
        """Set aside what the test has done so far; return what `end_fixture` wants.

        Args:
            place: of the test that has it set up.
            is_of_place: whether only tests of this file use what is set up now. Tests of other modules have
                another reach, and those in forks are known by functions: of what they may use, all files count.
        """
        self._drain()
        self._restart(self._ignored(place) if is_of_place and not self._attribution.is_prepared else _NO_FILES)
        before, self._now = self._now, Observation()
        return before

    def end_fixture(self, fixture: object, before: Observation, *, is_known: bool) -> None:
        """Note what setting up a fixture of a wider scope did: later tests use it too.

        Args:
            fixture: which one.
            before: what `begin_fixture` returned.
            is_known: whether it was set up in this process; if not, it may depend on any file.
        """
        self._drain()
        if not is_known and fixture not in self._known_fixtures:
            self._now.needs[Need(PROJECT)] = self._tree.now(Need(PROJECT))
        self._known_fixtures.add(fixture)
        self._inputs.files.end_fixture()
        self._attribution.add_wide(self._now)
        self._now.add(before)

    def end_test(self, place: Place, *, is_code: bool) -> tuple[bool, Needs, Needs]:
        """Return whether the record is exact, what the test itself needs, and what it shares with others.

        Tests that are alike get the same objects.

        Args:
            place: of the test.
            is_code: whether the test is a function of its file, rather than something in its text.
        """
        self._drain()
        observed, self._now = self._now, Observation()
        if self._is_group:
            self._now.units = set(observed.units)
        is_first = self.tests_run == 0
        is_exact = self.is_precise and (self._is_group or is_first)
        self.tests_run += 1
        was_active = self._inputs.pause()
        try:
            if not is_exact:
                return (False, *self._attribution.inexact(observed, place, is_code=is_code))
            observed.add(self._attribution.wide)  # also if this is the first test: the parent of a worker sets some up
            return (True, *self._attribution.exact(observed, place, is_code=is_code, is_first=is_first))
        finally:
            self._inputs.resume(was_active)

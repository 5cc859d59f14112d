"""What a test depends on, given what was observed: files are those of a small project, none is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.attribution import Attribution
from pytest_zygote.affected.loaded_files import LoadedFiles
from pytest_zygote.affected.observation import Observation
from pytest_zygote.core.affected.dependency import BODY, DATA, FILE, NAMES, SKELETON, Need
from pytest_zygote.core.affected.fingerprints import MODULE
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.affected.attribution import Place
    from pytest_zygote.affected.current_tree import CurrentTree

FILES = {
    "test_a.py": "import a\n\ndef test_a(): a.f()\n",
    "test_b.py": "import b\n\ndef test_b(): b.f()\n",
    "a.py": "import common\n\ndef f(): return common.f()\n\ndef g(): pass\n",
    "b.py": "def f(): pass\n",
    "common.py": "def f(): return 1\n",
    "conftest.py": "",
}
DATUM = Need(DATA, "data.txt")


class Project:
    """Loaded files, and what is attributed.

    Attributes:
        place: of the tests in test_a.py.
    """

    def __init__(self, root: Path) -> None:
        """Load all files, in no particular order, while their importers ran."""
        for name, text in FILES.items():
            (root / name).write_text(text)
        self.tree: CurrentTree = tree_at(root)
        self.files = LoadedFiles(self.tree, lambda path: path.startswith(str(root)), 2**62)
        for name, text in FILES.items():
            self.files.see(compile(text, str(root / name), "exec", dont_inherit=True), {"__name__": name[:-3]}, None)
        self.files.settle()
        self.files.unasked.clear()
        self.attribution = Attribution(self.tree, self.files)
        self.attribution.is_precise = True
        self.attribution.finish_collection(Observation(), [str(root / name) for name in ("test_a.py", "test_b.py")])
        self.place: Place = (str(root / "test_a.py"), (str(root / "conftest.py"),))

    def paths(self, kind: str, *observed: tuple[str, str], is_exact: bool) -> set[str]:
        """Return the paths of needs of a kind that a test in test_a.py has, in which these units ran."""
        return {need.path for need in self.needs(*observed, is_exact=is_exact) if need.kind == kind}

    def needs(self, *observed: tuple[str, str], is_exact: bool) -> set[Need]:
        """Return all needs of that test."""
        seen = Observation()
        seen.units = {*observed}
        found = self.attribution
        if is_exact:
            own, shared = found.exact(seen, self.place, is_code=True, is_first=False)
        else:
            own, shared = found.inexact(seen, self.place, is_code=True)
        return {*own, *shared}


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_an_exact_test_needs_the_functions_that_ran(project: Project) -> None:
    """Of the files that its module imports, directly or not, what their import executes."""
    needs = project.needs(("a.py", "f"), ("common.py", "f"), is_exact=True)

    assert {need for need in needs if need.kind == BODY} == {Need(BODY, "a.py", "f"), Need(BODY, "common.py", "f")}
    imported = {"test_a.py", "a.py", "common.py", "conftest.py"}
    assert {need.path for need in needs if need.kind == SKELETON} == imported
    assert {need.path for need in needs if need.kind == NAMES} == imported


def test_an_inexact_test_needs_whole_files(project: Project) -> None:
    """All that its module can reach, and no others."""
    assert project.paths(FILE, is_exact=False) == {"test_a.py", "a.py", "common.py", "conftest.py"}
    assert project.paths(BODY, is_exact=False) == set()


def test_code_that_no_import_leads_to_counts_too(project: Project) -> None:
    """It was found in a registry, say; with all that it imports."""
    assert "b.py" in project.paths(FILE, ("b.py", "f"), is_exact=False)
    assert "b.py" in project.paths(SKELETON, ("b.py", "f"), is_exact=True)


def test_code_that_is_no_unit_counts_as_its_file(project: Project) -> None:
    """It was copied, or made anew."""
    assert project.paths(FILE, ("a.py", "*"), is_exact=True) == {"a.py"}


def test_without_functions_all_loaded_files_count(project: Project) -> None:
    """But those of other tests."""
    project.attribution.is_precise = False

    assert project.paths(FILE, is_exact=False) == FILES.keys() - {"test_b.py"}


def test_what_the_session_did_belongs_to_every_test(project: Project) -> None:
    """Functions that an import ran, and what it read."""
    seen = Observation()
    seen.units, seen.needs = {("b.py", "f"), ("b.py", MODULE)}, {DATUM: b"1"}
    project.attribution.finish_collection(seen, [])

    needs = project.needs(is_exact=True)

    assert {DATUM, Need(BODY, "b.py", "f"), Need(SKELETON, "b.py", MODULE)} <= needs
    assert project.attribution.of_collection()[DATUM] == b"1"


def test_what_a_wider_fixture_did_belongs_to_later_tests(project: Project) -> None:
    """Also to those that share their process, as whole files."""
    assert DATUM not in project.needs(is_exact=False)
    seen = Observation()
    seen.units, seen.needs = {("b.py", "f")}, {DATUM: b"1"}
    project.attribution.add_wide(seen)

    assert DATUM in project.needs(is_exact=False)
    assert "b.py" in project.paths(FILE, is_exact=False)


@pytest.mark.parametrize(("reader", "expected"), [("common.py", True), ("b.py", False), ("test_b.py", False)])
def test_what_reachable_code_has_read_before_may_be_cached(project: Project, reader: str, *, expected: bool) -> None:
    """A test that is the first of its process finds no caches."""
    project.attribution.add_read(reader, DATUM, b"1")

    assert (DATUM in project.needs(is_exact=True)) is expected
    assert (DATUM in project.needs(is_exact=False)) is expected
    own, _ = project.attribution.exact(Observation(), project.place, is_code=True, is_first=True)
    assert DATUM not in own


def test_a_conftest_file_that_may_come_is_needed(project: Project) -> None:
    """And an ``__init__.py``; those that are there have been loaded."""
    needs = project.needs(is_exact=False)

    assert Need(DATA, "__init__.py") in needs
    assert Need(DATA, "conftest.py") not in needs


def test_a_test_that_is_a_text_needs_its_bytes(project: Project) -> None:
    """A doctest, say."""
    own, _ = project.attribution.inexact(Observation(), project.place, is_code=False)

    assert own[Need(DATA, "test_a.py")] == project.tree.digest("test_a.py")


def test_tests_that_are_alike_get_the_same_objects(project: Project) -> None:
    """The store looks them up once; until something is loaded or read."""
    first = project.attribution.inexact(Observation(), project.place, is_code=True)
    again = project.attribution.inexact(Observation(), project.place, is_code=True)
    assert (first[0] is again[0], first[1] is again[1]) == (True, True)
    project.attribution.add_read("a.py", DATUM, b"1")

    assert project.attribution.inexact(Observation(), project.place, is_code=True)[0] is not first[0]


def test_a_fork_sends_a_number_for_what_was_prepared(project: Project) -> None:
    """And what it found out itself as it is."""
    project.attribution.prepare([project.place])
    _, shared = project.attribution.exact(Observation(), project.place, is_code=True, is_first=True)

    assert project.attribution.is_prepared
    assert project.attribution.shorten(shared) == 0
    assert project.attribution.spell_out(0) is shared
    assert project.attribution.spell_out(project.attribution.shorten({DATUM: b"1"})) == {DATUM: b"1"}


def test_reachable_files_have_the_names_of_code_objects(project: Project) -> None:
    """Absolute ones."""
    names = project.attribution.reachable_from(project.place)

    assert names == {project.tree.absolute(path) for path in ("test_a.py", "a.py", "common.py", "conftest.py")}

"""What happens in a run is divided among session, fixtures and tests: a story is invented, and no code watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected.input_files import InputFiles
from pytest_zygote.affected.loaded_files import LoadedFiles
from pytest_zygote.affected.recorder import Recorder
from pytest_zygote.core.affected.dependency import BODY, DATA, FILE, PROJECT, Need
from pytest_zygote.core.affected.fingerprints import owners
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from types import CodeType

    from pytest_zygote.affected.attribution import Place
    from pytest_zygote.affected.executions import Executions
    from pytest_zygote.affected.external_inputs import ExternalInputs

FILES = {
    "test_a.py": "import a\ndef test_a(): pass\n",
    "a.py": "def f(): pass\ndef g(): pass\n",
    "b.py": "def f(): pass\n",
}
DATUM = Need(DATA, "data.txt")


class FakeExecutions:
    """Code that has started, because the test says so.

    Attributes:
        started: since the last time.
        ignored: files whose code need not be reported, at the last restart.
    """

    def __init__(self, *, is_precise: bool) -> None:
        """Let nothing start yet."""
        self.knows_functions = self.knows_reads = is_precise
        self.started: list[CodeType] = []
        self.ignored: AbstractSet[str] = frozenset()

    def drain(self) -> list[CodeType]:
        """Return what started."""
        found, self.started = self.started, []
        return found

    def restart(self, known: AbstractSet[str] = frozenset()) -> None:
        """Note which files are ignored."""
        self.ignored = known

    def stop(self) -> None:
        """Do nothing."""


class FakeInputs:
    """What was read, because the test says so.

    Attributes:
        read: need → checksum and reader.
    """

    def __init__(self) -> None:
        """Read nothing yet."""
        self.read: dict[Need, tuple[bytes, str]] = {}
        self.files = InputFiles("/p", 0, lambda _: None)

    def watched(self) -> dict[object, object]:
        """Return no functions."""
        return {}

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def pause(self) -> bool:
        """Do nothing."""
        return True

    def resume(self, was_active: object) -> None:
        """Do nothing."""

    def is_quiet(self) -> bool:
        """Return whether nothing was read."""
        return not self.read

    def drain(self) -> dict[Need, tuple[bytes, str]]:
        """Return what was read."""
        found, self.read = self.read, {}
        return found


class Story:
    """A run of which the collection has ended.

    Attributes:
        recorder: of it.
        executions: what runs in it.
        place: of the tests in test_a.py.
    """

    def __init__(self, root: Path, *, is_precise: bool = True) -> None:
        """Load all files; test_a.py imports one of the others."""
        tree = tree_at(root)
        files = LoadedFiles(tree, lambda path: path.startswith(str(root)), 2**62)
        self.codes: dict[tuple[str, str], CodeType] = {}
        for name, text in FILES.items():
            (root / name).write_text(text)
            code = compile(text, str(root / name), "exec", dont_inherit=True)
            files.see(code, {"__name__": name[:-3]}, None)
            self.codes.update({(name, unit): inner for inner, unit in owners(code)})
        files.settle()
        files.unasked.clear()
        self.executions = FakeExecutions(is_precise=is_precise)
        self.inputs = FakeInputs()
        self.recorder = Recorder(
            tree,
            files,
            cast("ExternalInputs", self.inputs),
            tuple,
            lambda *_: cast("Executions", self.executions),
        )
        self.recorder.start()
        self.place: Place = (str(root / "test_a.py"), ())
        self.recorder.finish_collection([self.place[0]])

    def run(self, *units: tuple[str, str]) -> None:
        """Have functions run."""
        self.executions.started += [self.codes[unit] for unit in units]

    def test(self, *units: tuple[str, str]) -> tuple[bool, set[Need]]:
        """Run a test in which these functions run; return whether it is known exactly, and its needs."""
        self.recorder.begin_test(self.place)
        self.run(*units)
        is_exact, own, shared = self.recorder.end_test(self.place, is_code=True)
        return is_exact, {*own, *shared}


@pytest.fixture(name="story")
def _story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_the_first_test_is_known_by_functions(story: Story) -> None:
    """Nothing has run before it that could hide what it needs."""
    is_exact, needs = story.test(("a.py", "f"))

    assert is_exact
    assert {need for need in needs if need.kind == BODY} == {Need(BODY, "a.py", "f")}


def test_later_tests_are_known_by_files(story: Story) -> None:
    """And code of files that they need anyway is not reported."""
    story.test()
    is_exact, needs = story.test()

    assert not is_exact
    assert {need.path for need in needs if need.kind == FILE} == {"test_a.py", "a.py"}
    assert {path.rpartition("/")[2] for path in story.executions.ignored} == {"test_a.py", "a.py"}


def test_code_of_other_files_counts_where_it_ran(story: Story) -> None:
    """For that test alone."""
    story.test()
    needs = [story.test(("b.py", "f"))[1], story.test()[1]]

    assert [Need(FILE, "b.py") in found for found in needs] == [True, False]


def test_in_a_fork_what_earlier_tests_ran_counts_for_later_ones(story: Story) -> None:
    """They may have filled a cache; so all of them are known by functions."""
    story.recorder.begin_group()
    bodies = [
        {need.name for need in needs if need.kind == BODY}
        for is_exact, needs in (story.test(("a.py", "f")), story.test(("a.py", "g")))
        if is_exact
    ]

    assert bodies == [{"f"}, {"f", "g"}]


def test_what_a_wider_fixture_does_counts_for_all_that_follow(story: Story) -> None:
    """And for the test that had it set up."""
    story.recorder.begin_test(story.place)
    before = story.recorder.begin_fixture(story.place, is_of_place=False)
    story.run(("b.py", "f"))
    story.inputs.read[DATUM] = (b"1", "")
    story.recorder.end_fixture("fixture", before, is_known=True)
    _, own, shared = story.recorder.end_test(story.place, is_code=True)

    assert {DATUM, Need(BODY, "b.py", "f")} <= {*own, *shared}
    assert {DATUM, Need(FILE, "b.py")} <= story.test()[1]


def test_a_fixture_of_another_process_may_need_any_file(story: Story) -> None:
    """For all tests that follow."""
    before = story.recorder.begin_fixture(story.place, is_of_place=False)
    story.recorder.end_fixture("fixture", before, is_known=False)

    assert Need(PROJECT) in story.test()[1]


def test_what_was_read_counts_for_the_test_that_read_it(story: Story) -> None:
    """And, if code that others can reach has read it, for those."""
    story.recorder.begin_test(story.place)
    story.inputs.read[DATUM] = (b"1", "a.py")
    _, own, _ = story.recorder.end_test(story.place, is_code=True)

    assert own[DATUM] == b"1"
    assert DATUM in story.test()[1]


def test_what_a_test_declares_is_its_own(story: Story, tmp_path: Path) -> None:
    """With the checksum of now, though the run began with another: tests beside it do not depend on it."""
    (tmp_path / "data.txt").write_text("1")
    story.recorder.begin_test(story.place)
    story.recorder.declare([DATUM])
    _, own, _ = story.recorder.end_test(story.place, is_code=True)
    before = own[DATUM]
    (tmp_path / "data.txt").write_text("2")
    story.recorder.begin_test(story.place)
    story.recorder.declare([DATUM])
    _, own, _ = story.recorder.end_test(story.place, is_code=True)

    assert own[DATUM] not in {before, b""}
    assert DATUM not in story.test()[1]


def test_without_functions_no_test_is_exact(tmp_path: Path) -> None:
    """All loaded files count, but those of other tests."""
    story = Story(tmp_path, is_precise=False)

    is_exact, needs = story.test()

    assert not is_exact
    assert not (story.recorder.is_precise)
    assert not (story.recorder.knows_environ)
    assert {need.path for need in needs if need.kind == FILE} == {*FILES}


def test_what_the_collection_needed_is_known_by_itself(story: Story) -> None:
    """It is all that is needed to know that nothing changed."""
    assert {need.path for need in story.recorder.collected()} == {*FILES}

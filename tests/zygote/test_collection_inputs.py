"""What a session reads while it is collected."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
import time
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.files import WITH_HIDDEN, identity
from pytest_zygote.zygote.collection_inputs import TIME_ZONE, CollectionInputs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_zygote.core.protocol.layer_messages import Built


class Collection:
    """A collection that is watched, of code that stands in for test modules."""

    def __init__(self, *, has_descriptors: bool = False) -> None:
        """Begin it."""
        self.aborted: list[str] = []
        self.inputs = CollectionInputs(self.aborted.append, has_descriptors=has_descriptors)
        self._profiler = sys.getprofile()
        self.inputs.start()
        self.is_over = False

    def execute(self, text: str, **names: object) -> None:
        """Execute the code of a test module."""
        exec(compile(text, "test_it.py", "exec", dont_inherit=True), {"__name__": "test_it", **names})  # noqa: S102

    def end(self, *loaded: str, tests: int = 3) -> Built:
        """End it."""
        self.is_over = True
        built = self.inputs.stop(loaded, tests)
        sys.setprofile(self._profiler)
        return built


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Call no `gc.callbacks` while a collection is watched: those of hypothesis read the clock."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def collection() -> Iterator[Collection]:
    """Provide a collection."""
    made = Collection()
    yield made
    if not made.is_over:
        made.end()


def test_files_that_code_opens_are_inputs(collection: Collection, tmp_path: Path) -> None:
    """With the identity that they had; compiled files follow their sources."""
    data, compiled = tmp_path / "data.json", tmp_path / "app.pyc"
    for file in (data, compiled):
        file.write_text("{}")
    collection.execute("open(data).close(); open(compiled).close()", data=str(data), compiled=str(compiled))

    built = collection.end()

    assert built.files[str(data)] == identity(str(data))
    assert str(compiled) not in built.files
    assert built.files[TIME_ZONE] == identity(TIME_ZONE)
    assert (built.tests, built.rejected, built.environ) == (3, {}, {})


def test_hidden_entries_are_inputs_of_who_asks_for_them(tmp_path: Path, collection: Collection) -> None:
    """Unless the folder has changed since it was listed: nobody knows which of them were there.

    The folder is made before: to find a name for it, pytest lists the one above.
    """
    collection.execute("import os; os.listdir(folder); open(data).close()", folder=str(tmp_path), data=__file__)
    built = collection.end()

    whole = f"{tmp_path}{WITH_HIDDEN}"
    assert collection.inputs.with_hidden(built).files.keys() - built.files.keys() == {whole}
    assert collection.inputs.side_effect == ""
    (tmp_path / ".hidden").touch()
    os.utime(tmp_path, ns=(1, 1))
    collection.inputs.with_hidden(built)
    assert collection.inputs.side_effect == f"{tmp_path} changed while tests were collected"


def test_a_module_has_the_identity_from_before_it_was_read(collection: Collection, tmp_path: Path) -> None:
    """It may change while it is executed."""
    file = tmp_path / "test_it.py"
    file.write_text("x = 1")
    before = identity(str(file))
    collection.inputs.found(str(file))
    collection.inputs.found("")
    file.write_text("x = 1234")

    assert collection.end().files[str(file)] == before


def test_names_that_are_not_found_are_inputs(collection: Collection) -> None:
    """A module may come that has one of them."""
    collection.execute("try:\n    import never_there\nexcept ImportError:\n    pass")

    assert "never_there" in collection.end().missing


def test_a_module_that_is_only_looked_for_is_an_input(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go, as one that is not there may come."""
    (tmp_path / "only_looked_for.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    collection.execute("import importlib.util; importlib.util.find_spec('only_looked_for')")

    built = collection.end()
    assert str(tmp_path / "only_looked_for.py") in built.files
    assert "only_looked_for" in built.missing


def test_a_module_that_was_found_by_other_means_must_not_be_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has looked at it before it was read."""
    file = tmp_path / "late.py"
    file.write_text("x = 1")
    module = ModuleType("late")
    module.__spec__ = spec_from_file_location("late", file)
    monkeypatch.setitem(sys.modules, "late", module)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    collection = Collection()

    assert collection.end("late").files[str(file)] == identity(str(file))
    assert collection.inputs.side_effect == f"{file} changed while tests were collected"


def test_what_must_not_be_done_aborts_before_it_is_done(collection: Collection, tmp_path: Path) -> None:
    """The file that is opened to write was not made for the runs."""
    collection.execute("open(path, 'w').close()", path=str(tmp_path / "made"))

    assert len(collection.aborted) == 1
    assert "test_it" in collection.inputs.side_effect


def test_files_that_others_have_looked_at_are_not_pytests_alone(collection: Collection, tmp_path: Path) -> None:
    """A run that collects such a file again would not repeat what they did."""
    known, other = str(tmp_path / "known.py"), str(tmp_path / "other.py")
    (tmp_path / "known.py").write_text("")
    collection.execute("import os; os.stat(path)", path=known)
    collection.end()

    assert collection.inputs.only_pytests((known, other)) == (other,)


def test_a_run_draws_what_it_would_after_the_seed_of_collection(collection: Collection) -> None:
    """Its own first numbers are others: the process was forked."""
    state = random.getstate()
    try:
        collection.execute("import random; random.seed(1)")
        collection.end()
        restore = collection.inputs.restorer()
        expected = random.random()  # noqa: S311 - a test
        random.seed(2)
        restore()
        assert random.random() == expected  # noqa: S311 - a test
    finally:
        random.setstate(state)


def test_generators_that_nobody_has_seeded_stay_as_they_are(collection: Collection) -> None:
    """Each run has seeds of its own."""
    collection.end()
    restore = collection.inputs.restorer()
    before = random.getstate()

    restore()

    assert random.getstate() == before


def test_the_interpreter_is_as_it_was_afterwards() -> None:
    """Functions that record are replaced again."""
    before = (open, os.stat, [*sys.meta_path])
    Collection().end()

    assert (open, os.stat, [*sys.meta_path]) == before


@pytest.mark.parametrize(
    "code",
    [
        "open(777)",
        "open('/dev/fd/777')",
        "import os; os.stat(777)",
        "import os; os.stat('/proc/self/fd/777')",
        "fstat(777)",
    ],
)
def test_open_files_of_the_command_are_not_looked_at(code: str) -> None:
    """They are not those of the client who comes; a command that passes none on may ask for any."""
    said = []
    for has_descriptors in (True, False):
        made = Collection(has_descriptors=has_descriptors)
        with contextlib.suppress(OSError):
            made.execute(code, fstat=os.fstat)
        made.end()
        said.append(made.aborted)
    assert said == [["test_it asks for an open file that the command passes on while tests are collected"], []]

"""What imports ask of the process, and what is noted of it."""

from __future__ import annotations

import os
import sys
import time
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.interpreter.code_events import DISABLE
from pytest_zygote.adapters.interpreter.import_answers import FOLDER, LOADED, PATH, TERMINAL
from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.core.layers.import_effects import Asked
from pytest_zygote.zygote.import_questions import ImportQuestions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_zygote.adapters.interpreter.code_events import CodeStarts
    from pytest_zygote.core.layers.import_effects import Event


class FakeStarts:
    """Code starts when the test says so."""

    on_start: Callable[[CodeType, int], object]
    on_call: Callable[[CodeType, int, object, object], object]
    is_claimed = False

    def claim(
        self,
        on_start: Callable[[CodeType, int], object],
        on_call: Callable[[CodeType, int, object, object], object],
    ) -> bool:
        """Call this when code starts, and when it calls something."""
        self.on_start, self.on_call, self.is_claimed = on_start, on_call, True
        return True

    def release(self) -> None:
        """Call it no more."""
        self.is_claimed = False


class World:
    """The import of `app`, a module of the project.

    Attributes:
        unanswered: what no layer can answer.
    """

    def __init__(self, folder: Path) -> None:
        """Begin to import."""
        self.file = str(folder / "app.py")
        self.starts = FakeStarts()
        self.ledger = Ledger(lambda _path: ())
        self.ledger.stack[:] = ["app"]
        self.unanswered: list[str] = []
        starts = cast("CodeStarts", self.starts)
        self.questions = ImportQuestions(self.ledger, starts, self.unanswered.append)
        self.questions.start()

    def execute(self, text: str, file: str = "") -> object:
        """Return what is done about code when it starts, which code of the project has called."""
        code = compile(text, file or self.file, "exec", dont_inherit=True)
        scope = {"__name__": "app", "start": lambda: self.starts.on_start(code, 0)}
        exec(compile("result = start()", self.file, "exec", dont_inherit=True), scope)  # noqa: S102 - see above
        return scope["result"]

    @property
    def log(self) -> list[Event]:
        """What was noted of `app`."""
        return self.ledger.log.get("app", [])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Provide the import of a module."""
    module = ModuleType("app")
    module.__spec__ = spec_from_file_location("app", tmp_path / "app.py")
    monkeypatch.setitem(sys.modules, "app", module)
    return World(tmp_path)


def test_code_without_such_words_is_looked_at_once(world: World) -> None:
    """Nearly all code is: it must not cost anything a second time."""
    assert world.execute("x = 1") is DISABLE
    assert (world.log, world.unanswered) == ([], [])


def test_a_question_with_an_answer_is_noted_once(world: World) -> None:
    """With what this process answers; the run compares."""
    for _ in range(2):
        world.execute("sys.stdout.isatty()")

    (asked,) = world.log
    assert isinstance(asked, Asked)
    assert asked.what == TERMINAL


def test_what_the_import_path_is_is_noted(world: World) -> None:
    """A run that has another, since it has collected other folders, imports the module itself."""
    world.execute("import sys; sys.path[0]")

    assert world.log == [Asked(PATH, tuple(sys.path))]


def test_a_question_without_an_answer_is_left_to_runs(world: World) -> None:
    """Each run has arguments of its own."""
    world.execute("import sys; sys.argv")

    assert world.unanswered == ["reads the command line"]


def test_only_modules_that_are_not_loaded_are_asked_for(world: World) -> None:
    """One that is loaded here is admitted in the run before."""
    world.execute("'os' in sys.modules or 'never_there' in sys.modules")

    assert world.log == [Asked(f"{LOADED}never_there", seen=False)]


def test_the_working_directory_is_noted(world: World) -> None:
    """Whoever asks for it, code or a function of the interpreter."""
    world.questions.note_folder()

    assert world.log == [Asked(FOLDER, os.getcwd())]  # noqa: PTH109 - as `answer` does


def test_nothing_is_noted_while_no_module_is_executed(world: World) -> None:
    """The zygote itself asks much."""
    world.ledger.stack.clear()

    world.execute("sys.argv")
    world.questions.note_folder()

    assert (world.ledger.log, world.unanswered) == ({}, [])


def test_questions_of_packages_are_theirs(world: World) -> None:
    """Many read the arguments, and hardly any means those of a test run."""
    world.ledger.stack[:] = ["pytest"]

    world.execute("sys.argv")

    assert world.unanswered == []


def test_code_is_left_alone_afterwards(world: World) -> None:
    """Runs pay nothing."""
    world.questions.stop()

    assert not world.starts.is_claimed


@pytest.mark.parametrize(("name", "unanswered"), [("app", ["reads the clock"]), ("library", [])])
def test_what_each_run_must_do_itself(world: World, name: str, unanswered: list[str]) -> None:
    """If code of the project does it: of a library, any answer is one that a run could have had."""
    file = world.file if name == "app" else pytest.__file__
    calls = compile("result = on_call(None, 0, clock, None)", file, "exec", dont_inherit=True)
    scope = {"__name__": name, "on_call": world.starts.on_call, "clock": time.time}
    exec(calls, scope)  # noqa: S102 - see above
    assert scope["result"] is None
    assert world.unanswered == unanswered


def test_other_calls_are_heard_of_once(world: World) -> None:
    """They cost nothing from then on."""
    assert world.starts.on_call((lambda: 0).__code__, 0, len, []) is DISABLE


def test_a_folder_that_is_there_already_is_looked_for_and_not_made(world: World, tmp_path: Path) -> None:
    """``os.makedirs(…, exist_ok=True)`` in a module of settings: it must be there when a run imports the module."""
    found: list[object] = []
    world.questions.on_folder_found = lambda path, _frame: found.append(path)
    code = compile("call(there), call(missing)", world.file, "exec", dont_inherit=True)
    scope = {"__name__": "app", "call": lambda path: world.starts.on_call(code, 0, os.mkdir, path)}
    exec(code, scope | {"there": str(tmp_path), "missing": str(tmp_path / "missing")})  # noqa: S102 - our own code

    assert (found, world.unanswered) == ([str(tmp_path)], ["makes a folder"])

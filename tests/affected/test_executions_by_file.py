"""Which modules ran, where the interpreter reports no functions."""

from __future__ import annotations

import sys
import traceback
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.executions_by_file import FileExecutions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TEXT = "def look(path, default=0, *, strict=True):\n    return found(path, default, strict)\n"


class Modules:
    """The modules that were reported.

    Attributes:
        found: name of the code, name of the module.
        hooks: of audit events, which are never installed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Watch; code of files that begin with /srv is the project's."""
        self.found: list[tuple[str, object]] = []
        self.hooks: list[Callable[[str, tuple[object, ...]], None]] = []
        monkeypatch.setattr(sys, "addaudithook", self.hooks.append)
        self.executions = FileExecutions(lambda path: path.startswith("/srv/"), self._on_module)

    def _on_module(self, code: CodeType, namespace: Mapping[str, object], _frame: FrameType | None) -> None:
        self.found.append((code.co_filename, namespace.get("__name__")))


@pytest.fixture(name="modules")
def _modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    found = Modules(monkeypatch)
    yield found
    found.executions.stop()


def fail(frame: FrameType) -> None:
    """Fail."""
    _ = frame.f_lineno // 0


def function(text: str = TEXT) -> FunctionType:
    """Return a function of some library, which returns its arguments."""
    namespace: dict[str, object] = {"found": lambda *args: args}
    exec(compile(text, "/lib/library.py", "exec"), namespace)  # noqa: S102 - a function to be watched
    made = namespace["look"]
    assert isinstance(made, FunctionType)
    return made


def test_a_watched_function_reports_its_calls(modules: Modules) -> None:
    """With a frame in which its arguments have their names; it does what it did."""
    look, seen = function(), list[dict[str, object]]()
    modules.executions.start({look: lambda frame: seen.append(dict(frame.f_locals))})

    assert look("a", strict=False) == ("a", 0, False)
    assert look("b", 1) == ("b", 1, True)
    assert seen == [{"path": "a", "default": 0, "strict": False}, {"path": "b", "default": 1, "strict": True}]


def test_it_is_as_it_was_afterwards(modules: Modules) -> None:
    """And reports nothing."""
    look, seen = function(), list[FrameType]()
    code = look.__code__
    modules.executions.start({look: seen.append})
    modules.executions.stop()

    assert look("a") == ("a", 0, True)
    assert look.__code__ is code
    assert seen == []
    assert not modules.executions.knows_reads


def test_an_error_of_ours_does_not_reach_the_caller(modules: Modules) -> None:
    """Whatever it is."""
    look = function()
    modules.executions.start({look: fail})

    assert look("a") == ("a", 0, True)


def test_a_traceback_shows_files_of_the_library_alone(modules: Modules) -> None:
    """One frame more, of the same file."""
    look = function("def look(path):\n    return 1 // 0\n")
    modules.executions.start({look: lambda _: None})

    with pytest.raises(ZeroDivisionError) as caught:
        look("a")
    assert {frame.filename for frame in traceback.extract_tb(caught.tb)} == {__file__, "/lib/library.py"}


@pytest.mark.parametrize(
    ("event", "filename", "name", "is_reported"),
    [
        ("exec", "/srv/app.py", "<module>", True),
        ("exec", "/lib/library.py", "<module>", False),
        ("exec", "/srv/app.py", "function", False),
        ("compile", "/srv/app.py", "<module>", False),
    ],
)
def test_modules_of_the_project_are_reported_before_they_run(
    modules: Modules, event: str, filename: str, name: str, *, is_reported: bool
) -> None:
    """By the audit event of their code."""
    modules.executions.start({})
    code = compile("", filename, "exec").replace(co_name=name)

    modules.hooks[0](event, (code,))

    assert modules.found == ([(filename, None)] if is_reported else [])


def test_the_module_is_that_of_the_loader(modules: Modules) -> None:
    """Of importlib, by the arguments of its call; of pytest, by its name."""
    modules.executions.start({})
    code = compile("", "/srv/app.py", "exec")

    def of_importlib(*args: object) -> None:
        modules.hooks[0]("exec", (args[0],))

    def of_pytest(module: object) -> None:
        modules.hooks[0]("exec", (code,))
        assert module is pytest

    of_importlib(code, {"__name__": "app"})
    of_pytest(pytest)

    assert modules.found == [("/srv/app.py", "app"), ("/srv/app.py", "pytest")]


def test_functions_are_not_reported(modules: Modules) -> None:
    """Files count as a whole."""
    modules.executions.start({})
    modules.executions.restart()

    assert (modules.executions.drain(), modules.executions.knows_functions) == ([], False)

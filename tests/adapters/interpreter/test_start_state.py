"""What prepared an interpreter before pytest began."""

from __future__ import annotations

import builtins
import functools
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from pytest_zygote.adapters.interpreter import start_state
from pytest_zygote.core.layers.client_fit import flags_difference

state = start_state.start_state


class Hostile:
    """An object that nobody may ask anything."""

    def __getattribute__(self, name: str) -> object:
        """Raise."""
        raise AssertionError(name)

    def __eq__(self, other: object) -> bool:
        """Raise."""
        raise AssertionError(other)

    __hash__ = None  # type: ignore[assignment]


def state_with(monkeypatch: pytest.MonkeyPatch, modules: dict[str, ModuleType]) -> tuple[str, ...]:
    """Return the state where these are all modules; at the end of a test, pytest 8 needs its own."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "modules", modules)
        return state()


def test_a_builtin_that_a_launcher_put_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``kernprof`` does with ``profile``."""
    before = state()
    monkeypatch.setattr(builtins, "profile", lambda function: function, raising=False)

    assert {*state()} - {*before} == {"builtin profile"}


def test_a_hostile_builtin_is_named_and_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its type is looked at."""
    monkeypatch.setitem(vars(builtins), "placeholder", Hostile())

    assert "builtin placeholder" in state()


def test_a_replaced_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """``builtins.__import__`` of a lazy importer."""
    monkeypatch.setattr(builtins, "__import__", functools.partial(builtins.__import__))

    assert "builtin __import__" in state()


def test_an_import_hook_is_named_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance and a class, as finders are."""

    class Finder:
        find_spec = None

    before = state()
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    assert {*state()} - {*before} == {f"import hook {__name__}.Finder"}


def test_an_exception_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash reporter's."""
    monkeypatch.setattr(sys, "excepthook", print)

    assert "sys.excepthook" in state()


def test_modules_before_pytest_count_and_those_after_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Early plugins (``-p``) are imported by pytest itself, and again in the run."""
    modules = {"sys": sys, "gevent": sys, "gevent.monkey": sys, "_pytest.pastebin": sys, "an_early_plugin": sys}

    assert [name for name in state_with(monkeypatch, modules) if name.startswith("module ")] == ["module gevent"]


def test_runners_of_editors_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyCharm's and VS Code's load helpers before they call pytest."""
    modules = {"_jb_runner_tools": sys, "teamcity.common": sys, "_pytest.pastebin": sys}

    assert not [name for name in state_with(monkeypatch, modules) if name.startswith("module ")]


def test_a_debugger_that_follows_the_run_hides_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads and replaces so much that nothing can be told apart."""
    monkeypatch.setitem(vars(builtins), "runfile", Hostile())

    assert state_with(monkeypatch, {"pydevd": sys, "django": sys, "_pytest.pastebin": sys}) == ("debugger",)


def test_patches_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that replaces functions of the standard library with its own, and calls `pytest.main`."""
    monkeypatch.setattr(start_state, "is_pytest", lambda: False)
    main = sys.modules["__main__"]
    exec("def getcwd(): return '/'", vars(main))  # noqa: S102 - a function of the program
    try:
        monkeypatch.setattr("shlex.quote", vars(main)["getcwd"])

        assert start_state.patched_by_program() == ("shlex.quote",)
    finally:
        del vars(main)["getcwd"]


def test_where_pytest_is_the_program_nobody_has_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search would cost each run some milliseconds."""
    monkeypatch.setitem(sys.modules, "__main__", main_module("pytest.__main__", "pytest/__main__.py"))

    assert start_state.patched_by_program() == ()


def main_module(name: str, file: str) -> ModuleType:
    """Return a `__main__`: of ``python -m NAME``, or of a script if there is no name."""
    module = ModuleType("__main__")
    module.__file__ = file
    module.__spec__ = ModuleSpec(name, None) if name else None
    return module


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("pytest.__main__", "/site/pytest/__main__.py", True),
        ("pytest_zygote.__main__", "/site/pytest_zygote/__main__.py", True),
        ("", "/bin/pytest", True),
        ("", "/bin/pz", True),
        ("", "/home/tests/__main__.py", False),
        ("tests.__main__", "/home/tests/__main__.py", False),
        ("runner", "/bin/pytest", False),
        ("", "run_tests.py", False),
    ],
)
def test_who_is_the_program(monkeypatch: pytest.MonkeyPatch, name: str, file: str, *, expected: bool) -> None:
    """A package with a ``__main__`` of its own is a program that calls pytest, and may go on afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", main_module(name, file))

    assert start_state.is_pytest() is expected


def test_modules_that_building_python_has_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand beside the standard library, are no part of its list of names, and count as it does."""
    before = state()
    for name, folder in (("_zy_built", Path(os.__file__).parent), ("_zy_other", "/somewhere")):
        module = ModuleType(name)
        module.__file__ = f"{folder}/{name}.py"
        monkeypatch.setattr(sys, "modules", {name: module, **sys.modules})

    assert {*state()} - {*before} == {"module _zy_other"}


@pytest.mark.skipif(sys.version_info < (3, 15), reason="imports are never lazy")
def test_which_imports_are_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose imports are lazy where those of the daemon are not is cold."""
    daemon = start_state.interpreter_flags()
    monkeypatch.setattr(sys, "get_lazy_imports", lambda: "all")
    reason = flags_difference(start_state.interpreter_flags(), daemon)

    assert reason is not None
    assert reason.code == "python-flags"
    assert "lazy_imports=all, not normal (set by PYTHON_LAZY_IMPORTS or -X lazy_imports)" in reason.text

"""Warnings of imports: whose they are, and how they are given again."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.core.layers.import_effects import Compiled, Warned
from pytest_zygote.zygote.import_warnings import SETUP, ImportWarnings, attributed, is_of_settings

if TYPE_CHECKING:
    from types import FrameType

    import pytest


def import_early() -> None:
    """Stand for the code that begins imports."""


IMPORTER = import_early.__code__


def stack(*places: str | None) -> list[FrameType]:
    """Return frames of these files, the innermost first; None is the importer's."""
    return [cast("FrameType", frame(place)) for place in places]


def frame(place: str | None, name: str = "", function: str = "") -> SimpleNamespace:
    """Return a frame of a file, or of a function in a module."""
    code = IMPORTER if place is None else SimpleNamespace(co_filename=place, co_name=function)
    return SimpleNamespace(f_code=code, f_globals={"__name__": name or f"module of {place}"})


def test_a_warning_of_imported_code_is_inside() -> None:
    """It will be given again when that module is imported."""
    frames = stack("a.py", "importlib.py", "b.py", None, "main.py")

    assert attributed("b.py", frames, IMPORTER) == ("module of b.py", -1)


def test_a_warning_may_name_who_imports() -> None:
    """Counted in frames outwards from the import, without those of importlib."""
    frames = stack("a.py", None, "build.py", "importlib/_bootstrap.py", "main.py")

    assert attributed("main.py", frames, IMPORTER) == ("module of main.py", 2)


def test_a_warning_may_name_no_code_that_runs() -> None:
    """A file that is not on the stack belongs to no module."""
    assert attributed("data.txt", stack("a.py", None, "main.py"), IMPORTER) == ("", -1)


def message(filename: str) -> warnings.WarningMessage:
    """Return a warning that names a file."""
    return warnings.WarningMessage("text", UserWarning, filename, 1)


def test_the_compilers_warning_is_noted_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its compiled file must go, so that a run compiles it again and warns."""
    module = ModuleType("app")
    loader = SimpleNamespace(get_code=None, path="/project/app.py")
    monkeypatch.setattr(module, "__loader__", loader)
    monkeypatch.setitem(sys.modules, "app", module)
    ledger = Ledger(lambda _: ())
    ledger.stack.append("app")
    recorder = ImportWarnings(ledger, IMPORTER)

    recorder.note(message("/project/app.py"))

    assert ledger.log["app"] == [Compiled("app")]
    assert recorder.bytecode == ["/project/app.py"]


def test_a_modules_own_warning_is_noted() -> None:
    """With what is needed to give it again."""
    ledger = Ledger(lambda _: ())
    ledger.stack.append("app")
    recorder = ImportWarnings(ledger, IMPORTER)
    warning = message("/project/app.py")

    recorder.note(warning)

    assert ledger.log["app"] == [Warned(warning, "", -1)]
    assert recorder.bytecode == []


def test_who_loads_djangos_apps_in_a_layer_stands_for_who_does_in_a_run() -> None:
    """What ``ready`` warns of may name the caller of ``django.setup``."""
    frames = [
        cast("FrameType", one)
        for one in (frame("shop.py"), frame("ours.py", SETUP), frame("ours.py"), *stack("importlib.py", None))
    ]

    assert attributed("shop.py", frames, IMPORTER) == ("module of shop.py", -1)
    assert attributed("ours.py", frames, IMPORTER) == (SETUP, 0)
    assert attributed("importlib.py", frames, IMPORTER) == ("module of importlib.py", 2)


def test_a_warning_of_djangos_settings_is_of_the_innermost_import() -> None:
    """What a settings module itself warns of belongs to that module, which others may import too."""
    reading = cast("FrameType", frame("conf.py", "django.conf", "_setup"))

    assert is_of_settings([reading, *stack("shop.py", None)], IMPORTER)
    assert not is_of_settings([*stack("config.py", None), reading, *stack("shop.py", None)], IMPORTER)
    assert not is_of_settings(stack("shop.py", None), IMPORTER)

"""A layer's ledger sees what its modules import, whoever loaded that before."""

from __future__ import annotations

import builtins
import importlib
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.system import files
from pytest_zygote.core.layers.import_effects import Imported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULES = {
    "low/__init__.py": "",
    "low/deep.py": "VALUE = 1\n",
    "high.py": "",
    "shared/__init__.py": "",
    "shared/low.py": "",
    "shared/high.py": "",
}

STATEMENTS = {
    "import low": {"low"},
    "import low.deep": {"low.deep"},
    "import low.deep as other": {"low.deep"},
    "from low import deep": {"low", "low.deep"},
    "from low.deep import VALUE": {"low.deep"},
    "import importlib; importlib.import_module('low.deep')": {"low.deep"},
    "__import__('low.deep')": {"low.deep"},
    "try:\n    import absent\nexcept ImportError:\n    import low": {"low"},
}

RELATIVE = {
    "from . import low": {"shared.low"},
    "from .low import __name__ as name": {"shared.low"},
}


OWN_IMPORT = """\
import builtins
plain = builtins.__import__
builtins.__import__ = lambda *args, **named: plain(*args, **named)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of modules that can be imported, and forget these modules afterwards."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def layer(ledger: Ledger, *names: str, has_native: bool = False) -> None:
    """Import modules as a layer does."""
    ledger.start_observing(has_native=has_native)
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        ledger.stop_observing(names)


def imported(ledger: Ledger, name: str) -> set[str]:
    """Return what a module's log says that it imported of the layer below."""
    names = {event.name for event in ledger.log.get(name, ()) if isinstance(event, Imported)}
    return {other for other in names if other.startswith(("low", "shared."))}


@pytest.mark.parametrize("has_native", [False, True])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_way_to_import_what_the_layer_below_holds_is_seen(
    folder: Path, statement: str, *, has_native: bool
) -> None:
    """By the statement itself, or by the marks of all modules where compiled modules import."""
    (folder / "high.py").write_text(statement, encoding="utf-8")
    ledger = Ledger(files.identity)
    layer(ledger, "low.deep")
    layer(ledger, "high", has_native=has_native)

    assert STATEMENTS[statement] <= imported(ledger, "high")


@pytest.mark.parametrize("statement", RELATIVE)
def test_relative_imports_are_resolved(folder: Path, statement: str) -> None:
    """A package may be in two layers: a namespace of which some modules are installed."""
    (folder / "shared" / "high.py").write_text(statement, encoding="utf-8")
    ledger = Ledger(files.identity)
    layer(ledger, "shared.low")
    layer(ledger, "shared.high")

    assert RELATIVE[statement] <= imported(ledger, "shared.high")


def test_each_layer_tells_its_own_files_and_times(folder: Path) -> None:
    """The daemon has those of the layer below already."""
    ledger = Ledger(files.identity)
    layer(ledger, "low.deep")
    assert set(ledger.duration_s) == {"low", "low.deep"}
    layer(ledger, "high")

    assert set(ledger.files) == {str(folder / "high.py")}
    assert set(ledger.duration_s) == {"high"}


def test_a_module_in_an_archive_is_read_from_that(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in its file for a path is no file."""
    archive = folder / "modules.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed.py", "VALUE = 1\n")
    monkeypatch.syspath_prepend(archive)
    ledger = Ledger(files.identity)
    layer(ledger, "packed")
    assert ledger.files == {str(archive): files.identity(str(archive))}


def test_afterwards_the_import_system_is_as_before(folder: Path) -> None:
    """Also when a module has put an import function of its own in place."""
    plain = builtins.__import__
    ledger = Ledger(files.identity)
    layer(ledger, "low")
    layer(ledger, "high")
    assert builtins.__import__ is plain

    (folder / "shared" / "high.py").write_text(OWN_IMPORT, encoding="utf-8")
    try:
        layer(ledger, "shared.high")
        assert builtins.__import__ is not plain
        before = list(ledger.log.get("shared.high", ()))
        assert importlib.import_module("low.deep").__name__ == "low.deep"
        assert ledger.log.get("shared.high", []) == before
    finally:
        builtins.__import__ = plain


def test_warnings_are_blamed_on_the_importing_line(folder: Path) -> None:
    """Watching adds a frame, which ``stacklevel`` passes over as it does those of the import system."""
    (folder / "low" / "deep.py").write_text("import warnings\nwarnings.warn('old', stacklevel=2)\n", encoding="utf-8")
    (folder / "high.py").write_text("\nimport low.deep\n", encoding="utf-8")
    ledger = Ledger(files.identity)
    layer(ledger, "low")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer(ledger, "high")

    assert [(warning.filename, warning.lineno) for warning in caught] == [(str(folder / "high.py"), 2)]

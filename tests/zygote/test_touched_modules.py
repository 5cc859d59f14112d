"""Which modules change what others hold."""

from __future__ import annotations

import sys
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.core.layers.import_effects import Became, Imported
from pytest_zygote.zygote.touched_modules import TouchedModules

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_who_imports_a_module_may_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is undone for runs that do not import it does not count."""
    registry = ModuleType("registry")
    registry.names = [[]]  # type: ignore[attr-defined]  # any attribute
    monkeypatch.setitem(sys.modules, "registry", registry)
    ledger = Ledger(lambda _path: ())
    modules = TouchedModules(ledger, lambda name: name != "library")
    modules.on_loaded("registry")

    for name in ("silent", "writes", "registers", "library"):
        ledger.log[name] = [Imported("registry")]
    modules.on_loaded("silent")
    registry.names = [[]]  # type: ignore[attr-defined]  # see above
    ledger.log["writes"].append(Became("attribute of registry.names", ("registry", "names", registry.names)))
    modules.on_loaded("writes")
    registry.names[0].append("x")
    modules.on_loaded("library")
    modules.on_loaded("registers")

    assert ledger.touched == {"registry": {"registers"}}


def test_who_derives_classes_changes_what_is_found_by_subclasses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only where some code of the project asks for subclasses, whichever module was imported first."""
    ledger = Ledger(lambda _path: ())
    modules = TouchedModules(ledger, lambda name: name in ("base", "derived", "finds"))
    for name, text in {
        "base": "class Plugin: pass\nclass Inner(Plugin): pass\n",
        "derived": "import base\nclass Mine(base.Inner, dict): pass\n",
        "finds": "import base\ndef find(): return base.Plugin.__subclasses__()\n",
    }.items():
        file = tmp_path / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        made = ModuleType(name)
        made.__spec__ = spec_from_file_location(name, file)
        monkeypatch.setitem(sys.modules, name, made)
        exec(text, vars(made))  # noqa: S102 - what an import does
        assert not ledger.touched
        modules.on_loaded(name)

    assert ledger.touched == {"base": {"derived"}}

"""Statements that an edit added are executed in the live module."""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import cast

import pytest

from pytest_zygote.adapters.patching.apply_additions import make
from pytest_zygote.core.patching.additions import Added
from pytest_zygote.core.patching.errors import NotPatchable


def added(statement: str, name: str) -> Added:
    """Return a statement as an addition to a module."""
    node = cast("ast.Import", ast.parse(statement).body[0])
    return Added((), name, node, None, None, frozenset(), frozenset())


def test_what_a_statement_makes_is_returned() -> None:
    """Its name is bound later, when all statements have been executed."""
    module = ModuleType("app")

    assert make(module, "app.py", added("import ast", "ast")) is ast
    assert "ast" not in vars(module)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("from ast import there_is_none", "app.py: line 1 fails: ImportError: cannot import name 'there_is_none'"),
        ("import antigravity_of_nobody", "app.py: line 1 fails: ModuleNotFoundError: No module"),
        ("import this", "app.py: line 1 imports more than is loaded"),
    ],
)
def test_a_statement_that_cannot_be_executed_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], statement: str, text: str
) -> None:
    """A module that is not loaded yet would be nobody's."""
    monkeypatch.setitem(sys.modules, "this", ModuleType("this"))  # so that tests after this one find it not loaded, too
    del sys.modules["this"]
    with pytest.raises(NotPatchable) as raised:
        make(ModuleType("app"), "app.py", added(statement, "name"))
    capsys.readouterr()
    reason = raised.value.reason_for("app.py")

    assert reason.code == "addition-fails"
    assert reason.text.startswith(text)

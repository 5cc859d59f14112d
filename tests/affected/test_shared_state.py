"""What tests keep in their own files for the tests after them."""

from __future__ import annotations

import builtins
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.affected.shared_state import SharedState


def item(module: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> pytest.Item:
    """Return a test of a file that has this module."""
    monkeypatch.setattr(configuration, "conftest_modules", lambda _config, _path: [])
    parent = SimpleNamespace(obj=module)
    return cast("pytest.Item", SimpleNamespace(path="/p/it", config=None, getparent=lambda _kind: parent))


def test_what_a_list_of_the_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item more is a trace."""
    module = ModuleType("test_it")
    module.__dict__["known"] = []
    state, test = SharedState(), item(module, monkeypatch)
    before = state.of(test)
    assert state.of(test) == before
    module.__dict__["known"].append(1)
    assert state.of(test) != before


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['LEFT'] = '1'",
        "os.chdir('..')",
        "sys.path.append('/left')",
        "builtins.left = 1",
    ],
)
def test_what_a_test_leaves_in_the_process(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests after it find it; which test runs is no trace."""
    state, test = SharedState(), item(None, monkeypatch)
    for key in ("LEFT", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.chdir(".")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(builtins, "left", 1, raising=False)
    monkeypatch.delattr(builtins, "left")
    before = state.of(test)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test (call)")
    assert state.of(test) == before
    exec(code, {"os": os, "sys": sys, "builtins": builtins})  # noqa: S102 - a line of a test
    assert state.of(test) != before


def test_a_text_with_doctests_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a file without a module."""
    state, test = SharedState(), item(None, monkeypatch)
    assert state.of(test) == state.of(test)

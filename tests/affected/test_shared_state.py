"""What tests keep in their own files for the tests after them."""

from __future__ import annotations

import builtins
import decimal
import logging
import os
import random
import signal
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
    ("code", "undo"),
    [
        ("os.environ['LEFT'] = '1'", "del os.environ['LEFT']"),
        ("os.chdir('..')", "pass"),
        ("sys.path.append('/left')", "sys.path.pop()"),
        ("builtins.left = 1", "del builtins.left"),
        ("random.seed(7)", "random.seed()"),
        ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "signal.signal(signal.SIGUSR1, signal.SIG_DFL)"),
        ("logging.getLogger('left').setLevel(10)", "del logging.root.manager.loggerDict['left']"),
        ("decimal.setcontext(decimal.Context(prec=5))", "decimal.setcontext(decimal.Context())"),
        ("mask = os.umask(0o707)", "os.umask(mask)"),
    ],
)
def test_what_a_test_leaves_in_the_process(code: str, undo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests after it find it; which test runs is no trace."""
    state, test = SharedState(), item(None, monkeypatch)
    names = {module.__name__: module for module in (builtins, decimal, logging, os, random, signal, sys)}
    for key in ("LEFT", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.chdir(".")
    before = state.of(test)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test (call)")
    assert state.of(test) == before
    exec(code, names)  # noqa: S102 - a line of a test
    after = state.of(test)
    exec(undo, names)  # noqa: S102 - see above
    assert after != before


def test_drawing_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a seed, nobody knows which numbers come next."""
    state, test = SharedState(), item(None, monkeypatch)
    before = state.of(test)
    for _ in range(1_000):
        random.random()  # noqa: S311 - nothing is kept secret
    assert state.of(test) == before


def test_a_text_with_doctests_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a file without a module."""
    state, test = SharedState(), item(None, monkeypatch)
    assert state.of(test) == state.of(test)

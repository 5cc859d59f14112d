"""What tests keep in their own files for the tests after them."""

from __future__ import annotations

import builtins
import decimal
import logging
import os
import random
import signal
import sys
import weakref
from collections import deque
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.adapters.interpreter import process_kinds
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


def test_what_seldom_changes_is_read_once_it_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the state of a generator takes longer than all else; a fork has another one from the beginning."""
    changed: set[str] = set()
    state, test = SharedState(lambda: changed), item(None, monkeypatch)
    before = state.of(test)
    random.seed(7)
    assert state.of(test) == before
    changed.add(process_kinds.RANDOM)
    random.seed(8)
    assert state.of(test) != before


@pytest.mark.parametrize(
    "change",
    [
        "values['key'] = 2",
        "values['new'] = 2",
        "queue.append(1)",
        "tuples[0].append(1)",
        "Counter.numbers.append(1)",
        "Counter.new = 1",
        "counter.count = 1",
        "counter.parts[0].parts = []",
        "number = 7_000",
        "function = lambda: 1",
    ],
)
def test_what_a_file_holds_at_any_depth(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers, and what the file defines: classes and objects of these."""
    kind = type("Counter", (), {"__module__": "test_it", "numbers": []})
    counter, part = kind(), kind()
    vars(counter).update(count=0, parts=[part])
    names = {"values": {"key": 1}, "queue": deque[int](), "tuples": ([],), "Counter": kind, "counter": counter}
    module = ModuleType("test_it")
    vars(module).update(names, number=6_000, function=len)
    state, test = SharedState(lambda: ()), item(module, monkeypatch)
    before = state.of(test)
    assert state.of(test) == before
    exec(change, vars(module))  # noqa: S102 - a line of a test
    assert state.of(test) != before


def test_a_number_is_told_from_the_next_one_that_gets_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that one has had is given to another."""
    module = ModuleType("test_it")
    vars(module)["count"] = 1_000
    state, test = SharedState(lambda: ()), item(module, monkeypatch)
    seen = {state.of(test)}
    for _ in range(9):
        exec("count += 1; count += 1", vars(module))  # noqa: S102 - a line of a test
        seen.add(state.of(test))
    assert len(seen) == 10


def test_equal_values_are_no_change_and_nothing_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may look whether an object is gone."""
    module = ModuleType("test_it")
    known = ModuleType("known")
    vars(module).update(number=1_000, held=[known], __warningregistry__={})
    state, test = SharedState(lambda: ()), item(module, monkeypatch)
    before, is_gone = state.of(test), weakref.ref(known)
    vars(module).update(number=int("1000"), __warningregistry__={"seen": 1})
    assert state.of(test) == before
    del vars(module)["held"], known
    assert is_gone() is None
    assert state.of(test) != before

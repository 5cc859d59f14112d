"""Each thing that is relied on without a public name is looked for, and what it serves goes with it."""

from __future__ import annotations

import atexit
import builtins
import ctypes
import importlib._bootstrap as bootstrap
import os
import random
import sys
import threading
import tokenize
import warnings
import weakref
from multiprocessing import process as multiprocessing_process
from types import FunctionType
from typing import TYPE_CHECKING

import pytest
from _pytest import fixtures, runner, terminal
from _pytest._io import TerminalWriter
from _pytest.assertion.rewrite import AssertionRewritingHook
from _pytest.capture import CaptureManager
from _pytest.config.argparsing import OptionGroup
from pluggy import HookCaller

from pytest_zygote.adapters import self_checks
from pytest_zygote.adapters.interpreter.private import checks, dictionaries, importing
from pytest_zygote.adapters.pytest.private import assertion, plain
from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Break = Callable[[pytest.MonkeyPatch], None]


def _without(owner: object, name: str) -> Break:
    return lambda monkeypatch: monkeypatch.delattr(owner, name)


def _with_other(owner: object, name: str) -> Break:
    """Have a function of other parameters, and with another body, in the place of one."""

    def other(*, unknown: object) -> None:
        del unknown

    return lambda monkeypatch: monkeypatch.setattr(owner, name, other)


SUBTESTS = sys.modules.get("_pytest.subtests")
"""From pytest 9 on."""

LOADER = vars(bootstrap)["_find_and_load_unlocked"]


def _elsewhere(function: FunctionType) -> FunctionType:
    """Return the same function, of another file."""
    return FunctionType(function.__code__.replace(co_filename="other.py"), function.__globals__)


class Deaf(dictionaries.DictionaryVersions):
    """A watch that is told of no change."""

    def changes(self) -> dictionaries.Changes:
        """Return none."""
        return {}


BREAKS: dict[str, tuple[Feature, Break]] = {
    "_lock_unlock_module": (Feature.LAYERS, _with_other(bootstrap, "_lock_unlock_module")),
    "_handle_fromlist": (Feature.LAYERS, _with_other(bootstrap, "_handle_fromlist")),
    "_load_unlocked": (Feature.LAYERS, _with_other(bootstrap, "_load_unlocked")),
    "_find_spec": (Feature.LAYERS, _with_other(bootstrap, "_find_spec")),
    "_find_and_load": (Feature.LAYERS, _with_other(bootstrap, "_find_and_load")),
    "frames of": (Feature.LAYERS, lambda patch: patch.setattr(bootstrap, LOADER.__name__, _elsewhere(LOADER))),
    "os._Environ": (Feature.LAYERS, lambda monkeypatch: monkeypatch.setattr(os, "environ", {})),
    "tokenize._builtin_open": (Feature.LAYERS, _without(tokenize, "_builtin_open")),
    "PyDict_Watch": (
        Feature.LAYERS,
        lambda monkeypatch: monkeypatch.setattr(dictionaries, "new_watch", Deaf),
    ),
    "_showwarnmsg_impl": (Feature.LAYERS, _with_other(warnings, "_showwarnmsg")),
    "atexit._run_exitfuncs": (Feature.LAYERS, _without(atexit, "_run_exitfuncs")),
    "threading._shutdown": (Feature.LAYERS, _without(threading, "_shutdown")),
    "weakref.finalize": (Feature.LAYERS, _without(weakref.finalize, "_registry")),
    "install_importhook": (Feature.LAYERS, _with_other(assertion, "install_importhook")),
    "rewrite_asserts": (Feature.PATCHES, _with_other(assertion, "rewrite_asserts")),
    "random._inst": (
        Feature.SESSIONS,
        lambda monkeypatch: monkeypatch.setattr(random, "random", random.Random(1).random),  # noqa: S311 - another one
    ),
    "_arg2node2fixturedefs": (Feature.SESSIONS, _with_other(fixtures.FixtureManager, "__init__")),
    "_session_start": (Feature.SESSIONS, _with_other(terminal.TerminalReporter, "__init__")),
    "REPORT_COLLECTING": (Feature.SESSIONS, _without(terminal, "REPORT_COLLECTING_RESOLUTION")),
    "_collection_cache": (Feature.SESSIONS, _with_other(pytest.Session, "__init__")),
    "_cachedir": (Feature.SESSIONS, lambda monkeypatch: monkeypatch.setattr(pytest.Cache, "__annotations__", {})),
    "_children": (Feature.WORKERS, _without(multiprocessing_process, "_children")),
    "_fixtureinfo": (Feature.WORKERS, _with_other(pytest.Function, "__init__")),
    "_fixturemanager": (Feature.WORKERS, _with_other(fixtures.FixtureManager, "getfixturedefs")),
    "_pyfuncitem": (Feature.WORKERS, _with_other(fixtures.FixtureRequest, "_get_active_fixturedef")),
    "_finalizers": (Feature.WORKERS, _with_other(pytest.FixtureDef, "__init__")),
    "_setupstate": (Feature.WORKERS, _with_other(runner.SetupState, "teardown_exact")),
    **({"SubtestReport": (Feature.WORKERS, _without(SUBTESTS, "SubtestReport"))} if SUBTESTS else {}),
    "_remove_plugin": (Feature.WORKERS, _with_other(HookCaller, "_remove_plugin")),
    "_addoption": (Feature.WORKERS, _without(OptionGroup, "_addoption")),
    "_basetemp": (Feature.WORKERS, _with_other(pytest.TempPathFactory, "__init__")),
    "_cleanup_stack": (Feature.WORKERS, _with_other(pytest.Config, "__init__")),
    "_global_capturing": (Feature.WORKERS, _with_other(CaptureManager, "__init__")),
    "TerminalWriter._file": (Feature.WORKERS, _with_other(TerminalWriter, "__init__")),
    "runtestprotocol": (Feature.ISOLATION, _with_other(runner, "runtestprotocol")),
    "_getconftestmodules": (Feature.ISOLATION, _with_other(pytest.PytestPluginManager, "_getconftestmodules")),
    "_inner_hookexec": (Feature.WORKERS, lambda patch: patch.setattr(HookCaller, "__slots__", ())),
    "__pytest_wrapped__": (Feature.WORKERS, _with_other(plain, "function_of")),
    "_mark_plugins_for_rewrite": (Feature.NOTHING, _with_other(pytest.Config, "_mark_plugins_for_rewrite")),
    "_must_rewrite": (Feature.NOTHING, _with_other(AssertionRewritingHook, "__init__")),
    "_set_native_id": (Feature.LAYERS, _without(threading.Thread, "_set_native_id")),
    "instructions of": (Feature.PATCHES, lambda patch: patch.setattr(checks, "why_unknown", lambda: "not known")),
    "Thread._target": (Feature.NOTHING, _with_other(threading.Thread, "__init__")),
}
"""A part of the name of something relied on → the feature that goes with it, and how it can go."""

ALWAYS = (
    "atexit._clear",
    "get_data of importlib",
    "PyCodeObject.co_warmup",
    "sys._getframe",
    "type.__dict__",
    "ctypes._dlopen",
    "Skipped._use_item_location",
    "_signal, _socket",
    "_process_counter",
    "_args_from_interpreter_flags",
    "_console_main",
    "_unrecognized_args",
    "_configure_python_path",
    "catch_warnings_for_item",
    "TestCaseFunction",
    "_arg2scope",
    "CovPlugin",
    *(() if SUBTESTS else ("SubtestReport",)),
)
"""What is bound when its room is imported, which fails without it, and what the caller does without at each use."""


def _internal(part: str) -> Internal:
    (found,) = [one for one in self_checks.internals() if part in one.name]
    return found


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Let no answer of one test hold for another."""
    self_checks.why_lost.cache_clear()
    yield
    self_checks.why_lost.cache_clear()


@pytest.mark.parametrize("feature", Feature)
def test_all_is_known_here(feature: Feature) -> None:
    """On the interpreters and pytests that we are tested with, nothing is lost."""
    assert self_checks.why_lost(feature) == ""
    assert self_checks.lost_reason(feature) is None


@pytest.mark.parametrize("part", BREAKS)
def test_what_goes_takes_its_feature_along(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without something that is relied on, its feature is not offered, and the reason names it."""
    feature, take_away = BREAKS[part]
    with monkeypatch.context() as broken:
        take_away(broken)
        lost = self_checks.why_lost(feature)
        reason = self_checks.lost_reason(feature)

    assert lost == f"{_internal(part).name} is not as it is known: {feature.value}"
    assert reason is not None
    assert reason.code == "internals-changed"
    assert _internal(part).feature is feature


# Without `_handle_fromlist`, the test itself could import nothing.
@pytest.mark.parametrize("part", [part for part in BREAKS if part != "_handle_fromlist"])
def test_other_features_stay(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches, which hardly anything serves, stay when something else goes."""
    feature, take_away = BREAKS[part]
    with monkeypatch.context() as broken:
        take_away(broken)
        lost = self_checks.why_lost(Feature.PATCHES)

    assert bool(lost) == (feature is Feature.PATCHES)


def test_everything_is_tried() -> None:
    """No self-check is made of which nobody knows whether it can fail."""
    tried = {_internal(part).name for part in (*BREAKS, *ALWAYS)}

    assert tried == {one.name for one in self_checks.internals()}


def test_answer_holds_for_all_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature is asked for once: what a run does later does not change the answer."""
    assert not self_checks.why_lost(Feature.LAYERS)
    monkeypatch.delattr(threading, "_shutdown")

    assert not self_checks.why_lost(Feature.LAYERS)


def test_check_of_imports_leaves_no_trace() -> None:
    """The import system is as it was after it was tried out."""
    steps = (importing.lock_unlock_module, importing.handle_fromlist, importing.load_unlocked)
    before = [step.function for step in steps]
    plain = builtins.__import__
    self_checks.why_lost(Feature.LAYERS)

    assert [step.function for step in steps] == before
    assert builtins.__import__ is plain


def test_check_of_dictionaries_gives_its_watcher_back() -> None:
    """CPython has few watchers of dictionaries: the check may be made any number of times."""
    assert hasattr(ctypes.pythonapi, "PyDict_GetItem")
    for _ in range(20):
        self_checks.why_lost.cache_clear()
        assert not self_checks.why_lost(Feature.LAYERS)

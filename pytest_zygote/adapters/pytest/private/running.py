"""How tests run: what is set up, the protocol of one test, and the hooks that tell of it.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from _pytest import runner
from _pytest.nodes import Node
from _pytest.unittest import TestCaseFunction
from pluggy import HookCaller, PluginManager, _manager

from pytest_zygote.core.internals import Feature, Internal, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest
    from pluggy import HookImpl

    TearDown = Callable[[pytest.Item | None], None]

__all__ = ["Node"]


# What is set up


def set_up_nodes(session: pytest.Session) -> dict[Node, object]:
    """Return the nodes that are set up, outermost first, each with what tears it down; the dictionary itself."""
    return session._setupstate.stack  # type: ignore[return-value]


def seem_set_up(session: pytest.Session, item: pytest.Item) -> None:
    """Make it look as if a test was being set up."""
    session._setupstate.stack.update({session: ([], None), item: ([], None)})


def tear_down(session: pytest.Session, following: pytest.Item | None) -> None:
    """Tear down what is set up and the following test does not need."""
    session._setupstate.teardown_exact(following)


def replace_tear_down(session: pytest.Session, function: TearDown) -> TearDown:
    """Have tests tear down by this function; return the one that they have torn down by."""
    before = session._setupstate.teardown_exact
    session._setupstate.teardown_exact = function  # type: ignore[assignment,method-assign]
    return before


# One test


def run_phases(item: pytest.Item, following: pytest.Item | None) -> None:
    """Set a test up, call it and tear it down, without the hooks for its begin and end."""
    runner.runtestprotocol(item, nextitem=following)


def run_protocol(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run a test as pytest itself does."""
    return bool(runner.pytest_runtest_protocol(item, following))


def report_from(config: pytest.Config, item: pytest.Item | None, data: Mapping[str, object]) -> pytest.TestReport:
    """Return a report that was made in another process, from its serialized form.

    pytest takes the texts of a subtest's parameters for values, and shows them in quotes. The process that shows a
    failed subtest must count it, so that its test fails; that of a TestCase counts for nothing.
    """
    report = cast("pytest.TestReport", config.hook.pytest_report_from_serializable(config=config, data=data))
    subtests = sys.modules.get("_pytest.subtests")  # from pytest 9 on
    if subtests is not None and isinstance(report, subtests.SubtestReport):
        context = cast("Mapping[str, object]", data["_subtest.context"])
        object.__setattr__(report.context, "kwargs", context["kwargs"])  # it is frozen
        if report.failed and item is not None and not isinstance(item, TestCaseFunction):
            config.stash[subtests.failed_subtests_key][getattr(report, "id", report.nodeid)] += 1
    return report


# Hooks


def remove_hook(caller: HookCaller, implementation: HookImpl) -> None:
    """Have one hook of a plugin called no more; the others go on."""
    caller._remove_plugin(implementation.plugin)


def is_traced(manager: PluginManager) -> bool:
    """Return whether hooks are called by another function than usual, as they are while they are traced."""
    return manager._inner_hookexec is not _manager._multicall  # type: ignore[attr-defined]  # there in all versions


def _is_calling_known() -> bool:
    manager = PluginManager("probe")
    return not is_traced(manager) and "_hookimpls" in HookCaller.__slots__


INTERNALS = (
    Internal(
        "pytest.Session._setupstate",
        ("set_up_nodes", "seem_set_up", "tear_down", "replace_tear_down"),
        Feature.WORKERS,
        "a worker tears down what the next test does not need, which it learns late",
        lambda: (
            parameters_of(runner.SetupState.teardown_exact) == ("self", "nextitem") and runner.SetupState().stack == {}
        ),
    ),
    Internal(
        "_pytest.runner.runtestprotocol, pytest_runtest_protocol",
        ("run_phases", "run_protocol"),
        Feature.ISOLATION,
        "a test runs in a fork, and its reports are shown by the run",
        lambda: (
            parameters_of(runner.runtestprotocol) == ("item", "log", "nextitem")
            and parameters_of(runner.pytest_runtest_protocol) == ("item", "nextitem")
        ),
    ),
    Internal(
        "_pytest.subtests.SubtestReport, failed_subtests_key (9 on)",
        ("report_from",),
        Feature.WORKERS,
        "a test with failed subtests fails, and they are shown with their parameters",
        lambda: (
            "_pytest.subtests" not in sys.modules
            or {"SubtestReport", "failed_subtests_key"} <= vars(sys.modules["_pytest.subtests"]).keys()
        ),
    ),
    Internal(
        "_pytest.unittest.TestCaseFunction, _pytest.nodes.Node",
        ("report_from", "Node"),
        Feature.WORKERS,
        "failed subtests of unittest's tests are counted as pytest does it",
        lambda: isinstance(TestCaseFunction, type),
    ),
    Internal(
        "pluggy.HookCaller._remove_plugin",
        ("remove_hook",),
        Feature.WORKERS,
        "a worker shows and counts nothing: the run process does",
        lambda: parameters_of(HookCaller._remove_plugin) == ("self", "plugin"),
    ),
    Internal(
        "pluggy.PluginManager._inner_hookexec, HookCaller._hookimpls, pluggy._manager._multicall",
        ("is_traced",),
        Feature.WORKERS,
        "hooks that are called for each test are called in less time",
        _is_calling_known,
    ),
)

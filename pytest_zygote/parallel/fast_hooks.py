"""Hooks that are called several times for each test, in less time than pluggy takes.

Where no plugin wraps a hook or traces hooks, pluggy calls the functions one after the other, those first that were
registered last, each with the arguments that it names. That is all that is done here; anything else is left to pluggy.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pluggy import HookCaller

from pytest_zygote.adapters.pytest.private.running import is_traced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pytest
    from pluggy import HookImpl

NAMES = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_report_teststatus",
)


class FastHookCaller(HookCaller):
    """A hook that is called often."""

    __slots__ = ()

    def __call__(self, **arguments: object) -> object:
        """Call all implementations, or those up to the first result."""
        plan = _plans[self]
        if plan.known != self._hookimpls:
            plan.update(self._hookimpls)
        if not plan.is_plain or plan.names != arguments.keys() or is_traced(plan.manager):
            return super().__call__(**arguments)
        results: list[object] = []
        for function, names in plan.functions:
            result = function(*[arguments[name] for name in names])
            if result is not None:
                if plan.is_first:
                    return result
                results.append(result)
        return None if plan.is_first else results


class HookPlan:
    """Which functions to call: plugins come and go while tests run.

    Attributes:
        known: the implementations that this was made for.
        functions: what to call, in this order, and with which arguments.
        names: the arguments of the hook.
        is_plain: whether pluggy would do nothing else.
        is_first: whether the first result ends the call.
        manager: of the plugins.
    """

    def __init__(self, hook: HookCaller, manager: pytest.PytestPluginManager) -> None:
        """Know no implementation yet."""
        self.known: list[HookImpl] = []
        self.functions: list[tuple[Callable[..., object], tuple[str, ...]]] = []  # type: ignore[explicit-any]  # any hook
        self.names = frozenset(hook.spec.argnames if hook.spec else ())
        self.is_plain = True
        self.is_first = bool(hook.spec and hook.spec.opts.get("firstresult"))
        self.manager = manager

    def update(self, implementations: list[HookImpl]) -> None:
        """Note the implementations that are to be called."""
        self.known = implementations.copy()
        self.functions = [(one.function, one.argnames) for one in reversed(implementations)]
        self.is_plain = not any(one.wrapper or one.hookwrapper or one.kwargnames for one in implementations)


_plans: dict[HookCaller, HookPlan] = {}


@contextlib.contextmanager
def fast_hooks(config: pytest.Config) -> Generator[None]:
    """Replace the callers of the reporting hooks by faster ones."""
    hooks = [hook for name in NAMES if type(hook := getattr(config.hook, name)) is HookCaller]
    _plans.update((hook, HookPlan(hook, config.pluginmanager)) for hook in hooks)
    for hook in hooks:
        hook.__class__ = FastHookCaller
    try:
        yield
    finally:
        for hook in hooks:
            hook.__class__ = HookCaller
            del _plans[hook]

"""Which hooks are called in a worker, and which in the run process instead.

Hooks that report what happened have one implementation in a worker, which sends it (`report_replay`). The run process
calls the others, so plugins that watch (the terminal, junitxml, last-failed …) see in one process what they would see
without workers.

Hooks that begin and end a session are not called in a fork of the run process either, which is the session. Some
plugins do one thing in the workers of pytest-xdist and another in its controller: they ask for ``workerinput`` or for
``PYTEST_XDIST_WORKER``. Such a hook is called in a worker too. A worker that configures by itself has a session of its
own, with all of these hooks (`configured_worker`).

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private.running import remove_hook
from pytest_zygote.core.bytecode import words_of
from pytest_zygote.parallel import configured_twice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    import pytest

REPORTING = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_warning_recorded",
)
WORKER_NAMES = ("workerinput", "workeroutput", "PYTEST_XDIST_WORKER", "is_xdist_worker", "get_xdist_worker_id")
IN_WORKERS = ("pytest_configure", "pytest_sessionstart", "pytest_sessionfinish", "pytest_unconfigure")
"""Hooks that begin and end a session, which are called in a worker if they ask."""
FOR_PARENT = ("_pytest.", "pytest_zygote.", "pytest_cov.", "xdist.")
"""Plugins whose hooks are known to do nothing in a worker, or whose part there is done by `coverage` and others."""
INCOMPATIBLE = ("syrupy",)
"""Plugins that write what a process has collected when its session ends, in every worker of pytest-xdist."""


def silence(config: pytest.Config) -> None:
    """Remove the implementations of reporting hooks in this process."""
    for name in REPORTING:
        caller = getattr(config.hook, name)
        for implementation in caller.get_hookimpls():
            remove_hook(caller, implementation)


def call_worker_aware(config: pytest.Config, name: str, /, **arguments: object) -> None:
    """Call the implementations of a hook that do something else in workers."""
    for implementation in reversed(getattr(config.hook, name).get_hookimpls()):
        if _is_worker_aware(implementation.function) and not (implementation.wrapper or implementation.hookwrapper):
            if name == configured_twice.HOOK:
                configured_twice.unregister_plugins_of(config, _code(implementation.function))
            implementation.function(*(arguments[argument] for argument in implementation.argnames))


def need_processes(config: pytest.Config) -> bool:
    """Return whether a plugin has a part in workers, so that even one worker must be a process of its own."""
    return any(not _is_for_parent(function) for function in _node_down_hooks(config)) or any(
        _worker_aware_hooks(config)
    )


def incompatible_plugin(config: pytest.Config) -> str:
    """Return a plugin whose part in workers cannot be done by a fork; '' if there is none.

    Such a plugin reads ``workeroutput`` in the run process, but the hooks that would write it in a worker do not
    mention workers, so they are not called there. Or it is known to write files when the session of a worker ends.
    """
    known = next((name for name in INCOMPATIBLE if config.pluginmanager.hasplugin(name)), "")
    readers = {
        _package(function) for function in _node_down_hooks(config) if _mentions(_code(function), ("workeroutput",))
    }
    aware = set(map(_package, _worker_aware_hooks(config)))
    return known or min(readers - aware - {name.rstrip(".") for name in FOR_PARENT}, default="")


def _node_down_hooks(config: pytest.Config) -> list[object]:
    """Return the implementations that are called in the run process when a worker ends."""
    return [implementation.function for implementation in config.hook.pytest_testnodedown.get_hookimpls()]


def _worker_aware_hooks(config: pytest.Config) -> Iterator[object]:
    """Yield the implementations that are called in a worker when its session begins and ends."""
    for name in IN_WORKERS:
        for implementation in getattr(config.hook, name).get_hookimpls():
            if _is_worker_aware(implementation.function):
                yield implementation.function


def _package(function: object) -> str:
    return str(getattr(function, "__module__", "")).partition(".")[0]


def _code(function: object) -> CodeType | None:
    return getattr(getattr(function, "__func__", function), "__code__", None)


def _is_for_parent(function: object) -> bool:
    return str(getattr(function, "__module__", "")).startswith(FOR_PARENT)


def _is_worker_aware(function: object) -> bool:
    return not _is_for_parent(function) and _mentions(_code(function), WORKER_NAMES)


def _mentions(code: CodeType | None, asked: tuple[str, ...]) -> bool:
    return code is not None and not words_of(code).isdisjoint(asked)

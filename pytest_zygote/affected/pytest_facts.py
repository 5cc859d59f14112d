"""What `--affected` asks pytest: where the store is, which files are tests, how tests are spread over processes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.pytest.private.fixtures import item_of
from pytest_zygote.adapters.system import procfs
from pytest_zygote.affected.store import store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def store_file(config: pytest.Config) -> str:
    """Return the file of the store."""
    try:
        cache = str(config.getini("cache_dir"))
    except ValueError:
        cache = ".pytest_cache"  # -p no:cacheprovider
    return store_path(os.path.join(str(config.rootpath), os.path.expandvars(cache)))


def loaded_by(config: pytest.Config) -> Callable[[], tuple[str, ...]]:
    """Return a function that returns the names of loaded modules that may be the project's.

    A warm run with ``--affected`` starts from the base layer, which holds none of them. Looking at its two thousand
    modules would copy as many pages.
    """
    served = config.pluginmanager.get_plugin("zygote_run")
    return served.loaded if served is not None else lambda: tuple(sys.modules)


def own_roots() -> tuple[str, ...]:
    """Return the folders of the project's that imports are searched in, in order."""
    entries = (os.path.abspath(entry) for entry in sys.path)
    return tuple(dict.fromkeys(entry for entry in entries if not code_origin.is_third_party(f"{entry}/")))


def leaves(session: pytest.Session, items: Iterable[pytest.Item]) -> set[str]:
    """Return the files that only their own tests depend on: test modules, and conftest files."""
    plugins = session.config.pluginmanager.get_plugins()
    conftests = {str(file) for plugin in plugins if (file := getattr(plugin, "__file__", None)) and _is_conftest(file)}
    return {*conftests, *(str(item.path) for item in items)}


def _is_conftest(file: str) -> bool:
    return os.path.basename(file) == "conftest.py"


def is_from_elsewhere(config: pytest.Config, definition: pytest.FixtureDef[object]) -> bool:
    """Return whether another process may have set a fixture up and sent its value: this one saw nothing."""
    sharing = sys.modules.get("pytest_zygote.fixtures.declare")
    found = sharing.declaration_of(definition) if sharing is not None and definition.scope == "session" else None
    return found is not None and (found.scope.outlives_run or hasattr(config, "workerinput"))


def is_due_to_mark(item: pytest.Item, call: pytest.CallInfo[None]) -> bool:
    """Return whether a mark is why a test was skipped, or was expected to fail: the reason is in its text."""
    if call.excinfo is None:
        return False
    if not isinstance(call.excinfo.value, (pytest.skip.Exception, pytest.xfail.Exception)):
        return True  # an exception of the test's own, which it was expected to raise
    decorated = (getattr(item, "obj", None), getattr(item, "cls", None))
    places = call.excinfo.traceback[-2:]
    return any(getattr(one, "__unittest_skip__", False) for one in decorated) or any(
        place.frame.f_globals.get("__name__") == "_pytest.skipping" for place in places
    )


def is_of_module(request: pytest.FixtureRequest) -> bool:
    """Return whether a fixture is set up for a test in a Python module, or in a class of one."""
    return item_of(request).getparent(pytest.Module) is not None


def opened_files() -> Iterable[str]:
    """Return what is open in this process; nothing where the system does not tell."""
    return procfs.open_files_if_known().values()


def is_distributed(config: pytest.Config) -> bool:
    """Return whether tests run in processes that are no forks of this one."""
    is_parallel = config.pluginmanager.has_plugin("dsession") or hasattr(config, "workerinput")
    return is_parallel and not are_forks(config)


def are_forks(config: pytest.Config) -> bool:
    """Return whether workers are forks of this process: they record like it, and store their rows themselves."""
    return getattr(config.pluginmanager.get_plugin("xdist"), "__name__", "") == "pytest_zygote.parallel.xdist_plugin"

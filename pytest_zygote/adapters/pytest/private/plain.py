"""What plain runs reach too: nothing here fails where something is missing, as plain pytest would not.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest import config as _config

from pytest_zygote.core.internals import Feature, Internal, names_in

if TYPE_CHECKING:
    import argparse


def console_main() -> int:
    """Run pytest on `sys.argv` and return its exit code; a closed pipe is no error.

    pytest 9.1 deprecated the public name for programs and made its own script call another.
    """
    entry = getattr(_config, "_console_main", None) or _config.console_main
    return int(entry())


def add_path(parser: argparse.ArgumentParser, namespace: argparse.Namespace, path: str, last: type) -> None:
    """Have a path parsed, while a command line is, as if it stood alone.

    `argparse` looked for paths in what was left of a first pass. Newer versions have a single pass, and give all paths
    to their action when it is over: `last` is the class that this action gets, which finds the path in `more`.
    """
    if not hasattr(parser, "_parse_known_args2"):
        vars(namespace).setdefault("_unrecognized_args", []).append(path)
        return
    for action in parser._actions:
        if action.dest == "file_or_dir":
            action.__class__ = last
            vars(action).setdefault("more", []).append(path)


def is_python_path_early(config: pytest.Config) -> bool:
    """Return whether ``pythonpath`` of the ini-file has been added before plugins are loaded: from pytest 9 on."""
    return hasattr(config, "_configure_python_path")


def unmark(manager: pytest.PytestPluginManager, name: str) -> None:
    """Have a package of ours imported plainly, though its distribution brings a plugin."""
    marked: set[str] = getattr(manager.rewrite_hook, "_must_rewrite", set())
    marked.discard(name)


def function_of(definition: object) -> object:
    """Return the function that the user of `pytest.fixture` wrote, which pytest keeps in different places."""
    definition = getattr(definition, "_fixture_function", definition)  # pytest 8.4 and newer
    wrapped = getattr(definition, "__pytest_wrapped__", None)  # older
    return definition if wrapped is None else wrapped.obj


def _is_unrecognized_known() -> bool:
    import argparse

    return bool(vars(argparse)["_UNRECOGNIZED_ARGS_ATTR"] == "_unrecognized_args")


def _is_mark_known() -> bool:
    from _pytest.assertion.rewrite import AssertionRewritingHook

    return "_must_rewrite" in names_in(AssertionRewritingHook.__init__)


INTERNALS = (
    Internal(
        "_pytest.config._console_main (9.1 on)",
        ("console_main",),
        Feature.NOTHING,
        "`pz` runs pytest as its own script does; without it, by the public function of the same kind",
        lambda: callable(getattr(_config, "_console_main", None) or _config.console_main),
    ),
    Internal(
        "argparse.Namespace._unrecognized_args",
        ("add_path",),
        Feature.NOTHING,
        "`--affected tests` takes `tests` for a path; without it, that is an error",
        _is_unrecognized_known,
    ),
    Internal(
        "pytest.Config._configure_python_path (9 on)",
        ("is_python_path_early",),
        Feature.NOTHING,
        "the search path of a run is known before plugins are loaded; without it, it is as before pytest 9",
        lambda: True,
    ),
    Internal(
        "AssertionRewritingHook._must_rewrite",
        ("unmark",),
        Feature.NOTHING,
        "this package is imported without rewriting; without it, a cold run starts some milliseconds later",
        _is_mark_known,
    ),
    Internal(
        "_fixture_function (8.4 on), __pytest_wrapped__",
        ("function_of",),
        Feature.WORKERS,
        "the mark on a shared fixture is put on the function that the user wrote",
        lambda: function_of(pytest.fixture(names_in)) is names_in,
    ),
)

"""The hooks that this plugin calls, for plugins that hold what a fork must not share.

They are known to pytest wherever this plugin is enabled, in plain runs too. A plugin that also works without it marks
its functions ``@pytest.hookimpl(optionalhook=True)``.

The first two are called in a zygote, and zygotes hold no pytest session: there each module that a layer holds and that
defines such a function at its top level has it called. A conftest file is in no layer, so it cannot take part.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


def pytest_zygote_layer_built(kind: str, modules: tuple[str, ...]) -> None:
    """Called in a zygote when a layer has imported all its modules, before it forks for the first time.

    What it may do is what an import may do: no thread, no socket, no process may be left behind.

    Args:
        kind: 'base' (third-party modules) or 'project' (those of the project, on top of them).
        modules: the names of all modules that are loaded.
    """


def pytest_zygote_before_fork() -> None:
    """Called in a zygote before the fork of each run.

    Importing is not allowed here. What raises is reported to the user of that run, which goes on.
    """


def pytest_zygote_after_fork(config: pytest.Config) -> None:
    """Called in the process of each warm run, when conftest files and plugins are loaded, before the session starts.

    A conftest file may define it. Plain runs do not call it.
    """


def pytest_zygote_dependencies(item: pytest.Item) -> Iterable[str]:  # type: ignore[empty-body]
    """Return what a test depends on besides what it is seen to run and read; called only with ``--affected``.

    A conftest file may define it. All answers count, and those of marks and of `pytest_zygote.depends_on`, too.

    Args:
        item: a test that is about to run.

    Returns:
        Texts as the mark ``depends_on`` takes them: 'schema.sql', 'app/templates/', '$DB_URL', 'package:numpy'.
    """

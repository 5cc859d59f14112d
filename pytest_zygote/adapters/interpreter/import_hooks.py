"""Who is asked first where modules are: finders and hooks that stand before those of Python."""

from __future__ import annotations

import builtins
import sys
from importlib.machinery import PathFinder

from pytest_zygote.core.runner_code import RUNNER


class ImportHooks:
    """The import hooks of this process, to be compared with those that it has later."""

    def __init__(self) -> None:
        """Take those that are there now as right."""
        self._finders = [id(finder) for finder in _first_finders()]
        self._hooks = [id(hook) for hook in sys.path_hooks]
        self._import = builtins.__import__

    def added(self) -> str:
        """Return a hook that has come, and would see imports before Python does; '' for none.

        Those of pytest, and of debuggers, change nothing in what is imported.
        """
        for finder in _first_finders():
            kind = finder if type(finder) is type else type(finder)
            module = str(type.__getattribute__(kind, "__dict__").get("__module__", ""))
            if id(finder) not in self._finders and module.partition(".")[0] not in _HARMLESS:
                return f"{module}.{type.__getattribute__(kind, '__name__')}"
        if any(id(hook) not in self._hooks for hook in sys.path_hooks):
            return "a hook in sys.path_hooks"
        return "" if builtins.__import__ is self._import else "another builtins.__import__"


_HARMLESS = RUNNER | {"pydevd", "_pydevd_bundle", "_pydev_bundle"}


def _first_finders() -> list[object]:
    """Return the finders before Python's own for files; one after it is asked only for what is no file."""
    finders: list[object] = [*sys.meta_path]
    return finders[: finders.index(PathFinder)] if PathFinder in finders else finders

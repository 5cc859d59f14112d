"""A hook that would see imports before Python does is noticed."""

from __future__ import annotations

import builtins
import functools
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.import_hooks import ImportHooks

if TYPE_CHECKING:
    import pytest


class Finder:
    """A finder that finds nothing."""

    @staticmethod
    def find_spec(*_: object) -> None:
        """Find nothing."""


def test_a_finder_that_is_asked_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there already, or is asked last, changes nothing."""
    hooks = ImportHooks()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert hooks.added() == ""

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert hooks.added() == f"{__name__}.Finder"
    assert ImportHooks().added() == ""


def test_hooks_of_pytest_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run of pytest installs one, which rewrites assertions."""
    monkeypatch.setattr(Finder, "__module__", "_pytest.assertion.rewrite")
    hooks = ImportHooks()
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    assert hooks.added() == ""


def test_hooks_of_folders_and_of_the_import_statement_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both see each import."""
    hooks = ImportHooks()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path_hooks", [Finder, *sys.path_hooks])
        assert hooks.added() == "a hook in sys.path_hooks"
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", functools.partial(builtins.__import__))
        assert hooks.added() == "another builtins.__import__"
    assert hooks.added() == ""

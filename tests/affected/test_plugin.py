"""How a session takes part: which hooks are registered, and what they print."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected import plugin
from pytest_zygote.affected.plugin import Bystander, begin
from tests.affected.fakes import FakePlugins

if TYPE_CHECKING:
    from collections.abc import Mapping


class Plugins(FakePlugins):
    """A plugin manager that takes more."""

    def register(self, registered: object, name: str) -> None:
        """Have one more."""
        self.plugins[name] = registered


def registered(
    monkeypatch: pytest.MonkeyPatch, options: Mapping[str, object], xdist: str = "xdist.plugin"
) -> Mapping[str, object]:
    """Return the hooks of a session with these options."""
    monkeypatch.setattr(plugin, "AffectedPlugin", lambda _: "hooks")
    plugins = Plugins({"xdist": SimpleNamespace(__name__=xdist)})
    known = SimpleNamespace(**{"affected": "1", "collectonly": False, **options})
    begin(cast("pytest.Config", SimpleNamespace(known_args_namespace=known, pluginmanager=plugins)))
    return {name: found for name, found in plugins.plugins.items() if name != "xdist"}


@pytest.mark.parametrize("words", ["1", "explain", "exact,explain", "all", "audit,explain", "failed"])
def test_the_hooks_take_part(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Whatever is asked."""
    assert registered(monkeypatch, {"affected": words}) == {plugin.NAME: "hooks"}


def test_an_unknown_word_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says what is known."""
    with pytest.raises(pytest.UsageError, match="not 'explian'"):
        registered(monkeypatch, {"affected": "explian"})


def test_foreign_workers_run_all_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a line says so; our own workers take part."""
    (found,) = registered(monkeypatch, {"numprocesses": 2}).values()

    assert isinstance(found, Bystander)
    assert found.pytest_report_collectionfinish().startswith("affected: more tests [foreign-workers]: ")
    ours = registered(monkeypatch, {"numprocesses": 2}, "pytest_zygote.parallel.xdist_plugin")
    assert ours == {plugin.NAME: "hooks"}

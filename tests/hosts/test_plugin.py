"""Whether a run takes place on several machines."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.hosts import engine, plugin


def session_in(folder: str) -> pytest.Session:
    """Return as much of a session as is looked at."""
    params = SimpleNamespace(dir=Path(folder))
    return cast(
        "pytest.Session", SimpleNamespace(config=SimpleNamespace(invocation_params=params, rootpath=Path("/p")))
    )


def test_without_the_engine_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else happens."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else name)
    with pytest.raises(pytest.UsageError, match=r"needs distributed: pip install 'pytest-zygote-daemon\[cluster\]'"):
        engine.check_installed()


def test_hosts_have_the_project_only() -> None:
    """So pytest must be started in it."""
    assert plugin.outside_root(session_in("/p/tests")) is None
    reason = plugin.outside_root(session_in("/q"))
    assert reason is not None
    assert reason.code == "outside-root"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"affected": "1"}, "--affected"),
        ({"usepdb": True}, "--pdb"),
        ({"capture": "no"}, "-s"),
        ({"dist": "each"}, "--dist=each"),
    ],
)
def test_what_hosts_do_not_have_is_refused(given: dict[str, object], what: str) -> None:
    """Rather than left out silently."""
    options = {"affected": "", "usepdb": False, "capture": "fd", "dist": "load", **given}
    assert what in plugin.missing(cast("pytest.Config", _Config(options)))


def test_all_else_hosts_have() -> None:
    """Nothing is refused."""
    options = {"affected": "", "usepdb": False, "capture": "fd", "dist": "loadfile"}
    assert not plugin.missing(cast("pytest.Config", _Config(options)))


class _Config:
    def __init__(self, options: dict[str, object]) -> None:
        self.option = SimpleNamespace(**options)
        self.pluginmanager = SimpleNamespace(hasplugin=lambda _: False)

"""Hooks of modules that a zygote calls, held to what keeps its process exact."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.zygote.fork_hooks import ForkHooks

if TYPE_CHECKING:
    from pytest_zygote.run.inherited_layer import InheritedLayer


class Layer:
    """A layer with one module, whose hooks the test defines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Load the module."""
        self.module = ModuleType("plugin_of_the_test")
        monkeypatch.setitem(sys.modules, self.module.__name__, self.module)
        self.accepted: list[str] = []
        self.hooks = ForkHooks(
            cast(
                "InheritedLayer",
                SimpleNamespace(
                    new=(self.module.__name__,),
                    kind="project",
                    names=frozenset({"app"}),
                    path=("/project",),
                    namespaces=SimpleNamespace(accept=lambda: self.accepted.append("accepted")),
                ),
            )
        )

    def define(self, source: str) -> None:
        """Execute source in the module."""
        exec(source, self.module.__dict__)  # noqa: S102 - the test's own


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Layer:
    """Provide a layer."""
    return Layer(monkeypatch)


def test_a_layer_without_hooks_needs_nothing_before_forks(layer: Layer) -> None:
    """So its runs may be forked ahead."""
    assert layer.hooks.layer_built() == []
    assert not layer.hooks.is_needed
    assert layer.hooks.before_fork(is_first=True) == []
    assert layer.accepted == []


def test_a_hook_is_given_what_it_asks_for(layer: Layer) -> None:
    """By the names of its parameters."""
    layer.define(
        "def pytest_zygote_layer_built(modules):\n    global given\n    given = modules, list(sys.path)\nimport sys"
    )

    assert layer.hooks.layer_built() == []
    assert layer.module.__dict__["given"] == (("app",), ["/project"])
    assert "/project" not in sys.path


def test_a_hook_before_forks_runs_before_each(layer: Layer) -> None:
    """What it has changed in modules is then as it should be."""
    layer.define("calls = []\ndef pytest_zygote_before_fork():\n    calls.append(1)")
    layer.hooks.layer_built()

    layer.hooks.before_fork(is_first=True)
    layer.hooks.before_fork(is_first=False)

    assert layer.hooks.is_needed
    assert layer.module.__dict__["calls"] == [1, 1]
    assert layer.accepted == ["accepted", "accepted"]


def test_a_hook_that_raises_is_reported_by_name(layer: Layer) -> None:
    """The fork goes on."""
    layer.define("def pytest_zygote_before_fork():\n    raise SystemExit(3)")
    layer.hooks.layer_built()

    (failure,) = layer.hooks.before_fork(is_first=True)

    assert ".pytest_zygote_before_fork failed:" in failure
    assert "SystemExit" in failure


def test_a_hook_must_not_import(layer: Layer) -> None:
    """Nobody would look at the files of such a module again."""
    layer.define("def pytest_zygote_before_fork():\n    import wave_that_is_not_loaded")
    layer.hooks.layer_built()

    (failure,) = layer.hooks.before_fork(is_first=True)

    assert "wave_that_is_not_loaded" in failure

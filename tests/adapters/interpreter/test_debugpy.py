"""A run joins the debug session of its client, if that one has one that can be joined."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from pytest_zygote.adapters.interpreter import debugpy

SETUP = {"multiprocess": True, "port": 5678, "client": "127.0.0.1", "client-access-token": None}


class FakeDebugpy(ModuleType):
    """Notes how it is connected."""

    def __init__(self) -> None:
        """Be an installed package."""
        super().__init__("debugpy")
        self.__file__ = "/site-packages/debugpy/__init__.py"
        self.connected: list[object] = []

    def connect(self, address: object, *, access_token: str | None, parent_session_pid: int) -> None:
        """Note it."""
        self.connected.append((address, access_token, parent_session_pid))


class OldDebugpy(FakeDebugpy):
    """Knows nothing of parents."""

    def connect(self, address: object) -> None:  # type: ignore[override]
        """Note it."""
        self.connected.append(address)


def lend(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None, setup: object) -> tuple[str, ...]:
    """Return what a client lends that has these."""
    monkeypatch.setitem(sys.modules, "pydevd", SimpleNamespace(SetupHolder=SimpleNamespace(setup=setup)))
    monkeypatch.setitem(sys.modules, "debugpy", module)
    return debugpy.lend()


def test_where_to_connect_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder, as the layer's own path may not have it."""
    assert lend(monkeypatch, FakeDebugpy(), SETUP) == ("/site-packages", "127.0.0.1", "5678", "")


@pytest.mark.parametrize(
    ("module", "setup"),
    [
        (None, SETUP),
        (FakeDebugpy(), None),
        (FakeDebugpy(), {**SETUP, "multiprocess": False}),
        (FakeDebugpy(), {**SETUP, "port": 0}),
        (OldDebugpy(), SETUP),
    ],
    ids=["no debugger", "not set up", "an IDE that follows no process", "no port", "an old one"],
)
def test_nothing_is_lent_that_cannot_be_joined(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType | None, setup: object
) -> None:
    """The run is then not debugged, as a process that somebody else has started."""
    assert lend(monkeypatch, module, setup) == ()


@pytest.mark.parametrize(("token", "expected"), [("", None), ("secret", "secret")])
def test_a_run_connects_in_the_name_of_its_client(
    monkeypatch: pytest.MonkeyPatch, token: str, expected: str | None
) -> None:
    """The import path is as before."""
    monkeypatch.setitem(sys.modules, "debugpy", fake := FakeDebugpy())
    path = [*sys.path]

    debugpy.join(("/site-packages", "127.0.0.1", "5678", token), 42)

    assert fake.connected == [(("127.0.0.1", 5678), expected, 42)]
    assert sys.path == path

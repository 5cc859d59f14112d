"""What the project's code asks its process for."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.own_calls import OwnCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def calls() -> Iterator[OwnCalls]:
    """Watched calls of this file."""
    made = OwnCalls(lambda file: file == __file__)
    yield made
    made.stop()


def bind(port: int = 0) -> None:
    """Find a free port."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))


def bind_twice() -> None:
    """Bind a port that is known."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    bind(port)


def make_folder() -> None:
    """Make a folder by a class of the standard library."""
    with tempfile.TemporaryDirectory():
        pass


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (bind, ["a free port"]),
        (bind_twice, ["a free port"]),
        (make_folder, ["a temporary folder"]),
        (lambda: os.environ.get("PYTEST_XDIST_WORKER"), ["PYTEST_XDIST_WORKER"]),
        (lambda: "PYTEST_XDIST_WORKER_COUNT" in os.environ, ["PYTEST_XDIST_WORKER_COUNT"]),
        (lambda: os.getenv("HOME"), []),
        (lambda: logging.getLogger(__name__).warning("a record"), []),
    ],
    ids=["port", "ports", "folder", "worker", "count", "home", "log"],
)
def test_what_is_another_one_in_each_process_is_noted(
    calls: OwnCalls, ask: Callable[[], object], found: list[str]
) -> None:
    """Also if the standard library asks for it in between; a port that is known is the same in all of them."""
    ask()
    assert calls.found == found


@pytest.mark.parametrize(
    "make",
    [
        os.getpid,
        lambda: f"run-{os.getpid()}.db",
        lambda: Path(f"/run/{os.getpid()}"),
        lambda: {"database": f"db_{os.getpid()}"},
        lambda: type("Names", (), {"DATABASE": f"db{os.getpid()}", "__module__": "own_names"}),
    ],
    ids=["number", "text", "path", "table", "class"],
)
def test_a_name_that_holds_the_process_id_is_found(monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]) -> None:
    """In modules of the project that have been loaded meanwhile."""
    calls, others = OwnCalls(lambda file: file == "/own.py"), OwnCalls(lambda _: False)
    module = ModuleType("own_names")
    vars(module).update(__file__="/own.py", VALUE=make())
    monkeypatch.setitem(sys.modules, "own_names", module)
    calls.stop()
    others.stop()
    assert (calls.found, others.found) == (["the process id"], [])


def test_a_parameter_of_a_test_that_holds_the_process_id_is_found() -> None:
    """Each worker that collects by itself would have another."""
    calls, others = OwnCalls(lambda _: False), OwnCalls(lambda _: False)
    calls.stop([{"name": "x"}, {"name": f"db{os.getpid()}"}])
    others.stop([{"name": "x"}, {"name": "db"}])
    assert (calls.found, others.found) == (["the process id"], [])


def test_a_longer_number_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the digits of the process id are in it."""
    calls = OwnCalls(lambda _: True)
    module = ModuleType("own_numbers")
    vars(module).update(__file__="/own.py", VALUE=int(f"{os.getpid()}7"), NAME=f"x7{os.getpid()}")
    monkeypatch.setitem(sys.modules, "own_numbers", module)
    calls.stop()
    assert calls.found == []


def test_what_others_ask_for_when_they_are_imported_is_their_own_affair() -> None:
    """A library that looks whether it can bind a port keeps none."""
    with_others = OwnCalls(lambda _: False)
    bind()
    with_others.stop()
    assert with_others.found == []


def test_nothing_is_left_afterwards(calls: OwnCalls) -> None:
    """And nothing is noted any more."""
    before = os.environ.encodekey
    own = OwnCalls(lambda _: True)
    own.stop()
    bind()
    assert os.environ.encodekey is before
    assert own.found == []
    assert calls.found == ["a free port"]

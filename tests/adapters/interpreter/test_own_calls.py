"""What the project's code asks its process for."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
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


def bind() -> None:
    """Find a free port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))


def make_folder() -> None:
    """Make a folder by a class of the standard library."""
    with tempfile.TemporaryDirectory():
        pass


def log() -> None:
    """Log, for which the logger asks for the process id."""
    logging.getLogger(__name__).warning("a record")


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda: os.getpid(), ["the process id"]),  # noqa: PLW0108 - by this file, at that time
        (bind, ["a port"]),
        (make_folder, ["a temporary folder"]),
        (lambda: os.environ.get("PYTEST_XDIST_WORKER"), ["PYTEST_XDIST_WORKER"]),
        (lambda: "PYTEST_XDIST_WORKER_COUNT" in os.environ, ["PYTEST_XDIST_WORKER_COUNT"]),
        (lambda: os.getenv("HOME"), []),
        (log, []),
    ],
    ids=["pid", "port", "folder", "worker", "count", "home", "log"],
)
def test_what_is_another_one_in_each_process_is_noted(
    calls: OwnCalls, ask: Callable[[], object], found: list[str]
) -> None:
    """Also if the standard library asks for it in between, but not what that asks for itself."""
    ask()
    assert calls.found == found


def test_what_others_ask_for_when_they_are_imported_is_their_own_affair() -> None:
    """A library that looks whether it can bind a port keeps none."""
    with_others = OwnCalls(lambda _: False)
    bind()
    with_others.stop()
    assert with_others.found == []


def test_nothing_is_left_afterwards() -> None:
    """What was taken by name meanwhile calls the real function."""
    before = os.getpid, tempfile.mkdtemp, socket.socket.bind, os.environ.encodekey
    calls = OwnCalls(lambda _: True)
    by_name = os.getpid
    calls.stop()
    assert (os.getpid, tempfile.mkdtemp, socket.socket.bind, os.environ.encodekey) == before
    assert "bind" not in vars(socket.socket)
    assert by_name() == os.getpid()
    assert calls.found == []

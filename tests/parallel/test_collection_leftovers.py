"""What collection leaves in the process that workers would share, or would not have."""

from __future__ import annotations

import os
import random
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.collection_leftovers import CollectionLeftovers
from tests.parallel.fakes import make_config, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def leftovers() -> Iterator[CollectionLeftovers]:
    """What is there before collection."""
    made = CollectionLeftovers()
    yield made
    made.pytest_unconfigure()


def why(leftovers: CollectionLeftovers) -> str:
    """Return why a fork is not exact, without the words that all reasons begin with; '' if it is."""
    leftovers.pytest_collection_finish(make_session([], make_config()))
    reason = leftovers.reason
    return "" if reason is None else reason.text.rpartition(": ")[2]


def test_only_what_is_new_and_still_open_counts() -> None:
    """A connection that was closed again does no harm."""
    with socket.socket():
        leftovers = CollectionLeftovers()
        leftovers.pytest_unconfigure()
        assert why(leftovers) == ""
        with socket.socket():
            assert why(leftovers) == "a socket"
        assert why(leftovers) == ""


def test_each_kind_of_open_file_is_named(leftovers: CollectionLeftovers, tmp_path: Path) -> None:
    """A log is shared as it is with all that append to it."""
    data = tmp_path / "data"
    with data.open("w"):
        assert why(leftovers) == ""
        ends = os.pipe()
        with data.open():
            assert why(leftovers) == "a pipe, a file that is read"
        for end in ends:
            os.close(end)


def test_what_plugins_open_that_prepare_workers_is_theirs() -> None:
    """They do so for the controller, as with pytest-xdist."""

    class Preparing:
        @pytest.hookimpl
        def pytest_configure_node(self) -> None:
            """Prepare a worker."""

    leftovers = CollectionLeftovers()
    leftovers.pytest_unconfigure()
    leftovers.pytest_configure()
    with socket.socket():
        leftovers.on_configured(make_config())
        assert why(leftovers) == "a socket"
        leftovers.on_configured(make_config(Preparing()))
        assert why(leftovers) == ""


def test_a_thread_is_a_reason(leftovers: CollectionLeftovers) -> None:
    """A fork would not have it."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="beat", daemon=True)
    thread.start()
    assert why(leftovers) == "beat"
    over.set()
    thread.join()
    assert why(leftovers) == ""


def test_a_seed_is_kept_but_not_what_is_drawn(leftovers: CollectionLeftovers) -> None:
    """Each worker draws other numbers, unless a module wants the same ones."""
    before = random.getstate()
    random.random()  # noqa: S311 - no secret
    why(leftovers)
    drawn = leftovers.seed
    random.seed(7)
    why(leftovers)
    assert (drawn, leftovers.seed) == (None, random.getstate())
    random.setstate(before)

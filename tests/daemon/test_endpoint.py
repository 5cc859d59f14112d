"""Where clients find the daemon."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.daemon.endpoint import Endpoint
from tests.daemon.fakes import FakeListener

if TYPE_CHECKING:
    from pathlib import Path


def test_endpoint_is_lost_with_the_folder_or_the_socket(tmp_path: Path) -> None:
    """Nobody would ever stop the daemon."""
    folder = tmp_path / "project"
    folder.mkdir()
    listener = FakeListener()
    endpoint = Endpoint(Rendezvous(str(folder), ""), listener, lock=-1)
    assert endpoint.why_lost() == ""
    listener.is_mine = False
    assert endpoint.why_lost() == "the socket is gone"
    folder.rmdir()
    assert endpoint.why_lost() == "the project is gone"


def test_endpoint_is_released_once(tmp_path: Path) -> None:
    """The number of the lock's descriptor may be another's by the second time."""
    lock = os.open(os.devnull, os.O_RDONLY)
    listener = FakeListener()
    endpoint = Endpoint(Rendezvous(str(tmp_path), ""), listener, lock)
    endpoint.release()
    endpoint.release()
    assert endpoint.is_released
    assert listener.is_closed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(lock)


def test_endpoint_is_lost_with_the_interpreter_or_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is left who could stop the daemon, or it is no longer what it was started from."""
    python = tmp_path / "python"
    python.touch()
    monkeypatch.setattr(sys, "executable", str(python))
    endpoint = Endpoint(Rendezvous(str(tmp_path), ""), FakeListener(), lock=-1)
    assert endpoint.why_lost() == ""
    python.write_text("another")
    assert endpoint.why_lost() == "the interpreter is gone or another"
    python.unlink()
    assert endpoint.why_lost() == "the interpreter is gone or another"

"""What a module asks of its process while it is imported, and what the process answers now."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.import_answers import FOLDER, LOADED, PATH, TERMINAL, THERE, answer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none, if it is gone."""
    monkeypatch.chdir(tmp_path)
    assert answer(FOLDER) == os.path.realpath(tmp_path)

    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)
    assert answer(FOLDER) == ""


def test_streams_that_are_closed_or_missing_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that are closed or missing are none."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    assert answer(TERMINAL) == (False, False, False)


def test_the_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is now, and not the list, which changes."""
    before = answer(PATH)
    monkeypatch.syspath_prepend("/some/where")

    assert answer(PATH) == ("/some/where", *sys.path[1:]) != before


def test_a_file_and_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that leads nowhere is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("nowhere")

    assert (answer(f"{THERE}link"), answer(f"{THERE}file")) == (True, False)
    assert (answer(f"{LOADED}sys"), answer(f"{LOADED}no_such_module")) == (True, False)

"""What a process answers to the questions that modules ask of it while they are imported."""

from __future__ import annotations

import os
import sys

FOLDER = "the working directory"
TERMINAL = "the terminal"
PATH = "the import path"
THERE = "the file "
"""What the question of something in the working directory begins with; its relative path follows."""

LOADED = "whether there is a module "
"""What the question of a loaded module begins with; its name follows."""


def answer(what: str) -> object:
    """Return the answer that this process gives now."""
    if what == FOLDER:
        return _folder()
    if what == PATH:
        return tuple(sys.path)
    if what == TERMINAL:
        return tuple(_is_terminal(name) for name in ("stdin", "stdout", "stderr"))
    if what.startswith(THERE):
        return os.path.lexists(what.removeprefix(THERE))
    return what.removeprefix(LOADED) in sys.modules


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _is_terminal(name: str) -> bool:
    try:
        return bool(getattr(sys, name).isatty())
    except (AttributeError, ValueError, OSError):  # closed, or none
        return False

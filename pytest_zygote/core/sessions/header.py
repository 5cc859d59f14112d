"""What a session prints before its tests, where a run starts over after the user has seen some of it."""

from __future__ import annotations


def continuation(seen: str, text: str) -> str | None:
    """Return what must be printed for the user to have seen `text` after `seen`; None as long as it says nothing new.

    A line that is not complete can be written again from its beginning: on a terminal pytest counts the tests
    that it collects in one. Otherwise what has been seen is wrong, and all is printed again below it.

    Args:
        seen: what an earlier process of the run has printed.
        text: what this one has printed so far.
    """
    if seen.startswith(text):
        return None
    if text.startswith(seen):
        return text[len(seen) :]
    line = seen.rfind("\n") + 1
    return f"\r{text[line:]}" if seen[:line] == text[:line] else text

"""What a run that starts over still has to print, if the user has seen part of its header."""

from __future__ import annotations


def continuation(seen: str, text: str) -> str | None:
    """Return what to print so that the user, who has seen `seen`, has seen `text`; None while there is nothing new.

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

"""When a daemon leaves because nobody needs it."""

from __future__ import annotations


def is_idle(now: float, last_request: float, limit_s: float) -> bool:
    """Return whether nobody has asked for a run for longer than the limit; 0 stands for no limit."""
    return 0 < limit_s < now - last_request

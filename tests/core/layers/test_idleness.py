"""When a daemon leaves because nobody needs it."""

from __future__ import annotations

from pytest_zygote.core.layers.idleness import is_idle


def test_daemon_is_idle_after_its_limit() -> None:
    """Zero is no limit."""
    assert is_idle(now=111.0, last_request=100.0, limit_s=10.0)
    assert not is_idle(now=110.0, last_request=100.0, limit_s=10.0)
    assert not is_idle(now=1e9, last_request=100.0, limit_s=0.0)

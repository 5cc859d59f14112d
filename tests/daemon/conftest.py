"""Fixtures of the daemon's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.daemon.fakes import FakeDaemon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """Return a daemon with a base layer only, as long as nothing is taught."""
    return FakeDaemon(tmp_path, monkeypatch)

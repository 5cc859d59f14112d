"""Unit tests start no process, and this is seen to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.process_guard import FORBIDDEN


@pytest.mark.parametrize("event", sorted(FORBIDDEN))
def test_a_unit_test_that_starts_a_process_or_sleeps_fails(event: str) -> None:
    """The guard fails it at the interpreter's audit event, before anything has happened."""
    with pytest.raises(pytest.fail.Exception, match=event):
        sys.audit(event)


@pytest.mark.integration
def test_an_integration_test_starts_processes() -> None:
    """The mark lifts the ban."""
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0

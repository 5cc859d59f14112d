"""What end-to-end tests share besides the fixtures of all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MEASURED = "COVERAGE_PROCESS_CONFIG"
"""Environment key by which coverage measures the processes that a test starts."""


@pytest.fixture(autouse=True)
def measured_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Measure the coverage of other processes with the first parameters of a test only.

    Being measured takes them more than twice the time, and the other parameters mostly go the same way.
    """
    indices: dict[str, int] = getattr(getattr(request.node, "callspec", None), "indices", {})
    config = os.environ.pop(MEASURED, None) if any(indices.values()) else None
    yield
    if config is not None:
        os.environ[MEASURED] = config

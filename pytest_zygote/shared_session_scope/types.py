"""The tokens of shared fixtures, and the error of a store."""

from __future__ import annotations

import enum
from typing import Protocol


class SetupToken(enum.Enum):
    """What the first ``yield`` of a fixture gives."""

    FIRST = "first"


class CleanupToken(enum.Enum):
    """What the second ``yield`` of a fixture gives."""

    LAST = "last"


class Store(Protocol):
    """What a store of a project's own may say that it is; here no store is asked."""


class StoreValueNotExists(Exception):  # noqa: N818 - the name of pytest-shared-session-scope
    """Stores raise it; here no store is asked."""

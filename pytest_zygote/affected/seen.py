"""What ran, and what was read, in some stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.core.impact import Need


class Seen:
    """What was executed and read in some stretch of time.

    Attributes:
        units: (path, name of the unit); the name is '*' for code whose unit is not known.
        needs: what was read, with the checksums.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.units: set[tuple[str, str]] = set()
        self.needs: dict[Need, bytes] = {}

    def add(self, other: Seen) -> None:
        """Add what was seen at another time; of two checksums of one need the first counts."""
        self.units |= other.units
        self.needs = {**other.needs, **self.needs}

    @property
    def paths(self) -> set[str]:
        """The files in which something was executed."""
        return {path for path, _ in self.units}

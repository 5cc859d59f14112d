"""What ran, and what was read, in some stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_zygote.core.affected.dependency import Need


class Observation:
    """What was executed and read in some stretch of time.

    Attributes:
        units: (path, name of the unit); the name is '*' for code whose unit is not known.
        needs: what was read, with the checksums.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.units: set[tuple[str, str]] = set()
        self.needs: dict[Need, bytes] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.units or self.needs)

    def copy(self) -> Observation:
        """Return a copy, which may be added to."""
        copied = Observation()
        copied.units, copied.needs = set(self.units), dict(self.needs)
        return copied

    def has_all_of(self, other: Observation) -> bool:
        """Return whether adding the other would change nothing."""
        return other.units <= self.units and other.needs.keys() <= self.needs.keys()

    def add(self, other: Observation) -> None:
        """Add another observation. Where both have a checksum of one need, this one's counts."""
        self.units |= other.units
        self.needs = {**other.needs, **self.needs}

    @property
    def paths(self) -> set[str]:
        """The files in which something was executed."""
        return {path for path, _ in self.units}

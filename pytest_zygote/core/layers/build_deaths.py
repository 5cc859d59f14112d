"""Which module to leave out when zygotes die while they import: the second death proves it."""

from __future__ import annotations

DEADLY = "kills the process that imports it, or never ends"


class BuildDeaths:
    """The modules during whose import zygotes died or hung, and how often."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: dict[str, int] = {}

    def add(self, module: str) -> None:
        """Count a zygote that died or had to be killed while it imported a module."""
        self._counts[module] = self._counts.get(module, 0) + 1

    def rejected(self, module: str) -> dict[str, str]:
        """Return the module with the reason if it is proven to be at fault; {} at its first death.

        One death proves nothing: the system may have been out of memory.
        """
        return {module: DEADLY} if self._counts.get(module, 0) > 1 else {}

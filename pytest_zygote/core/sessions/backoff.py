"""Which command lines are not worth a collected session, and why."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason
    from pytest_zygote.core.sessions.eligibility import Key

MAX_REMEMBERED = 50
"""Command lines that are remembered, at most."""

MAX_WASTED = 5
"""Sessions in a row that were collected and never used, before others of this kind are collected less often."""

RETRY = 10
"""After this many runs, another session is collected anyway."""


class Backoff:
    """What earlier attempts have shown, each on one layer: only the layer's identity matters."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._ineligible: dict[Key, tuple[object, Reason]] = {}  # with None for a layer, if it is to be tried again
        self._wasted: dict[Key, int] = {}

    def add(self, key: Key, below: object, reason: Reason) -> None:
        """Remember why no session can be collected on this layer."""
        self._ineligible[key] = (below, reason)
        if len(self._ineligible) > MAX_REMEMBERED:
            del self._ineligible[next(iter(self._ineligible))]

    def reason(self, key: Key) -> Reason | None:
        """Return why there was no session when one was collected last; None if nothing is known."""
        return self._ineligible[key][1] if key in self._ineligible else None

    def holds(self, key: Key, below: object) -> bool:
        """Return whether no session can be collected on this layer; another, or one to come, gets another chance."""
        return below is not None and key in self._ineligible and self._ineligible[key][0] is below

    def forget(self) -> None:
        """Give all another chance: files have changed, and the cause may be gone."""
        self._ineligible = {key: (None, reason) for key, (_, reason) in self._ineligible.items()}

    def waste(self, key: Key) -> None:
        """Count a session that was closed without being used."""
        self._wasted[key] = self._wasted.pop(key, 0) + 1
        if len(self._wasted) > MAX_REMEMBERED:
            del self._wasted[next(iter(self._wasted))]

    def use(self, key: Key) -> None:
        """Note that a session was used."""
        self._wasted.pop(key, None)
        self._ineligible.pop(key, None)

    def is_worth_it(self, key: Key) -> bool:
        """Return whether a session may be used. If tests change what collection reads, no session is ready in time."""
        wasted = self._wasted.get(key, 0)
        if wasted < MAX_WASTED:
            return True
        self._wasted[key] = wasted + 1
        return wasted % RETRY == 0

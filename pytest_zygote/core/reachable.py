"""What things lead to, directly or not: modules that others import, files, fixtures."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T", bound=Hashable)


def reachable(starts: Iterable[T], following: Callable[[T], Iterable[T]], seen: set[T] | None = None) -> Iterator[T]:
    """Give what these lead to, each once and itself before what follows it; the starts too.

    Args:
        starts: where to begin.
        following: returns what one leads to; it is asked when the next one is.
        seen: what is left out, with what only it leads to; what is given is added.
    """
    seen = set() if seen is None else seen
    waiting = list(starts)
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            yield one
            waiting += following(one)

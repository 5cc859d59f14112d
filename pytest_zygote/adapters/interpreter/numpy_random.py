"""The global generator of numpy, whose methods no profiler sees: what is done with it is told by its state.

A fork begins with the numbers of its parent, where a new process draws its own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    State: TypeAlias = tuple[Any, ...] | None  # type: ignore[explicit-any]  # numpy is not a dependency

NAME = "numpy.random"
DRAWS = "draws random numbers"

BLOCK = 624
BLOCKS = 64
"""A Mersenne twister makes so many numbers at once; that somebody draws more blocks at import nobody expects."""

_renewed: list[State] = []
"""What `renew` has seeded the generator to last."""


def renew() -> None:
    """Seed the generator by chance, as a process does that imports numpy; where it is imported."""
    generator = sys.modules.get(NAME)
    if generator is not None and hasattr(generator, "seed"):
        generator.seed()
        _renewed[:] = [_state()]


def renew_unless_seeded() -> None:
    """Do so if nobody has given the generator a state since it was imported, or renewed."""
    generator = sys.modules.get(NAME)
    if generator is None or not hasattr(generator, "get_bit_generator"):  # numpy 1.24 has it
        return
    is_by_chance = generator.get_bit_generator().seed_seq is not None  # what it was made with: None after a seed
    if is_by_chance or _vector(_state()) in map(_vector, _renewed):
        renew()


class NumpyGenerator:
    """Tells by its state what was done with it.

    Attributes:
        seeded: the state that it was given; None if it was given none.
    """

    def __init__(self) -> None:
        """Start without a state to compare with."""
        self._before: State = None
        self.seeded: State = None

    def begin(self) -> None:
        """Take a state that the next draw changes in its position only."""
        self.seeded = None
        if _state() is not None:
            sys.modules[NAME].bytes(4)
        self._before = _state()

    def judge(self) -> str:
        """Keep a state that was set; return what is wrong with one that was not, '' if nothing."""
        now = _state()
        if now is None or self._before is None:
            return "" if now is None else "imports numpy.random"
        # A session seeds the generator by chance after this has begun: that is no seed of the tests'.
        for before in (self._before, *_renewed):
            if has_drawn(before, now):
                return f"{DRAWS} from numpy"
            if _vector(now) == _vector(before):
                return ""
        self.seeded = now
        return ""


def has_drawn(before: State, now: State) -> bool:
    """Return whether draws alone, at least one, lead from one state to another."""
    if before is None or now is None:
        return False
    if _vector(now) == _vector(before):
        return bool(now[2] != before[2])
    generator = sys.modules[NAME].RandomState()
    generator.set_state(before)
    for _ in range(BLOCKS):
        generator.bytes(4 * BLOCK)
        if _vector(generator.get_state()) == _vector(now):
            return True
    return False


def _vector(state: State) -> bytes:
    return b"" if state is None else state[1].tobytes()


def _state() -> State:
    get_state: Callable[[], State] | None = getattr(sys.modules.get(NAME), "get_state", None)
    return None if get_state is None else get_state()


def restore(state: State) -> None:
    """Give numpy's global generator a state."""
    if state is not None:
        sys.modules[NAME].set_state(state)

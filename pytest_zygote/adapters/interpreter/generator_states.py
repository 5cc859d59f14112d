"""The generators of random numbers that a process has: their states, and what drawing makes of these."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, cast

from pytest_zygote.adapters.interpreter import numpy_random

if TYPE_CHECKING:
    from typing import Any

GENERATORS = ("random", "numpy.random")


class Vector:
    """An array that is compared as a value."""

    def __init__(self, array: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - numpy is not a dependency
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and bool((self.array == other.array).all())

    __hash__ = None  # type: ignore[assignment]  # never a key


def vector_of(state: object) -> object:
    """Return the numbers of a generator's state, without its position in them."""
    vector = cast("tuple[Any, ...]", state)[1]  # type: ignore[explicit-any]  # as both generators' states are
    return vector if isinstance(vector, Vector) else vector[:-1]


def has_drawn(what: str, before: object, now: object) -> bool:
    """Return whether some draws alone lead from one state to another."""
    if what != "random":
        return numpy_random.has_drawn(_as_given(before), _as_given(now))
    generator = random.Random()  # noqa: S311 - nothing is kept secret
    generator.setstate(cast("tuple[Any, ...]", before))  # type: ignore[explicit-any]  # see above
    for _ in range(numpy_random.BLOCKS):
        generator.getrandbits(32 * numpy_random.BLOCK)
        if vector_of(generator.getstate()) == vector_of(now):
            return True
    return False


def _as_given(state: object) -> tuple[Any, ...]:  # type: ignore[explicit-any]  # as numpy gives it
    name, vector, *rest = cast("tuple[Any, ...]", state)  # type: ignore[explicit-any]  # see above
    return (name, vector.array, *rest)


def numpy_state() -> object:
    """Return the state of numpy's global generator, to be compared with others."""
    name, vector, *rest = sys.modules["numpy.random"].get_state()
    return (name, Vector(vector), *rest)


def set_numpy(state: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # as numpy gives it
    """Give numpy's global generator a state that `numpy_state` has returned."""
    numpy_random.restore(_as_given(state))

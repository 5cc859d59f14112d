"""A numpy.random whose global generator is that of `random`, which makes its numbers in the same way."""

from __future__ import annotations

import random
from types import ModuleType

NAME = "numpy.random"


class Array:
    """What the numbers of a state are in."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        """Hold these numbers."""
        self.numbers = numbers

    def tobytes(self) -> bytes:
        """Return the numbers as what can be compared."""
        return repr(self.numbers).encode()

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]  # as numpy's arrays do
        return Comparison(isinstance(other, Array) and self.numbers == other.numbers)

    __hash__ = None  # type: ignore[assignment]  # never a key


class Comparison:
    """What comparing two arrays gives."""

    def __init__(self, result: bool) -> None:  # noqa: FBT001 - the only argument
        """Hold the result."""
        self._result = result

    def all(self) -> bool:
        """Return whether all numbers are equal."""
        return self._result


class Twister(ModuleType):
    """The module."""

    def __init__(self) -> None:
        """Be seeded by chance."""
        super().__init__(NAME)
        self._generator = random.Random()  # noqa: S311 - nothing is kept secret
        vars(self).update(get_state=self.get_state)  # a function of the module, as numpy's is

    RandomState = property(lambda _: Twister)

    def seed(self, number: int | None = None) -> None:
        """Begin anew."""
        self._generator.seed(number)

    def bytes(self, count: int) -> None:
        """Draw numbers."""
        self._generator.getrandbits(8 * count)

    def get_state(self) -> tuple[object, ...]:
        """Return the numbers, as an array in the second place, and the position in them."""
        *numbers, position = self._generator.getstate()[1]
        return "MT19937", Array(tuple(numbers)), position

    def set_state(self, state: tuple[str, Array, int]) -> None:
        """Have these numbers."""
        _, array, position = state
        self._generator.setstate((3, (*array.numbers, position), None))

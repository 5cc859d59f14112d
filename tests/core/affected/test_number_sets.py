"""Sets of numbers as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.affected.number_sets import pack, unpack


@given(st.sets(st.integers(0, 2**32 - 1)))
def test_what_was_packed_is_unpacked_in_order(numbers: set[int]) -> None:
    """Whatever the numbers, in whatever order they came."""
    assert [*unpack(pack(numbers))] == sorted(numbers)


def test_neighbours_take_hardly_any_room() -> None:
    """A file's units have numbers side by side."""
    assert len(pack(range(1000, 11_000))) < 1000

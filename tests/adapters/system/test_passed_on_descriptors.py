"""Descriptors above 2 that a run must have by the numbers that they have at its client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import stdio

if TYPE_CHECKING:
    from collections.abc import Iterator

FREE = 151


@pytest.fixture(autouse=True)
def _closed_again() -> Iterator[None]:
    """Close what a test has opened by these numbers."""
    yield
    for number in (FREE, FREE + 1):
        if stdio.is_open(number):
            os.close(number)


def a_file(text: bytes) -> int:
    """Return a descriptor from which this can be read."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    return reader


def test_each_has_its_number_and_is_inherited() -> None:
    """Also where one stands at the other's number."""
    first = os.dup2(a_file(b"first"), FREE + 1)
    second = a_file(b"second")

    assert stdio.pass_on({FREE: first, FREE + 1: second}) is None

    assert (os.read(FREE, 9), os.read(FREE + 1, 9)) == (b"first", b"second")
    assert os.get_inheritable(FREE)


def test_a_number_in_use_is_named_and_left_alone() -> None:
    """A module of the layer holds it."""
    os.dup2(a_file(b"ours"), FREE)

    assert stdio.pass_on({FREE + 1: a_file(b"b"), FREE: a_file(b"a")}) == FREE

    assert os.read(FREE, 9) == b"ours"
    assert not stdio.is_open(FREE + 1)

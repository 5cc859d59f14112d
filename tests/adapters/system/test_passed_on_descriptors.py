"""Descriptors above 2 that a run must have by the numbers that they have at its client."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import stdio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FREE = 60


@pytest.fixture(name="free")
def _free() -> Iterator[int]:
    """Give a number that is free, and the one behind it, too: what other tests have left open there is put aside."""
    aside = {n: fcntl.fcntl(n, fcntl.F_DUPFD_CLOEXEC, FREE + 2) for n in (FREE, FREE + 1) if stdio.is_open(n)}
    for number in aside:
        os.close(number)
    yield FREE
    for number in (FREE, FREE + 1):
        if stdio.is_open(number):
            os.close(number)
    for number, copy in aside.items():
        os.dup2(copy, number, inheritable=False)
        os.close(copy)


def a_file(text: bytes) -> int:
    """Return a descriptor from which this can be read; its number is a high one, not one that is to be free."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    return stdio.move_away(reader)


def test_each_has_its_number_and_is_inherited(free: int) -> None:
    """Also where one stands at the other's number."""
    first = os.dup2(a_file(b"first"), free + 1)
    second = a_file(b"second")

    assert stdio.pass_on({free: first, free + 1: second}) is None

    assert (os.read(free, 9), os.read(free + 1, 9)) == (b"first", b"second")
    assert os.get_inheritable(free)


def test_a_number_in_use_is_named_and_left_alone(free: int) -> None:
    """A module of the layer holds it."""
    os.dup2(a_file(b"ours"), free)

    assert stdio.pass_on({free + 1: a_file(b"b"), free: a_file(b"a")}) == free

    assert os.read(free, 9) == b"ours"
    assert not stdio.is_open(free + 1)


def test_what_a_library_keeps_open_has_a_number_that_no_test_would_get(tmp_path: Path) -> None:
    """Afterwards, the low numbers are free as before."""
    lowest = _opened(tmp_path)

    with stdio.opening_out_of_the_way():
        kept = _opened(tmp_path)

    assert kept > stdio.OUT_OF_THE_WAY
    assert _opened(tmp_path) == lowest


def test_with_few_descriptors_all_have_the_numbers_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is taken from imports, which open files."""
    lowest = _opened(tmp_path)
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))

    with stdio.opening_out_of_the_way():
        assert _opened(tmp_path) == lowest


def _opened(folder: Path) -> int:
    """Return the number that the next file gets, which is closed again."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.close(descriptor)
    return descriptor

"""What stands for the descriptors of a command that has not come yet."""

from __future__ import annotations

import mmap
import os
import pathlib
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.descriptor_doubles import DescriptorDoubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER, OTHER = 931, 940


@pytest.fixture
def doubles() -> Iterator[DescriptorDoubles]:
    """Have two stand-ins."""
    made = DescriptorDoubles((NUMBER, OTHER))
    yield made
    os.closerange(NUMBER, NUMBER + 1)
    os.closerange(OTHER, OTHER + 1)


def test_stand_ins_have_the_numbers_and_go_to_programs(doubles: DescriptorDoubles) -> None:
    """As those of a shell do."""
    assert doubles.in_use is None
    assert os.get_inheritable(NUMBER)
    assert os.get_inheritable(OTHER)
    assert doubles.used() is None


def _map(number: int) -> None:
    with mmap.mmap(number, 0, access=mmap.ACCESS_READ) as mapped:
        mapped.read()


@pytest.mark.parametrize(
    "use",
    [
        lambda: os.read(OTHER, 1),
        lambda: os.pread(OTHER, 1, 0),
        lambda: os.write(OTHER, b"x"),
        lambda: os.lseek(OTHER, 1, os.SEEK_SET),
        lambda: pathlib.Path(f"/dev/fd/{OTHER}").read_bytes(),
        lambda: _map(OTHER),
        lambda: os.fchmod(OTHER, 0o700),
        lambda: os.close(OTHER),
        lambda: os.dup2(NUMBER, OTHER),
    ],
    ids=["read", "pread", "write", "seek", "by name", "map", "mode", "close", "replace"],
)
def test_whatever_is_done_with_one_shows(doubles: DescriptorDoubles, use: Callable[[], object]) -> None:
    """However it is done: the kernel notes it."""
    use()
    assert doubles.used() == OTHER


def test_a_run_has_its_client_s_in_their_places(doubles: DescriptorDoubles) -> None:
    """With one position for both, as after a fork; what was received is closed."""
    ends = os.pipe(), os.pipe()
    os.write(ends[0][1], b"one")
    doubles.replace((ends[0][0], ends[1][1]))
    os.write(OTHER, b"two")
    assert (os.read(NUMBER, 3), os.read(ends[1][0], 3)) == (b"one", b"two")
    assert os.get_inheritable(NUMBER)
    for closed in (ends[0][0], ends[1][1]):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(closed)
    for left in (ends[0][1], ends[1][0]):
        os.close(left)


def test_a_number_of_the_layer_s_own_is_named(doubles: DescriptorDoubles) -> None:
    """Then nothing is opened."""
    assert doubles.in_use is None
    again = DescriptorDoubles((NUMBER + 1, OTHER))
    assert again.in_use == OTHER
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(NUMBER + 1)

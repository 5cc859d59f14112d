"""What all processes of a run share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.shared_flags import MAX_WORKERS, SharedFlags

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def flags() -> Iterator[SharedFlags]:
    """Flags of a run that stops after three failures."""
    made = SharedFlags(3, 2)
    yield made
    made.close()


def test_failures_of_all_workers_stop_the_run(flags: SharedFlags) -> None:
    """Also those of workers that share a slot."""
    for worker in (0, 5):
        flags.count_failure(worker)
        assert not flags.is_stopped
    flags.count_failure(MAX_WORKERS)
    assert flags.is_stopped


def test_without_a_limit_failures_stop_nothing() -> None:
    """However many there are."""
    flags = SharedFlags(0, 1)
    for _ in range(10):
        flags.count_failure(0)
    assert not flags.is_stopped
    flags.close()


def test_a_test_may_be_tried_again_once(flags: SharedFlags) -> None:
    """Each for itself."""
    assert [flags.may_try_again(test) for test in (0, 1, 0)] == [True, True, False]


def test_flags_do_not_touch_each_other(flags: SharedFlags) -> None:
    """Each has a byte of its own."""
    flags.set_debugging(on=True)
    flags.sleep()
    flags.note_interrupt()
    assert (flags.is_stopped, flags.is_debugging, flags.interrupts, flags.is_asleep) == (False, True, 1, True)
    flags.set_debugging(on=False)
    flags.wake()
    flags.stop()
    assert (flags.is_stopped, flags.is_debugging, flags.interrupts, flags.is_asleep) == (True, False, 1, False)


def test_interrupts_are_counted_in_a_byte(flags: SharedFlags) -> None:
    """Whoever compares two counts only asks whether they differ."""
    for _ in range(257):
        flags.note_interrupt()
    assert flags.interrupts == 1

"""When stacks are left as they are, given up, or built anew."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.stack_choice import (
    MAX_ATTEMPTS,
    MAX_PARSED,
    forks_tried,
    is_half_written,
    is_hopeless,
    teaches_options,
)


@pytest.mark.parametrize("text", [b"", b"def f(", b"\0", b"'\\d'\n1 +"])
def test_text_that_is_no_python_is_half_written(text: bytes) -> None:
    """There is more to come."""
    assert is_half_written(text)


def test_long_text_is_not_parsed() -> None:
    """The daemon would be large for hours, and deaf meanwhile."""
    assert not is_half_written(b"(" * (MAX_PARSED + 1))


def test_text_that_only_warns_is_complete() -> None:
    """Compiling it must not raise in tests where warnings are errors."""
    assert not is_half_written(b"'\\d'\n")


def test_background_build_is_given_up_after_some_attempts() -> None:
    """What it imports changes faster than it is built."""
    assert [is_hopeless(attempts) for attempts in (0, MAX_ATTEMPTS, MAX_ATTEMPTS + 1)] == [False, False, True]


def test_all_is_imported_anew_after_many_edits_in_a_row() -> None:
    """Each attempt counts from the one before, and an import of all begins at 0 again."""
    assert forks_tried(0, 2, 3) == (0, False)
    assert forks_tried(0, 3, 3) == (3, True)
    assert forks_tried(3, 5, 3) == (3, False)
    assert forks_tried(3, 6, 3) == (6, True)
    assert forks_tried(6, 1, 3) == (1, False)


def test_options_that_fit_no_layer_are_learned_the_second_time() -> None:
    """Two kinds of runs in turn do not replace each other's layers."""
    usual, other = {"importmode": "prepend"}, {"importmode": "importlib"}
    assert teaches_options(usual, {}, was_fit=True)
    assert not teaches_options(other, {}, was_fit=False)
    assert teaches_options(other, other, was_fit=False)

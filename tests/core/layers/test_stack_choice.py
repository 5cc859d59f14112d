"""When layers of a stack are kept, patched and built."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.stack_choice import (
    MAX_ATTEMPTS,
    MAX_PARSED,
    Keep,
    Patch,
    Replace,
    Wait,
    choose_base,
    choose_project,
    choose_successor,
    forks_tried,
    is_half_written,
    is_hopeless,
    teaches_options,
)
from pytest_zygote.core.reasons import Reason

FIRST = Reason("first-start", "first start")
CHANGED = Reason("file-changed", "lib.py changed")
AGAIN = Reason("import-retried", "lib may be imported early again")


def test_first_base_layer_is_built_for_the_reason_of_its_stack() -> None:
    """It stands in the place of none."""
    assert choose_base(None, FIRST, is_first=True) == Replace(FIRST, is_first=True)


def test_base_layer_is_replaced_when_it_is_stale() -> None:
    """And only then."""
    assert choose_base(CHANGED, FIRST, is_first=False) == Replace(CHANGED, is_first=False)
    assert choose_base(None, FIRST, is_first=False) == Keep()


def test_first_project_layer_has_the_reason_of_its_base() -> None:
    """The user reads why all was imported anew, once."""
    assert choose_project(None, CHANGED, None, is_first=True, is_ready=False) == Replace(CHANGED, is_first=True)


@pytest.mark.parametrize(
    ("stale", "retry", "is_ready", "expected"),
    [
        (CHANGED, None, True, Replace(CHANGED, is_first=False)),
        (CHANGED, AGAIN, True, Replace(CHANGED, is_first=False)),
        (None, AGAIN, True, Replace(AGAIN, is_first=False)),
        (None, AGAIN, False, Keep()),
        (None, None, True, Keep()),
    ],
)
def test_project_layer_is_replaced_for_a_reason(
    stale: Reason | None,
    retry: Reason | None,
    is_ready: bool,  # noqa: FBT001 - a row of a table
    expected: Keep | Replace,
) -> None:
    """One that is being built is not replaced to try something again."""
    assert choose_project(stale, FIRST, retry, is_first=False, is_ready=is_ready) == expected


def test_edits_are_patched_unless_a_file_is_being_written() -> None:
    """Where a run waits, it gets what plain pytest would see."""
    assert choose_successor([b"x = 1"], is_ahead=True) == Patch()
    assert choose_successor([b"x = 1", b"x = ("], is_ahead=True) == Wait()
    assert choose_successor([b"x = ("], is_ahead=False) == Patch()


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

"""The comparison of two outputs finds each line that differs, and knows noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.cli.comparison import ABSENT, Difference
from scripts.output_comparison import compare_output, unexplained


class TestCompareOutput:
    """``compare_output``."""

    @given(lines=st.lists(st.sampled_from("abc"), max_size=6))
    def test_an_output_equals_itself(self, lines: list[str]) -> None:
        """Equal text is no difference."""
        assert compare_output("\n".join(lines), "\n".join(lines)) == ()

    @pytest.mark.parametrize(
        ("plain", "warm"),
        [
            ("3 passed in 0.12s", "3 passed in 61.25s (0:01:01)"),
            ("===== 3 passed in 0.12s =====", "=== 3 passed in 61.25s (0:01:01) ==="),
            ("no tests ran in 0.00s", "no tests ran in 0.03s"),
            ("<f at 0x7f0123456789>", "<f at 0x7fabcdefabcd>"),
        ],
    )
    def test_durations_and_addresses_are_no_difference(self, plain: str, warm: str) -> None:
        """The last line differs in every run."""
        assert compare_output(plain, warm) == ()

    @pytest.mark.parametrize(
        ("plain", "warm", "expected"),
        [
            ("a\nb\nc", "a\nB\nc", (Difference("output", "line 2", "b", "B"),)),
            ("a\nb\nc", "a\nc", (Difference("output", "line 2", "b", ABSENT),)),
            (
                "a\nb",
                "a\nb\nc\nd",
                (Difference("output", "line 3", ABSENT, "c"), Difference("output", "line 4", ABSENT, "d")),
            ),
            ("took 0.12s", "took 0.13s", (Difference("output", "line 1", "took 0.12s", "took 0.13s"),)),
        ],
    )
    def test_a_line_more_less_or_changed(self, plain: str, warm: str, expected: tuple[Difference, ...]) -> None:
        """A difference is told by its line in the plain output."""
        assert compare_output(plain, warm) == expected


def test_noise_explains_a_difference_at_the_same_place_only() -> None:
    """Another kind or another subject stays a difference."""
    noise = Difference("result", "test_a", "call passed", "call failed: 1")
    same_place = Difference("result", "test_a", "call passed", "call failed: 2")
    other_kind = Difference("run", "test_a", "once", ABSENT)
    other_subject = Difference("result", "test_b", "call passed", "call failed: 1")

    assert unexplained([same_place, other_kind, other_subject], [noise]) == (other_kind, other_subject)

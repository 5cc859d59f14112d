"""Limits of a run, as the user writes them, and what is said of tests that did not run."""

from __future__ import annotations

import pytest

from pytest_zygote.core.parallel import limits


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("0.5s", 0.5), ("10m", 600), ("1h30m", 5400), ("2h", 7200)]
)
def test_a_time_has_units(text: str, seconds: float) -> None:
    """Without one it is in seconds."""
    assert limits.parse_time(text) == (text, seconds)


@pytest.mark.parametrize("text", ["", "0", "0m", "abc", "10x", "-5s", "10 m", "1m1h", "inf", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The message has what was seen, and what is expected."""
    with pytest.raises(ValueError, match=f"^{text!r} is no time: write .* 10m"):
        limits.parse_time(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100", 100),
        ("2K", 2048),
        ("1.5k", 1536),
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("2GB", 2 << 30),
        ("1TiB", 1 << 40),
    ],
)
def test_a_size_has_units(text: str, size: float) -> None:
    """They are powers of 1024, as in `ps` and the limits of containers."""
    assert limits.parse_size(text) == (text, size)


@pytest.mark.parametrize("text", ["", "0", "0G", "two", "2X", "-1G", "2 G", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The message has what was seen, and what is expected."""
    with pytest.raises(ValueError, match=f"^{text!r} is no size: write .* 2G"):
        limits.parse_size(text)


def test_a_number_of_times_is_a_number() -> None:
    """None is allowed."""
    assert limits.parse_count("0") == 0
    assert limits.parse_count("3") == 3
    for text in ("", "-1", "x", "1.5"):
        with pytest.raises(ValueError, match=f"^{text!r} is no number of times"):
            limits.parse_count(text)


def test_a_size_is_shown_as_it_is_written() -> None:
    """With three digits."""
    assert [limits.show_size(size) for size in (0, 12, 2048, 1.5 * (1 << 30), 3 << 40)] == [
        "0",
        "12",
        "2K",
        "1.5G",
        "3T",
    ]


def test_there_are_as_many_workers_as_files_allow() -> None:
    """At least one, which may work."""
    assert limits.affordable_workers(60, 1000) == 60
    assert limits.affordable_workers(60, 240) == 25
    assert limits.affordable_workers(60, 20) == 1


def test_tests_that_did_not_run_are_named() -> None:
    """Those first that had begun; many are only counted, unless all are to be shown."""
    lines = limits.missing_lines(["a", "b", "c"], begun={"a", "c"}, ended={"a"}, shows_all=False)
    assert lines == ["interrupted: c", "not run: b"]
    ids = [str(number) for number in range(25)]
    lines = limits.missing_lines(ids, begun=(), ended=(), shows_all=False)
    assert lines[-2:] == ["not run: 19", "and 5 more (-v names them)"]
    assert len(limits.missing_lines(ids, begun=(), ended=(), shows_all=True)) == 25

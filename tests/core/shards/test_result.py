"""What shards say of themselves, and whether they make a whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_zygote.core.shards.errors import ShardError
from pytest_zygote.core.shards.result import ShardResult, check_whole, decode, differences, encode, status_of

IDS = ("a", "b", "c")


def make(number: int, selected: tuple[str, ...], status: int | None = 0) -> ShardResult:
    """Return the result of one of two shards."""
    return ShardResult(number, 2, "plan", "durations", IDS, selected, selected, status=status)


WHOLE = {"one": make(1, ("a", "c")), "two": make(2, ("b",))}


def test_what_is_written_can_be_read() -> None:
    """Each field."""
    result = ShardResult(
        *(1, 2, "plan", "durations", IDS, ("a", "c"), ("a",)),
        left_out=3,
        args=("-q",),
        paths=("tests",),
        folder="sub",
        root="/srv/project",
        seeds={"--randomly-seed": "7"},
        environ={"TZ": "UTC"},
        surroundings={"Python": "3.12"},
        packages={"pytest": "9"},
        files={"a.py": "12"},
        display=("-v",),
        wanted_coverage=90.0,
        status=1,
    )
    assert decode(encode(result)) == result
    assert decode(encode(replace(result, status=None))).status is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", "it is no JSON"),
        ("[]", "it was not written by --shard-result"),
        ('{"format": "pytest-zygote shard", "version": 9}', "it has version 9 of the format, and this is 1"),
    ],
)
def test_what_is_no_result(text: str, expected: str) -> None:
    """It is said what is wrong."""
    with pytest.raises(ShardError, match=expected):
        decode(text)


@pytest.mark.parametrize("name", ["number", "plan", "collected", "seeds"])
def test_a_damaged_result(name: str) -> None:
    """Nothing is guessed."""
    damaged = {**json.loads(encode(WHOLE["one"])), name: None}
    with pytest.raises(ShardError, match=f"it is damaged at '{name}'"):
        decode(json.dumps(damaged))


def test_a_whole_is_accepted() -> None:
    """In any order."""
    check_whole(WHOLE)
    check_whole(dict(reversed(WHOLE.items())))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"two": None}, "shard 2/2 is missing: name its folder, too"),
        ({"three": make(2, ("b",))}, "shard 2/2 is there more than once: three, two"),
        ({"two": replace(make(2, ("b",)), total=3)}, "they are shards of different runs: 1/2, 2/3"),
        ({"two": make(2, ("b",), None)}, "shard 2/2 has not come to its end: repeat it by `pz rerun two`"),
        (
            {"two": replace(make(2, ("b",)), plan="other", durations="other")},
            "shards 1/2 and 2/2 follow different plans: they had different durations",
        ),
        (
            {"two": replace(make(2, ("b",)), plan="other")},
            "shards 1/2 and 2/2 follow different plans: they had different options",
        ),
        (
            {"two": replace(make(2, ("b",)), plan="other", collected=("a", "b", "d"))},
            "shards 1/2 and 2/2 have collected different tests: only 1/2 has c; only 2/2 has d",
        ),
        ({"two": make(2, ("a", "b"))}, "1 tests belong to two shards: a"),
        ({"two": make(2, ())}, "1 tests belong to no shard: b"),
    ],
)
def test_what_is_no_whole(changes: dict[str, ShardResult | None], expected: str) -> None:
    """What is wrong is named."""
    results = {name: one for name, one in {**WHOLE, **changes}.items() if one is not None}
    with pytest.raises(ShardError) as raised:
        check_whole(results)
    assert expected in str(raised.value)


def test_many_tests_are_not_all_listed() -> None:
    """The first few say what kind they are."""
    many = tuple(f"t{at}" for at in range(9))
    results = {"one": replace(WHOLE["one"], collected=many, share=(), selected=())}
    results["two"] = replace(results["one"], number=2)
    with pytest.raises(ShardError, match="9 tests belong to no shard: t0, t1, t2, t3, t4 and 4 more"):
        check_whole(results)


@pytest.mark.parametrize(
    ("statuses", "shown", "expected"),
    [
        ((0, 5), 0, 0),
        ((1, 0), 1, 1),
        ((1, 0), 0, 1),
        ((0, 2), 1, 2),
        ((5, 5), 5, 5),
        ((0, 3), 0, 3),
        ((0, 0), 5, 5),
        ((0, 0), 1, 0),
    ],
)
def test_exit_code_of_a_whole(statuses: tuple[int, int], shown: int, expected: int) -> None:
    """That of the session that has shown all reports, unless a shard knows of something worse."""
    results = [make(1, ("a", "c"), statuses[0]), make(2, ("b",), statuses[1])]
    assert status_of(results, shown) == expected


def test_what_is_different_elsewhere() -> None:
    """Versions, packages, files."""
    there = replace(
        WHOLE["one"],
        surroundings={"Python": "3.12", "platform": "Linux"},
        packages={"a": "1", "b": "1"},
        files={"x.py": "1", "y.py": "1"},
    )
    here = replace(
        there, surroundings={"Python": "3.13", "platform": "Linux"}, packages={"a": "2"}, files={"x.py": "1"}
    )
    assert differences(there, here) == [
        "Python: 3.12 there, 3.13 here",
        "package a: 1 there, 2 here",
        "package b: 1 there, none here",
        "files that differ: y.py",
    ]
    assert differences(there, there) == []

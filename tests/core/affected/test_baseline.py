"""What is carried between machines comes back as it was, or not at all."""

from __future__ import annotations

import json

import pytest

from pytest_zygote.core.affected.baseline import Baseline, BaselineError, decode, encode, joined
from pytest_zygote.core.affected.dependency import BODY, DATA, Need
from pytest_zygote.core.affected.impact import Row

BASELINE = Baseline(
    name="main",
    digest=b"\x01\x02",
    parts={"the interpreter": "ab"},
    versions=((Need(DATA, "data.json"), b""), (Need(BODY, "app.py", "f"), b"\xff" * 12)),
    sets=((), (0, 1)),
    tests={
        "test_b.py::test": Row("failed", is_exact=True, sets=(1, 0), duration_s=0.5),
        "test_a.py::test[\u00e9]": Row("passed", is_exact=False, sets=(0, 0), duration_s=0.25),
    },
)


def test_there_and_back() -> None:
    """All of it."""
    assert decode(encode(BASELINE)) == BASELINE


def test_the_text_depends_on_nothing_but_the_content() -> None:
    """So that two can be compared line by line: one for each test."""
    reversed_tests = dict(reversed(BASELINE.tests.items()))
    text = encode(BASELINE)

    assert text == encode(BASELINE.replaced(tests=reversed_tests))
    assert [line for line in text.splitlines() if "test_a.py" in line] == [
        '["test_a.py::test[\\u00e9]", "passed", false, 0, 0, 0.25],'
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00\x01", "[" * 100_000, '{"format": "other"}'])
def test_another_file_is_refused(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(BaselineError):
        decode(text)


def test_another_version_is_named() -> None:
    """So that the user knows which side is too old."""
    with pytest.raises(BaselineError, match="version 9 of the format, and this is 1"):
        decode(encode(BASELINE).replace('"version": 1', '"version": 9'))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("baseline", 3),
        ("digest", "xy"),
        ("digest", "00" * 65),
        ("parts", []),
        ("parts", {"a": 1}),
        ("versions", None),
        ("versions", [["F", "a", "b"]]),
        ("versions", [["?", "a", "b", ""]]),
        ("versions", [["F", "a\0", "b", ""]]),
        ("versions", [["F", 1, "b", ""]]),
        ("sets", [[2]]),
        ("sets", [[-1]]),
        ("sets", [[True]]),
        ("sets", ["0"]),
        ("tests", [["a", "passed", True, 0, 2, 0.1]]),
        ("tests", [["a", "great", True, 0, 0, 0.1]]),
        ("tests", [["a", "passed", 1, 0, 0, 0.1]]),
        ("tests", [["a", ["passed"], True, 0, 0, 0.1]]),
        ("tests", [["a", "passed", True, 0, 0, "0.1"]]),
        ("tests", [[7, "passed", True, 0, 0, 0.1]]),
    ],
)
def test_a_damaged_one_is_refused(name: str, value: object) -> None:
    """With the place of the damage."""
    found = json.loads(encode(BASELINE))
    found[name] = value

    with pytest.raises(BaselineError, match=f"damaged.*{name}"):
        decode(json.dumps(found))


def test_several_make_one() -> None:
    """With the rows of the tests that each of them ran; what two of them know of a test is not mixed."""
    other = BASELINE.replaced(
        versions=((Need(BODY, "app.py", "f"), b"\xff" * 12), (Need(BODY, "app.py", "g"), b"\x01")),
        sets=((0,), (1,)),
        tests={
            "test_a.py::test[\u00e9]": Row("failed", is_exact=True, sets=(1, 1), duration_s=9.0),
            "test_c.py::test": Row("passed", is_exact=True, sets=(0, 1), duration_s=1.0),
        },
    )
    whole = joined([(BASELINE, {"test_a.py::test[\u00e9]", "test_b.py::test"}), (other, {"test_c.py::test"})])

    def needs(baseline: Baseline, nodeid: str) -> list[list[tuple[Need, bytes]]]:
        return [[baseline.versions[at] for at in baseline.sets[number]] for number in baseline.tests[nodeid].sets]

    assert sorted(whole.tests) == ["test_a.py::test[\u00e9]", "test_b.py::test", "test_c.py::test"]
    assert whole.tests["test_a.py::test[\u00e9]"].outcome == "passed"
    assert needs(whole, "test_c.py::test") == needs(other, "test_c.py::test")
    for nodeid in BASELINE.tests:
        assert [sorted(one) for one in needs(BASELINE, nodeid)] == needs(whole, nodeid)
    assert decode(encode(whole)) == whole


def test_other_surroundings_make_no_whole() -> None:
    """No run could use all of it."""
    other = BASELINE.replaced(digest=b"\x03", parts={"the interpreter": "cd"})
    with pytest.raises(BaselineError, match="they differ in the interpreter"):
        joined([(BASELINE, ()), (other, ())])

"""A comparison names every difference between two runs, and nothing that is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.cli.comparison import ABSENT, Difference, compare, normalise, render
from pytest_zygote.core.cli.recording import Collector, Phase, RecordedWarning, Recording, Result
from tests.core.cli.recordings import RECORDINGS

PASSED = Result("test_a.py::test_one", (Phase("setup", "passed"), Phase("call", "passed"), Phase("teardown", "passed")))
FAILED = Result("test_a.py::test_two", (Phase("setup", "passed"), Phase("call", "failed", "assert 1 == 2")))
WARNING = RecordedWarning("builtins.UserWarning", "mind the gap", "/app/a.py", "runtest", "test_a.py::test_one")
PLAIN = Recording(
    exit_code=1,
    process=41,
    collected=(PASSED.nodeid, FAILED.nodeid),
    deselected=("test_a.py::test_slow", "test_a.py::test_slower"),
    collectors=(Collector("test_b.py", "failed", "ImportError: no b"),),
    results=(PASSED, FAILED),
    warnings=(WARNING, replace(WARNING, nodeid="", when="collect")),
)


class TestCompare:
    """``compare``."""

    @given(recording=RECORDINGS, process=st.integers(1))
    def test_a_run_equals_itself_in_any_process(self, recording: Recording, process: int) -> None:
        """What two runs have in common is no difference, and the process is never compared."""
        assert compare(recording, replace(recording, process=process)) == ()

    @given(plain=RECORDINGS, warm=RECORDINGS)
    def test_it_has_no_favourite_side(self, plain: Recording, warm: Recording) -> None:
        """What one side lacks is noticed, whichever side it is."""
        assert bool(compare(plain, warm)) == bool(compare(warm, plain))

    @pytest.mark.parametrize(
        ("warm", "expected"),
        [
            (replace(PLAIN, exit_code=0), Difference("exit code", "of the session", "1", "0")),
            (
                replace(PLAIN, collected=PLAIN.collected[:1]),
                Difference("collected", FAILED.nodeid, "once", ABSENT),
            ),
            (
                replace(PLAIN, collected=PLAIN.collected[::-1]),
                Difference("collected order", "first to differ", PASSED.nodeid, FAILED.nodeid),
            ),
            (
                replace(PLAIN, deselected=PLAIN.deselected[1:]),
                Difference("deselected", "test_a.py::test_slow", "once", ABSENT),
            ),
            (
                replace(PLAIN, collectors=()),
                Difference("collector", "test_b.py failed: ImportError: no b", "once", ABSENT),
            ),
            (replace(PLAIN, results=(PASSED,)), Difference("run", FAILED.nodeid, "once", ABSENT)),
            (
                replace(PLAIN, results=(FAILED, PASSED)),
                Difference("run order", "first to differ", PASSED.nodeid, FAILED.nodeid),
            ),
            (
                replace(PLAIN, warnings=(*PLAIN.warnings, PLAIN.warnings[1])),
                Difference("warning", "collect: builtins.UserWarning: mind the gap (/app/a.py)", "once", "2 times"),
            ),
            (
                replace(PLAIN, warnings=PLAIN.warnings[:1]),
                Difference("warning", "collect: builtins.UserWarning: mind the gap (/app/a.py)", "once", ABSENT),
            ),
        ],
    )
    def test_each_part_of_a_run_is_compared(self, warm: Recording, expected: Difference) -> None:
        """One changed part gives one difference, which says what each side has."""
        assert compare(PLAIN, warm) == (expected,)

    @pytest.mark.parametrize(
        ("phases", "expected"),
        [
            (
                (Phase("setup", "passed"), Phase("call", "passed")),
                Difference("result", FAILED.nodeid, "call failed: assert 1 == 2", "call passed"),
            ),
            (
                (Phase("setup", "passed"), Phase("call", "failed", "assert 1 == 3")),
                Difference("result", FAILED.nodeid, "call failed: assert 1 == 2", "call failed: assert 1 == 3"),
            ),
            (
                (Phase("setup", "passed"),),
                Difference("result", FAILED.nodeid, "call failed: assert 1 == 2", ABSENT),
            ),
            (
                (*FAILED.phases, Phase("teardown", "passed")),
                Difference("result", FAILED.nodeid, ABSENT, "teardown passed"),
            ),
        ],
    )
    def test_each_phase_is_compared(self, phases: tuple[Phase, ...], expected: Difference) -> None:
        """Outcome, message and number of phases must agree."""
        warm = replace(PLAIN, results=(PASSED, replace(FAILED, phases=phases)))

        assert compare(PLAIN, warm) == (expected,)

    def test_an_address_is_no_difference(self) -> None:
        """Each text is normalised before it is compared, node ids included."""
        plain = replace(PLAIN, results=(Result("t[0x7f0123456789]", (Phase("call", "failed", "at 0x7f0123456789"),)),))
        warm = replace(PLAIN, results=(Result("t[0x7fabcdefabcd]", (Phase("call", "failed", "at 0x7fabcdefabcd"),)),))

        assert compare(plain, warm) == ()


class TestNormalise:
    """``normalise``."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("<object object at 0x7f12deadbeef>", "<object object at 0x…>"),
            ("in pytest-of-me/pytest-12/test_a0/x", "in pytest-of-me/pytest-…/test_a0/x"),
            ("open('/tmp/tmpab_c12_z/x.txt')", "open('/tmp/tmp…/x.txt')"),
            ("<SpawnProcess name='p' pid=4711 started>", "<SpawnProcess name='p' pid=… started>"),
            ("killed PID 4711", "killed PID …"),
        ],
    )
    def test_it_replaces_what_two_plain_runs_never_agree_on(self, text: str, expected: str) -> None:
        """Addresses, numbered and random temporary folders, process ids."""
        assert normalise(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "assert 0xff == 0x10ffff",
            "pytest-12",
            "in /tmp/tmpfile",
            "rapid 4",
            "took 0.12s",
            "test_a0",
        ],
    )
    def test_it_leaves_everything_else(self, text: str) -> None:
        """Values that resemble those, but that two runs must agree on."""
        assert normalise(text) == text

    @given(text=st.text() | st.from_regex(r"(/tmp\w{8}|0x[0-9a-f]{8}|pid \d)+"))
    def test_once_is_enough(self, text: str) -> None:
        """What is normalised stays as it is."""
        assert normalise(normalise(text)) == normalise(text)


class TestRender:
    """``render``."""

    def test_a_difference_shows_both_sides(self) -> None:
        """The user sees what, where, and what each run made of it."""
        assert render([Difference("result", "test_a", "call passed", "call failed: 1")]) == (
            "result: test_a\n    plain: call passed\n    warm:  call failed: 1",
        )

    def test_many_differences_are_counted(self) -> None:
        """Beyond the limit there is only their number."""
        lines = render([Difference("run", str(number), "once", ABSENT) for number in range(5)], limit=2)

        assert len(lines) == 3
        assert lines[-1] == "… and 3 more"

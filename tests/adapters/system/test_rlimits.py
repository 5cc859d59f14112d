"""A run has the limits of its client's shell, or is cold."""

from __future__ import annotations

import os
import resource
import sys

import pytest

from pytest_zygote.adapters.system import procfs, rlimits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others do not let us ask")

GONE = 2**22 + 1
"""More than the kernel's highest process id."""


@pytest.fixture(name="calls")
def _calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Give what would be set in this process; nothing is."""
    calls: list[object] = []
    for place, name in (
        (os, "sched_setaffinity"),
        (os, "setpriority"),
        (os, "sched_setscheduler"),
        (procfs, "set_oom_score"),
        (resource, "setrlimit"),
    ):
        monkeypatch.setattr(place, name, lambda *args, name=name: calls.append((name, *args)))
    return calls


def test_those_of_a_process_have_their_names() -> None:
    """Beside limits, what else its shell may have set."""
    limits = dict(rlimits.limits_of(os.getpid()))

    assert limits["RLIMIT_NOFILE"] == resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits[rlimits.PROCESSORS] == tuple(sorted(os.sched_getaffinity(0)))
    assert limits[rlimits.PRIORITY] == (os.getpriority(os.PRIO_PROCESS, 0),)


def test_a_process_that_is_gone_has_none() -> None:
    """And nothing is set for it."""
    assert rlimits.limits_of(GONE) == ()
    assert rlimits.adopt_rlimits(()) == ""


def test_equal_ones_are_left_alone(calls: list[object]) -> None:
    """A daemon mostly has the limits of its clients."""
    assert rlimits.adopt_rlimits(rlimits.limits_of(os.getpid())) == ""
    assert calls == []


def test_each_is_set_by_a_call_of_its_own(calls: list[object]) -> None:
    """Only those that differ."""
    wanted = (
        ("RLIMIT_NOFILE", (63, 64)),
        (rlimits.PROCESSORS, (500,)),
        (rlimits.PRIORITY, (19,)),
        (rlimits.SCHEDULING, (os.SCHED_IDLE, 0)),
        (rlimits.OOM_SCORE, (77,)),
    )

    assert rlimits.adopt_rlimits(wanted) == ""

    assert calls[:3] == [
        ("setrlimit", resource.RLIMIT_NOFILE, (63, 64)),
        ("sched_setaffinity", 0, (500,)),
        ("setpriority", os.PRIO_PROCESS, 0, 19),
    ]
    assert calls[3][:3] == ("sched_setscheduler", 0, os.SCHED_IDLE)  # type: ignore[index]
    assert calls[4:] == [("set_oom_score", 77)]


@pytest.mark.parametrize("error", [PermissionError("not permitted"), ValueError("not allowed to raise maximum limit")])
def test_one_that_may_not_be_had_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The reason of a cold run shows it."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert rlimits.adopt_rlimits((("RLIMIT_NOFILE", (63, 64)),)) == "RLIMIT_NOFILE"

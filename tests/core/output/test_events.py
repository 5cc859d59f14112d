"""Events that are not pytest's own."""

from __future__ import annotations

from pytest_zygote.core.output import events
from pytest_zygote.core.reasons import Reason

REASON = Reason("no-daemon", "there is none")


def test_how_a_run_is_served() -> None:
    """A warm run has a layer; a cold one has a reason, if that is known."""
    assert events.served("project", REASON) == {"how": "warm", "layer": "project"}
    assert events.served("", None) == {"how": "cold", "layer": ""}
    assert events.served("", REASON) == {"how": "cold", "layer": "", "code": "no-daemon", "reason": "there is none"}


def test_what_is_selected() -> None:
    """How many, and why."""
    event = events.selection(3, 1, {"a.py::x": ("changed", "a.py")}, ["affected: 1 of 3 tests"])

    assert (event["collected"], event["selected"], event["deselected"]) == (3, 1, 2)
    assert event["why"] == {"a.py::x": {"kind": "changed", "reason": "a.py"}}


def test_the_end_has_counts_that_are_not_zero() -> None:
    """And times that people can read."""
    event = events.finish(1, {"passed": 0, "failed": 2}, {"total": 0.123456}, "pytest a.py::x")

    assert event["counts"] == {"failed": 2}
    assert event["phases"] == {"total": 0.1235}


def test_a_warning_names_its_class() -> None:
    """With its module."""
    event = events.warning(DeprecationWarning, "old", ("a.py", 3), "runtest", "a.py::x")

    assert (event["category"], event["message"], event["lineno"]) == ("builtins.DeprecationWarning", "old", 3)

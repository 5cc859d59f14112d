"""Whether and how the tests of a session run in parallel."""

from __future__ import annotations

import pytest

from pytest_zygote.adapters.system import rlimits
from pytest_zygote.core.parallel.fixed_schedule import FixedSchedule
from pytest_zygote.parallel.plan import ParallelPlan, why_not_parallel
from pytest_zygote.parallel.work_units import KEY
from tests.parallel.fakes import cache_of, make_config, make_items, make_session


def plan_of(config: pytest.Config, *nodeids: str, wanted: int = 2) -> ParallelPlan:
    """Make the plan for some tests."""
    return ParallelPlan(make_session(make_items(config, *nodeids), config), wanted)


def test_there_are_no_more_workers_than_can_have_something_to_do() -> None:
    """However many the user wants."""
    assert plan_of(make_config(), "a.py::x", "a.py::y", "b.py::z", wanted=8).count == 3
    assert plan_of(make_config(dist="loadfile"), "a.py::x", "a.py::y", "b.py::z", wanted=8).count == 2
    assert plan_of(make_config(dist="loadfile"), "a.py::x", "a.py::y", wanted=8).is_one_piece


def test_there_are_no_more_workers_than_files_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a reason if there could have been more."""
    monkeypatch.setattr(rlimits, "free_files", lambda: 80)
    plan = plan_of(make_config(), "a.py::x", "a.py::y", "b.py::z", wanted=8)
    assert plan.count == 2
    assert str(plan.reason) == "[few-descriptors] 3 would need more open files than the system allows (ulimit -n): 2"
    assert plan_of(make_config(), "a.py::x", "a.py::y").reason is None


def test_workers_are_replaced_four_times_each_unless_an_option_says_otherwise() -> None:
    """As pytest-xdist does."""
    assert plan_of(make_config(), "a.py::x", "a.py::y").max_restarts == 8
    assert plan_of(make_config(maxworkerrestart="0"), "a.py::x", "a.py::y").max_restarts == 0


def test_durations_of_earlier_runs_are_known() -> None:
    """A test that is new has none."""
    config = make_config()
    cache_of(config).set(KEY, {"tests": {"a.py::y": 2.0}, "fixtures": {}})
    assert plan_of(config, "a.py::x", "a.py::y").seconds == {1: 2.0}


def test_what_was_measured_is_stored() -> None:
    """For the next run, with the worker of each test."""
    config = make_config()
    plan = plan_of(config, "a.py::x")
    plan.note_begin(0, "gw0")
    plan.note(0, 0.5, 0.25)
    plan.save()
    assert cache_of(config).values == {
        "zygote/durations": {"tests": {"a.py::x": 0.5}, "fixtures": {"a.py": 0.25}},
        "zygote/schedule": {"gw0": ["a.py::x"]},
    }


def test_a_run_has_the_name_that_is_given_to_it() -> None:
    """Or one of its own."""
    assert plan_of(make_config(testrunuid="mine"), "a.py::x").testrunuid == "mine"
    assert plan_of(make_config(), "a.py::x").testrunuid != plan_of(make_config(), "a.py::x").testrunuid


def test_the_mode_decides_about_the_schedule() -> None:
    """Only ``--dist=fixed`` steals nothing."""
    assert isinstance(plan_of(make_config(dist="fixed"), "a.py::x").schedule(), FixedSchedule)
    assert not isinstance(plan_of(make_config(dist="load"), "a.py::x").schedule(), FixedSchedule)


class OwnScheduler:
    """A plugin that decides about workers itself."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self) -> None:
        """Make none."""


class OutputReader:
    """A plugin that waits for what its workers put out, without saying how they do it."""

    @pytest.hookimpl
    def pytest_testnodedown(self, node: object) -> object:
        """Read it."""
        return getattr(node, "workeroutput", None) and node.workeroutput  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (make_config(stepwise=True), "order-matters"),
        (make_config(OwnScheduler()), "scheduler-replaced"),
        (make_config(OutputReader()), "plugin-ends-sessions"),
    ],
    ids=["stepwise", "scheduler", "plugin"],
)
def test_what_workers_cannot_do_runs_in_one_process(config: pytest.Config, code: str) -> None:
    """With a reason."""
    reason = why_not_parallel(make_session(make_items(config, "a.py::x"), config))
    assert reason is not None
    assert reason.code == code


def test_nothing_is_wrong_with_plain_tests() -> None:
    """They run in parallel."""
    config = make_config()
    assert why_not_parallel(make_session(make_items(config, "a.py::x"), config)) is None

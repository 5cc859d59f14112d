"""The limits of a session, with a clock of the test's own."""

from __future__ import annotations

import argparse
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.system import procfs
from pytest_zygote.core.parallel.limits import Quantity
from pytest_zygote.parallel import run_limits
from pytest_zygote.parallel.run_limits import RunLimits
from tests.parallel.fakes import make_config, make_items, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = Quantity("1m", 60)


class Clock:
    """Time that passes when the test says so.

    Attributes:
        now: the time.
    """

    def __init__(self) -> None:
        """Begin at an hour."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Body:
    """What a test does.

    Attributes:
        handler: of the clock's signal, while the test runs.
        interval: seconds until that signal.
        protocols: how often a test has begun.
    """

    def __init__(self, clock: Clock) -> None:
        """Have done nothing."""
        self._clock = clock
        self.handler: object = None
        self.interval = 0.0
        self.protocols = 0

    @pytest.hookimpl
    def pytest_runtest_protocol(self) -> bool:
        """Begin."""
        self.protocols += 1
        return True

    @pytest.hookimpl
    def pytest_runtest_call(self) -> None:
        """Look at the clock's signal; find that the time is over."""
        self.handler = signal.getsignal(signal.SIGALRM)
        self.interval = signal.getitimer(signal.ITIMER_REAL)[0]
        if callable(self.handler):
            self._clock.now += 60
            self.handler(signal.SIGALRM, None)


class Stage:
    """A session of two tests with limits."""

    def __init__(self, deadline: Quantity | None = None, **given: object) -> None:
        """Have begun a moment ago."""
        self.clock = Clock()
        self.body = Body(self.clock)
        self.config = make_config(self.body)
        options = {"deadline": deadline, "max_worker_memory": None, "retry_killed": 0, **given}
        vars(self.config)["known_args_namespace"] = SimpleNamespace(**options)
        self.limits = RunLimits(self.config, self.clock)
        self.config.pluginmanager.register(self.limits, run_limits.NAME)
        self.session = make_session(make_items(self.config, "a.py::x", "a.py::y"), self.config)

    def begin_test(self) -> None:
        """Call the hook that runs a test."""
        self.config.hook.pytest_runtest_protocol(item=self.session.items[0], nextitem=None)

    def run_test(self) -> None:
        """Call the hook for a test's body."""
        self.config.hook.pytest_runtest_call(item=self.session.items[0])


@pytest.fixture(autouse=True)
def free_clock() -> Iterator[None]:
    """Let nobody else use the clock's signal meanwhile."""
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_no_test_begins_when_the_time_is_over() -> None:
    """Before, all do."""
    stage = Stage(MINUTE)
    stage.begin_test()
    stage.clock.now += 60
    with pytest.raises(pytest.exit.Exception, match="the deadline of 1m is over"):
        stage.begin_test()
    assert stage.body.protocols == 1


def test_a_test_that_runs_is_interrupted() -> None:
    """By a signal of the clock, which is free again afterwards."""
    stage = Stage(MINUTE)
    with pytest.raises(pytest.exit.Exception, match="the deadline of 1m is over"):
        stage.run_test()
    assert 0 < stage.body.interval <= 60
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_test_with_its_own_use_of_the_clock_keeps_it() -> None:
    """As one has that pytest-timeout watches."""
    handler = lambda *_: None  # noqa: E731
    signal.signal(signal.SIGALRM, handler)
    stage = Stage(MINUTE)
    stage.run_test()
    assert stage.body.handler is handler
    assert signal.getsignal(signal.SIGALRM) is handler


def test_without_a_deadline_the_clock_is_left_alone() -> None:
    """Other limits do not need it."""
    stage = Stage(retry_killed=1)
    stage.run_test()
    assert stage.body.handler is signal.SIG_DFL


def test_a_session_whose_time_is_over_has_an_exit_code_of_its_own() -> None:
    """If tests are missing; else it has ended just in time."""
    stage = Stage(MINUTE)
    stage.config.hook.pytest_runtest_logstart(nodeid="a.py::x", location=("a.py", 1, "x"))
    stage.config.hook.pytest_runtest_logfinish(nodeid="a.py::x", location=("a.py", 1, "x"))
    stage.session.exitstatus = 2
    stage.config.hook.pytest_sessionfinish(session=stage.session, exitstatus=2)
    assert stage.session.exitstatus == 2
    stage.clock.now += 60
    stage.config.hook.pytest_sessionfinish(session=stage.session, exitstatus=2)
    assert stage.session.exitstatus == 124
    lines: list[str] = []
    reporter = SimpleNamespace(write_sep=lambda _, text: lines.append(text), write_line=lines.append)
    stage.config.hook.pytest_terminal_summary(terminalreporter=reporter, exitstatus=2, config=stage.config)
    assert lines == ["the deadline of 1m is over", "not run: a.py::y"]
    stage.config.hook.pytest_runtest_logfinish(nodeid="a.py::y", location=("a.py", 2, "y"))
    stage.session.exitstatus = 0
    stage.config.hook.pytest_sessionfinish(session=stage.session, exitstatus=0)
    assert stage.session.exitstatus == 0


def test_a_loop_that_workers_have_left_early_ends_as_interrupted() -> None:
    """No worker may have been in the middle of a test."""
    stage = Stage(MINUTE)
    stage.config.pluginmanager.register(SimpleNamespace(pytest_runtestloop=pytest.hookimpl(lambda: True)))
    stage.config.hook.pytest_runtestloop(session=stage.session)
    stage.clock.now += 60
    with pytest.raises(pytest.exit.Exception, match="the deadline of 1m is over"):
        stage.config.hook.pytest_runtestloop(session=stage.session)


def test_workers_have_the_deadline_of_their_run() -> None:
    """Also those that begin later, and configure by themselves."""
    stage = Stage(MINUTE)
    node = SimpleNamespace(workerinput={})
    stage.config.hook.pytest_configure_node(node=node)
    assert node.workerinput == {run_limits.STOP_AT: 1060.0}
    vars(stage.config)["workerinput"] = node.workerinput
    stage.clock.now += 30
    assert RunLimits(stage.config, stage.clock).stop_at == 1060.0


def test_a_process_has_too_much_memory_if_garbage_is_not_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at once more after a collection."""
    sizes = [3 << 30, 1 << 30, 3 << 30, 3 << 30, 1 << 30]
    monkeypatch.setattr(procfs, "status_of", lambda _: {"VmRSS": f"{sizes.pop(0) >> 10} kB"})
    stage = Stage(max_worker_memory=Quantity("2G", 2 << 30))
    assert stage.limits.excess() == ""
    assert stage.limits.excess() == "has 3G of memory, more than --max-worker-memory 2G"
    assert stage.limits.excess() == ""
    assert Stage(MINUTE).limits.excess() == ""


def test_what_cannot_be_served_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of workers where there are none, or others than ours, or where memory is not known."""
    stage = Stage(retry_killed=1)
    stage.limits.pytest_configure(stage.config)
    monkeypatch.setattr(stage.config.option, "numprocesses", None)
    with pytest.raises(pytest.UsageError, match=r"--retry-killed is about workers.*-n 2"):
        stage.limits.pytest_configure(stage.config)
    stage = Stage(MINUTE)
    stage.config.pluginmanager.register(SimpleNamespace(__name__="xdist.plugin"), "xdist")
    with pytest.raises(pytest.UsageError, match="leave out --no-zygote-workers"):
        stage.limits.pytest_configure(stage.config)
    stage = Stage(max_worker_memory=Quantity("2G", 2 << 30))
    monkeypatch.setattr(procfs, "status_of", lambda _: {})
    with pytest.raises(pytest.UsageError, match="does not tell how much memory"):
        stage.limits.pytest_configure(stage.config)


def test_a_worker_is_not_asked_for_workers() -> None:
    """It has none of its own."""
    stage = Stage(retry_killed=1)
    vars(stage.config)["workerinput"] = {}
    stage.config.option.numprocesses = None
    stage.limits.pytest_configure(stage.config)


def test_limits_are_there_if_one_is_given() -> None:
    """Else nobody pays for them."""
    stage = Stage()
    stage.config.pluginmanager.unregister(stage.limits)
    run_limits.begin(stage.config)
    assert run_limits.of(stage.config) is None
    assert run_limits.of_pool(stage.config) == (0, None)
    stage.config.known_args_namespace.retry_killed = 2
    run_limits.begin(stage.config)
    limits = run_limits.of(stage.config)
    assert limits is not None
    assert limits.need_processes
    assert run_limits.of_pool(stage.config) == (2, None)


def test_bad_values_are_errors_of_the_command_line() -> None:
    """What was seen, and what is expected, is then shown was seen, and what is expected."""
    added: dict[str, dict[str, object]] = {}
    group = SimpleNamespace(addoption=lambda flag, **given: added.setdefault(flag, given))
    run_limits.add_options(cast("pytest.Parser", SimpleNamespace(getgroup=lambda _: group)))
    assert sorted(added) == ["--deadline", "--max-worker-memory", "--retry-killed"]
    for given in added.values():
        parse = given["type"]
        assert callable(parse)
        with pytest.raises(argparse.ArgumentTypeError, match=r"^'x' is no "):
            parse("x")

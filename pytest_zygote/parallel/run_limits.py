"""The limits of a run: its options, its deadline, and what the parts of a parallel run ask of them.

When a deadline is over, no test begins any more, and a test that runs is interrupted by a signal of the clock, in the
process that runs it: pytest then tears down what was set up, and ends. A test that handles this signal itself, as
pytest-timeout does for it, is left alone. A worker that has not ended some seconds later is killed by the controller.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import procfs
from pytest_zygote.core.parallel import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType
    from typing import TypeVar

    from pytest_zygote.core.parallel.limits import Quantity

    _T = TypeVar("_T")

NAME = "zygote_run_limits"
STOP_AT = "zygote_stop_at"
"""Key of ``workerinput``: when a worker that configures by itself must stop."""


def _for_argparse(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    def parse_or_refuse(text: str) -> _T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_or_refuse


def add_options(parser: pytest.Parser) -> None:
    """Register the options."""
    add = parser.getgroup("zygote").addoption
    add(
        "--deadline",
        metavar="TIME",
        type=_for_argparse(limits.parse_time),
        help=f"stop after this time (10m), name the tests that did not run, exit with {limits.DEADLINE_CODE}",
    )
    add(
        "--max-worker-memory",
        metavar="SIZE",
        type=_for_argparse(limits.parse_size),
        help="replace a worker by a new one after a test, if it has more memory than this (2G)",
    )
    add(
        "--retry-killed",
        metavar="N",
        type=_for_argparse(limits.parse_count),
        default=0,
        help="run a test again, up to N times, if its worker was killed (SIGKILL: also for want of memory)",
    )


def begin(config: pytest.Config) -> None:
    """Let the time of a session begin, if one of the limits is given."""
    option = config.known_args_namespace
    if getattr(option, "deadline", None) or getattr(option, "max_worker_memory", None) or option.retry_killed:
        config.pluginmanager.register(RunLimits(config), NAME)


def of(config: pytest.Config) -> RunLimits | None:
    """Return the limits of a session; None if there are none."""
    found: RunLimits | None = config.pluginmanager.getplugin(NAME)
    return found


def of_pool(config: pytest.Config) -> limits.PoolLimits:
    """Return what the controller of a session must respect."""
    found = of(config)
    return limits.PoolLimits() if found is None else limits.PoolLimits(found.retries, found.stop_at)


class RunLimits:
    """The limits of one session, and of its workers.

    Attributes:
        stop_at: when no test may begin any more; None for never.
        retries: how often a test runs again whose worker was killed.
        raise_soon: raises an exception, once this process is not in the middle of a message to its controller.
    """

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        """Count from now, or from when the controller does."""
        option = config.known_args_namespace
        self._clock = clock
        self._deadline: Quantity | None = option.deadline
        self._memory: Quantity | None = option.max_worker_memory
        self.retries: int = option.retry_killed
        given = getattr(config, "workerinput", {}).get(STOP_AT)
        self.stop_at = clock() + self._deadline.amount if self._deadline else None
        if given is not None:
            self.stop_at = given
        self._text = f"the deadline of {self._deadline.text} is over" if self._deadline else ""
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._lines: list[str] = []
        self.raise_soon: Callable[[BaseException], None] = _raise

    @property
    def need_processes(self) -> bool:
        """Whether even one worker must be a process of its own."""
        return bool(self._memory or self.retries)

    def excess(self) -> str:
        """Return the memory of this process and its limit, if it has more; '' else."""
        limit = self._memory
        if limit is None or _resident_bytes() <= limit.amount:
            return ""
        gc.collect()
        size = _resident_bytes()
        return (
            f"has {limits.show_size(size)} of memory, more than --max-worker-memory {limit.text}"
            if size > limit.amount
            else ""
        )

    # The deadline

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuse what cannot be served.

        Raises:
            pytest.UsageError: there are no workers, or others than ours.
        """
        if hasattr(config, "workerinput"):
            return
        wanted = getattr(config.option, "numprocesses", None)
        if self.need_processes and wanted is None:
            flag = "--max-worker-memory" if self._memory else "--retry-killed"
            raise pytest.UsageError(f"{flag} is about workers, and there are none: add -n, such as -n 2")
        if wanted and getattr(config.pluginmanager.getplugin("xdist"), "__name__", "") == "xdist.plugin":
            raise pytest.UsageError(
                "--deadline, --max-worker-memory and --retry-killed are for the workers of this plugin, and -n starts"
                " those of pytest-xdist: leave out --no-zygote-workers, or the limit"
            )
        if self._memory and not _resident_bytes():
            raise pytest.UsageError("--max-worker-memory: this system does not tell how much memory a process has")

    @pytest.hookimpl
    def pytest_configure_node(self, node: object) -> None:
        """Give a worker that configures by itself the same deadline."""
        vars(node)["workerinput"][STOP_AT] = self.stop_at

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """End a session whose workers have stopped, as one in which a test was interrupted ends."""
        result = yield
        if self.stop_at is not None and self._is_due() and self._missing(session):
            raise self._exit()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Begin no test if the time is over."""
        if self._is_due():
            raise self._exit()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """Interrupt fixtures when the time is over."""
        return (yield from self._interruptible())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Interrupt a test when the time is over."""
        return (yield from self._interruptible())

    def _interruptible(self) -> Generator[None, object, object]:
        if self.stop_at is None or not _is_clock_free():
            return (yield)
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, max(self.stop_at - self._clock(), 0.001))
        try:
            return (yield)
        finally:
            if signal.getsignal(signal.SIGALRM) == self._on_alarm:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self.raise_soon(self._exit())

    def _is_due(self) -> bool:
        return self.stop_at is not None and self._clock() >= self.stop_at

    def _exit(self) -> BaseException:
        return pytest.exit.Exception(self._text)

    # What did not run

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note which tests have begun."""
        self._begun.add(nodeid)

    @pytest.hookimpl
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note which tests have ended."""
        self._ended.add(nodeid)

    def _missing(self, session: pytest.Session) -> list[str]:
        shows_all = session.config.option.verbose > 0
        ids = (item.nodeid for item in session.items)
        return limits.missing_lines(ids, self._begun, self._ended, shows_all=shows_all)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Have an exit code of its own for a session whose time was over; the summary is that of an interrupted one."""
        self._lines = self._missing(session) if self._is_due() else []
        if self._lines:
            session.exitstatus = limits.DEADLINE_CODE

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the tests that did not run."""
        if self._lines:
            terminalreporter.write_sep("=", self._text)
            for line in self._lines:
                terminalreporter.write_line(line)


def _raise(error: BaseException) -> None:
    raise error


def _is_clock_free() -> bool:
    """Return whether the signal of the clock can be used here, and nobody else does."""
    return (
        hasattr(signal, "SIGALRM")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    )


def _resident_bytes() -> int:
    """Return how much memory this process has, with what it shares with others; 0 where the system does not tell."""
    return int(procfs.status_of(os.getpid()).get("VmRSS", "0 kB").split()[0]) << 10

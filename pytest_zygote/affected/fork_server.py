"""A process that only forks: to each fork it is as if no test had run yet, whatever the run does meanwhile.

Orders (which test) and results go through two pipes that all forks inherit. One fork lives at a time: it carries
orders out until one is the last of its group. The next fork starts as soon as it has ended, and so mostly waits
already when the next order comes. Shared memory says what a fork is doing: if it dies, the server reports that.

The zygote forks runs in another way (`zygote.run_forker`): those outlive each other, have clients with terminals, and
an event loop reaps them. These are children of one run, one at a time, and share its terminal and process group, so
that Ctrl-C reaches them. What both have in common, leaving a fork for good, is in `adapters.system.processes`.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import pickle
import signal
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from pytest_zygote.adapters.system import processes, sockets

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = (0.3, 5.0)
"""How long a fork may take to end after Ctrl-C: before it gets the signal, too, and before it is killed."""

NO_MORE = 17
"""Exit code of a fork that found no orders left."""

_ORDER = struct.Struct("=I?")
_LENGTH = struct.Struct("=I")
_STATE = struct.Struct("=Ii")
_IDLE = 0xFFFFFFFF


class Death(NamedTuple):
    """Takes the place of a result: the exit code of the process, or the negative number of a signal."""

    status: int

    @property
    def text(self) -> str:
        """What a report says of it."""
        end = f"signal {signal.Signals(-self.status).name}" if self.status < 0 else f"exit code {self.status}"
        return f"the process of this test ended with {end}"


class ForkServer:
    """The parent's end."""

    def __init__(
        self,
        run: Callable[[int, bool], tuple[object, bool]],
        leave: Callable[[], None],
        is_debugged: Callable[[], bool] = lambda: False,
    ) -> None:
        """Fork the server: all forks begin with the present state of this process.

        Args:
            run: called in a fork with an order; returns what can be pickled, and whether this fork must run all
                tests that follow.
            leave: called in a fork that ends in the middle of its group.
            is_debugged: returns whether Ctrl-C is for a debugger in the fork, which stays at its prompt.
        """
        self._run_test = run
        self._leave = leave
        self._is_debugged = is_debugged
        self._state = mmap.mmap(-1, _STATE.size)  # what the fork does, and its process
        self._note(_IDLE, 0)
        sys.stdout.flush()
        sys.stderr.flush()
        orders, self._orders = os.pipe()
        self._results, results = os.pipe()
        self._pid = processes.fork_here_among_threads()
        if not self._pid:
            os.close(self._orders)
            os.close(self._results)
            processes.become(lambda: self._fork_in_turn(orders, results))
        os.close(orders)
        os.close(results)

    def _note(self, order: int, pid: int) -> None:
        self._state[:] = _STATE.pack(order, pid)

    def _noted(self) -> tuple[int, int]:
        order, pid = _STATE.unpack(self._state[:])
        return order, pid

    # In the parent

    def run(self, number: int, *, is_last: bool) -> object:
        """Run a test in a fork; return its result, or the fork's `Death`. `is_last` ends the group.

        Raises:
            BaseException: whatever a signal handler of this process raises meanwhile; then there are no forks any more.
        """
        try:
            os.write(self._orders, _ORDER.pack(number, is_last))
            length = _LENGTH.unpack(self._read(_LENGTH.size))[0]
            return pickle.loads(self._read(length))  # noqa: S301 - from our own fork
        except (struct.error, pickle.UnpicklingError, OSError):
            return Death(-signal.SIGKILL)  # the server itself is gone
        except BaseException:
            self.close()
            raise

    def _read(self, length: int) -> bytes:
        parts = []
        while length and (part := self._read_some(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _read_some(self, length: int) -> bytes:
        while True:
            try:
                return os.read(self._results, length)
            except KeyboardInterrupt:
                if not self._is_debugged():
                    raise

    def _signal(self, number: int) -> None:
        _, pid = self._noted()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        """End it, and the fork at work as well: as Ctrl-C would, which the terminal has mostly sent it already."""
        if self._orders < 0:
            return
        os.close(self._orders)
        self._orders = -1
        for patience_s in PATIENCE_S:
            if self._has_ended(patience_s):
                break
            self._signal(signal.SIGINT)
        else:
            self._signal(signal.SIGKILL)
        os.close(self._results)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _has_ended(self, patience_s: float) -> bool:
        while sockets.is_readable(self._results, patience_s):
            if not os.read(self._results, 1 << 16):
                return True
        return False

    # In the server

    def _fork_in_turn(self, orders: int, results: int) -> int:
        processes.die_with_parent()
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # else looking for garbage would copy every page in each fork
        while True:
            pid = processes.fork_here_among_threads()
            if not pid:
                self._be_a_fork(orders, results, handler)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            order, _ = self._noted()
            self._note(_IDLE, 0)
            if status == NO_MORE:
                return 0
            if order != _IDLE:
                _send(results, Death(status))

    # In a fork

    def _be_a_fork(self, orders: int, results: int, handler: object) -> NoReturn:
        def work() -> int:
            processes.die_with_parent()
            signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]  # it is what `signal.signal` gave
            self._note(_IDLE, os.getpid())
            return self._work(orders, results)

        processes.become(work)

    def _work(self, orders: int, results: int) -> int:
        has_begun = must_stay = False
        try:
            while len(order := os.read(orders, _ORDER.size)) == _ORDER.size:
                has_begun = True
                number, is_last = _ORDER.unpack(order)
                self._note(number, os.getpid())
                result, stays = self._run_test(number, is_last)
                must_stay = must_stay or stays
                if is_last and not must_stay:
                    has_begun = False
                    self._leave()
                _flush()
                _send(results, result)
                self._note(_IDLE, os.getpid())
                if is_last and not must_stay:
                    return 0
            return NO_MORE
        finally:
            if has_begun:
                self._leave()
                _flush()


def _send(descriptor: int, value: object) -> None:
    packed = pickle.dumps(value)
    packed = _LENGTH.pack(len(packed)) + packed
    while packed:
        packed = packed[os.write(descriptor, packed) :]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a test may have left anything there
            stream.flush()

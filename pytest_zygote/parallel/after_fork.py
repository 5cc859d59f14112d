"""What a worker must not share with the process that it was forked from.

Exit handlers and finalizers would delete the parent's folders and end its children; the files
that hold captured output have one position for all; folders for temporary files would be the
same; and multiprocessing would take the parent's children for the worker's.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import signal
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import exit_handlers, numpy_random
from pytest_zygote.adapters.interpreter.private import ending
from pytest_zygote.adapters.pytest.private import configuration, terminal

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType
    from typing import TypeAlias

    import pytest

    from pytest_zygote.parallel.shared_flags import SharedFlags
    from pytest_zygote.parallel.xdist_node import Node

    RandomState: TypeAlias = tuple[object, ...]

_CREATOR = "_creator_pid"
"""In which process a lock of filelock was made."""


class Interrupts:
    """Ctrl-C ends the test that runs; while its fixtures are torn down, another one has no effect.

    The terminal sends the signal to all processes, and the parent sends it once more to those
    that have not ended: once the run is to stop it counts once. Until then it counts each time, for tests that send it
    to themselves. At a debugger's prompt it counts for the debugger each time, and for nothing else.

    Code that looks for Python's own handler finds this one: `asyncio.run` and trio handle the signal only if they do.

    Attributes:
        is_debugging: whether this worker has the terminal.
    """

    def __init__(self, flags: SharedFlags) -> None:
        """Handle the signal from now on."""
        self._flags = flags
        self.is_debugging = False
        self._came = self._is_held = self._is_due = False
        self._error: BaseException | None = None
        self._known = flags.interrupts
        self._handler = self._interrupt  # one object: others ask whether the handler is Python's own by `is`
        self.install()

    def forget(self) -> None:
        """Forget the signals that were pressed for a debugger, or that a test sent to itself."""
        self._known = self._flags.interrupts
        self._came = False

    def install(self) -> None:
        """Handle the signal, unless it is ignored (nohup, a shell's background); debuggers replace the handler."""
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._handler)

    def replace_default(self) -> None:
        """Take the place of Python's own handler for everything in this process that asks for it."""
        signal.default_int_handler = self._handler  # type: ignore[assignment]

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_held:
            self._is_due = True
        elif self.is_debugging:
            raise KeyboardInterrupt
        elif self._flags.is_debugging or self._flags.interrupts != self._known:
            self._known = self._flags.interrupts  # pressed for a debugger, though it may come late
        elif not (self._came and self._flags.is_stopped):
            self._came = True
            raise KeyboardInterrupt

    def hold(self) -> None:
        """Postpone the signal while something runs that must not be cut in half."""
        self._is_held = True

    def release(self) -> None:
        """Handle the signals that arrived meanwhile."""
        self._is_held = False
        if self._is_due:
            self._is_due = False
            self._interrupt(signal.SIGINT, None)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def raise_soon(self, error: BaseException) -> None:
        """Raise what the handler of another signal wants to raise, as soon as nothing is cut in half by it."""
        if not self._is_held:
            raise error
        self._error = error


def flush(config: pytest.Config) -> None:
    """Write what is buffered, before the fork: each fork would write it once more."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, terminal.writer_of(config)):
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()


def basetemp(config: pytest.Config) -> Path | None:
    """Return where this process has its temporary folders: those of workers are inside."""
    return configuration.basetemp(config)


def detach(config: pytest.Config, node: Node, basetemp: Path | None, seed: RandomState | None) -> None:
    """Stop sharing, right after the fork.

    Args:
        config: of the session.
        node: of this worker.
        basetemp: its folder for temporary files.
        seed: the state of `random` if a module that collection has imported has seeded it: forks get another one.
    """
    if seed is not None:
        random.setstate(seed)
    numpy_random.renew_unless_seeded()
    gc.freeze()  # a collection would copy all pages of the parent
    exit_handlers.forget()
    signal.set_wakeup_fd(-1)
    ending.forget_children()  # multiprocessing would terminate them when this process ends
    _renew_file_locks()
    config.workerinput = node.workerinput  # type: ignore[attr-defined]
    config.workeroutput = {}  # type: ignore[attr-defined]
    configuration.renew_cleanups(config)
    set_worker_options(config)
    os.environ.update(node.environ)
    if basetemp is not None:
        config.option.basetemp = str(basetemp)
        basetemp.mkdir(mode=0o700)
        configuration.set_basetemp(config, basetemp)


def set_worker_options(config: pytest.Config) -> None:
    """Set what pytest-xdist sets in its workers (`xdist.remote.setup_config`)."""
    option = config.option
    option.loadgroup = option.dist == "loadgroup"
    option.dist, option.distload, option.looponfail = "no", False, False
    option.numprocesses = option.maxprocesses = None
    option.tx = []


def _renew_file_locks() -> None:
    """Make locks usable that test modules and conftest files made when they were imported.

    filelock gives them back in a fork, and then refuses to use them: an object made in another
    process may be held there. These are not, since no test has run before the fork.
    """
    locks = getattr(sys.modules.get("filelock._api"), "_FORK_OBJECTS", {})
    for lock in list(locks.values()):
        if hasattr(lock, _CREATOR):
            setattr(lock, _CREATOR, os.getpid())


def adopt_output(config: pytest.Config, dump: int) -> list[int]:
    """Capture into files of our own; return the descriptors of what is captured from stderr, and of dumps.

    Args:
        config: of this session.
        dump: where faulthandler is to write, if pytest has enabled it.
    """
    if faulthandler.is_enabled():
        faulthandler.enable(dump)
    return [*configuration.renew_capture_files(config)[-1:], dump]

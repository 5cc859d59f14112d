"""Whether this daemon's processes are what a client's process is: what the daemon compares before it serves a run."""

from __future__ import annotations

import functools
import os
import resource
import sys
from typing import TYPE_CHECKING

import pytest_zygote
from pytest_zygote.adapters.interpreter.start_state import interpreter_flags, start_state
from pytest_zygote.adapters.system import procfs
from pytest_zygote.adapters.system.kernel_context import context_of, group_limits
from pytest_zygote.adapters.system.stdio import STREAMS
from pytest_zygote.core.layers.client_fit import (
    context_difference,
    descriptor_shortage,
    flags_difference,
    start_difference,
)
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.client import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.core.protocol.client_messages import RunRequest

_own_start = functools.cache(start_state)


def outdated_reason(request: RunRequest) -> Reason | None:
    """Return why another daemon must serve a client; None if this one can."""
    ours = pytest_zygote.__version__
    if request.version != ours:
        return Reason("daemon-version", f"the daemon is version {ours}, this is {request.version}")
    executable, version, prefix = request.interpreter[:3]
    # Its links have names of their own: ``python -m pytest`` and the script ``pytest`` often use two.
    if (os.path.realpath(executable), version, prefix) != (os.path.realpath(sys.executable), sys.version, sys.prefix):
        return Reason("daemon-interpreter", "the daemon runs another interpreter")
    return None


def shortage(descriptors: Iterable[int], waiting: int = 0) -> Reason | None:
    """Return why a client cannot be served, of whom these descriptors came; None if there are enough left."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit < 0 else descriptor_shortage(max(descriptors, default=0), limit, waiting=waiting)


def cold_reason(request: RunRequest, terminal: list[int], pid: int) -> Reason | None:
    """Return why a request cannot be served warm by any layer; None if it can.

    Args:
        request: what the client asks for.
        terminal: the descriptors that came with it.
        pid: the client's process, as it is called here; 0 if it cannot be seen from here.
    """
    if len(terminal) != STREAMS + len(request.descriptors) + LINKS:
        return Reason("descriptors-missing", "the descriptors did not arrive")
    return (
        flags_difference(request.interpreter[3:], interpreter_flags())
        or start_difference(request.start, _own_start())
        or _in_other_context(pid)
    )


@functools.cache
def own_context() -> dict[str, str]:
    """Return what the kernel does for this daemon; asked for once, since it does not change."""
    return context_of(os.getpid())


def _in_other_context(pid: int) -> Reason | None:
    own = own_context()
    if not own:
        return None
    try:
        difference = context_difference(context_of(pid), own)
    except ProcessLookupError:
        return Reason("kernel-context", "the daemon cannot see this command: it may run in another pid namespace")
    theirs, ours = procfs.control_groups(pid), procfs.control_groups(os.getpid())
    if difference or theirs == ours:
        return difference
    return context_difference(group_limits(theirs), group_limits(ours))

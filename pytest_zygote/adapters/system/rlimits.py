"""What the kernel grants to a process: taken over from another one, where the system lets us ask."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Limits: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]

PROCESSORS, PRIORITY, SCHEDULING, OOM_SCORE = "processor affinity", "priority", "scheduling policy", "oom_score_adj"

_RESOURCES: dict[str, int] = {
    name: number for name, number in vars(resource).items() if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"
}
"""Name → number of each limit; RLIMIT_OFILE is another name of RLIMIT_NOFILE."""


def limits_of(pid: int) -> Limits:
    """Return the resource limits, the processors and the priority of a process, each with its name.

    None of a process that is gone.
    """
    try:
        return tuple(_limits(pid)) if sys.platform == "linux" else ()
    except ProcessLookupError:
        return ()


def _limits(pid: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, number in _RESOURCES.items():
        with contextlib.suppress(OSError, ValueError):  # this kernel has no such limit
            yield name, resource.prlimit(pid, number)
    yield PROCESSORS, tuple(sorted(os.sched_getaffinity(pid)))
    yield PRIORITY, (os.getpriority(os.PRIO_PROCESS, pid),)
    with contextlib.suppress(PermissionError):
        yield SCHEDULING, (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority)
    score = procfs.oom_score(pid)
    if score is not None:
        yield OOM_SCORE, (score,)


def free_files() -> int:
    """Return how many more files this process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - len(procfs.open_files_if_known())


def adopt_rlimits(limits: Limits) -> str:
    """Have these limits.

    Return the name of one that we may not have, '' if all are equal: a daemon that was started
    under ``ulimit -H`` or ``nice`` cannot give more than it got.
    """
    if not limits:
        return ""
    own = dict(limits_of(os.getpid()))
    for name, wanted in limits:
        if own.get(name) != wanted:
            try:
                _set(name, wanted)
            except (OSError, ValueError):
                return name
    return ""


def _set(name: str, wanted: tuple[int, ...]) -> None:
    if name == PROCESSORS:
        os.sched_setaffinity(0, wanted)
    elif name == PRIORITY:
        os.setpriority(os.PRIO_PROCESS, 0, wanted[0])
    elif name == SCHEDULING:
        os.sched_setscheduler(0, wanted[0], os.sched_param(wanted[1]))
    elif name == OOM_SCORE:
        procfs.set_oom_score(wanted[0])
    else:
        resource.setrlimit(_RESOURCES[name], (wanted[0], wanted[1]))

"""What the kernel grants to a process: taken over from another one, where the system lets us ask.

Each function returns the name of something that we may not have, '' if all is equal: a daemon
that was started under ``ulimit -H`` or ``nice`` cannot give more than it got.
"""

from __future__ import annotations

import os
import resource
import sys


def take_limits(pid: int) -> str:
    """Take the resource limits, the processors and the priority of a process."""
    if sys.platform != "linux":
        return ""
    return _take_resources(pid) or _take_processors(pid) or _take_priority(pid)


def _take_resources(pid: int) -> str:
    for name in (name for name in dir(resource) if name.startswith("RLIMIT_")):
        number = getattr(resource, name)
        try:
            wanted = resource.prlimit(pid, number)
        except (OSError, ValueError):
            continue  # this kernel has no such limit
        try:
            if wanted != resource.getrlimit(number):
                resource.setrlimit(number, wanted)
        except (OSError, ValueError):
            return name
    return ""


def _take_processors(pid: int) -> str:
    wanted = os.sched_getaffinity(pid)
    try:
        if wanted != os.sched_getaffinity(0):
            os.sched_setaffinity(0, wanted)
    except OSError:
        return "processor affinity"
    return ""


def _take_priority(pid: int) -> str:
    wanted = os.getpriority(os.PRIO_PROCESS, pid)
    try:
        if wanted != os.getpriority(os.PRIO_PROCESS, 0):
            os.setpriority(os.PRIO_PROCESS, 0, wanted)
    except OSError:
        return "priority"
    return ""

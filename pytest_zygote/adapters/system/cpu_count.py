"""How many processors this process may use."""

from __future__ import annotations

import os

TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
QUOTA = "/sys/fs/cgroup/cpu.max"


def usable(*, logical: bool) -> int:
    """Return the number of cores: those of the affinity mask, not more than a container's share.

    Args:
        logical: count the threads of a core each.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # pragma: no cover - not Linux
        return os.cpu_count() or 1
    count = len(allowed) if logical else len({_siblings(cpu) for cpu in allowed})
    return max(1, min(count, _share() or count))


def _siblings(cpu: int) -> str:
    """Return what is the same for all threads of a core."""
    return _read(TOPOLOGY.format(cpu)) or str(cpu)


def _share() -> int:
    """Return how many processors the control group may keep busy; 0 for no limit."""
    quota, _, period = _read(QUOTA).partition(" ")
    return -(-int(quota) // int(period)) if quota.isdecimal() and period.isdecimal() else 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""

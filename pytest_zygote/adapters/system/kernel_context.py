"""How the kernel treats a process beyond its limits: namespaces, root, groups, capabilities, control groups.

A run is forked from the daemon's processes and is treated as they are. Where that is not how the command that asked
for it is treated (``unshare -n pytest``, ``newgrp docker``, a container's exec), the run would reach what the command
may not, or the other way round (namespaces(7), credentials(7), cgroups(7)).
"""

from __future__ import annotations

import sys

from pytest_zygote.adapters.system import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = {
    "Uid": "user ids",
    "Gid": "group ids",
    "Groups": "supplementary groups",
    "CapInh": "inheritable capabilities",
    "CapPrm": "permitted capabilities",
    "CapEff": "effective capabilities",
    "CapBnd": "capability bounding set",
    "CapAmb": "ambient capabilities",
    "NoNewPrivs": "no_new_privs",
    "Seccomp": "seccomp mode",
    "Seccomp_filters": "seccomp filters",
}
"""Lines of /proc/PID/status that say what a process may do (proc_pid_status(5)), with the words for users."""

_LIMITS = ("memory.max", "memory.high", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max", "cpuset.cpus", "io.max")
"""Files of a control group that bound its processes."""


def context_of(pid: int) -> dict[str, str]:
    """Return what the kernel does for a process, by the words for users; {} where the system does not tell.

    The limits of its control groups are not among it: see `group_limits`.

    Raises:
        ProcessLookupError: there is no such process here; it may live in another pid namespace.
    """
    if sys.platform != "linux":
        return {}
    try:
        # The two that only new children get are equal to the others until somebody calls unshare or setns.
        found = {f"{name.replace('_', ' ')} namespace": link for name, link in procfs.namespaces(pid).items()}
    except OSError:
        raise ProcessLookupError(pid) from None
    status = procfs.status_of(pid)
    rights = {words: " ".join(status[name].split()) for name, words in _STATUS.items() if name in status}
    return {**found, "root folder": procfs.root_folder(pid), **rights, "personality": procfs.personality(pid)}


def group_limits(groups: str) -> dict[str, str]:
    """Return the limits of all control groups that a process is in, from its own up to the root.

    Processes in the same groups have the same limits, whatever these are by now, so that nobody needs to ask. Others
    may have the same: terminals put each shell into a group of its own.

    Args:
        groups: of the process (`procfs.control_groups`), as they are seen from here.
    """
    found: dict[str, str] = {}
    for line in groups.splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            found |= {f"control group's {name}": " ".join(_up_to_root(group, name)) for name in _LIMITS}
        elif "=" not in controllers:  # version 1, without the one that systemd only counts with
            found[f"control group of {controllers}"] = group
    return found


def _up_to_root(group: str, name: str) -> Iterator[str]:
    parts = group.strip("/").split("/") if group.strip("/") else []
    for depth in range(len(parts), 0, -1):
        value = procfs.text("/".join(("/sys/fs/cgroup", *parts[:depth], name)))
        if value not in (procfs.UNREADABLE, "", "max", "100", "max 100000"):
            yield value.replace("\n", ",")

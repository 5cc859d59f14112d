"""How the kernel treats a process beyond its limits: namespaces, root, groups, capabilities, control groups.

A run is forked from the daemon's processes and is treated as they are. Where that is not how the command that asked
for it is treated (``unshare -n pytest``, ``newgrp docker``, a container's exec), the run would reach what the command
may not, or the other way round (namespaces(7), credentials(7), cgroups(7)).
"""

from __future__ import annotations

import contextlib
import os
import sys

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
"""Files of a control group that bound its processes. Terminals put each shell into a group of its own, so the names
of groups say nothing."""

UNREADABLE = "?"


def context_of(pid: int) -> dict[str, str]:
    """Return what the kernel does for a process, by the words for users; {} where the system does not tell.

    Raises:
        ProcessLookupError: there is no such process here; it may live in another pid namespace.
    """
    if sys.platform != "linux":
        return {}
    if pid <= 0 or not os.path.exists(f"/proc/{pid}/ns"):
        raise ProcessLookupError(pid)
    return {**dict(_namespaces(pid)), **dict(_status(pid)), **dict(_settings(pid)), **dict(_group_limits(pid))}


def _namespaces(pid: int) -> Iterator[tuple[str, str]]:
    for name in os.listdir(f"/proc/{pid}/ns"):
        # The two that only new children get are equal to the others until somebody calls unshare or setns.
        yield f"{name.replace('_', ' ')} namespace", _link(f"/proc/{pid}/ns/{name}")
    yield "root folder", _identity(f"/proc/{pid}/root")


def _status(pid: int) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in _STATUS:
                yield _STATUS[name], " ".join(value.split())


def _settings(pid: int) -> Iterator[tuple[str, str]]:
    yield "personality", _text(f"/proc/{pid}/personality")


def _group_limits(pid: int) -> Iterator[tuple[str, str]]:
    """Give the limits of all control groups that a process is in, from its own up to the root."""
    for line in _text(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            for name in _LIMITS:
                yield f"control group's {name}", " ".join(_up_to_root(group, name))
        elif "=" not in controllers:  # version 1, without the one that systemd only counts with
            yield f"control group of {controllers}", group


def _up_to_root(group: str, name: str) -> Iterator[str]:
    parts = group.strip("/").split("/") if group.strip("/") else []
    for depth in range(len(parts), 0, -1):
        value = _text("/".join(("/sys/fs/cgroup", *parts[:depth], name)))
        if value not in (UNREADABLE, "", "max", "100", "max 100000"):
            yield value.replace("\n", ",")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return UNREADABLE


def _identity(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return UNREADABLE
    return f"{status.st_dev}:{status.st_ino}"


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return UNREADABLE

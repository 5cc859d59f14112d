"""What the kernel does for a process, in the words that users read."""

from __future__ import annotations

import os
import sys

import pytest

from pytest_zygote.adapters.system import procfs
from pytest_zygote.adapters.system.kernel_context import context_of, group_limits

GONE = 2**22 + 1
"""More than the highest number that Linux gives to a process."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")


@linux
def test_a_process_is_described_in_words() -> None:
    """Its namespaces, root folder, rights and personality."""
    found = context_of(os.getpid())

    assert {"net namespace", "root folder", "user ids", "effective capabilities", "personality"} <= found.keys()
    assert found["user ids"].split()[0] == str(os.getuid())


@linux
def test_a_process_that_cannot_be_seen_is_an_error() -> None:
    """It may be there, in another pid namespace."""
    with pytest.raises(ProcessLookupError):
        context_of(GONE)
    with pytest.raises(ProcessLookupError):
        context_of(0)


def test_other_systems_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There nothing is compared."""
    monkeypatch.setattr(sys, "platform", "darwin")

    assert context_of(os.getpid()) == {}


def test_the_limits_of_all_groups_above_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that bound nothing do not: most groups have them."""
    limits = {
        "/sys/fs/cgroup/user/shell/memory.max": "max",
        "/sys/fs/cgroup/user/memory.max": "1073741824",
        "/sys/fs/cgroup/user/shell/cpu.max": "50000 100000",
    }
    monkeypatch.setattr(procfs, "text", lambda path: limits.get(path, procfs.UNREADABLE))

    found = group_limits("0::/user/shell")

    assert found["control group's memory.max"] == "1073741824"
    assert found["control group's cpu.max"] == "50000 100000"
    assert found["control group's pids.max"] == ""


def test_groups_of_the_first_version_are_told_apart_by_name() -> None:
    """But for the one that systemd counts with: each shell has another."""
    assert group_limits("4:memory:/a\n9:name=systemd:/user") == {"control group of memory": "/a"}

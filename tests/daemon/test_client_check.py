"""What is compared of a client before any layer is looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import procfs
from pytest_zygote.daemon import client_check
from pytest_zygote.daemon.client_check import cold_reason, outdated_reason
from tests.daemon import fakes

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS_AND_LINK = [3, 4, 5, 6]
CLIENT = os.getpid() + 1
OURS = "0::/user/terminal-1"


class FakeKernel:
    """What the kernel does for the client and for the daemon.

    Attributes:
        client: of the client; None if it cannot be seen.
        groups: of the client.
        limits: by the paths of the control groups' files.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Treat both alike."""
        self.client: dict[str, str] | None = {"net namespace": "net:[1]"}
        self.groups = OURS
        self.limits: dict[str, str] = {}
        self.reads = 0
        monkeypatch.setattr(client_check, "context_of", self.context_of)
        monkeypatch.setattr(procfs, "control_groups", lambda pid: self.groups if pid == CLIENT else OURS)
        monkeypatch.setattr(procfs, "text", self.text)

    def context_of(self, pid: int) -> dict[str, str]:
        """Return what is the client's, or the daemon's."""
        if pid != CLIENT:
            return {"net namespace": "net:[1]"}
        if self.client is None:
            raise ProcessLookupError(pid)
        return self.client

    def text(self, path: str) -> str:
        """Return what stands in a file of a control group."""
        self.reads += 1
        return self.limits.get(path, procfs.UNREADABLE)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    """Provide a kernel; the daemon describes itself anew."""
    client_check.own_context.cache_clear()
    yield FakeKernel(monkeypatch)
    client_check.own_context.cache_clear()


def why_cold() -> str:
    """Return why the client runs cold; '' if it does not."""
    return str(cold_reason(fakes.request("/project"), STREAMS_AND_LINK, CLIENT) or "")


def test_a_client_of_the_same_kind_is_served(kernel: FakeKernel) -> None:
    """Limits of control groups are not read: those of one group are the same, whatever they are by now."""
    assert why_cold() == ""
    assert kernel.reads == 0


def test_a_client_in_another_namespace_is_cold(kernel: FakeKernel) -> None:
    """It may not reach what the run would."""
    kernel.client = {"net namespace": "net:[2]"}

    assert why_cold().startswith("[kernel-context] the daemon has another net namespace")


def test_a_client_that_cannot_be_seen_is_cold(kernel: FakeKernel) -> None:
    """Nobody knows what it may reach."""
    kernel.client = None

    assert "[kernel-context] the daemon cannot see this command" in why_cold()


def test_a_client_in_a_group_with_the_same_limits_is_served(kernel: FakeKernel) -> None:
    """Each terminal has a group of its own."""
    kernel.groups = "0::/user/terminal-2"

    assert why_cold() == ""


def test_a_client_in_a_group_with_other_limits_is_cold(kernel: FakeKernel) -> None:
    """Its tests would be given more memory than it may have."""
    kernel.groups = "0::/user/terminal-2"
    kernel.limits["/sys/fs/cgroup/user/terminal-2/memory.max"] = "1048576"

    assert "another control group's memory.max" in why_cold()


def test_a_system_that_tells_nothing_lets_all_clients_pass(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to compare."""
    kernel.client = None
    monkeypatch.setattr(client_check, "context_of", lambda _pid: {})

    assert why_cold() == ""


def test_a_client_whose_descriptors_are_missing_is_cold(kernel: FakeKernel) -> None:
    """Its output would go nowhere."""
    del kernel

    reason = cold_reason(fakes.request("/project"), [], CLIENT)

    assert reason is not None
    assert reason.code == "descriptors-missing"


def test_another_version_or_interpreter_needs_another_daemon() -> None:
    """This one leaves."""
    request = fakes.request("/project")
    other = ("/usr/bin/python", *request.interpreter[1:])

    assert outdated_reason(request) is None
    assert "daemon-version" in str(outdated_reason(request.replaced(version="0")))
    assert "daemon-interpreter" in str(outdated_reason(request.replaced(interpreter=other)))

"""The fork that proves a layer: what its end, or none, is taken for."""

from __future__ import annotations

import os
import signal

import pytest

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.zygote.canary import DEADLINE_S, prove_fork

CANARY = 4711


class FakeCanary:
    """A fork that ends, or does not, with this wait status.

    Attributes:
        ends: whether it ends by itself.
        status: as `os.waitpid` gives it.
        signals: what was sent to it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """End well."""
        self.ends = True
        self.status = 0
        self.signals: list[tuple[int, int]] = []
        monkeypatch.setattr(processes, "fork", lambda _child: CANARY)
        monkeypatch.setattr(os, "pidfd_open", lambda _pid: os.open(os.devnull, os.O_RDONLY))
        monkeypatch.setattr(sockets, "is_readable", lambda _descriptor, limit_s: self.ends and limit_s == DEADLINE_S)
        monkeypatch.setattr(processes, "signal_process", self.kill)
        monkeypatch.setattr(os, "waitpid", lambda pid, _options: (pid, self.status))

    def kill(self, pid: int, number: int) -> None:
        """End by this signal."""
        self.signals.append((pid, number))
        self.status = number


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> FakeCanary:
    """Provide a fork."""
    return FakeCanary(monkeypatch)


def test_a_fork_that_ends_well_proves_the_layer(canary: FakeCanary) -> None:
    """Nothing is sent to it."""
    prove_fork()

    assert canary.signals == []


def test_a_fork_that_hangs_is_killed(canary: FakeCanary) -> None:
    """It waits for a lock that nobody will ever release, and so would each run."""
    canary.ends = False

    with pytest.raises(RuntimeError, match=r"does not work [(]it ended with -9"):
        prove_fork()

    assert canary.signals == [(CANARY, signal.SIGKILL)]


def test_a_fork_that_fails_proves_nothing(canary: FakeCanary) -> None:
    """A module may have registered something that ends each child."""
    canary.status = 1 << 8

    with pytest.raises(RuntimeError, match="it ended with 1"):
        prove_fork()

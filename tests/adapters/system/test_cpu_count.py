"""How many workers a run may have: as many as there are cores for this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import cpu_count

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="machine")
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine of four threads on two cores, all of which this process may use."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(cpu_count, "TOPOLOGY", str(tmp_path / "cpu{}"))
    monkeypatch.setattr(cpu_count, "QUOTA", str(tmp_path / "cpu.max"))
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        (tmp_path / f"cpu{cpu}").write_text(f"{siblings}\n")
    return tmp_path


@pytest.mark.usefixtures("machine")
def test_threads_of_a_core_are_one_core() -> None:
    """Unless they are asked for."""
    assert (cpu_count.usable(logical=False), cpu_count.usable(logical=True)) == (2, 4)


def test_a_machine_that_does_not_tell_has_a_core_for_each(machine: Path) -> None:
    """Some containers hide the topology."""
    for cpu in range(4):
        (machine / f"cpu{cpu}").unlink()

    assert cpu_count.usable(logical=False) == 4


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 4), ("900000 100000", 4), ("", 4)]
)
def test_a_containers_share_is_the_limit(machine: Path, quota: str, expected: int) -> None:
    """A part of a processor counts as one; there is always one."""
    (machine / "cpu.max").write_text(quota)

    assert cpu_count.usable(logical=True) == expected

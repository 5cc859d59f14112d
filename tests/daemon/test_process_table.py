"""The processes of this system, as far as a daemon needs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_zygote.daemon.process_table import ProcessTable

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_table_knows_this_process() -> None:
    """And none with a number that is never given."""
    table = ProcessTable()
    assert table.exists(os.getpid())
    assert not table.exists(2**22 + 1)
    assert table.private_kib(os.getpid()) > 0
    assert table.pss_kib(os.getpid()) > 0
    assert table.children(2**22 + 1) == []
    assert [*table.reap()] == []


def test_signals_to_what_is_gone_are_lost() -> None:
    """The daemon learns by other means that it is gone."""
    table = ProcessTable()
    table.signal(2**22 + 1, signal.SIGTERM)
    table.signal_group(2**22 + 1, signal.SIGTERM)
    assert not table.exists(2**22 + 1)


def test_zygote_that_cannot_be_started_has_no_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There may be no memory, or the folder is gone."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(12, "no memory")

    monkeypatch.setattr(subprocess, "Popen", fail)
    assert ProcessTable().start_zygote(3, {}, str(tmp_path)) == 0
    assert "no base zygote: [Errno 12] no memory" in caplog.text


def test_zygote_is_forgotten_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be a run's by the next time; its object knows how it ended, so that nothing waits for it."""

    class Process:
        """What `Popen` returns."""

        pid = 77
        returncode: int | None = None

    process = Process()
    calls: list[tuple[list[str], dict[str, object]]] = []

    def start(command: list[str], **options: object) -> Process:
        calls.append((command, options))
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    table = ProcessTable()
    assert table.start_zygote(3, {"KEY": "value"}, str(tmp_path)) == 77
    ((command, options),) = calls
    assert command[0] == sys.executable
    assert (options["pass_fds"], options["env"], options["cwd"]) == ([3], {"KEY": "value"}, str(tmp_path))
    assert table.forget_zygote(77, -9)
    assert process.returncode == -9
    assert not table.forget_zygote(77, 0)

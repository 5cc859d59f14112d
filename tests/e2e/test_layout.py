"""What a process imports is a promise: the client starts in milliseconds, the daemon without the user's code."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = (
    *("_pytest", "pytest", "pluggy", "argparse", "ast", "asyncio", "collections", "contextlib", "dataclasses"),
    *(
        "enum",
        "functools",
        "importlib.metadata",
        "inspect",
        "json",
        "logging",
        "pathlib",
        "random",
        "re",
        "select.epoll",
    ),
    *("selectors", "shlex", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "types", "typing"),
    *("jurigged", "setproctitle", "watchdog"),
)
"""Each costs a client milliseconds that a warm run as a whole takes little more of."""

USERS = ("_pytest", "pytest", "pluggy")


def modules_after(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has after a statement."""
    # -S: a site-packages folder may hold .pth files that import anything.
    program = f"import sys; sys.path[:0] = {sys.path!r}; {statement}; print(*sys.modules)"
    command = [sys.executable, "-ES", "-c", program]
    return {*subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()}


def test_pz_imports_nothing_slow() -> None:
    """All that it needs to find the daemon, lend it the terminal and leave."""
    loaded = modules_after("import pytest_zygote.client")

    assert not loaded & {*SLOW}


def test_pz_imports_few_modules() -> None:
    """Beside what a bare interpreter has, some of ours and some of C."""
    ours = modules_after("import pytest_zygote.client") - modules_after("import os")

    assert {name for name in ours if not name.startswith("pytest_zygote")} <= {
        "__future__",
        "_signal",
        "_socket",
        "fcntl",
        "select",
    }
    assert len(ours) < 30


@pytest.mark.parametrize(
    "package", ["pytest_zygote", "pytest_zygote.core.protocol.client_messages", "pytest_zygote.core.protocol.framing"]
)
def test_the_core_of_the_client_costs_nothing(package: str) -> None:
    """Not even the modules that Python is written in."""
    loaded = modules_after(f"import {package}")

    assert not loaded & {*SLOW, "select", "_socket"}


def test_the_daemon_imports_no_pytest() -> None:
    """It serves all projects of any pytest, and is up at once."""
    assert not modules_after("import pytest_zygote.daemon.__main__") & {*USERS}


def test_the_daemon_alone_watches() -> None:
    """Watching needs threads, and a process with threads must not fork."""
    for role in ("zygote.main_loop", "run.process", "plugin", "client.handover", "client.commands"):
        assert "watchdog" not in modules_after(f"import pytest_zygote.{role}")

"""A profiler finds what makes a collection depend on more than its inputs."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from pytest_zygote.adapters.interpreter.side_effects import SideEffects, effect_of


def found_in(code: str, name: str = "test_module") -> str:
    """Return what is found while a module with this code is executed."""
    module = ModuleType(name)
    compiled = compile(dedent(code), f"{name}.py", "exec")
    before = sys.getprofile()
    told: list[str] = []
    impurities = SideEffects(told.append)
    impurities.start()
    try:
        with contextlib.suppress(OSError):
            exec(compiled, module.__dict__)  # noqa: S102 - what an import does
    finally:
        said = impurities.stop()
        sys.setprofile(before)
    assert told in ([], [said])
    return said


def test_it_is_told_before_it_is_done(tmp_path: Path) -> None:
    """Whoever is told may end the process, and nothing has happened."""

    class Ended(BaseException):
        pass

    def end(_: str) -> None:
        raise Ended

    impurities = SideEffects(end)
    before = sys.getprofile()
    impurities.start()
    try:
        with pytest.raises(Ended):
            exec("import os; os.mkdir(folder)", {"__name__": "test_module", "folder": tmp_path / "made"})  # noqa: S102 - what an import does
    finally:
        sys.setprofile(before)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import time; time.time()", "test_module reads the clock"),
        ("from time import monotonic as clock; [clock() for _ in 'a']", "test_module reads the clock"),
        ("import time; time.clock_gettime(time.CLOCK_REALTIME)", "test_module reads the clock"),
        ("import datetime; datetime.datetime.now()", "test_module reads the clock"),
        ("import os; os.getpgrp()", "test_module asks for its process id"),
        ("import datetime; datetime.date.today()", "test_module reads the clock"),
        ("import uuid; uuid.uuid4()", "test_module draws random numbers"),
        ("import secrets; secrets.token_hex()", "test_module draws random numbers"),
        ("import random; random.random()", "test_module draws random numbers"),
        ("import random; random.seed(); random.random()", "test_module draws random numbers"),
        ("import os; os.getpid()", "test_module asks for its process id"),
        pytest.param("import os; os.system('true')", "test_module starts a process", marks=pytest.mark.integration),
        pytest.param(
            "import subprocess; subprocess.run(['true'])", "test_module starts a process", marks=pytest.mark.integration
        ),
        ("import threading; t = threading.Thread(target=len); t.daemon", ""),
        ("import socket; s = socket.socket(); s.close()", ""),
        ("import signal; signal.alarm(0)", "test_module sets a timer"),
        ("import os; os.unlink('/nowhere/at/all')", "test_module changes files"),
        ("import pathlib; pathlib.Path('/nowhere/at/all').mkdir()", "test_module changes files"),
    ],
)
def test_what_is_found(code: str, what: str) -> None:
    """However the function was reached."""
    assert found_in(code).startswith(what)


@pytest.mark.parametrize(
    "code",
    [
        "import random; random.Random(1).random()",
        "import random; random.seed(1); random.random()",
        "import random; random.seed()",
        "import logging; logging.getLogger('x').warning('said')",
        "'text'.replace('t', 'x'); [1].remove(1)",
        "import os; os.stat('/'); os.listdir('/')",
    ],
)
def test_what_is_harmless(code: str) -> None:
    """Methods of the same names, log records, what has a seed, and what is recorded as an input."""
    assert not found_in(code)


def test_pytest_may_take_the_time() -> None:
    """What it measures it measures again in each run."""
    assert not found_in("import time; time.time()", "_pytest.runner")


def test_another_profiler_is_noticed() -> None:
    """It took our place, so that we have seen nothing."""
    assert found_in("import sys; sys.setprofile(None)") == "something else profiles"


@pytest.mark.parametrize(
    ("function", "first", "effect"),
    [
        (time.time, None, "reads the clock"),
        (time.localtime, 0, ""),
        (datetime.now, None, "reads the clock"),
        (os.mkdir, "made", "makes a folder"),
        (os.mkdir, os.curdir, ""),
        (os.mkdir, Path.cwd(), ""),
        (os.mkdir, object(), "makes a folder"),
        (os.rmdir, os.curdir, "changes files"),
        (socket.SocketType.connect, None, "uses the network"),
        (faulthandler.disable, None, "changes faulthandler"),
        (os.umask, 0, "asks what its process may do"),
        (ctypes.CDLL(None).getenv, b"KEY", "calls C code"),
        (len, [], None),
        (lambda: None, None, None),
    ],
)
def test_what_a_call_would_do_to_a_layer(function: object, first: object, effect: str | None) -> None:
    """Only functions of C are asked for their names: anything else that is called may be anybody's object."""
    assert effect_of(function, first) == effect


def test_what_the_garbage_collector_calls_is_nobodys() -> None:
    """It may be in the middle of any import; hypothesis has a clock there."""
    times: list[float] = []

    def look_at_the_clock(_phase: str, _info: dict[str, int]) -> None:
        times.append(time.perf_counter())

    gc.callbacks.append(look_at_the_clock)
    try:
        assert not found_in("import gc; gc.collect()")
    finally:
        gc.callbacks.remove(look_at_the_clock)
    assert times

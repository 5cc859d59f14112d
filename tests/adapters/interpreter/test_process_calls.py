"""Calls by which a module learns which process it is in."""

from __future__ import annotations

import atexit
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.process_calls import ProcessCalls

if TYPE_CHECKING:
    import pytest


def test_calls_are_reported_and_no_trace_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has taken a function by its name has the real one afterwards."""
    real = os.getpid, os.register_at_fork, atexit.register, os.putenv
    files: list[str] = []
    handlers: list[dict[str, object]] = []
    module = ModuleType("taker")
    monkeypatch.setitem(sys.modules, "taker", module)

    ends: list[object] = []
    calls = ProcessCalls(
        files.append,
        lambda given: not handlers.append(given),  # type: ignore[func-returns-value]
        lambda file, handler: not ends.append((file, handler)),  # type: ignore[func-returns-value]
        lambda *_: None,
    )
    calls.start()
    try:
        vars(module)["getpid"] = os.getpid
        assert os.getpid() == real[0]()
        os.register_at_fork(before=print)
        assert atexit.register(print, 1) is print
    finally:
        calls.stop(["taker"])

    assert files == [__file__]
    assert handlers == [{"before": print}]
    assert ends == [(__file__, (print, (1,), {}))]
    assert (os.getpid, os.register_at_fork, atexit.register, os.putenv) == real
    assert vars(module)["getpid"] is real[0]


def test_variables_that_are_set_past_the_environment_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `os.environ` does itself is seen there."""
    monkeypatch.setenv("ZYGOTE_VARIABLE", "before")
    said: list[tuple[str, bool]] = []
    calls = ProcessCalls(lambda _: None, lambda _: False, lambda *_: False, lambda *told: said.append(told))
    calls.start()
    try:
        os.environ["ZYGOTE_VARIABLE"] = "after"
        assert said == []
        os.putenv("ZYGOTE_VARIABLE", "other")
        os.putenv(b"ZYGOTE_VARIABLE", b"after")
        os.putenv("ZYGOTE_ABSENT", "")
        os.unsetenv("ZYGOTE_ABSENT")
    finally:
        calls.stop([])

    assert said == [
        ("ZYGOTE_VARIABLE", True),
        ("ZYGOTE_VARIABLE", False),
        ("ZYGOTE_ABSENT", True),
        ("ZYGOTE_ABSENT", False),
    ]

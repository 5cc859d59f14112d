"""What processes read, as far as their command lines show; none is started."""

from __future__ import annotations

import inspect
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected import subprocesses
from pytest_zygote.affected.subprocesses import ANYTHING, ProcessInputs, SilentProcesses, reading_of

if TYPE_CHECKING:
    from types import FrameType

ENVIRON = {"PATH": "/usr/bin:/bin"}
CAT = next(path for path in ("/usr/bin/cat", "/bin/cat") if Path(path).exists())


def _execute_child(preexec_fn: object = None) -> FrameType:
    """Return a frame like that in which `subprocess` raises its event."""
    _ = preexec_fn
    frame = inspect.currentframe()
    assert frame is not None
    return frame


FRAME = _execute_child()


def popen(*words: str, cwd: str | None = "/work", environ: dict[str, str] | None = None) -> ProcessInputs:
    """Return what a process reads that `subprocess.Popen` starts."""
    return reading_of("subprocess.Popen", (words[0], [*words], cwd, environ or ENVIRON), FRAME)


def test_a_program_that_reads_its_operands() -> None:
    """They are files in the folder where it is started."""
    assert popen("cat", "data.txt", "/etc/hosts") == ProcessInputs(("/work/data.txt", "/etc/hosts"))


def test_a_shell_that_runs_one_command() -> None:
    """It passes the words on."""
    assert popen("/bin/sh", "-c", "cat data.txt") == ProcessInputs(("/work/data.txt",))
    assert popen("/bin/sh", "-c", "cat *.txt") == ANYTHING


@pytest.mark.parametrize("words", [("bash", "x.sh"), ("./cat", "data.txt"), ("unknown-program",), ("make",)])
def test_other_programs_may_read_anything(words: tuple[str, ...]) -> None:
    """Also one that only has the name of a known one."""
    assert popen(*words) == ANYTHING


def test_a_search_path_of_the_tests_own_may_lead_anywhere(tmp_path: Path) -> None:
    """As soon as there is such a program on it."""
    (tmp_path / "cat").write_text("")

    assert popen("cat", "a", environ={"PATH": f"{tmp_path}:/usr/bin:/bin"}) == ANYTHING
    assert popen("cat", "a", environ={"PATH": f"{tmp_path}/none:/usr/bin:/bin"}) == ProcessInputs(("/work/a",))
    assert popen("cat", "a", environ={"PATH": "."}) == ANYTHING


def test_this_interpreter_reports_by_itself() -> None:
    """Its command line says nothing."""
    assert popen(sys.executable, "-c", "pass") == ProcessInputs((), is_python=True)


def test_a_script_is_read_itself(tmp_path: Path) -> None:
    """With what its commands read, if it only runs commands."""
    script = tmp_path / "show"
    for text, expected in (
        ("#!/bin/sh\ncat a.txt\n\n# done\n", ProcessInputs((str(script), "/work/a.txt"))),
        ("#!/bin/sh\nfor x in *; do cat $x; done\n", ANYTHING),
        ("#!/usr/bin/env python\n", ANYTHING),
        (f"#!{sys.executable}\n", ProcessInputs((str(script),), is_python=True)),
        ("#!/bin/sh\n" + "# long\n" * 5000, ANYTHING),
    ):
        script.write_text(text)
        assert popen(str(script)) == expected


def test_code_before_the_program_may_read_anything() -> None:
    """A function of the test's, in the new process."""
    args = ("cat", ["cat", "a"], "/work", ENVIRON)

    assert reading_of("subprocess.Popen", args, _execute_child(print)) == ANYTHING
    assert reading_of("subprocess.Popen", args, None) == ANYTHING


def test_system_is_a_shell() -> None:
    """In the folder of this process."""
    found = reading_of("os.system", (b"cat data.txt",), None)

    assert found == ProcessInputs((str(Path.cwd() / "data.txt"),))


def test_posix_spawn_names_the_program() -> None:
    """But for that of `subprocess`, which has had an event before."""
    assert reading_of("os.posix_spawn", (CAT, ["cat", "/a"], ENVIRON), None) == ProcessInputs(("/a",))


@pytest.mark.parametrize("event", ["os.fork", "os.exec", "os.spawn"])
def test_other_ways_may_read_anything(event: str) -> None:
    """A fork goes on with the test's code."""
    assert reading_of(event, (), None) == ANYTHING


def test_arguments_that_are_no_texts_may_mean_anything() -> None:
    """They are the test's error, or its trick."""
    assert reading_of("subprocess.Popen", ("cat", None, None, None), FRAME) == ANYTHING


@pytest.mark.parametrize(
    ("after", "is_announced", "expected"),
    [
        (("count(1)", 0), False, False),
        (("count(2)", 0), False, True),
        (("count(1)", 9), False, True),
        (("count(1)", 9), True, False),
        (("count(2)", 9), True, True),
    ],
)
def test_processes_that_start_unannounced_leave_traces(
    monkeypatch: pytest.MonkeyPatch, after: tuple[str, int], *, is_announced: bool, expected: bool
) -> None:
    """A number of multiprocessing; or memory of a child that has ended, unless events announced some."""
    traces = [("count(1)", 0), after, after]
    monkeypatch.setattr(subprocesses, "_traces", lambda: traces.pop(0))
    silent = SilentProcesses()
    if is_announced:
        silent.receive()

    assert silent.have_started() is expected
    assert not silent.have_traces()


def test_to_import_multiprocessing_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number that it begins with is that of a run without it."""
    monkeypatch.delitem(sys.modules, "multiprocessing.process", raising=False)
    silent = SilentProcesses()
    monkeypatch.setitem(sys.modules, "multiprocessing.process", SimpleNamespace(_process_counter=count(1)))

    assert not silent.have_traces()
    monkeypatch.setitem(sys.modules, "multiprocessing.process", SimpleNamespace(_process_counter=count(2)))
    assert silent.have_traces()

"""What a Python process writes down of itself, in this process: audit events are given by the test."""

from __future__ import annotations

import marshal
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.affected import child_recorder
from pytest_zygote.affected.child_recorder import BEGUN, REPORT, ChildRecorder
from pytest_zygote.affected.system_questions import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Hook = Callable[[str, tuple[object, ...]], None]

pytestmark = pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="children report from 3.12 on")


class Child:
    """A program that is recorded."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin in a folder."""
        self.folder = folder
        self._hooks: list[Hook] = []
        ends: list[Callable[[], None]] = []
        monkeypatch.setattr(sys, "addaudithook", self._hooks.append)
        monkeypatch.setattr(child_recorder, "_at_exit", ends.append)
        monkeypatch.chdir(folder)
        ChildRecorder(str(folder)).begin()
        self._end = ends[0]

    def event(self, name: str, *args: object) -> None:
        """Raise an audit event, which the recorder alone sees."""
        self._hooks[0](name, args)

    def run(self, text: str, **names: object) -> None:
        """Execute a program of the project."""
        exec(compile(text, "program.py", "exec", dont_inherit=True), {"os": os, **names})  # noqa: S102 - our own text

    def report(self) -> dict[str, object]:
        """End; return what was written, {} if nothing was."""
        self._end()
        found = [*self.folder.glob(f"*{REPORT}")]
        return cast("dict[str, object]", marshal.loads(found[0].read_bytes())) if found else {}  # noqa: S302 - our own


@pytest.fixture(name="child")
def _child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    before = {tool for tool in child_recorder.TOOLS if monitoring.get_tool(tool)}
    for key in ("ZYGOTE_SET", "ZYGOTE_READ"):
        monkeypatch.setenv(key, "x")
    yield Child(tmp_path, monkeypatch)
    for tool in child_recorder.TOOLS:
        if monitoring.get_tool(tool) and tool not in before:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)


def test_a_process_announces_its_report(child: Child) -> None:
    """One that ends otherwise is known to have begun."""
    assert [file.name for file in child.folder.iterdir()] == [f"{os.getppid()}-{os.getpid()}{BEGUN}"]


def test_functions_that_ran_are_told_from_others(child: Child) -> None:
    """By their places in the code of their module."""
    child.run("def f():\n    return 1\ndef g():\n    return 2\ng()\n")
    ((path, is_rewritten, code, places),) = cast("list[tuple[object, ...]]", child.report()["modules"])

    assert (path, is_rewritten, places) == (str(child.folder / "program.py"), False, [0, 2])
    assert marshal.loads(cast("bytes", code)).co_name == "<module>"  # noqa: S302 - our own


def test_code_that_is_no_modules_is_told_by_its_file(child: Child) -> None:
    """It may have come from anywhere."""
    code = compile("def f(): ...", "made.py", "exec", dont_inherit=True).co_consts[0]
    child.run("type(run)(code, {})()", run=status, code=code)

    assert str(child.folder / "made.py") in cast("list[str]", child.report()["rest"])


def test_keys_of_the_environment_are_told_with_their_values(child: Child) -> None:
    """But not those that the program has set itself; who asks for all has asked for ``*``."""
    child.run("os.environ['ZYGOTE_SET'] = 'y'; os.environ['ZYGOTE_SET']; os.environ['ZYGOTE_READ']")
    child.run("os.environ.get('ZYGOTE_NONE'); [*os.environ]")
    keys = cast("dict[str, str | None]", child.report()["keys"])

    assert {key: keys[key] for key in keys if key.startswith(("ZYGOTE_", "*"))} == {
        "ZYGOTE_READ": "x",
        "ZYGOTE_NONE": None,
        "*": None,
    }


def test_files_that_are_read_are_told_unless_the_program_has_written_them(child: Child) -> None:
    """Libraries and the file of a database are read too; a number was opened before."""
    child.event("open", "data.txt", "r", 0)
    child.event("open", "out.txt", "w", 0)
    child.event("open", "out.txt", "r", 0)
    child.event("open", 0, "r", 0)
    child.event("os.rename", "new.txt", "moved.txt", -1, -1)
    child.event("open", "moved.txt", None, os.O_RDONLY)
    child.event("import", "native", str(child.folder / "native.so"), None, None, None)
    child.event("sqlite3.connect", "file:rows.db?mode=ro")
    report = child.report()

    assert sorted(cast("list[str]", report["read"])) == [
        str(child.folder / name) for name in ("data.txt", "native.so", "rows.db")
    ]
    assert not report["is_anything"]


def test_folders_are_told_with_what_was_in_them(child: Child) -> None:
    """The first time; one that is not there is empty."""
    (child.folder / "one.txt").touch()
    child.event("os.listdir", None)
    (child.folder / "two.txt").touch()
    child.event("os.scandir", ".")
    child.event("os.listdir", "missing")
    listed = cast("dict[str, list[str]]", child.report()["listed"])

    assert {path: {*names} & {"one.txt", "two.txt"} for path, names in listed.items()} == {
        str(child.folder): {"one.txt"},
        str(child.folder / "missing"): set(),
    }


def test_looks_at_paths_are_told_with_who_looked(child: Child) -> None:
    """`os.path.exists` wants to know less than the program itself, which gets all that `os.stat` knows."""
    file = child.folder / "data.txt"
    file.write_text("1")
    child.run("os.stat('data.txt'); os.path.exists('data.txt'); os.path.exists('missing')")
    asked = cast("dict[tuple[str, str, str], tuple[bytes, bytes]]", child.report()["asked"])
    looks = {(Path(path).name, asker): seen for (path, _, asker), seen in asked.items()}

    assert looks["data.txt", ""][1] == status(str(file))
    assert looks["missing", "exists"] == (b"", b"")


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("subprocess.Popen", ()),
        ("os.fork", ()),
        ("sqlite3.connect", ("file://host/a%20b.db",)),
        ("open", ()),  # which fails within the recorder
    ],
)
def test_what_cannot_be_followed_may_be_anything(child: Child, event: str, args: tuple[object, ...]) -> None:
    """Other processes, names that are not parsed here, and what the recorder cannot handle."""
    child.event(event, *args)

    assert child.report()["is_anything"]


def test_a_process_of_multiprocessing_may_be_anything(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises no event."""
    monkeypatch.setitem(sys.modules, "multiprocessing.process", SimpleNamespace(_process_counter="count(2)"))

    assert child.report()["is_anything"]


def test_a_fork_writes_no_report(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of its parent says that it may be anything."""
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)

    assert child.report() == {}


def test_a_report_that_cannot_be_written_is_none(child: Child) -> None:
    """Nothing of it reaches the program."""
    (child.folder / f"{os.getppid()}-{os.getpid()}.writing").mkdir()

    assert child.report() == {}


def test_a_process_that_cannot_be_recorded_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """And finds nothing of ours among its modules."""
    modules = dict.fromkeys(("pytest_zygote", *child_recorder._OURS), sys)  # noqa: SLF001 - what it removes
    monkeypatch.delenv(child_recorder.FOLDER, raising=False)
    monkeypatch.setattr(child_recorder, "sys", SimpleNamespace(modules=modules, exc_info=sys.exc_info))
    child_recorder.begin()

    assert modules == {}

"""Workarounds run around the forks of warm runs: in the zygote where it can be, else around the session."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.workaround import ENTRY_POINTS
from tests.support.daemon import BIN, INI, UNIT_S, Result, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Project

LIBRARY = """
    import os
    from pathlib import Path

    NOTES = Path(__file__).with_name("notes.txt")
    value = 0

    def note(what):
        with NOTES.open("a") as file:
            file.write(f"{what} {os.getpid()}\\n")
    """

PREPARE = """
    from pytest_zygote.workaround import after_fork, register_workaround

    @register_workaround("my_library")
    def around():
        import my_library
        my_library.note("first")
        my_library.value += 1
        yield
        my_library.note("second")

    @register_workaround("my_library")
    def before():
        import my_library
        my_library.note("before")

    @after_fork("my_library")
    def forked():
        import my_library
        my_library.note("forked")
    """

TEST = """
    import my_library

    def test_note():
        my_library.note("test")
    """


@pytest.fixture
def library(project: Project) -> Iterator[Project]:
    """Make a project with a library that writes down who calls it."""
    project.write("my_library.py", LIBRARY)
    project.write("test_it.py", TEST)
    yield project
    assert "Traceback" not in project.log()


def notes(project: Project) -> list[tuple[str, int]]:
    """Return what was written down, with the process that wrote, and forget it."""
    (path,) = {file.with_name("notes.txt") for file in project.root.rglob("*.py") if "def note" in _text(file)}
    lines = _text(path).splitlines()
    path.unlink(missing_ok=True)
    return [(what, int(pid)) for what, pid in (line.split() for line in lines)]


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def check_first_run(project: Project) -> None:
    """Run once, in a layer that holds nothing: all happens in the run, in this order."""
    result = project.pytest()
    assert result.was_warm
    seen = notes(project)
    assert [what for what, _ in seen] == ["forked", "first", "before", "test", "second"]
    assert len({pid for _, pid in seen}) == 1


def check_zygote(project: Project) -> None:
    """Run warm: the halves are the project zygote's."""
    project.warm_up()
    notes(project)
    result = project.pytest()
    assert result.was_warm
    layer = project.status().layer("project")
    assert layer is not None
    seen = notes(project)
    assert [what for what, _ in seen] == ["first", "before", "forked", "test", "second"]
    in_zygote = [what for what, pid in seen if pid == layer.pid]
    assert in_zygote == ["first", "before", "second"]
    assert len({pid for _, pid in seen}) == 2


def test_a_module_that_the_ini_file_names_registers(library: Project) -> None:
    """In the first run its workarounds run around the session, from then on in the zygote."""
    library.write("pytest.ini", f"{INI}zygote_workarounds = prepare\npythonpath = .\n")
    library.write("prepare.py", PREPARE)
    check_first_run(library)
    check_zygote(library)


def test_a_plugin_of_the_project_registers(library: Project) -> None:
    """A module that is imported anyway need not be named; what it changes in the zygote disturbs no run."""
    library.write("pytest.ini", f"{INI} -p prepare\npythonpath = .\n")
    library.write("prepare.py", PREPARE)
    check_first_run(library)
    check_zygote(library)


def test_a_conftest_file_registers(library: Project) -> None:
    """No layer holds it, so its workarounds run around each session."""
    library.write("conftest.py", PREPARE)
    check_first_run(library)
    library.warm_up()
    notes(library)
    check_first_run(library)


def test_an_installed_package_registers(library: Project) -> None:
    """Its entry point names the module; nobody imports it otherwise."""
    library.write("site/prepare_all.py", PREPARE)
    library.write("site/prepare_all-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: prepare-all\nVersion: 1.0\n")
    library.write("site/prepare_all-1.0.dist-info/entry_points.txt", f"[{ENTRY_POINTS}]\nany = prepare_all\n")
    library.environ["PYTHONPATH"] = f"{library.root / 'site'}:{library.root}"
    check_first_run(library)
    check_zygote(library)


def test_a_workaround_sees_what_the_last_left(library: Project) -> None:
    """The zygote's state goes on from run to run; what a run changes stays in the run."""
    library.write("conftest.py", "import prepare")
    library.write("prepare.py", PREPARE)
    library.write("test_it.py", "import my_library\n\ndef test_it():\n    print('value', my_library.value)\n")
    library.warm_up("-s")
    values = [int(re.findall(r"value (\d+)", library.pytest("-s").stdout)[0]) for _ in range(2)]
    assert values[1] == values[0] + 1


def test_a_library_switches_its_workarounds_off(project: Project) -> None:
    """A module of the agreed name in the package is enough; it need not be importable."""
    project.write("my_library/__init__.py", LIBRARY)
    project.write("my_library/_clear_hot_reload_workarounds.py", "raise RuntimeError")
    project.write("conftest.py", "import prepare")
    project.write("prepare.py", PREPARE)
    project.write("test_it.py", TEST)
    project.warm_up()
    assert {what for what, _ in notes(project)} == {"test"}


def test_a_library_that_is_not_there_has_no_workarounds(library: Project) -> None:
    """Nothing is imported to find that out."""
    library.write("conftest.py", PREPARE.replace('_workaround("my_library")', '_workaround("no_such.library")'))
    assert library.pytest().was_warm
    assert [what for what, _ in notes(library)] == ["forked", "test"]


FAILING = """
    from pytest_zygote.workaround import after_fork, register_workaround
    import my_library

    @register_workaround("my_library")
    def good():
        yield
        my_library.note("good")

    @register_workaround("my_library")
    def bad_first():
        raise SystemExit("first half")
        yield
        my_library.note("never")

    @register_workaround("my_library")
    def bad_second():
        yield
        1 / 0

    @after_fork("my_library")
    def bad_fork():
        {}["fork"]

    @register_workaround("my_library")
    def also_good():
        yield
        my_library.note("also-good")

    def pytest_zygote_after_fork(config):
        raise LookupError("hook")
    """


@pytest.mark.measured
@pytest.mark.parametrize("where", ["conftest.py", "prepare.py"])
def test_what_fails_is_told_and_the_run_goes_on(library: Project, where: str) -> None:
    """Each is named, with its own lines of the traceback; other second halves still run."""
    library.write("conftest.py", "pytest_plugins = ['prepare']\n")
    library.write(where, FAILING)
    if where == "prepare.py":
        library.warm_up()
    notes(library)
    result = library.pytest()
    assert result.was_warm
    assert result.returncode == 0, result.stderr
    assert [what for what, _ in notes(library)] == ["test", "also-good", "good"]
    module = where.removesuffix(".py")
    for function, reason in {
        "bad_first": "SystemExit: first half",
        "bad_second": "ZeroDivisionError",
        "bad_fork": "KeyError: 'fork'",
    }.items():
        assert f"the workaround {module}.{function} for my_library failed:" in result.stderr
        assert reason in result.stderr
        assert f", in {function}" in result.stderr
    assert "LookupError: hook" in result.stderr
    assert "pytest_zygote/workaround.py" not in result.stderr
    library.stop()
    for log in library.folder.glob("*.log"):
        log.unlink()  # they have these tracebacks too


def test_nothing_is_imported_in_a_zygote_between_builds(library: Project) -> None:
    """Nobody would look at its file again. What a workaround imports, runs import, and then layers hold it."""
    library.write("conftest.py", "import prepare")
    library.write("prepare.py", PREPARE)
    library.warm_up()
    library.write("extra.py", "answer = 1\n")
    library.write(
        "prepare.py",
        """
        from pytest_zygote.workaround import register_workaround

        @register_workaround("my_library")
        def around():
            try:
                import extra
            except ImportError:
                extra = None
            import my_library
            my_library.note(f"first-{extra.answer}")
        """,
    )
    notes(library)
    for answer in (1, 2):
        library.write("extra.py", f"answer = {answer}\n")
        assert library.pytest().was_warm
        assert [what for what, _ in notes(library)] == [f"first-{answer}", "test"]
    library.warm_up()
    notes(library)
    library.pytest()
    layer = library.status().layer("project")
    assert layer is not None
    assert notes(library)[0] == ("first-2", layer.pid)


def test_runs_at_the_same_time_share_the_halves(library: Project) -> None:
    """First halves run before the first fork, second halves after the last run."""
    library.write("conftest.py", "import prepare")
    library.write("prepare.py", PREPARE)
    library.write(
        "test_it.py",
        """
        import os, select, my_library

        def test_it():
            my_library.note("begun")
            while os.environ.get("WAIT") and not os.path.exists(os.environ["WAIT"]):
                select.select([], [], [], 0.02)
            my_library.note("ended")
        """,
    )
    library.warm_up()
    notes(library)
    gate = library.root / "gate"
    first = library.start([str(BIN / "pytest")], WAIT=str(gate))
    with first:
        eventually(lambda: "begun" in _text(library.root / "notes.txt"), "the first run waits")
        assert library.pytest().was_warm
        gate.touch()
        first.communicate(timeout=4 * UNIT_S)
    order = [what for what, _ in notes(library)]
    assert order == ["first", "before", "forked", "begun", "forked", "begun", "ended", "ended", "second"]


def test_a_workaround_that_hangs_is_interrupted(library: Project) -> None:
    """The zygote is not lost by it."""
    library.write("conftest.py", "import prepare")
    library.write(
        "prepare.py",
        """
        import threading
        from pytest_zygote.workaround import register_workaround

        @register_workaround("my_library")
        def hang():
            yield
            import my_library
            if my_library.NOTES.with_name("hang").exists():
                threading.Event().wait()
        """,
    )
    library.warm_up()
    library.write("hang", "")
    result = library.pytest()
    assert result.was_warm
    assert "prepare.hang for my_library failed" in result.stderr
    assert "TimeoutError" in result.stderr
    library.remove("hang")
    assert "failed" not in library.pytest().stderr
    library.stop()
    for log in library.folder.glob("*.log"):
        log.unlink()


def test_a_workaround_that_starts_a_thread_makes_runs_cold(library: Project) -> None:
    """A process with threads must not fork; the reason names the thread."""
    library.write("conftest.py", "import prepare")
    library.write("prepare.py", "")
    library.warm_up()
    library.write(
        "prepare.py",
        """
        import threading
        from pytest_zygote.workaround import register_workaround

        @register_workaround("my_library")
        def start():
            threading.Thread(target=threading.Event().wait, name="keeper", daemon=True).start()
        """,
    )
    result = library.pytest()
    assert result.returncode == 0
    assert "keeper" in result.stderr


HOOKS = """
    import my_library

    def pytest_zygote_layer_built(kind, modules):
        my_library.note(f"built-{kind}-{'my_library' in modules}")

    def pytest_zygote_before_fork():
        my_library.note("before_fork")

    def pytest_zygote_after_fork(config):
        my_library.note(f"after_fork-{config.rootpath.name}")
    """


def test_hooks_of_a_plugin(library: Project) -> None:
    """In the zygote for a module that the layer holds; in the run for any plugin."""
    library.write("pytest.ini", f"{INI} -p hooks\npythonpath = .\n")
    library.write("hooks.py", HOOKS)
    library.warm_up()
    seen = notes(library)
    layer = library.status().layer("project")
    assert layer is not None
    assert ("built-project-True", layer.pid) in seen
    assert library.pytest().was_warm
    order = notes(library)
    assert [what for what, _ in order] == ["before_fork", "after_fork-project", "test"]
    assert [pid == layer.pid for _, pid in order] == [True, False, False]


def test_plain_pytest_knows_the_hooks_and_runs_no_workaround(library: Project) -> None:
    """A misspelt hook is refused, a right one is not; nothing of it runs where nothing is forked."""
    library.write("conftest.py", f"{PREPARE}{HOOKS}")
    result = library.plain()
    assert result.returncode == 0, result.stderr
    assert [what for what, _ in notes(library)] == ["test"]


def test_a_run_that_is_interrupted_has_its_second_halves(library: Project) -> None:
    """However a run ends, the zygote goes on as after any other."""
    library.write("conftest.py", "import prepare")
    library.write("prepare.py", PREPARE)
    library.warm_up()
    library.write(
        "test_it.py",
        "import my_library, os, signal\n\ndef test_it():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    notes(library)
    result: Result = library.pytest()
    assert result.returncode == -signal.SIGKILL
    assert [what for what, _ in notes(library)] == ["first", "before", "forked", "second"]


def test_the_registry_needs_no_daemon() -> None:
    """Libraries may register where pytest never runs."""
    register = "import pytest_zygote.workaround as it; it.register_workaround('json')(print)"
    command = [os.fspath(BIN / "python"), "-c", f"{register}; import sys; print('pytest' in sys.modules)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"

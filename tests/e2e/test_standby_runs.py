"""A run that waits to be asked for is as good as a fork of the moment, and nobody misses it when it is gone."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, UNIT_S, eventually

if TYPE_CHECKING:
    from tests.support.daemon import Project

TEST = """
import os, app

def test_it():
    print(f"process={os.getpid()} value={app.VALUE} key={os.environ.get('KEY')}")
"""


def _write(project: Project, more: str = "") -> None:
    project.write("app.py", f"VALUE = 1\n{more}")
    project.write("test_app.py", TEST)


def test_the_next_run_is_the_standby_run(project: Project) -> None:
    """With the environment of its own client; the next standby run takes its place."""
    _write(project)
    project.warm_up("-s")
    standby = project.standby()
    result = project.pytest("-s", KEY="mine")

    assert f"process={standby} value=1 key=mine" in result.stdout
    assert result.was_warm
    eventually(lambda: project.standby_runs() not in ([], [standby]), "another standby run waits")


@pytest.mark.measured
def test_a_standby_run_has_what_was_saved(project: Project) -> None:
    """The one that was forked before the save is no part of the layer that was patched."""
    project.write("app.py", "def value():\n    return 1\n")
    project.write("test_app.py", TEST.replace("app.VALUE", "app.value()"))
    project.warm_up("-s")
    old = project.standby()
    project.write("app.py", "def value():\n    return 2\n")
    patched = project.pytest("-s")
    eventually(lambda: old not in project.standby_runs(), "the old standby run is gone")
    new = project.standby()
    last = project.pytest("-s")

    assert "value=2" in patched.stdout
    assert f"process={new} value=2" in last.stdout


def test_a_standby_run_that_is_gone_is_not_missed(project: Project) -> None:
    """A run is forked as if there had been none."""
    _write(project)
    project.warm_up("-s")
    standby = project.standby()
    os.kill(standby, signal.SIGKILL)
    eventually(lambda: standby not in project.standby_runs(), "the standby run is dead")
    result = project.pytest("-s")

    assert "value=1" in result.stdout
    assert result.was_warm
    assert result.returncode == 0


def test_two_runs_at_once(project: Project) -> None:
    """One of them is the standby run; the other is forked for it, and neither waits for the other to end."""
    project.write("test_alone.py", "def test_it():\n    pass\n")
    project.write(
        "test_both.py",
        """
        import glob, os, time

        def test_it():
            open(f"{os.getpid()}.here", "w").close()
            while len(glob.glob("*.here")) < 2:
                time.sleep(0.01)
        """,
    )
    project.warm_up("test_alone.py")
    standby = project.standby()
    both = [project.start([str(BIN / "pytest"), "-q", "test_both.py"]) for _ in range(2)]
    for client in both:
        client.communicate(timeout=4 * UNIT_S)

    assert [client.returncode for client in both] == [0, 0]
    assert (project.root / f"{standby}.here").exists()


def test_no_standby_run_where_zygotes_prepare_for_each_fork(project: Project) -> None:
    """A standby run would have been forked before the workaround's first half."""
    _write(
        project,
        "from pytest_zygote.workaround import register_workaround\n\n"
        "@register_workaround('json')\ndef prepare():\n    global VALUE\n    VALUE += 1\n    yield\n",
    )
    project.warm_up("-s")
    first, second = project.pytest("-s"), project.pytest("-s")

    assert not project.standby_runs()
    assert first.was_warm
    assert second.was_warm
    assert "value=1" not in first.stdout
    assert first.stdout.count("value=") == 1
    assert not project.standby_runs()


def test_a_standby_run_that_is_stopped_gets_no_work(project: Project) -> None:
    """A run is forked in its place; it is killed, else it would wait for ever."""
    _write(project)
    project.warm_up("-s")
    standby = project.standby()
    os.kill(standby, signal.SIGSTOP)
    result = project.pytest("-s")

    assert "value=1" in result.stdout
    assert result.was_warm
    assert result.returncode == 0
    assert f"process={standby} " not in result.stdout
    eventually(lambda: standby not in project.standby_runs(), "the standby run that was stopped is gone")


def test_a_failing_test_fails_after_its_folder_was_made_anew(project: Project) -> None:
    """A standby run whose folder is gone has no name for it, and runs all the same."""
    files = {"app.py": "VALUE = 1\n", "test_app.py": "import app\n\ndef test_it():\n    assert app.VALUE == 0\n"}
    _write(project)
    project.warm_up("-s")
    shutil.copy(project.root / "pytest.ini", project.root.parent / "kept.ini")
    shutil.rmtree(project.root)
    project.root.mkdir()
    shutil.copy(project.root.parent / "kept.ini", project.root / "pytest.ini")
    for name, text in files.items():
        project.write(name, text)
    results = [project.pytest("-q") for _ in range(4)]

    assert [result.returncode for result in results] == [1] * 4
    assert all("1 failed" in result.stdout for result in results)

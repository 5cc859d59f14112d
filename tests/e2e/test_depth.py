"""A run starts from the deepest layer that is exact for its options, and says so where it is cold."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import graph_file
from tests.support.daemon import INI, Project

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "app/__init__.py": "",
    "app/core.py": """
        import warnings
        warnings.warn('core warns')
        def value(is_set):
            if is_set:
                return 1
            return 0
        """,
    "conftest.py": "import app.core\n",
    "test_app.py": "from app import core\ndef test_it(): assert core.value(True) == 0\n",
    "other.ini": f"{INI}python_files = other_*.py\n",
    "other_app.py": "from app import core\ndef test_other(): assert core.value(False) == 0\n",
}

FROM_BASE = (
    *(("--cov=app",), ("--cov=app", "--cov-branch", "--cov-append"), ("--cov=app/",), ("-W", "error")),
    *(("--import-mode=importlib",), ("-p", "no:timeout"), ("-p", "no:logging"), ("--noconftest",)),
    *(("-o", "python_files=other_*.py"), ("-c", "other.ini")),
)
COLD = (
    (("--assert=plain",), "[assert-mode]: --assert=plain"),
    (("--cov=xdist",), "[coverage-of-imports]: coverage of xdist"),
)
FLAGS: tuple[tuple[str, ...], ...] = (("-O",), ("-X", "dev"), ("-W", "error"))


@pytest.fixture(name="app", scope="module")
def _app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("depth") / "project")
    for path, text in FILES.items():
        project.write(path, text)
    project.warm_up("-q")
    yield project
    project.close()


def _shown(output: str) -> str:
    return re.sub(r"\d+\.\d+s|0x[0-9a-f]+|=+", "", output)


def _runs(project: Project) -> dict[str, int]:
    return {layer.kind: layer.runs_served for layer in project.status().layers}


@pytest.mark.parametrize("args", FROM_BASE, ids=" ".join)
def test_a_run_from_the_base_imports_the_project_itself(app: Project, args: tuple[str, ...]) -> None:
    """The project's modules are imported by the run itself; output and outcome are plain pytest's."""
    before = _runs(app)
    warm = app.pytest(*args)
    after = _runs(app)
    plain = app.plain(*args)

    assert (_shown(warm.stdout), warm.returncode) == (_shown(plain.stdout), plain.returncode)
    assert warm.was_warm
    # A tower that came meanwhile has served nobody yet.
    assert after.get("project", 0) in (0, before.get("project", 0))


@pytest.mark.parametrize(("args", "reason"), COLD)
def test_what_no_layer_is_exact_for_is_cold(app: Project, args: tuple[str, ...], reason: str) -> None:
    """What no layer is exact for is plain pytest, and one line says why."""
    result = app.pytest(*args)

    assert not result.was_warm
    assert any(line.startswith(f"cold run {reason}") for line in result.said)
    assert _shown(result.stdout) == _shown(app.plain(*args).stdout)


@pytest.mark.measured
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_interpreter_flags(app: Project, flags: tuple[str, ...]) -> None:
    """An interpreter with other flags is served by itself."""
    command = [sys.executable, *flags, "-m", "pytest", "-q"]
    result = app.run(command)

    assert not result.was_warm
    said = "cold run [python-flags]: python was started with other flags than the daemon: "
    assert any(line.startswith(said) for line in result.said)
    assert _shown(result.stdout) == _shown(app.run(command, {"PYTEST_DAEMON_DISABLE": "1"}).stdout)


def test_tests_that_are_affected_start_from_the_base(app: Project) -> None:
    """At once, without a process that finds out; it has what the plugin's part for it has imported."""
    app.warm_up("-q", "--affected=all")
    starts, before = app.log().count("starts again"), _runs(app)

    ran = app.pz("-q", "--affected=all")

    assert "affected: all" in ran.stdout
    assert _runs(app)["base"] == before["base"] + 1
    assert app.log().count("starts again") == starts
    assert "pytest_zygote.affected.plugin" in graph_file.load_graph(str(app.root / ".pytest_cache")).modules

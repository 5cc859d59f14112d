"""What a warm run executes is what a fresh interpreter would import at that moment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import INI

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Project

APP = {
    "app/__init__.py": "",
    "app/core.py": """
        try:
            import _speedups
        except ImportError:
            _speedups = None
        def value():
            return 1
        LIMIT = 5
        """,
    "app/settings.py": """
        import json, os, pathlib
        HERE = pathlib.Path(__file__).resolve().parent.parent
        FOUND = ["S1"]
        FOUND += [os.environ.get("APP_A"), os.getenv("APP_B"), "APP_C" in os.environ, dict(os.environ).get("APP_D")]
        try:
            FOUND.append(json.loads((HERE / "settings.json").read_text()))
        except FileNotFoundError:
            FOUND.append(None)
        """,
    "conftest.py": "import app.core\nCONFTEST = 1\n",
    "tests/help_here.py": "HELP = 1\n",
    "tests/test_app.py": """
        import conftest, help_here
        from app import core, settings
        def test_it():
            found = settings.FOUND, conftest.CONFTEST, help_here.HELP, "T1"
            assert [core.value(), core.LIMIT, core._speedups and core._speedups.FAST, *found] == []
        """,
}
"""A project that shows in its output everything that its modules found."""


@pytest.fixture(name="app")
def _app(project: Project) -> Project:
    for path, text in APP.items():
        project.write(path, text)
    project.warm_up("-q")
    return project


def shown(text: str) -> list[str]:
    """Return the lines that tell values and reasons, without durations."""
    return [line for line in text.splitlines() if line.startswith(("E  ", "FAILED", "ERROR"))]


def assert_fresh(project: Project, what: str, **environ: str) -> str:
    """Compare a warm run with a plain one that comes after it."""
    warm = project.pytest("-vv", **environ)
    plain = project.plain("-vv", **environ)
    assert warm.was_warm, f"{what}: {warm.stderr}"
    ours = [line for line in warm.stderr.splitlines() if not line.startswith("zygote: ")]
    assert (shown(warm.stdout), ours) == (shown(plain.stdout), plain.stderr.splitlines()), what
    assert warm.returncode == plain.returncode, what
    return "\n".join([*shown(warm.stdout), *ours])


def swap(project: Project, path: str, old: str, new: str) -> None:
    """Replace text in a file; with texts of equal length, size and second may stay what they were."""
    file = project.root / path
    file.write_text(file.read_text().replace(old, new))


def test_each_edit_is_seen_by_the_next_run(app: Project) -> None:
    """Each edit is seen by the run that follows at once, also one that keeps the size within a second."""
    edits = [
        ("app/core.py", "return 1", "return 2"),
        ("app/core.py", "LIMIT = 5", "LIMIT = 6"),
        ("app/settings.py", '"S1"', '"S2"'),
        ("conftest.py", "CONFTEST = 1", "CONFTEST = 2"),
        ("tests/help_here.py", "HELP = 1", "HELP = 2"),
        ("tests/test_app.py", '"T1"', '"T2"'),
        ("tests/test_app.py", '"T2"', '"T3"'),
    ]
    outputs = []
    for path, old, new in edits:
        swap(app, path, old, new)
        outputs.append(assert_fresh(app, f"{path}: {new}"))
    assert len(set(outputs)) == len(edits)


def _rename_to_package(root: Path) -> None:
    (root / "app/core").mkdir()
    (root / "app/core.py").rename(root / "app/core/__init__.py")


def _rename_to_module(root: Path) -> None:
    (root / "app/core/__init__.py").rename(root / "app/core.py")


def _replace_by_link(root: Path) -> None:
    (root / "elsewhere.py").write_text((root / "app/core.py").read_text().replace("LIMIT = 5", "LIMIT = 7"))
    (root / "app/core.py").unlink()
    (root / "app/core.py").symlink_to(root / "elsewhere.py")


def _edit_target(root: Path) -> None:
    (root / "elsewhere.py").write_text((root / "elsewhere.py").read_text().replace("LIMIT = 7", "LIMIT = 8"))


FILES: list[tuple[str, Callable[[Path], object]]] = [
    ("a module that was looked for", lambda root: (root / "_speedups.py").write_text("FAST = 1\n")),
    ("it is gone", lambda root: (root / "_speedups.py").unlink()),
    ("a data file", lambda root: (root / "settings.json").write_text("[1]")),
    ("another", lambda root: (root / "settings.json").write_text("[2]")),
    ("none", lambda root: (root / "settings.json").unlink()),
    ("a package", _rename_to_package),
    ("a module, beside an empty folder", _rename_to_module),
    ("a module", lambda root: shutil.rmtree(root / "app/core")),
    ("a link", _replace_by_link),
    ("its target", _edit_target),
    ("not there", lambda root: (root / "app/core.py").rename(root / "app/core_.py")),
    ("there again", lambda root: (root / "app/core_.py").rename(root / "app/core.py")),
    ("no Python", lambda root: (root / "app/core.py").write_text("def value(:\n")),
    ("Python again", lambda root: (root / "app/core.py").write_text("LIMIT = _speedups = 0\ndef value(): return 0\n")),
]


def test_files_come_and_go(app: Project) -> None:
    """New, deleted, renamed and replaced files are found, or missed, as in a fresh interpreter."""
    for what, change in FILES:
        change(app.root)
        assert_fresh(app, what)


def test_an_environment_key_is_read_anew(app: Project) -> None:
    """A key that was read at import, in whatever way, is read anew when it has another value."""
    outputs = {
        assert_fresh(app, repr(environ), **environ)
        for environ in ({}, {"APP_A": "1"}, {"APP_B": "1"}, {"APP_C": "1"}, {"APP_D": "1"})
    }
    assert len(outputs) == 5
    app.pytest("-q", OMP_NUM_THREADS="1")
    assert "OMP_NUM_THREADS changed, which native code reads at import" in app.reloads()[-1] + app.reloads()[-2]


def test_changed_packages_are_noticed(project: Project, tmp_path: Path) -> None:
    """An installed, updated or removed package is noticed, though nobody edited a file of the project."""
    packages = tmp_path / "site-packages"
    (packages / "lib_x-1.0.dist-info").mkdir(parents=True)
    (packages / "lib_x.py").write_text("VERSION = 1\n")
    project.environ["PYTHONPATH"] = str(packages)
    project.write("conftest.py", "import lib_x\ntry:\n    import lib_y\nexcept ImportError:\n    lib_y = None\n")
    project.write(
        "test_lib.py", "import conftest, lib_x\ndef test_it(): assert [lib_x.VERSION, conftest.lib_y] == []\n"
    )
    project.warm_up("-q")

    (packages / "lib_x.py").write_text("VERSION = 2\n")
    (packages / "lib_x-1.0.dist-info").rename(packages / "lib_x-2.0.dist-info")

    assert "[2, None]" in assert_fresh(project, "another version")
    (packages / "lib_y-1.0.dist-info").mkdir()
    (packages / "lib_y.py").touch()
    assert "lib_y" in assert_fresh(project, "a new package").replace("'", "")


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_a_file_hides_an_installed_package(project: Project, folder: str) -> None:
    """On the ini-file's ``pythonpath``, or beside a test: the layer has the package, plain pytest would not."""
    project.write("pytest.ini", f"{INI}pythonpath = src\n")
    project.write("src/app.py", "")
    project.write("tests/test_it.py", "import app, psutil\ndef test_it(): print(psutil.__file__)\n")
    project.warm_up("-sq")
    hiding = project.write(f"{folder}/psutil.py", "")

    result = project.pytest("-sq")

    assert str(hiding) in project.plain("-sq").stdout
    assert str(hiding) in result.stdout
    assert f"zygote: cold run [shadowed-package]: psutil is {hiding} for this run" in result.stderr
    project.remove(f"{folder}/psutil.py")
    assert "site-packages" in project.warm_up("-sq").stdout


ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "a file that is executed by its path": (
        """
        import importlib.machinery, importlib.util, pathlib
        loader = importlib.machinery.SourceFileLoader("one", str(pathlib.Path(__file__).with_name("one.txt")))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("one", loader))
        loader.exec_module(module)
        VALUE = module.VALUE
        """,
        {"app/one.txt": "VALUE = 22\n"},
    ),
    "a process": (
        """
        import os, subprocess
        VALUE = subprocess.check_output(["cat", os.path.dirname(__file__) + "/one.txt"])
        """,
        {"app/one.txt": "VALUE = 22\n"},
    ),
    "sizes": (
        "import os\nVALUE = [entry.stat().st_size for entry in os.scandir(os.path.dirname(__file__) + '/data')]\n",
        {"app/data/one.txt": "more\n"},
    ),
    "the size of a file": (
        "import os\nVALUE = os.path.getsize(os.path.dirname(__file__) + '/one.txt')\n",
        {"app/one.txt": "VALUE = 22\n"},
    ),
    "permissions": (
        "import os\nVALUE = os.access(os.path.join(os.path.dirname(__file__), 'flag'), os.R_OK)\n",
        {"app/flag": ""},
    ),
    "entry points": (
        "from importlib import metadata\nVALUE = [e.name for e in metadata.entry_points(group='zygote.test')]\n",
        {"plug-1.0.dist-info/entry_points.txt": "[zygote.test]\nnew = plug:new\n"},
    ),
}
"""What a module asks when it is imported, and what makes the answer another."""


@pytest.mark.measured
@pytest.mark.parametrize("what", ASKED)
def test_what_a_module_asks_when_it_is_imported(project: Project, what: str) -> None:
    """The next run has the new answer, by whatever means it was asked."""
    text, change = ASKED[what]
    project.write("app/__init__.py", "")
    project.write("app/one.txt", "VALUE = 1\n")
    project.write("app/data/one.txt", "x\n")
    project.write("plug-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    project.write("app/main.py", text)
    project.write("test_main.py", "import app.main\ndef test_it(): assert app.main.VALUE == ''\n")
    project.warm_up("-q")
    for path, content in change.items():
        project.write(path, content)

    assert_fresh(project, what)


def test_an_edit_while_the_layer_is_built(project: Project) -> None:
    """A file that changes after it was imported and before the layer is ready makes the layer stale."""
    project.write("app.py", "LIMIT = 1\n")
    project.write("slow.py", "import app, os\nfrom pathlib import Path\nPath('app.py').write_text('LIMIT = 2')\n")
    project.write("test_app.py", "import slow, app\ndef test_it(): assert app.LIMIT == 0\n")
    project.pytest("-q")
    project.write("slow.py", "import app\n")
    project.settle()

    result = project.pytest("-q")

    assert "assert 2 == 0" in result.stdout

"""Edits at bad moments, and of files that are no text: what runs next is what is there then."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, UNIT_S, Project, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOW = "def test_it(): print('SHOWN', {})\n"


def shown(project: Project) -> str:
    """Run warm, and plain afterwards; return what both show."""
    warm, plain = project.pz("-s"), project.plain("-s")
    assert warm.was_warm, warm.stderr
    found, expected = (
        [line for line in run.stdout.splitlines() if "SHOWN" in line or line.startswith("E  ")] for run in (warm, plain)
    )
    assert found == expected != [], f"{warm}\n{plain}"
    assert warm.returncode == plain.returncode
    return "".join(found).partition("SHOWN ")[2]


EXTENSION = """
#include <Python.h>
static PyObject *value(PyObject *self, PyObject *args) { return PyLong_FromLong(VALUE); }
static PyMethodDef methods[] = {{"value", value, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", "", -1, methods};
PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
"""


@pytest.fixture(name="compile_it")
def _compile_it(tmp_path: Path) -> Callable[[int, Path], None]:
    compiler, headers = shutil.which("cc"), sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").exists():
        pytest.skip("there is no C compiler, or Python's headers are missing")
    source = tmp_path / "fast.c"
    source.write_text(EXTENSION)

    def compile_it(value: int, target: Path) -> None:
        # Debian keeps what differs from machine to machine beside the folder of the headers.
        flags = ["-shared", "-fPIC", f"-I{headers}", "-idirafter", str(Path(headers).parent), f"-DVALUE={value}"]
        subprocess.run([compiler, *flags, str(source), "-o", str(target)], check=True)

    return compile_it


def test_a_c_extension_is_built_again(
    project: Project, compile_it: Callable[[int, Path], None], tmp_path: Path
) -> None:
    """By the linker, by renaming another over it, and beside a module of the same name, which it hides."""
    project.write("app/__init__.py", "")
    project.write("app/_fast.py", "def value(): return 0\n")
    project.write("app/core.py", "from app import _fast\nVALUE = _fast.value()\ndef value(): return _fast.value()\n")
    project.write("test_app.py", "from app import core\n" + SHOW.format("core.VALUE, core.value()"))
    project.warm_up("-s")
    library = project.root / f"app/_fast{sysconfig.get_config_var('EXT_SUFFIX')}"
    assert shown(project) == "0 0"
    compile_it(1, library)
    assert shown(project) == "1 1"
    compile_it(2, library)
    assert shown(project) == "2 2"
    compile_it(3, tmp_path / "other.so")
    (tmp_path / "other.so").rename(library)
    assert shown(project) == "3 3"
    library.unlink()
    assert shown(project) == "0 0"


KEEPER = """
    import os
    GATE = os.path.join(os.path.dirname(__file__), "gate.fifo")
    def value():
        return 1
    class Keeper:
        __slots__ = ("code",)
        def __conform__(self, new):
            self.code = getattr(new, "__code__", new)
            if os.path.exists(GATE):
                open(GATE).close()
    keeper = Keeper()
    keeper.code = value.__code__
    """


def test_an_edit_while_a_patch_is_applied(project: Project) -> None:
    """A save in the middle of a patch is seen by the run that follows at once."""
    file = project.write("core.py", KEEPER)
    project.write("test_app.py", "import core\n" + SHOW.format("core.value(), core.keeper.code.co_consts"))
    project.warm_up("-s")
    gate = project.root / "gate.fifo"
    os.mkfifo(gate)
    file.write_text(file.read_text().replace("return 1", "return 2"))
    with gate.open("w"):  # opens when the patch has come as far as the reader
        gate.unlink()
        file.write_text(file.read_text().replace("return 2", "return 3"))
        # The request comes while the patch is still being applied, which goes on when the gate is closed.
        running = project.start(["pz", "-s"])
        eventually(lambda: project.status().is_building, "the patch is not done")
    output, errors = running.communicate(timeout=12 * UNIT_S)
    assert "SHOWN 3" in output, errors
    assert shown(project).startswith("3 ")


def test_settings_of_all_kinds(project: Project) -> None:
    """Text files that a module reads, those that pytest reads, and those that a library reads for it."""
    project.write("settings.yaml", "a: 1\n")
    project.write(".env", "KEY=1\n")
    project.write("app/__init__.py", "")
    project.write("app/data.txt", "d1")
    project.write(
        "app/core.py",
        """
        import os, pathlib, pkgutil
        from importlib import resources
        HERE = pathlib.Path(__file__).parent.parent
        FOUND = [
            (HERE / "settings.yaml").read_text(), (HERE / ".env").read_text().strip(), os.environ.get("APP_KEY"),
            pkgutil.get_data("app", "data.txt"), resources.files("app").joinpath("data.txt").read_text(),
        ]
        """,
    )
    test = (
        "from app import core\ndef test_it(request): print('SHOWN', core.FOUND, request.config.getini('log_level'))\n"
    )
    project.write("test_app.py", test)
    project.warm_up("-s")
    ini = (project.root / "pytest.ini").read_text()
    edits = [("settings.yaml", "a: 2\n"), (".env", "KEY=2\n"), ("app/data.txt", "d2")]
    outputs = {shown(project)}
    for path, text in [*edits, ("pytest.ini", f"{ini}log_level = INFO\n"), ("pytest.ini", f"{ini}log_level = DEBUG\n")]:
        project.write(path, text)
        outputs.add(shown(project))
    project.remove("settings.yaml")
    assert len(outputs) == 6
    assert project.pz("-s").returncode == project.plain("-s").returncode != 0


def test_a_folder_becomes_a_package(project: Project) -> None:
    """One without modules is no package until it gets a file; then it hides the module beside it."""
    (project.root / "core").mkdir()
    (project.root / "spread").mkdir()
    project.write("core.py", "def value(): return 1\n")
    project.write("spread/part.py", "def value(): return 1\n")
    test = "import core, spread, spread.part\n" + SHOW.format(
        "core.value(), getattr(spread, 'X', 0), spread.part.value()"
    )
    project.write("test_app.py", test)
    project.warm_up("-s")
    project.write("core/__init__.py", "def value(): return 2\n")
    assert shown(project) == "2 0 1"
    project.write("spread/__init__.py", "X = 3\n")
    assert shown(project) == "2 3 1"
    project.remove("spread/__init__.py")
    assert shown(project) == "2 0 1"


def _make_folder(root: Path) -> None:
    (root / "core.py").rename(root / "kept.py")
    (root / "core.py").mkdir()


def _shadow(root: Path) -> None:
    (root / "core.py").rmdir()
    (root / "kept.py").rename(root / "core.py")
    (root / "core").mkdir()
    (root / "core/__init__.py").write_text("def value(): return 5\n")


@pytest.mark.measured
def test_files_that_are_no_files(project: Project) -> None:
    """Nobody may read it, it is a folder, a link to nowhere; and another one takes its place."""
    file = project.write("core.py", "def value(): return 1\n")
    project.write("test_app.py", "import core\n" + SHOW.format("core.value()"))
    project.warm_up("-s")
    file.chmod(0)
    shown(project)
    file.chmod(0o644)
    _make_folder(project.root)
    shown(project)
    _shadow(project.root)
    assert shown(project) == "5"
    shutil.rmtree(project.root / "core")
    assert shown(project) == "1"
    file.unlink()
    file.symlink_to(project.root / "nowhere.py")
    shown(project)
    (project.root / "nowhere.py").write_text("def value(): return 6\n")
    assert shown(project) == "6"


def test_a_package_is_installed_in_another_version(project: Project, tmp_path: Path) -> None:
    """By pip itself, into a folder on the path."""
    target = tmp_path / "packages"
    for version in ("1.0", "2.0"):
        folder = tmp_path / version
        _write_package(folder, version)
        _install(folder, target)
        if version == "1.0":
            project.environ["PYTHONPATH"] = str(target)
            project.write("core.py", "import zlib_x\nVERSION = zlib_x.VERSION\n")
            project.write("test_app.py", "import core\n" + SHOW.format("core.VERSION, core.zlib_x.value()"))
            project.warm_up("-s")
        assert shown(project) == f"{version} {version}"


def _write_package(folder: Path, version: str) -> None:
    folder.mkdir()
    (folder / "zlib_x.py").write_text(f"VERSION = '{version}'\ndef value(): return '{version}'\n")
    (folder / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: zlib_x\nVersion: {version}\n")


def _install(folder: Path, target: Path) -> None:
    """Put a wheel together, and have pip install it."""
    wheel = folder / f"zlib_x-{folder.name}-py3-none-any.whl"
    info = folder / f"zlib_x-{folder.name}.dist-info"
    info.mkdir()
    (folder / "PKG-INFO").rename(info / "METADATA")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "RECORD").write_text(f"zlib_x.py,,\n{info.name}/METADATA,,\n{info.name}/WHEEL,,\n{info.name}/RECORD,,\n")
    shutil.make_archive(str(wheel), "zip", folder)
    Path(f"{wheel}.zip").rename(wheel)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--upgrade"]
    if subprocess.run([*command, "--target", str(target), str(wheel)], check=False).returncode:
        pytest.skip("there is no pip")


@pytest.fixture(name="mounted")
def _mounted(tmp_path: Path) -> Iterator[Project]:
    """A project in a file system of another process, which changes files without an event."""
    source, mount = tmp_path / "source", tmp_path / "mount"
    source.mkdir()
    mount.mkdir()
    bindfs, umount = shutil.which("bindfs"), shutil.which("umount")
    if (
        bindfs is None
        or umount is None
        or subprocess.run(
            [bindfs, "-o", "attr_timeout=0,entry_timeout=0", str(source), str(mount)],
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("FUSE file systems cannot be mounted here")
    project = Project(mount)
    try:
        yield project
        project.close()
    finally:
        subprocess.run([umount, "--lazy", str(mount)], check=True)


def test_a_file_system_that_reports_nothing_is_polled(mounted: Project) -> None:
    """What is changed behind the mount is found without an event, and by a run at once."""
    ini = (mounted.root / "pytest.ini").read_text()
    mounted.write("pytest.ini", f"{ini}zygote_poll_throttle = 0.05\n")
    mounted.write("core.py", "def value(): return 1\n")
    mounted.write("test_app.py", "import core\n" + SHOW.format("core.value()"))
    mounted.warm_up("-s")
    assert "no file events: file system of type fuse" in mounted.status().raw
    behind = mounted.root.with_name("source") / "core.py"
    behind.write_text("def value(): return 2\n")
    eventually(lambda: "core.py: patched value" in mounted.status().raw, "the change is found")
    assert shown(mounted) == "2"
    behind.write_text("def value(): return 3\nX = 1\n")
    assert shown(mounted) == "3"


def test_a_module_that_hangs_is_repaired(project: Project) -> None:
    """Who has interrupted the import, as in plain pytest, and saved the file again waits for nothing more."""
    project.write("helper.py", "VALUE = 1\n")
    project.write("test_it.py", "import helper\ndef test_it(): assert helper.VALUE\n")
    project.warm_up()
    project.write("helper.py", "import threading\nthreading.Event().wait()\n")
    with project.start([str(BIN / "pz")]) as waiting:
        assert waiting.stderr is not None
        assert any("importing helper" in line for line in waiting.stderr)
        project.write("helper.py", "VALUE = 2\n")
        output, said = waiting.communicate()
    assert "1 passed" in output
    assert re.search(r"re-imported 1 project module \(.* s\) \[file-changed\]: helper.py changed", said)
    assert "takes too long" not in project.log()

"""What layers import is learned from runs, kept between daemons, and may be told or forbidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import INI

if TYPE_CHECKING:
    from tests.support.daemon import Project

REJECTED = {
    "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n": "starts a thread",
    "import socket\nS = socket.socketpair()\n": "uses the network",
    "import subprocess\nP = subprocess.Popen(['sleep', '60'])\nimport atexit\natexit.register(P.kill)\n": "a process",
    "import logging\nif not logging.root.handlers: logging.basicConfig()\n": "configures logging",
    "import sys\nif 'conftest' not in sys.modules: sys.exit(3)\n": "SystemExit: 3",
    "import sys, pytest\nif 'conftest' not in sys.modules: pytest.skip('no', allow_module_level=True)\n": "Skipped: no",
    "import sys\nif 'conftest' not in sys.modules: raise OSError('no')\n": "OSError: no",
}


def _early(project: Project) -> int:
    """Return how many modules the project layer adds to the base layer."""
    base, layer = project.status().layer("base"), project.status().layer("project")
    return 0 if base is None or layer is None else layer.modules - base.modules


def test_a_run_finds_our_modules_imported(project: Project) -> None:
    """A run finds all that it needs of ours imported: each file would cost it a millisecond."""
    project.write("early.py", "")
    project.write("conftest.py", "import sys\ndef pytest_unconfigure(): print(*sys.modules)\n")
    project.write("test_it.py", "import early\ndef test_it(): pass\n")

    names = project.warm_up("-q", "-s").stdout.split()

    assert "pytest_zygote.run.layer_check" in names[: names.index("early")]
    assert not [name for name in names[names.index("early") :] if name.startswith("pytest_zygote")]


@pytest.mark.measured
@pytest.mark.parametrize("source", REJECTED, ids=REJECTED.get)
def test_a_module_that_no_layer_may_hold_is_named(project: Project, source: str) -> None:
    """A module that must not be in a process that forks is named with the reason; its importers go with it."""
    project.write("unfit.py", source)
    project.write("user.py", "import unfit\n")
    project.write("fit.py", "")
    project.write("conftest.py", "")
    project.write("test_it.py", "import fit, user\ndef test_it(): pass\n")
    for _ in range(2):
        project.pytest("-q")
        project.settle()
    result = project.warm_up("-q")
    rejected = project.status().rejected

    assert result.returncode == 0
    assert REJECTED[source] in rejected["unfit"]
    assert rejected.keys() == {"unfit", "user"}
    assert _early(project) == 1


def test_a_new_daemon_knows_what_to_import(project: Project) -> None:
    """The list is kept: a new daemon's first run finds all modules imported, with or without pytest's cache."""
    project.write("one.py", "")
    project.write("two.py", "import one\n")
    project.write("test_it.py", "import two\ndef test_it(): pass\n")
    project.warm_up("-q")
    project.stop()

    project.pytest("-q", "-p", "no:cacheprovider")
    project.settle()

    assert _early(project) == 2


def test_settings_add_modules_and_remove_them(project: Project) -> None:
    """``zygote_preload`` adds modules, ``zygote_exclude`` takes them away with all that import them."""
    project.write("pytest.ini", f"{INI}zygote_preload = extra\nzygote_exclude = one\n")
    project.write("one.py", "")
    project.write("two.py", "import one\n")
    project.write("three.py", "")
    project.write("extra.py", "")
    project.write("test_it.py", "import two, three\ndef test_it(): pass\n")
    project.warm_up("-q")

    assert _early(project) == 2


def test_an_edited_module_is_tried_again(project: Project) -> None:
    """A module that could not be imported is early again when it was edited, though its importers were not."""
    project.write("one.py", "VALUE = 1\n")
    project.write("two.py", "import one\n")
    project.write("test_it.py", "import two, one\ndef test_it(): assert one.VALUE == 1\n")
    project.warm_up("-q")
    project.write("one.py", "VALUE = \n")
    assert project.pytest("-q").returncode == 2

    project.write("one.py", "VALUE = 1\n")

    assert project.pytest("-q").returncode == 0
    project.settle()
    assert _early(project) == 2


def test_a_deep_chain_of_imports_fits_in_the_limit(project: Project) -> None:
    """A chain of imports that just fits in the recursion limit of a run is imported early as well."""
    names = [f"link_{number:03}" for number in range(125)]
    for name, following in zip(names, [*names[1:], ""], strict=True):
        project.write(f"{name}.py", f"import {following}\n" if following else "")
    project.write("conftest.py", "")
    project.write("test_it.py", f"import {names[0]}\ndef test_it(): pass\n")
    result = project.warm_up("-q")

    assert result.returncode == 0
    assert project.status().rejected == {}
    assert _early(project) == len(names)

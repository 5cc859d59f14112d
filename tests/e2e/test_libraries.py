"""Imitations of libraries that do more than define something when they are imported: early, and as if imported now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN

if TYPE_CHECKING:
    from tests.support.daemon import Project

LIBRARIES = {
    # Its submodules are found by a hook that it installs, as those of six are.
    "moves": """
        import importlib.abc, importlib.machinery, sys, types
        class Importer(importlib.abc.Loader):
            def find_spec(self, name, path, target=None):
                return importlib.machinery.ModuleSpec(name, self) if name in ("moves.a", "moves.b") else None
            def create_module(self, spec):
                return types.ModuleType(spec.name)
            def exec_module(self, module):
                module.VALUE = module.__name__
        __path__ = []
        sys.meta_path.append(Importer())
        """,
    "configures": "import os\nos.environ['CONFIGURED'] = os.environ.get('CONFIGURED', '') + 'once'\n",
    "reads": "import configures, os\nFOUND = sorted(key for key in os.environ if key.startswith('CONF'))\n",
    "vendors": "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'vendored'))\n",
    "looks": "import os\nFOUND = os.path.exists('looksrc')\n",  # as matplotlib looks for its settings
    "patches": "import json\njson.dumps = lambda *args, plain=json.dumps, **named: plain(*args, **named) + ' '\n",
    "corrects": "import json\njson.detect_encoding = lambda data, plain=json.detect_encoding: plain(data)\n",
    "filters": "import warnings\nwarnings.filterwarnings('ignore', message='quiet')\n",
}
USES = {
    "moves": "import moves.a\nSEEN = moves.a.VALUE\ndef use():\n    import moves.b\n    return moves.b.VALUE",
    "configures": "import configures, os\nSEEN = os.environ['CONFIGURED']\ndef use(): return os.environ['CONFIGURED']",
    "reads": "import reads\nSEEN = reads.FOUND\ndef use(): return SEEN",
    "vendors": "import vendors, inner\nSEEN = inner.VALUE\ndef use(): return inner.VALUE",
    "wants": "import os\nos.environ['WANTED'] = 'set'\nimport wants.b\nSEEN = wants.b.a\ndef use(): return wants.WHAT",
    "looks": "import looks\nSEEN = looks.FOUND\ndef use(): return looks.FOUND",
    "patches": "import patches, json\nSEEN = json.dumps(1)\ndef use(): return json.dumps(2)",
    "corrects": "import json, corrects\nSEEN = json.dumps([2])\ndef use(): return json.loads(b'[3]')",
    "filters": "import filters, warnings\nwarnings.warn('quiet')\nSEEN = 1\ndef use(): return warnings.warn('quiet')",
}


@pytest.fixture(name="packages")
def _packages(project: Project) -> dict[str, str]:
    """Install the libraries; return the environment in which they are found."""
    for name, text in LIBRARIES.items():
        project.write(f"site-packages/{name}.py", text)
    # It needs what the project sets; a module of it is imported before that shows, as in keras.
    project.write("site-packages/wants/__init__.py", "import wants.a, os\nWHAT = os.environ['WANTED']\n")
    project.write("site-packages/wants/a.py", "")
    project.write("site-packages/wants/b.py", "from wants import WHAT as a\n")
    project.write("site-packages/vendored/inner.py", "VALUE = 'vendored'\n")
    for name, text in USES.items():
        project.write(f"app_{name}.py", f"{text}\n")
        first = "import corrects\n" if name == "corrects" else ""  # another order than that of the project's module
        project.write(
            f"test_{name}.py",
            f"{first}import app_{name}\ndef test_it(): assert (app_{name}.SEEN, app_{name}.use()) == 'as plain'\n",
        )
    return {"PYTHONPATH": str(project.root / "site-packages")}


def _values(output: str) -> list[str]:
    return re.findall(r"^E .*assert \((.*)\) == 'as plain'", output, re.MULTILINE)


def test_what_libraries_do_to_the_process_is_there_for_a_project_that_is_imported_early(
    project: Project, packages: dict[str, str]
) -> None:
    """While the project's layer is built and in each run, alone and together; and only if the run imports them."""
    warm = project.warm_up(**packages)
    plain = _values(project.plain(**packages).stdout)

    assert len(plain) == len(USES)
    assert _values(warm.stdout) == plain
    assert not project.status().rejected
    assert project.log().count("[import-failed]") == 1  # wants
    for name in USES:
        alone = project.pytest(f"test_{name}.py", **packages)

        assert set(_values(alone.stdout)) < set(plain)
        assert alone.was_warm
    project.write("elsewhere/empty", "")
    command = [str(BIN / "pytest"), "../test_looks.py"]
    elsewhere = project.run(command, packages, cwd=project.root / "elsewhere")
    assert _values(elsewhere.stdout) == ["False, False"]
    assert elsewhere.was_warm
    project.write("elsewhere/looksrc", "")
    assert _values(project.run(command, packages, cwd=project.root / "elsewhere").stdout) == ["True, True"]
    layer = project.status().layer("project")
    assert layer is not None
    assert layer.runs_served > len(USES)


def test_a_project_sets_what_a_library_reads_that_reads_all(project: Project, packages: dict[str, str]) -> None:
    """Each run imports the library itself, and is warm: no layer has the environment that it finds."""
    project.write("app_reads.py", "import os\nos.environ['CONFIRMED'] = ''\nimport reads\nSEEN = reads.FOUND.copy\n")
    project.write(
        "test_reads.py", "import app_reads\ndef test_it(): assert app_reads.SEEN() == ['CONFIGURED', 'CONFIRMED']\n"
    )
    for _ in range(2):
        project.pytest("test_reads.py", **packages)
        project.settle()
    last = project.pytest("test_reads.py", **packages)

    assert last.returncode == 0
    assert last.was_warm
    assert "the run has changed CONFIRMED" in project.status().rejected["reads"]

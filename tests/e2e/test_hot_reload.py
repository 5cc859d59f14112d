"""Edits of modules that a layer holds: patched in place where that is exact, imported anew where not."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN, UNIT_S, eventually

if TYPE_CHECKING:
    from tests.support.daemon import Project

APP = {
    "app/__init__.py": "",
    "app/core.py": """
        LIMIT = 5
        def value():
            return 1
        def at_import():
            return 10
        class Shop:
            def price(self):
                return self.__price() + 1
            def __price(self):
                return 100
        TEN = at_import()
        """,
    "app/double.py": """
        from app.core import value
        def double():
            return 2 * value()
        """,
    "tests/test_app.py": """
        from app import core, double
        def test_it():
            print("SHOWN", core.value(), core.LIMIT, core.TEN, core.Shop().price(), double.double())
        """,
}


@pytest.fixture(name="app")
def _app(project: Project) -> Project:
    for path, text in APP.items():
        project.write(path, text)
    project.write("conftest.py", "")
    project.warm_up("-s")
    return project


def swap(project: Project, path: str, *texts: str) -> None:
    """Replace texts in a file, each by the one that follows it; saved once, since the daemon looks at each save."""
    file = project.root / path
    text = file.read_text()
    for old, new in zip(texts[::2], texts[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def verdicts(project: Project) -> list[str]:
    """Return what was done about edits so far."""
    return [entry["reason"] for entry in json.loads(project.status().raw)["verdicts"]]


def shown(project: Project) -> str:
    """Run warm and plain; return what both show."""
    warm, plain = project.pz("-s"), project.plain("-s")
    assert warm.was_warm, warm.stderr
    found, expected = (
        [line.partition("SHOWN ")[2] for line in run.stdout.splitlines() if "SHOWN" in line] for run in (warm, plain)
    )
    assert found == expected, f"{warm}\n{plain}"
    assert warm.returncode == plain.returncode
    return "".join(found)


def test_verdicts_are_told(app: Project) -> None:
    """Kept, patched with the functions, reloaded with the reason: in the status and in the log."""
    swap(app, "app/core.py", "LIMIT = 5", "# the limit\nLIMIT  =  5")
    assert shown(app) == "1 5 10 101 2"
    swap(app, "app/core.py", "return 100", "return 200", "return 1\n", "return 3\n")
    assert shown(app) == "3 5 10 201 6"
    is_silent = app.pz("-s").said == []
    swap(app, "app/core.py", "return 10\n", "return 11\n")
    said = app.pz("-s").said
    assert shown(app) == "3 5 11 201 6"

    reason = "app/core.py: at_import ran while the project was imported"
    assert verdicts(app) == [
        "app/core.py: kept",
        "app/core.py: patched value, Shop.__price",
        f"[ran-at-import] {reason}: reloaded",
    ]
    assert is_silent
    # Nothing is said if the layer was built before the run asked for it.
    assert all(line.startswith("re-imported 3 project modules") and line.endswith(f": {reason}") for line in said)
    table = app.pytest("--daemon-status").stdout
    assert all(verdict in table and verdict.removesuffix(": reloaded") in app.log() for verdict in verdicts(app))


def test_two_files_that_only_work_together(app: Project) -> None:
    """Saved one after the other, they are patched as one; if one cannot be, neither is."""
    swap(app, "app/core.py", "return 1\n", "return (1, 2)\n")
    swap(app, "app/double.py", "return 2 * value()", "return sum(value())")
    assert shown(app) == "(1, 2) 5 10 101 3"
    swap(app, "app/core.py", "return (1, 2)", "return 7")
    swap(app, "app/double.py", "return sum(value())", "return FACTOR * value()")
    swap(app, "app/double.py", "def double", "FACTOR = 3\ndef double")
    assert shown(app) == "7 5 10 101 21"
    assert sum("reloaded" in verdict for verdict in verdicts(app)) == 1


def test_modules_that_are_never_patched(app: Project) -> None:
    """Those that the user names, and those that say so themselves."""
    app.write("pytest.ini", (app.root / "pytest.ini").read_text() + "zygote_always_reload = app/do*.py\n")
    app.warm_up("-s")
    before = len(verdicts(app))
    swap(app, "app/double.py", "return 2 *", "return 3 *")
    assert shown(app) == "1 5 10 101 3"
    assert verdicts(app)[before:] == []
    assert "app/double.py changed" in app.reloads()[-1]

    swap(app, "app/core.py", "LIMIT = 5", "LIMIT = 5  # zygote: reload", "return 1\n", "return 4\n")
    assert shown(app) == "4 5 10 101 12"
    assert verdicts(app)[before:] == ["[reload-asked] app/core.py: the file asks for it (# zygote: reload): reloaded"]


def test_what_is_half_written(app: Project) -> None:
    """A file that is no Python for a moment shows what plain pytest shows, and nothing of it stays."""
    whole = (app.root / "app/core.py").read_text()
    (app.root / "app/core.py").write_text(whole[: whole.index("__price()")])
    warm, plain = app.pz("-q"), app.plain("-q")
    errors = [[line for line in run.stdout.splitlines() if line.startswith("E ")] for run in (warm, plain)]
    assert errors[0] == errors[1] != []
    assert warm.returncode == plain.returncode == 2
    (app.root / "app/core.py").write_text(whole.replace("return 1\n", "return 8\n"))
    assert shown(app) == "8 5 10 101 16"


def test_what_is_half_written_costs_nothing_if_nobody_runs_it(app: Project) -> None:
    """An editor that writes in two steps, or a save in the middle of a line: the layer waits for what comes."""
    whole = (app.root / "app/core.py").read_text()
    before = app.reloads()
    (app.root / "app/core.py").write_text(whole[: whole.index("__price()")])
    seen = "a file is being written: [file-changed] app/core.py changed"
    eventually(lambda: seen in app.log(), "the daemon has seen it")
    (app.root / "app/core.py").write_text(whole.replace("return 1\n", "return 8\n"))
    eventually(lambda: verdicts(app) == ["app/core.py: patched value"], "it is patched")
    assert app.reloads() == before
    assert shown(app) == "8 5 10 101 16"


LINES = """
        import inspect, sys, traceback
        from app import core
        def test_lines():
            try:
                core.fail(0)
            except ZeroDivisionError as error:
                frames = traceback.extract_tb(error.__traceback__)
            print("SHOWN", [(frame.lineno, frame.line) for frame in frames][1:])
            print("SHOWN", inspect.getsource(core.fail), inspect.getsourcelines(core.Later)[1])
        """


def debug(project: Project, commands: str, environ: dict[str, str]) -> str:
    """Return what a run shows to whoever types commands for its debugger."""
    command = [str(BIN / "pytest"), "-s", "-q"]
    environment = project.environ | environ
    return subprocess.run(
        command, check=True, cwd=project.root, env=environment, input=commands, capture_output=True, text=True
    ).stdout


@pytest.mark.measured
def test_lines_are_those_of_the_file(app: Project) -> None:
    """In tracebacks, in what inspect finds, in the debugger's listing, and in coverage."""
    app.write("app/core.py", "def fail(x):\n    return 1 / x\nclass Later:\n    def m(self): pass\n")
    app.write("app/double.py", "")
    app.write("tests/test_app.py", LINES)
    app.warm_up("-s")
    before = len(verdicts(app))
    app.write(
        "app/core.py",
        "# one\n\n# three\ndef fail(x):\n    y = 2\n    return y / x\nclass Later:\n    def m(self): pass\n",
    )
    assert "(6, 'return y / x')" in shown(app)
    assert verdicts(app)[before:] == ["app/core.py: patched fail"]

    script = "import os; os.environ['PYTHONBREAKPOINT'] = 'pdb.set_trace'\n"
    app.write(
        "tests/test_app.py", f"{script}from app import core\nimport pdb\ndef test_it(): pdb.runcall(core.fail, 1)\n"
    )
    app.write(
        "app/core.py", "# 1\n# 2\ndef fail(x):\n    y = 3\n    return y / x\nclass Later:\n    def m(self): pass\n"
    )
    commands = "next\nlist\ncontinue\n"
    outputs = [debug(app, commands, environ) for environ in ({}, {"PYTEST_DAEMON_DISABLE": "1"})]
    listings = [[line for line in output.splitlines() if line.lstrip(" >-")[:1].isdigit()] for output in outputs]
    assert any("->" in line and "return y / x" in line for line in listings[0]), outputs[0]
    assert listings[0][:-1] == listings[1][:-1]
    assert verdicts(app)[before + 1 :] == ["app/core.py: patched fail"]


def test_what_a_patch_adds_disturbs_no_run(app: Project) -> None:
    """A function and an import that are new count as the module's own: a conftest file has not set them."""
    app.write("conftest.py", "import app.double\n")
    app.warm_up("-s")
    before = app.reloads()
    more = "return more()\ndef more():\n    return int(textwrap.dedent('12'))\n"
    swap(app, "app/core.py", "LIMIT = 5", "import textwrap\nLIMIT = 5", "return 1\n", more)
    assert shown(app) == "12 5 10 101 24"
    assert verdicts(app) == ["app/core.py: patched value, textwrap, more"]
    assert app.reloads() == before

    app.write("conftest.py", "import textwrap\ntextwrap.dedent = lambda text: '13'\nimport app.double\n")
    assert shown(app) == "13 5 10 101 26"


def test_files_are_looked_at_where_there_are_no_events(project: Project) -> None:
    """An edit is patched before the next run asks, with no event."""
    for path, text in APP.items():
        project.write(path, text)
    project.write("conftest.py", "")
    ini = (project.root / "pytest.ini").read_text()
    project.write("pytest.ini", f"{ini}zygote_use_os_events = 0\nzygote_poll_throttle = 0.05\n")
    project.warm_up("-s")
    swap(project, "app/core.py", "return 100", "return 300")
    eventually(lambda: verdicts(project) == ["app/core.py: patched Shop.__price"], "it is patched")
    assert shown(project) == "1 5 10 301 2"
    assert "every 0.1 s (as asked for)" in project.status().raw


def test_a_link_is_another_file(app: Project) -> None:
    """A module that asks where its file really is would find another answer."""
    app.write("app/core.py", "from pathlib import Path\nHERE = Path(__file__).resolve().name\ndef value(): return 1\n")
    app.write("tests/test_app.py", "from app import core\ndef test_it(): print('SHOWN', core.HERE, core.value())\n")
    app.warm_up("-s")
    app.write("elsewhere.py", (app.root / "app/core.py").read_text().replace("return 1", "return 2"))
    (app.root / "app/core.py").unlink()
    (app.root / "app/core.py").symlink_to(app.root / "elsewhere.py")
    assert shown(app) == "elsewhere.py 2"


def test_who_looks_at_a_file_sees_it_change(app: Project) -> None:
    """A module that reads its own text, or asks when it was written, is imported anew."""
    app.write(
        "app/core.py", "from pathlib import Path\nSIZE = len(Path(__file__).read_text())\ndef value(): return 1\n"
    )
    app.write("app/double.py", "import os\nSIZE = os.path.getsize(__file__)\ndef value(): return 1\n")
    app.write(
        "tests/test_app.py", "from app import core, double\ndef test_it(): print('SHOWN', core.SIZE, double.SIZE)\n"
    )
    app.warm_up("-s")
    first = shown(app)
    swap(app, "app/core.py", "return 1", "return 100")
    second = shown(app)
    swap(app, "app/double.py", "return 1", "return 100")
    assert len({first, second, shown(app)}) == 3


RECHECKED = """
        import operator
        def value():
            return 1000
        CONSTANTS = operator.attrgetter("__code__.co_" + "".join(["con", "sts"]))(value)
        """


def test_failed_tests_run_again_from_fresh_imports(app: Project) -> None:
    """What a patch could not know of is found, and told with the patch; the exit code stays."""
    app.write("pytest.ini", (app.root / "pytest.ini").read_text() + "zygote_recheck = true\n")
    app.write("app/core.py", RECHECKED)
    app.write("app/double.py", "")
    test = "from app import core\ndef test_it(): assert core.value() in core.CONSTANTS\ndef test_other(): pass\n"
    app.write("tests/test_app.py", test)
    app.warm_up("-q")
    swap(app, "app/core.py", "return 1000", "return 2000")
    result = app.pz("-q")
    assert result.returncode == 1
    assert "1 failed, 1 passed" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 passed in")
    assert "failed tests run again from fresh imports" in result.said[0]
    assert "FAILED WARM, PASSED FRESH" in result.said[-1]
    assert "app/core.py: patched value" in result.said[-1]
    assert app.pz("-q").returncode == 0
    app.write("tests/test_app.py", test.replace("pass", "assert not core.value()"))
    assert app.pz("-q").said == []


def test_patches_do_not_pile_up(app: Project) -> None:
    """A layer that was patched often has no more on its stack, and no more processes around it."""
    app.write(
        "tests/test_app.py",
        "import inspect\nfrom app import core\ndef test_it(): print('DEPTH', len(inspect.stack()), core.value())\n",
    )
    app.warm_up("-s")
    outputs = [app.pz("-s").stdout]
    for number in range(5):
        swap(app, "app/core.py", f"return {69 + number if number else 1}\n", f"return {70 + number}\n")
        outputs.append(app.pz("-s").stdout)
    found = [line.split()[-2:] for text in outputs for line in text.splitlines() if "DEPTH" in line]
    assert [value for _, value in found] == ["1", "70", "71", "72", "73", "74"]
    assert len({depth for depth, _ in found}) <= 2  # a run that was forked beforehand has fewer frames of ours
    assert len(verdicts(app)) == 5
    eventually(lambda: len(app.status().layers) == 2, "the layers of before have gone")


HOOKED = """
        FOUND = []
        def value():
            return 1
        def other():
            return 1
        def pytest_zygote_layer_built():
            FOUND.append(value())
        def pytest_zygote_before_fork():
            FOUND.append(other())
        """


def test_what_ran_in_hooks_is_not_patched(app: Project) -> None:
    """A layer that is built anew has what the hook left behind, made by the code of now."""
    app.write("app/core.py", HOOKED)
    app.write("app/double.py", "")
    app.write("tests/test_app.py", "from app import core\ndef test_it(): print('FOUND', core.FOUND[0], core.other())\n")
    app.warm_up("-s")
    swap(app, "app/core.py", "def value():\n    return 1", "def value():\n    return 2")
    assert "FOUND 2 1" in app.pz("-s").stdout
    swap(app, "app/core.py", "def other():\n    return 1", "def other():\n    return 3")
    assert "FOUND 2 3" in app.pz("-s").stdout
    assert [verdict for verdict in verdicts(app) if "ran while" in verdict] == [
        "[ran-at-import] app/core.py: value ran while the project was imported: reloaded",
        "[ran-at-import] app/core.py: other ran while the project was imported: reloaded",
    ]


DYING = """
        import os
        def value():
            return 1
        class Keeper:
            __slots__ = ("code",)
            def __init__(self, code):
                self.code = code
            def __conform__(self, new):
                os._exit(9)
        keepers = [Keeper(value.__code__)]
        """


def test_a_process_that_dies_of_a_patch(app: Project) -> None:
    """The layer is built anew, and the run is none the wiser."""
    app.write("app/core.py", DYING)
    app.write("app/double.py", "")
    app.write("tests/test_app.py", "from app import core\ndef test_it(): print('SHOWN', core.value())\n")
    app.warm_up("-s")
    swap(app, "app/core.py", "return 1\n", "return 2\n")
    assert shown(app) == "2"
    assert "the process that was to be patched died" in app.reloads()[-1]


@pytest.mark.measured
def test_an_edit_while_a_run_is_going_on(app: Project) -> None:
    """The run goes on with what it has; the next one has the edit; the old layer leaves when its run has ended."""
    os.mkfifo(app.root / "go.fifo")
    waits = "    open('go.fifo').read()\n    print('SHOWN', core.value())\n"
    app.write("tests/test_app.py", "from app import core\ndef test_quick(): print('SHOWN', core.value())\n")
    app.write("slow/test_slow.py", f"from app import core\ndef test_slow():\n{waits}")
    app.warm_up("-s", "tests")
    running = app.start(["pz", "-s", "slow"])
    with (app.root / "go.fifo").open("w", encoding="utf-8") as fifo:
        swap(app, "app/core.py", "return 1\n", "return 2\n")
        next_run = app.pz("-s", "tests")
        fifo.write("go")
    first, _ = running.communicate(timeout=12 * UNIT_S)
    assert "SHOWN 2" in next_run.stdout
    assert next_run.was_warm
    assert "SHOWN 1" in first
    assert running.returncode == 0


def test_an_edit_is_followed_although_a_run_goes_on_and_on(app: Project) -> None:
    """A short run has the processors for itself; a long one keeps nobody from being served fast afterwards."""
    os.mkfifo(app.root / "go.fifo")
    app.write("tests/test_app.py", "from app import core\ndef test_quick(): print('SHOWN', core.value())\n")
    app.write("slow/test_slow.py", "from app import core\ndef test_slow(): open('go.fifo').read()\n")
    app.warm_up("-s", "tests")
    eventually(lambda: "watching" in app.log(), "files are watched")
    running = app.start(["pz", "-s", "slow"])
    with (app.root / "go.fifo").open("w", encoding="utf-8"):
        swap(app, "app/core.py", "return 1\n", "return 2\n")
        eventually(lambda: "app/core.py: patched value" in app.log(), "the edit is followed")
    running.communicate(timeout=12 * UNIT_S)
    assert running.returncode == 0

"""`pytest --affected`: what must run after which edit. Each case is run cold, in a fork of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.support.affected import CALC, PRECISE, TESTS, AffectedProject, Ran, Server, calculator, precisely, serve
from tests.support.daemon import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SHARED = """
    import pytest

    @pytest.fixture(scope="session", autouse=True)
    def shared():
        "Keeps all tests in one process."
        return []
    """


CTRACE = sys.version_info < (3, 14)
"""Whether coverage measures by a trace function, unless it is asked for another way."""


def total(ran: Ran) -> list[str]:
    """Return what coverage printed of all files."""
    return next(line.split() for line in ran.output.splitlines() if line.startswith("TOTAL"))


UNSEEN = """
    import ctypes

    def test_flag():
        assert ctypes.CDLL(None).access(b"{path}", 0) != 0
    """
DECLARED = """
    import pytest
    import pytest_zygote

    @pytest.mark.depends_on("app/templates/", "$DB_URL", "package:pytest")
    def test_marked():
        pass

    class TestGlobs:
        pytestmark = pytest.mark.depends_on("data/*.json")

        def test_glob(self):
            pass

    def test_called():
        pytest_zygote.depends_on("called.txt")

    def test_hooked():
        pass
    """
HOOKED = """
    def pytest_zygote_dependencies(item):
        return ["hooked.txt"] if item.name == "test_hooked" else []
    """


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def project(tmp_path: Path, server: Server) -> AffectedProject:
    """Give a project of two test files, one of which uses a module."""
    return calculator(tmp_path, server)


class TestCounts:
    """What the user is told."""

    @pytest.mark.measured
    def test_the_first_run_records_everything(self, project: AffectedProject) -> None:
        """Nothing is known, so all run."""
        first = project.affected()

        assert first.names == {"test_add", "test_sub", "test_other"}
        assert first.said == ["affected: 3 of 3 tests (3 new)"]

    def test_nothing_runs_if_nothing_changed(self, project: AffectedProject) -> None:
        """And that is a success, although pytest alone calls it a failure to collect no test."""
        project.affected()

        second = project.affected()

        assert (second.names, second.status) == (set(), 0)
        assert second.said == ["affected: 0 of 3 tests"]

    def test_a_path_may_follow(self, project: AffectedProject) -> None:
        """``--affected tests/test_other.py`` names a path, not a word."""
        assert project.run("--affected", "tests/test_other.py").names == {"test_other"}

    def test_an_unknown_word_is_refused(self, project: AffectedProject) -> None:
        """With what is accepted."""
        ran = project.run("--affected=explian")

        assert ran.status == pytest.ExitCode.USAGE_ERROR
        assert "--affected takes no value, 'explain', 'exact', 'all' or 'audit', not 'explian'" in ran.output

    def test_without_the_option_nothing_is_stored(self, project: AffectedProject) -> None:
        """A plain run leaves no file."""
        project.run()

        assert not project.store.exists()

    def test_explain_names_the_change(self, project: AffectedProject) -> None:
        """For each test."""
        project.affected()
        project.replace("app/calc.py", "a + b", "b + a")

        assert "tests/test_calc.py::test_add: app/calc.py" in project.affected().output


class TestCoverage:
    """Together with pytest-cov: totals are those of all tests."""

    COVERED = ("-p", "pytest_cov", "--cov=app", "--cov-report=term")

    @pytest.mark.parametrize("more", [(), ("--cov-branch",)])
    def test_tests_that_are_left_out_keep_their_lines(self, project: AffectedProject, more: tuple[str, ...]) -> None:
        """Also where they have moved, and branches; a test that ran without coverage runs again."""
        if not CTRACE:
            pytest.skip("coverage measures by sys.monitoring")
        project.replace("app/calc.py", "return a + b", "if a:\n        a += 1 - 1\n    return a + b")
        project.affected()
        options = (*self.COVERED, *more)
        first = project.affected(*options)
        assert first.names == {"test_add", "test_sub", "test_other"}
        project.replace("app/calc.py", "class Base", "# a comment\nclass Base")
        project.replace("tests/test_other.py", "assert True", "assert not []")

        second = project.affected(*options, "--cov-fail-under=80")

        assert (second.names, second.status) == ({"test_other"}, 0), second.output
        assert "affected: the coverage of 2 tests comes from the store" in second.said
        plain = project.run(*options)
        expected = ["TOTAL", "11", "1", "2", "1", "85%"] if more else ["TOTAL", "11", "1", "91%"]
        assert total(first) == total(second) == total(plain) == expected

    def test_what_cannot_be_added_is_said(self, project: AffectedProject) -> None:
        """Coverage keeps contexts of its own: totals are those of the tests that run."""
        project.affected(*self.COVERED, "--cov-context=test")

        second = project.affected(*self.COVERED, "--cov-context=test")

        assert second.names == set()
        assert (
            "affected: less coverage [coverage-incomplete]: --cov-context is given; what 3 tests cover" in second.output
        )


class TestAudit:
    """Which failures selection would have left out."""

    def test_a_failure_of_which_nothing_is_seen(self, project: AffectedProject) -> None:
        """C code reads a file: all run, the failure is named, and with it why it would have been left out."""
        flag = project.root.with_name(f"{project.root.name}.flag")
        project.write("tests/test_c.py", UNSEEN.format(path=str(flag)))
        project.write("tests/test_calc.py", TESTS.replace("== 1", "== 2"))
        project.affected()

        first = project.run("--affected=audit")
        flag.touch()
        second = project.run("--affected=audit")

        assert (first.status, second.status) == (1, 1)
        assert len(first.names) == len(second.names) == 4
        assert "affected: audit: no failure would have been left out, 1 of 4 tests would have run" in first.output
        assert "affected: audit: 1 failure would have been left out, 1 of 4 tests would have run" in second.output
        assert "  tests/test_c.py::test_flag: it passed before, and none of the" in second.output
        assert project.affected().names == {"test_sub", "test_flag"}


class TestDeclared:
    """What tests say that they depend on."""

    def test_marks_calls_and_hooks(self, project: AffectedProject) -> None:
        """Each selects its test alone; what is missing at first counts too, and a new file in a folder."""
        project.write("pytest.ini", "[pytest]\naddopts = -p pytest_zygote --strict-markers\npythonpath = .\n")
        project.write("tests/conftest.py", HOOKED)
        project.write("tests/test_declared.py", DECLARED)
        project.affected()
        assert project.affected().names == set()

        assert project.affected(DB_URL="b").names == {"test_marked"}
        project.write("called.txt", "")
        project.write("hooked.txt", "")
        assert project.affected().names == {"test_called", "test_hooked"}
        project.write("app/templates/page.html", "")
        project.write("data/a.json", "")
        project.write("data/a.txt", "")
        assert project.affected().names == {"test_marked", "TestGlobs::test_glob"}

    def test_a_mark_that_names_nothing(self, project: AffectedProject) -> None:
        """It is an error that names the test, in plain runs too."""
        project.write("tests/test_declared.py", DECLARED.replace('"app/templates/"', '"package:"'))
        wanted = "tests/test_declared.py::test_marked: depends_on takes a path, a glob, '$KEY' or 'package:NAME'"

        for ran in (project.affected(), project.run()):
            assert ran.status == pytest.ExitCode.USAGE_ERROR
            assert wanted in ran.output


class TestCode:
    """Edits of Python files."""

    @pytest.mark.measured
    @precisely
    def test_a_function_body(self, project: AffectedProject) -> None:
        """Rows of a shared process reach as far as the imports of the test's module."""
        project.write("tests/conftest.py", SHARED)
        project.affected()
        project.replace("app/calc.py", "a + b", "b + a")

        assert project.affected().names == {"test_add", "test_sub"}

    @precisely
    def test_the_first_test_of_a_process_is_known_exactly(self, project: AffectedProject) -> None:
        """Nothing ran before it that could hide what it needs."""
        project.affected("tests/test_calc.py::test_add")
        project.affected("tests/test_calc.py::test_sub")
        project.replace("app/calc.py", "a - b", "a + -b")

        assert project.affected("tests/test_calc.py").names == {"test_sub"}

    def test_formatting_and_comments_are_nothing(self, project: AffectedProject) -> None:
        """They are in no compiled code."""
        project.affected()
        project.replace("app/calc.py", "return a + b", "# sum\n    return ( a+b )  # both")

        assert project.affected().names == set()

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            pytest.param("LIMIT = 10", "LIMIT = 11", id="constant"),
            pytest.param("factor = 2", "factor = 3", id="class attribute"),
            pytest.param("def sub(a, b):", "def sub(a, b=1):", id="default"),
            pytest.param("def sub(a, b):", "@staticmethod\ndef sub(a, b):", id="decorator"),
            pytest.param("class Base:", "class Base(dict):", id="base class"),
            pytest.param("def sub(a, b):\n", 'def sub(a, b):\n    """Help."""\n', id="docstring"),
        ],
    )
    @pytest.mark.parametrize("is_alone", [True, False])
    def test_what_an_import_executes(self, project: AffectedProject, old: str, new: str, *, is_alone: bool) -> None:
        """It concerns every test that imports the module, although none of its functions may run in one."""
        project.write("tests/test_calc.py", "from app import calc\n\ndef test_limit():\n    assert calc.LIMIT\n")
        project.affected(*(["tests/test_calc.py"] if is_alone else []))
        project.replace("app/calc.py", old, new)

        assert "test_limit" in project.affected().names

    def test_a_function_that_ran_at_import(self, project: AffectedProject) -> None:
        """``TOTAL = add(1, 2)`` depends on the body of the function."""
        project.write("app/total.py", "from app.calc import add\nTOTAL = add(1, 2)\n")
        project.write("tests/test_calc.py", "from app.total import TOTAL\n\ndef test_total():\n    assert TOTAL == 3\n")
        project.affected("tests/test_calc.py")
        project.replace("app/calc.py", "a + b", "a + b + 1")

        assert project.affected().ran["test_total"] == "FAILED"

    def test_a_module_that_is_gone(self, project: AffectedProject) -> None:
        """Its tests run, and fail."""
        project.affected()
        (project.root / "app/calc.py").unlink()

        ran = project.affected()

        assert ran.status != 0
        assert "ModuleNotFoundError" in ran.output or "ImportError" in ran.output

    def test_a_module_that_hides_another(self, project: AffectedProject) -> None:
        """A new ``json.py`` before the standard library's."""
        project.write("tests/test_calc.py", "import json\n\ndef test_json():\n    assert json.dumps(1) == '1'\n")
        project.affected()
        project.write("json.py", "def dumps(x): return 'hidden'\n")

        assert "test_json" in project.affected().names

    def test_a_package_hides_what_code_in_no_file_imports(self, project: AffectedProject) -> None:
        """A doctest in a text, and code that is made when the test runs."""
        project.write("lib/__init__.py", "")
        project.write("lib/src.py", "VALUE = 1\n")
        project.write("lib.txt", ">>> import lib.src\n>>> lib.src.VALUE\n1\n")
        project.write("tests/test_calc.py", "def test_code(): exec('from lib import src\\nassert src.VALUE == 1')\n")
        assert project.affected("--doctest-glob=*.txt").status == 0
        assert project.affected("--doctest-glob=*.txt").ran == {}
        project.write("lib/src/__init__.py", "VALUE = 2\n")

        ran = project.affected("--doctest-glob=*.txt").ran
        assert (ran["lib.txt"], ran["test_code"]) == ("FAILED", "FAILED")

    def test_a_module_that_was_missing(self, project: AffectedProject) -> None:
        """``try: import speedups`` finds it now."""
        project.write(
            "app/calc.py",
            """
            try:
                from app.speedups import add
            except ImportError:
                def add(a, b):
                    return a + b
            """,
        )
        project.write("tests/test_calc.py", TESTS.partition("    def test_sub")[0])
        project.affected()
        project.write("app/speedups.py", "def add(a, b): return 0\n")

        assert project.affected().ran["test_add"] == "FAILED"

    def test_a_module_that_is_found_by_listing(self, project: AffectedProject) -> None:
        """A new plugin in a folder that code lists."""
        project.write("app/plugins/__init__.py", "")
        project.write("app/plugins/one.py", "NAME = 'one'\n")
        project.write(
            "app/loader.py",
            """
            import importlib, pkgutil
            import app.plugins
            NAMES = [
                importlib.import_module(f"app.plugins.{entry.name}").NAME
                for entry in pkgutil.iter_modules(app.plugins.__path__)
            ]
            """,
        )
        project.write(
            "tests/test_calc.py", "from app.loader import NAMES\n\ndef test_names():\n    assert NAMES == ['one']\n"
        )
        project.affected()
        project.write("app/plugins/two.py", "NAME = 'two'\n")
        assert project.affected().ran["test_names"] == "FAILED"

        (project.root / "app/plugins/two.py").unlink()
        project.write("app/plugins/one.py", "NAME = 'uno'\n")
        assert project.affected().ran["test_names"] == "FAILED"

    @pytest.mark.measured
    @pytest.mark.parametrize("is_shared", [True, False])
    def test_a_cache_does_not_hide_a_function(self, project: AffectedProject, *, is_shared: bool) -> None:
        """Only the first test fills the cache; all depend on what filled it."""
        project.write("tests/conftest.py", SHARED if is_shared else "")
        project.write(
            "app/calc.py",
            """
            import functools

            @functools.lru_cache
            def parse(text):
                return int(text)
            """,
        )
        project.write(
            "tests/test_calc.py",
            """
            import pytest
            from app.calc import parse

            @pytest.mark.parametrize("number", [1, 2, 3])
            def test_parse(number):
                assert parse("5") == 5
            """,
        )
        project.affected()
        project.replace("app/calc.py", "int(text)", "-int(text)")

        assert project.affected().ran.items() >= {(f"test_parse[{n}]", "FAILED") for n in (1, 2, 3)}

    @pytest.mark.parametrize("is_fixture", [False, True])
    def test_code_that_no_import_leads_to(self, project: AffectedProject, *, is_fixture: bool) -> None:
        """It is noticed though a test that imports its file ran it before: then nothing more was asked about it."""
        fixture = "@pytest.fixture(scope='session')\ndef found():\n    return registry.FOUND['add'](1, 2)\n"
        project.write("tests/conftest.py", f"{dedent(SHARED)}\nfrom app import registry\n\n{fixture}")
        project.write("app/registry.py", "FOUND = {}\n")
        project.write("app/calc.py", f"from app import registry\n{dedent(CALC)}\nregistry.FOUND['add'] = add\n")
        twice = TESTS.replace("add(1, 2) == 3", "add(1, 2) == calc.add(2, 1)")
        project.write("tests/test_calc.py", twice.replace("test_sub()", "test_sub(found)") if is_fixture else twice)
        test = "(found):\n    assert found == 3" if is_fixture else "():\n    assert registry.FOUND['add'](1, 2) == 3"
        project.write("tests/test_zoo.py", f"from app import registry\n\ndef test_zoo{test}\n")
        project.affected()
        project.replace("app/calc.py", "a + b", "a - -b")

        assert project.affected().names >= {"test_add", "test_zoo"}

    def test_an_edit_that_python_would_not_notice(self, project: AffectedProject) -> None:
        """Of the same size, and in the same second: Python alone would run the old compiled file."""
        file = project.root / "app/calc.py"
        soon = time.time() + 60  # a clock of other machines: no compiled file is later than this text
        os.utime(file, (soon, soon))
        project.affected()
        file.write_text(file.read_text().replace("a + b", "a * b"))
        os.utime(file, (soon, soon))

        assert project.affected().ran["test_add"] == "FAILED"


class TestByFiles:
    """Where the interpreter does not tell which functions run: Python 3.11, or others use all of sys.monitoring."""

    @pytest.fixture(autouse=True)
    def _unmonitored(self, project: AffectedProject) -> None:
        """Have a plugin that is loaded first take all numbers of sys.monitoring."""
        project.replace("pytest.ini", "-p pytest_zygote", "-p monitored -p pytest_zygote")
        project.write(
            "monitored.py",
            """
            import sys

            def pytest_addoption():
                for number in (2, 3, 4, 5) if sys.version_info >= (3, 12) else ():
                    if sys.monitoring.get_tool(number) is None:
                        sys.monitoring.use_tool_id(number, "another tool")
            """,
        )

    def test_each_loaded_file_counts_as_a_whole(self, project: AffectedProject) -> None:
        """That of a test for its own tests, a module for all tests, a comment for none."""
        first = project.affected()
        assert len(first.names) == 3
        assert ("affected: more tests [functions-unreported]: " in first.output) is PRECISE
        assert project.affected().names == set()
        project.replace("app/calc.py", "return a + b", "return b + a")
        assert project.affected().names == {"test_add", "test_sub", "test_other"}
        project.replace("tests/test_other.py", "def", "import os\n\ndef")
        project.replace("tests/test_other.py", "assert True", "assert os.sep")
        assert project.affected().names == {"test_other"}
        project.replace("app/calc.py", "return b + a", "return b + a  # the sum")

        assert project.affected().names == set()

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("app/calc.py", CALC.replace("a + b", "a - b")),
            ("app/late.py", "VALUE = 2\n"),
            ("app/registered.py", "from app import registry\n\nregistry.FOUND['one'] = lambda: 2\n"),
            ("data.txt", "two"),
            ("flag", ""),
            ("folder/second", ""),
        ],
    )
    def test_nothing_is_stale(self, project: AffectedProject, path: str, text: str) -> None:
        """Whatever a test executes, reads or looks for: as soon as that is another, it runs."""
        project.write("app/late.py", "VALUE = 1\n")
        project.write("app/registry.py", "FOUND = {}\n")
        project.write("app/registered.py", "from app import registry\n\nregistry.FOUND['one'] = lambda: 1\n")
        project.write("data.txt", "one")
        project.write("folder/first", "")
        project.replace("tests/test_calc.py", "from app import calc", "from app import calc, registered")
        project.write(
            "tests/test_other.py",
            """
            import importlib, os, pathlib
            from app import registry

            def test_other():
                assert importlib.import_module("app.calc").add(1, 2) == 3
                assert importlib.import_module("app.late").VALUE == 1
                assert registry.FOUND["one"]() == 1
                assert pathlib.Path("data.txt").read_text() == "one"
                assert not os.path.exists("flag")
                assert not pathlib.Path("flag").exists()
                assert os.listdir("folder") == ["first"]
                assert os.environ.get("COLOUR", "") == ""
            """,
        )
        project.affected()
        assert project.affected().names == set()
        project.write(path, text)

        assert project.affected().ran["test_other"] == "FAILED"

    @pytest.mark.measured
    def test_the_environment_belongs_to_those_who_read_it(self, project: AffectedProject) -> None:
        """Key by key."""
        project.write("tests/test_other.py", "import os\n\ndef test_other(): assert 'COLOUR' not in os.environ\n")
        project.affected()

        assert project.affected(COLOUR="red").ran == {"test_other": "FAILED"}


class TestBranches:
    """One checkout, several states."""

    def test_back_to_what_was_known_costs_nothing(self, project: AffectedProject) -> None:
        """A to B to A: the rows of A are still there."""
        project.affected()
        project.replace("app/calc.py", "a + b", "b + a + 0")
        assert project.affected().names
        project.replace("app/calc.py", "b + a + 0", "a + b")

        assert project.affected().names == set()

    def test_a_failure_is_that_of_its_state(self, project: AffectedProject) -> None:
        """What failed on another branch has passed on this one."""
        project.affected()
        project.replace("app/calc.py", "a + b", "a + b + 1")
        assert project.affected().ran["test_add"] == "FAILED"
        assert project.affected().ran["test_add"] == "FAILED"
        project.replace("app/calc.py", "a + b + 1", "a + b")

        assert project.affected().names == set()

    def test_another_environment_has_rows_of_its_own(self, project: AffectedProject) -> None:
        """And the user is told which part is new."""
        project.affected()
        other = project.affected("-p", "no:cacheprovider", "-o", "cache_dir=.pytest_cache")

        assert other.names == {"test_add", "test_sub", "test_other"}
        assert "affected: nothing is known for options of this run" in other.said
        assert project.affected().names == set()


class TestTests:
    """Edits of tests, fixtures and parameters."""

    def test_a_new_test(self, project: AffectedProject) -> None:
        """It runs; so do the others of its file, whose module's names have changed."""
        project.affected()
        project.write("tests/test_new.py", "def test_new(): pass\n")

        assert project.affected().names == {"test_new"}

    def test_a_new_parameter(self, project: AffectedProject) -> None:
        """It is a new test."""
        text = "import pytest\n\n@pytest.mark.parametrize('n', [1])\ndef test_n(n): pass\n"
        project.write("tests/test_other.py", text)
        project.affected()
        project.write("tests/test_other.py", text.replace("[1]", "[1, 2]"))

        assert "test_n[2]" in project.affected().names

    def test_a_new_conftest(self, project: AffectedProject) -> None:
        """It may hold a fixture for all tests below."""
        project.affected()
        project.write(
            "tests/conftest.py", "import pytest\n\n@pytest.fixture(autouse=True)\ndef f():\n    assert False\n"
        )

        assert set(project.affected().ran.values()) == {"ERROR"}

    @pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
    def test_a_fixture_belongs_to_all_tests_that_use_it(self, project: AffectedProject, scope: str) -> None:
        """It belongs to all tests that use it, not to the first."""
        project.write("app/made.py", "def make():\n    return 1\n")
        project.write(
            "tests/conftest.py",
            f"""
            import pytest

            @pytest.fixture(scope="{scope}")
            def made():
                from app.made import make
                return make()
            """,
        )
        project.write(
            "tests/test_calc.py", "def test_one(made): assert made == 1\n\ndef test_two(made): assert made == 1\n"
        )
        project.affected()
        project.replace("app/made.py", "return 1", "return 2")

        assert {name for name, outcome in project.affected().ran.items() if outcome == "FAILED"} == {
            "test_one",
            "test_two",
        }

    def test_a_class_setup(self, project: AffectedProject) -> None:
        """Setup of unittest classes, too."""
        project.write("app/made.py", "def make():\n    return 1\n")
        project.write(
            "tests/test_calc.py",
            """
            import unittest

            class TestIt(unittest.TestCase):
                @classmethod
                def setUpClass(cls):
                    from app.made import make
                    cls.made = make()

                def test_one(self):
                    assert self.made == 1

                def test_two(self):
                    assert self.made == 1
            """,
        )
        project.affected()
        project.replace("app/made.py", "return 1", "return 2")

        assert {name for name, outcome in project.affected().ran.items() if outcome == "FAILED"} == {
            "TestIt::test_one",
            "TestIt::test_two",
        }

    def test_doctests_in_text(self, project: AffectedProject) -> None:
        """The whole file is the test."""
        project.write("README.txt", ">>> 1 + 1\n2\n")
        project.affected("--doctest-glob=*.txt")
        project.write("README.txt", ">>> 1 + 1\n3\n")

        assert project.affected("--doctest-glob=*.txt").ran == {"README.txt": "FAILED"}

    def test_failed_tests_run_again(self, project: AffectedProject) -> None:
        """Until they pass, whether anything changed or not."""
        project.write("tests/test_other.py", "def test_other(): assert False\n")
        project.affected()

        again = project.affected()

        assert again.ran == {"test_other": "FAILED"}
        assert again.said == ["affected: 1 of 3 tests (1 failed the last time)"]

    @pytest.mark.parametrize("is_shared", [True, False])
    def test_a_subtest_that_failed(self, project: AffectedProject, *, is_shared: bool) -> None:
        """Its test has failed, although pytest says that it has passed."""
        project.write("tests/conftest.py", SHARED if is_shared else "")
        project.write(
            "tests/test_other.py",
            """
            import unittest

            class TestSome(unittest.TestCase):
                def test_some(self):
                    with self.subTest(number=1):
                        assert False
            """,
        )
        project.affected()
        assert "affected: 1 of 3 tests (1 failed the last time)" in project.affected().said

    def test_skipped_and_expected_failures_do_not(self, project: AffectedProject) -> None:
        """They have ended as they should."""
        project.write(
            "tests/test_other.py",
            "import pytest\n\n@pytest.mark.skip\ndef test_a(): pass\n\n@pytest.mark.xfail\ndef test_b(): assert 0\n",
        )
        project.affected()

        assert project.affected().names == set()


class TestOutside:
    """What tests read besides code."""

    def read(self, project: AffectedProject, body: str) -> None:
        """Write a test with this body, and record it."""
        project.write("tests/test_other.py", f"import os, pathlib\n\ndef test_other():\n    {body}\n")
        project.affected()
        again = project.affected()
        assert again.names == set(), again.output

    @pytest.mark.parametrize(
        "body", ["open('data.txt').read()", "pathlib.Path('data.txt').read_text()", "os.open('data.txt', os.O_RDONLY)"]
    )
    def test_a_data_file(self, project: AffectedProject, body: str) -> None:
        """By content."""
        project.write("data.txt", "one")
        self.read(project, body)
        project.write("data.txt", "two")
        assert project.affected().names == {"test_other"}
        (project.root / "data.txt").unlink()
        assert project.affected().ran == {"test_other": "FAILED"}

    def test_data_read_by_the_import_system_counts(self, project: AffectedProject) -> None:
        """Read by way of the import system."""
        project.write("app/data.txt", "one")
        self.read(project, "import pkgutil; assert pkgutil.get_data('app', 'data.txt') == b'one'")
        project.write("app/data.txt", "two")

        assert project.affected().ran == {"test_other": "FAILED"}

    @pytest.mark.parametrize(
        "ask",
        [
            "__import__('importlib.util').util.find_spec('app.more')",
            "__import__('importlib').import_module('app.more')",
            "__import__('app.more')",
        ],
    )
    def test_a_module_that_code_asks_for(self, project: AffectedProject, ask: str) -> None:
        """Before it comes, and what it holds once it is there."""
        self.read(project, f"\n    try: {ask}.MORE\n    except (ImportError, AttributeError): pass")
        project.write("app/more.py", "MORE = 1\n")
        assert project.affected().names == {"test_other"}
        project.write("app/more.py", "MORE = 2\n")
        assert project.affected().names == ({"test_other"} if "find_spec" not in ask else set())

    @precisely
    def test_a_constant_of_a_module_that_others_have_loaded(self, project: AffectedProject) -> None:
        """No code of it runs in the test."""
        project.write("app/more.py", "MORE = 1\n")
        project.write("tests/test_calc.py", "from app import more\n\ndef test_more(): pass\n")
        self.read(project, "import importlib; assert importlib.import_module('app.more').MORE == 1")
        project.write("app/more.py", "MORE = 2\n")
        assert project.affected().ran["test_other"] == "FAILED"

    def test_a_script_that_is_compiled(self, project: AffectedProject) -> None:
        """Python reads the compiled one from the second time on."""
        project.write("bin/tool", "X = 1\n")
        project.write(
            "tests/test_other.py",
            """
            import importlib.machinery, types

            def load():
                module = types.ModuleType("tool")
                importlib.machinery.SourceFileLoader("tool", "bin/tool").exec_module(module)
                return module

            def test_one(): assert load().X == 1
            def test_two(): assert load().X == 1
            """,
        )
        project.affected()
        assert project.affected().names == set()
        project.write("bin/tool", "X = 22\n")  # of another size: Python compares that, and the second
        assert project.affected().ran == {"test_one": "FAILED", "test_two": "FAILED"}

    def test_a_file_that_is_not_there(self, project: AffectedProject) -> None:
        """Until it is."""
        self.read(project, "\n    try: open('data.txt')\n    except OSError: pass")
        project.write("data.txt", "two")

        assert project.affected().names == {"test_other"}

    @pytest.mark.parametrize("body", ["assert not os.path.exists('flag')", "assert not pathlib.Path('flag').exists()"])
    def test_a_question_whether_a_file_is_there(self, project: AffectedProject, body: str) -> None:
        """Without opening it."""
        self.read(project, body)
        project.write("flag", "")

        assert project.affected().ran == {"test_other": "FAILED"}

    def test_a_folder_counts_by_the_names_in_it(self, project: AffectedProject) -> None:
        """By the names in it."""
        project.write("data/one", "")
        self.read(project, "assert os.listdir('data') == ['one']")
        project.write("data/two", "")

        assert project.affected().ran == {"test_other": "FAILED"}

    def test_a_file_that_the_test_wrote(self, project: AffectedProject) -> None:
        """It is no input."""
        self.read(project, "pathlib.Path('made').write_text(str(os.getpid())); open('made').read()")

        assert project.affected().names == set()

    def test_an_environment_key(self, project: AffectedProject) -> None:
        """Only for those who read it."""
        self.read(project, "assert os.environ.get('COLOUR', '') == ''")

        ran = project.affected(COLOUR="red")

        assert ran.ran["test_other"] == "FAILED"
        assert ran.names == {"test_other"}

    def test_an_environment_key_that_the_test_set(self, project: AffectedProject) -> None:
        """It is no input."""
        body = "os.environ['COLOUR'] = 'red'; assert os.environ['COLOUR'] == 'red'"
        self.read(project, body)

        assert project.affected(COLOUR="blue").names == set()

    @pytest.mark.measured
    def test_a_process_may_read_any_file_of_the_project(self, project: AffectedProject) -> None:
        """It may read any file of the project."""
        project.write("script.sh", "true\n")
        self.read(project, "import subprocess; subprocess.run(['bash', 'script.sh'], check=True)")
        project.write("script.sh", "false\n")

        ran = project.affected()

        assert ran.ran == {"test_other": "FAILED"}
        assert "it may read any file" in ran.output

    @pytest.mark.parametrize(
        "start",
        [
            "subprocess.run(['cat', 'data.txt'], check=True)",
            "subprocess.run(['cat', '../data.txt'], cwd='app', check=True)",
            "subprocess.run('cat data.txt', shell=True, check=True)",
            "subprocess.run([os.path.abspath('show')], check=True)",
            "assert os.system('cat data.txt') == 0",
            "assert os.waitpid(os.posix_spawn('/bin/cat', ['cat', 'data.txt'], os.environ), 0)[1] == 0",
        ],
    )
    def test_a_process_that_reads_what_it_is_told(self, project: AffectedProject, start: str) -> None:
        """The files that its command line names, and no others."""
        project.write("data.txt", "one")
        project.write("show", "#!/bin/sh\ncat data.txt\n").chmod(0o755)
        self.read(project, f"import subprocess; {start}")
        project.write("notes.txt", "two")
        assert project.affected().names == set()
        (project.root / "data.txt").unlink()

        assert project.affected().ran == {"test_other": "FAILED"}

    @pytest.mark.parametrize(
        "start",
        [
            "subprocess.run('cat *.txt', shell=True, check=True)",
            "subprocess.run(['cat'], preexec_fn=lambda: open('data.txt').read(), check=True)",
            "subprocess.run(['./cat', 'data.txt'], check=True)",
            "subprocess.run(['cat'], env={'PATH': '.'}, check=True)",
            "assert os.waitpid(os.fork() or os._exit(not open('data.txt').read()), 0)[1] == 0",
            "from multiprocessing import get_context as g; p = g('spawn').Process(target=print); p.start(); p.join()",
        ],
    )
    def test_a_process_that_may_read_more(self, project: AffectedProject, start: str) -> None:
        """It needs any file of the project."""
        project.write("data.txt", "one\n")
        project.write("cat", "#!/bin/sh\nread line < data.txt\n").chmod(0o755)
        self.read(project, f"import subprocess; {start}")
        project.write("data.txt", "two\n")

        assert project.affected().ran == {"test_other": "PASSED"}

    def test_the_ini_file(self, project: AffectedProject) -> None:
        """It decides what a warning is, and much else."""
        self.read(project, "import warnings; warnings.warn('old')")
        project.replace("pytest.ini", "pythonpath", "filterwarnings = error\npythonpath")

        assert project.affected().ran["test_other"] == "FAILED"


class TestStrangeTests:
    """What tests do to the interpreter must not reach the recording, nor that them."""

    def test_one_that_takes_away_what_we_use(self, project: AffectedProject) -> None:
        """Libraries try what they do where there is no `sys._getframe`."""
        project.write("tests/data.txt", "x")
        project.write(
            "tests/test_other.py",
            """
            import os, pathlib, sys

            def test_other(monkeypatch):
                monkeypatch.delattr(sys, "_getframe")
                assert pathlib.Path("tests/data.txt").exists()
                assert open("tests/data.txt").read() == "x"
                assert os.environ.get("NO_SUCH_KEY") is None
            """,
        )
        assert project.affected().ran["test_other"] == "PASSED"
        project.write("tests/data.txt", "y")

        assert project.affected().ran["test_other"] == "FAILED"


class TestInterrupted:
    """Whatever ends a run, the store has exactly the tests that finished."""

    @pytest.fixture(autouse=True)
    def _gate(self, project: AffectedProject) -> None:
        """Have the third test of five wait for a file, and tell when it does."""
        os.mkfifo(project.root / "gate")
        project.write(
            "tests/test_calc.py",
            """
            import os, pytest
            from app import calc

            @pytest.mark.parametrize("n", range(5))
            def test_n(n):
                if n == 2 and "WAIT" in os.environ:
                    open("gate").read()
                assert calc.add(n, 1) == n + 1
            """,
        )
        (project.root / "tests/test_other.py").unlink()
        project.write("pytest.ini", (project.root / "pytest.ini").read_text())

    @pytest.mark.parametrize("number", [2, 9, 15])
    def test_by_a_signal(self, project: AffectedProject, number: int) -> None:
        """Ctrl-C, kill -9 and kill."""
        pid = project.begin("--affected", WAIT="1")
        with (project.root / "gate").open("w"):  # the test waits now
            project.kill(pid, number)
            project.finish()

        rest = project.affected()

        expected = {f"test_n[{n}]" for n in (2, 3, 4)}
        assert rest.names == expected

    def test_an_edit_while_it_runs_is_not_lost(self, project: AffectedProject) -> None:
        """Results are those of the code that ran."""
        project.begin("--affected")
        project.finish()
        project.write("tests/conftest.py", "")
        project.begin("--affected", WAIT="1")
        with (project.root / "gate").open("w"):
            project.replace("app/calc.py", "a + b", "a + b + 1")
        assert project.finish().status == 0

        assert set(project.affected().ran.values()) == {"FAILED"}

    def test_an_edit_and_ctrl_c(self, project: AffectedProject) -> None:
        """As a watcher does on every save: those that had finished ran the old code."""
        pid = project.begin("--affected", WAIT="1")
        with (project.root / "gate").open("w"):
            project.replace("app/calc.py", "a + b", "a + b + 1")
            project.kill(pid, 2)
            project.finish()

        assert project.affected().ran == {f"test_n[{n}]": "FAILED" for n in range(5)}

    def test_an_edit_of_the_test_file_while_it_runs(self, project: AffectedProject) -> None:
        """Pytest rewrites it, so the text that ran is not known; the tests run again."""
        project.begin("--affected", WAIT="1")
        with (project.root / "gate").open("w"):
            project.replace("tests/test_calc.py", "== n + 1", "== n + 2")
        assert project.finish().status == 0

        assert set(project.affected().ran.values()) == {"FAILED"}


class TestStore:
    """The file."""

    @pytest.mark.parametrize("size", [0, 100, 5000, 40000])
    def test_a_damaged_one_is_set_aside(self, project: AffectedProject, size: int) -> None:
        """With a line; the run goes on, and the next one knows again."""
        project.affected()
        content = project.store.read_bytes()
        project.store.write_bytes(content[:size] + b"damaged " * 2000 + content[size + 16000 :])

        first = project.affected()

        assert first.status == 0
        assert "damaged" in first.output
        assert first.names == {"test_add", "test_sub", "test_other"}
        project.affected()
        assert project.affected().names == set()

    def test_one_that_cannot_be_written(self, project: AffectedProject) -> None:
        """Everything runs, with a line."""
        project.write(".pytest_cache", "no folder")

        ran = project.affected()

        assert (ran.status, len(ran.names)) == (0, 3)
        assert "cannot be used" in ran.output

    def test_two_runs_at_once(self, project: AffectedProject, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Both write; each row is there as a whole."""
        del tmp_path_factory
        other = Server()
        try:
            order = {**project.order("--affected"), "output": str(project.root / ".output2")}
            project.begin("--affected")
            other.begin(order)
            assert (project.finish().status, other.end()) == (0, 0)
        finally:
            other.close()

        assert project.affected().names == set()


class TestComposition:
    """Together with other options."""

    @pytest.mark.parametrize(
        ("args", "expected"),
        [
            (["-k", "add"], {"test_add"}),
            (["tests/test_other.py"], set()),
            (["--deselect", "tests/test_calc.py::test_add"], {"test_sub"}),
            (["tests/test_calc.py::test_sub"], {"test_sub"}),
        ],
    )
    @precisely
    def test_a_test_runs_if_all_options_choose_it(
        self, project: AffectedProject, args: list[str], expected: set[str]
    ) -> None:
        """A test runs if all agree; the others stay to be run."""
        project.affected()
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")

        assert project.affected(*args).names == expected
        assert project.affected().names == {"test_add", "test_sub"} - expected

    def test_stop_at_the_first_failure(self, project: AffectedProject) -> None:
        """What has passed is not run again."""
        project.write(
            "tests/test_calc.py", f"{TESTS}\n    def test_fails(): assert False\n\n    def test_last(): pass\n"
        )
        assert project.affected("-x").names == {"test_add", "test_sub", "test_fails"}

        again = project.affected("-x")

        assert again.names == {"test_fails"}

    def test_last_failed_chooses_among_the_affected(self, project: AffectedProject) -> None:
        """--lf chooses among the affected."""
        project.write("tests/test_other.py", "def test_other(): assert False\n")
        project.affected()
        project.replace("app/calc.py", "a + b", "b + a + 0")

        assert project.affected("--lf").names == {"test_other"}

    @pytest.mark.measured
    def test_workers_record_what_one_process_does(self, project: AffectedProject) -> None:
        """Each of them stores by itself, and the parent what it keeps under a name."""
        project.write("tests/conftest.py", SHARED)
        project.write("tests/data.txt", "")
        numbers = "import pytest\n\n@pytest.mark.parametrize('n', range(20))\n"
        project.write(
            "tests/test_more.py", f"{numbers}def test_more(n):\n    assert not open('tests/data.txt').read()\n"
        )
        assert project.run("--affected").status == 0
        alone = project.stored()
        project.store.unlink()

        ran = project.run("--affected-baseline=ci", "-n", "2")

        assert (ran.status, "23 passed" in ran.output) == (0, True)
        assert "affected: baseline ci has 23 of 23 tests" in ran.said
        together = project.stored()
        assert together.keys() == alone.keys()
        both = [nodeid for nodeid in alone if not (alone[nodeid][0] or together[nodeid][0])]
        assert len(both) >= 20
        assert {nodeid: together[nodeid] for nodeid in both} == {nodeid: alone[nodeid] for nodeid in both}
        project.write("tests/data.txt", "x")
        assert len(project.affected("--affected-frozen=ci", "-n0").names) == 20

    def test_a_fixture_that_workers_share(self, project: AffectedProject) -> None:
        """It is set up before the fork, for all; or later, in another process: then it may depend on any file."""
        project.write(
            "tests/conftest.py",
            """
            import pytest
            from pytest_zygote import shared
            from app import calc

            @shared
            @pytest.fixture(scope="session")
            def found():
                return calc.add(1, 2)

            @shared
            @pytest.fixture(scope="session")
            def late():
                return calc.sub(3, 2)
            """,
        )
        project.write("tests/test_calc.py", "def test_one(found): assert found == 3\n\ndef test_two(): pass\n")
        project.write("tests/test_other.py", "def test_late(request): assert request.getfixturevalue('late') == 1\n")
        assert project.run("--affected", "-n2").status == 0
        project.replace("app/calc.py", "a + b", "a - -b")
        assert "test_one" in project.affected("-n0").names
        assert project.run("--affected", "-n2").status == 0
        project.replace("app/calc.py", "a - b", "a + -b")

        assert "test_late" in project.affected("-n0").names

    def test_nothing_is_recorded_if_nothing_runs(self, project: AffectedProject) -> None:
        """--collect-only lists all tests and stores nothing."""
        ran = project.affected("--collect-only")

        assert "test_add" in ran.output
        assert not project.store.exists()


class TestWarm:
    """Served by a daemon: first-party modules are imported in the run, so that their imports are seen."""

    def test_rows_of_warm_and_cold_runs_are_the_same(self, tmp_path: Path) -> None:
        """What one recorded, the other knows; an edit is seen by both."""
        root = tmp_path / "project"
        root.mkdir()
        project = Project(root)
        try:
            project.write("calc.py", "def add(a, b):\n    return a + b\n")
            project.write("test_calc.py", "import calc\n\ndef test_add():\n    assert calc.add(1, 2) == 3\n")
            project.warm_up()
            first = project.pytest("--affected")
            assert first.was_warm
            assert "affected: 1 of 1 test (1 new)" in first.stdout

            assert "affected: 0 of 1 test" in project.plain("--affected").stdout
            project.write("calc.py", "def add(a, b):\n    return b - a\n")

            edited = project.pytest("--affected")
            assert (edited.was_warm, edited.returncode) == (True, 1)
            assert "affected: 1 of 1 test (1 by changes)" in edited.stdout
            assert "affected: 1 of 1 test (1 failed the last time)" in project.plain("--affected").stdout
        finally:
            project.close()

    def test_a_fixture_that_outlives_the_run(self, tmp_path: Path) -> None:
        """What it ran was not seen: it may depend on any file."""
        root = tmp_path / "project"
        root.mkdir()
        project = Project(root)
        try:
            project.write("calc.py", "def add(a, b):\n    return a + b\n")
            shared = "@pytest_zygote.shared(lifetime='daemon')\n@pytest.fixture(scope='session')\n"
            fixture = f"{shared}def total():\n    import calc\n    return calc.add(1, 2)\n"
            project.write("conftest.py", f"import pytest, pytest_zygote\n\n{fixture}")
            project.write("test_calc.py", "def test_total(total):\n    assert total == 3\n")
            project.warm_up()
            assert "1 of 1 test (1 new)" in project.pytest("--affected").stdout
            assert "0 of 1 test" in project.pytest("--affected").stdout
            project.write("calc.py", "def add(a, b):\n    return a - -b\n")

            assert "1 of 1 test (1 by changes)" in project.pytest("--affected").stdout
        finally:
            project.close()


@precisely
class TestForks:
    """Few tests run in a fork each, and are known exactly afterwards."""

    @pytest.fixture(autouse=True)
    def _record(self, project: AffectedProject) -> None:
        """Fill a cache in the first test."""
        project.write(
            "app/calc.py",
            """
            import functools, warnings

            @functools.lru_cache
            def parse(text):
                return int(text)

            def first():
                return parse("5")

            def second():
                warnings.warn("careful")
                return 7
            """,
        )
        project.write(
            "tests/test_calc.py",
            """
            import os, pytest
            from app import calc

            @pytest.mark.parametrize("n", [1, 2])
            def test_first(n):
                assert calc.first() == 5

            def test_second():
                assert calc.second() == 7
            """,
        )

    @pytest.mark.measured
    def test_an_edit_selects_those_that_ran_the_function(self, project: AffectedProject) -> None:
        """Also those for which a cache would have hidden it."""
        assert "careful" in project.affected().output
        project.replace("app/calc.py", "return 7", "return 8")
        assert project.affected().ran == {"test_second": "FAILED"}
        project.replace("app/calc.py", "return 8", "return 7")
        project.replace("app/calc.py", "int(text)", "-int(text)")
        assert project.affected().ran == {"test_first[1]": "FAILED", "test_first[2]": "FAILED"}

    def test_a_process_that_dies_is_a_failed_test(self, project: AffectedProject) -> None:
        """By name; the others run."""
        project.write("tests/test_other.py", "import os, signal\n\ndef test_other(): os.kill(os.getpid(), 9)\n")

        ran = project.affected()

        assert ran.ran["test_other"] == "FAILED"
        assert "the process of this test ended with signal SIGKILL" in ran.output
        assert len(ran.names) == 4

    def test_shared_fixtures_keep_tests_together(self, project: AffectedProject) -> None:
        """Setting up a session's fixture for each test could take hours."""
        project.write(
            "tests/conftest.py",
            """
            import os, pytest

            @pytest.fixture(scope="session", autouse=True)
            def made():
                with open("made.log", "a") as file:
                    file.write("made ")
            """,
        )
        project.affected()
        assert (project.root / "made.log").read_text() == "made "

    def test_fixtures_capture_and_reports_work(self, project: AffectedProject) -> None:
        """As they would in one process."""
        project.write(
            "tests/test_other.py",
            """
            import pytest

            def test_tmp(tmp_path, capsys, monkeypatch, record_property):
                print("shown")
                assert capsys.readouterr().out == "shown\\n"
                record_property("key", "value")

            def test_output():
                print("before the failure")
                assert False

            @pytest.mark.xfail
            def test_expected():
                assert False

            @pytest.mark.skip(reason="not now")
            def test_skipped():
                pass
            """,
        )

        ran = project.affected("--junitxml=report.xml", "-rA")

        assert (ran.ran["test_tmp"], ran.ran["test_output"]) == ("PASSED", "FAILED")
        assert (ran.ran["test_expected"], ran.ran["test_skipped"]) == ("XFAIL", "SKIPPED")
        assert "before the failure" in ran.output
        assert 'name="key" value="value"' in (project.root / "report.xml").read_text()


class TestGroups:
    """Many tests that are known share forks; what one of them ran counts for those after it."""

    MANY = """
        import os, pytest
        from app import calc

        def note(name):
            with open("pids.log", "a") as file:
                file.write(f"{name} {os.getpid()}\\n")
        """

    def _record(self, project: AffectedProject, tests: str) -> None:
        """Run all tests once, in one process, and then all of them again after an edit."""
        many = """
            @pytest.mark.parametrize("n", range(41))
            def test_many(n):
                note(f"many-{n}")
            """
        project.write("tests/test_calc.py", dedent(self.MANY) + dedent(tests) + dedent(many))
        first = project.affected()
        assert len(set(self.pids(project).values())) == 1, first.output
        (project.root / "pids.log").unlink()
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")
        self.second = project.affected("-rw")

    def pids(self, project: AffectedProject) -> dict[str, str]:
        """Return the process that each test ran in."""
        return dict(line.split() for line in (project.root / "pids.log").read_text().splitlines())

    @precisely
    def test_a_cache_hides_nothing(self, project: AffectedProject) -> None:
        """Tests of one fork need what those before them ran; tests of others do not."""
        project.replace("app/calc.py", "def add(a, b):", "import functools\n\n@functools.lru_cache\ndef add(a, b):")
        self._record(
            project,
            """
            class TestAdd:
                def test_fills(self):
                    note("fills")
                    assert calc.add(1, 2) == 3

                def test_finds(self):
                    note("finds")
                    assert calc.add(1, 2) == 3

            class TestSub:
                def test_sub(self):
                    note("sub")
                    assert calc.sub(3, 2) == 1
            """,
        )
        pids = self.pids(project)
        assert len({pids["fills"], pids["sub"], pids["many-0"], pids["many-40"]}) == 4
        assert len(self.second.ran) == 44

        project.replace("app/calc.py", "return a + b", "return a * b")

        assert project.affected().ran == {"TestAdd::test_fills": "FAILED", "TestAdd::test_finds": "FAILED"}

    @pytest.mark.measured
    def test_fixtures_are_set_up_as_often_as_ever(self, project: AffectedProject) -> None:
        """Those of a class or a module in the fork of all its tests, those of the session in the run itself."""
        self._record(
            project,
            """
            @pytest.fixture(scope="session")
            def session():
                note(f"session-{os.getpid()}")
                yield os.getpid()
                note(f"session-{os.getpid()}-end")

            @pytest.fixture(scope="class")
            def made():
                note(f"made-{os.getpid()}")
                yield os.getpid()
                note(f"made-{os.getpid()}-end")

            def test_session(session):
                assert session == os.getpid()

            class TestMade:
                @pytest.mark.parametrize("n", range(2))
                def test_made(self, made, n):
                    assert made == os.getpid()

            def test_session_again(session):
                assert session == os.getpid()
            """,
        )
        assert self.second.status == 0, self.second.output
        names = [name.partition("-")[::2] for name in self.pids(project) if name.startswith(("session", "made"))]
        assert [kind for kind, _ in names] == ["session", "made", "made", "session"]
        assert names[1][1] + "-end" == names[2][1] != names[0][1]

    @pytest.mark.measured
    @precisely
    def test_a_fork_that_dies_costs_one_test(self, project: AffectedProject) -> None:
        """The others of its group run in another."""
        self._record(
            project,
            """
            def test_before(): pass
            def test_dies(): calc.LIMIT == 10 or os._exit(3)
            def test_after(): pass
            """,
        )
        assert "the process of this test ended with exit code 3" in self.second.output
        assert len(self.second.ran) == 44
        assert {name for name, outcome in self.second.ran.items() if outcome != "PASSED"} == {"test_dies"}

    @pytest.mark.parametrize("how", ["raise KeyboardInterrupt", "pytest.exit('enough')"])
    def test_a_test_that_ends_the_run(self, project: AffectedProject, how: str) -> None:
        """Does so from a fork, too; fixtures are torn down."""
        self._record(
            project,
            f"""
            @pytest.fixture(scope="module")
            def made():
                yield
                note("torn")

            def test_before(made): pass
            def test_ends(made):
                if calc.LIMIT != 10:
                    {how}
            """,
        )
        assert self.second.status == 2
        assert self.second.ran == {"test_before": "PASSED"}
        assert "torn" in self.pids(project)

    def test_subtests_and_warnings_are_shown(self, project: AffectedProject) -> None:
        """As they would be in one process."""
        self._record(
            project,
            """
            import unittest, warnings

            class TestSome(unittest.TestCase):
                def test_some(self):
                    warnings.warn("careful")
                    for number in (10, 11):
                        with self.subTest(number=number):
                            assert number == calc.LIMIT or calc.LIMIT == 10 and number == 11
            """,
        )
        assert self.second.status == 1
        assert "assert number == calc.LIMIT" in self.second.output
        assert "(number=10)" in self.second.output
        assert "careful" in self.second.output
        assert "1 failed the last time" in project.affected().output

    def test_no_forks_beside_a_plugin_that_runs_tests_itself(self, project: AffectedProject) -> None:
        """It would not in a fork."""
        project.write(
            "tests/conftest.py",
            """
            def pytest_runtest_protocol(item):
                "Runs nothing by itself, but might."
            """,
        )
        self._record(project, "")
        assert len(set(self.pids(project).values())) == 1


class TestSince:
    """The changes come from git, the map from the store."""

    @pytest.fixture(autouse=True)
    def _repository(self, project: AffectedProject) -> None:
        """Commit the project, recorded, and leave the main branch."""
        project.write(".gitignore", ".*\n__pycache__\n")
        self.git(project, "init", "-q", "-b", "main")
        self.commit(project)
        project.affected()
        self.git(project, "checkout", "-q", "-b", "work")

    def git(self, project: AffectedProject, *args: str) -> None:
        """Run git, as nobody in particular."""
        who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(project.root), *who, *args]
        subprocess.run(command, check=True, capture_output=True)

    def commit(self, project: AffectedProject) -> None:
        """Commit all files."""
        self.git(project, "add", "-A")
        self.git(project, "commit", "-q", "-m", "state")

    @precisely
    def test_the_answer_is_the_same_however_often_it_is_asked(self, project: AffectedProject) -> None:
        """Although the tests have passed meanwhile; the store is not written."""
        assert project.affected("--affected-frozen").names == set()
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")
        self.commit(project)
        before = project.store.read_bytes()

        first, second = (project.affected("--affected-frozen").names for _ in range(2))

        assert first == second == project.affected("--affected-frozen=main").names
        assert first >= {"test_add", "test_sub"}
        assert "test_other" not in first
        assert project.store.read_bytes() == before

    @pytest.mark.measured
    def test_since_a_revision(self, project: AffectedProject) -> None:
        """Results are recorded, and the question stays the same."""
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")
        self.commit(project)
        assert project.affected().names >= {"test_add", "test_sub"}
        assert project.affected().names == set()

        ran = project.affected("--affected-since", "HEAD~1")

        assert ran.names >= {"test_add", "test_sub"}
        assert "app/calc.py" in ran.output
        assert project.affected("--affected-since=HEAD").names == set()

    def test_new_and_deleted_files(self, project: AffectedProject) -> None:
        """Files that git does not know yet count too."""
        project.write("tests/conftest.py", "import pytest\n")
        project.affected()

        assert project.affected("--affected-since=HEAD").names >= {"test_add", "test_sub", "test_other"}

    def test_an_unknown_revision_is_an_error(self, project: AffectedProject) -> None:
        """Not a run of everything, or of nothing."""
        ran = project.run("--affected-since=nowhere")

        assert ran.status == pytest.ExitCode.USAGE_ERROR
        assert "--affected-since=nowhere asks git: fatal: " in ran.output

    def test_an_unknown_baseline_is_an_error(self, project: AffectedProject) -> None:
        """Which is no revision either."""
        ran = project.run("--affected-frozen=nothing")

        assert ran.status == pytest.ExitCode.USAGE_ERROR
        assert "--affected-frozen=nothing asks git, since no baseline has this name: fatal: " in ran.output

    def test_frozen_without_a_store_makes_none(self, project: AffectedProject) -> None:
        """All tests run: nothing is known of them."""
        project.store.unlink()

        assert len(project.affected("--affected-frozen").names) == 3
        assert not project.store.exists()


class TestBaselines:
    """Results that are kept under a name, and carried elsewhere."""

    @precisely
    def test_the_answer_stays_the_same(self, project: AffectedProject) -> None:
        """Although the tests have run meanwhile, until the baseline is written again."""
        ran = project.affected("--affected-baseline", "ci")
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")
        project.affected()
        before = project.store.read_bytes()

        first, second = (project.affected("--affected-frozen", "ci") for _ in range(2))

        assert "affected: baseline ci has 3 of 3 tests" in ran.said
        assert first.names == second.names == {"test_add", "test_sub"}
        assert project.store.read_bytes() == before
        project.affected("--affected-baseline=ci")
        assert project.affected("--affected-frozen=ci").names == set()

    def test_tests_that_were_not_collected_stay_in_it(self, project: AffectedProject) -> None:
        """It can be written in parts."""
        project.affected("--affected-baseline=ci", "tests/test_calc.py")
        project.affected("--affected-baseline=ci", "tests/test_other.py")

        assert project.affected("--affected-frozen=ci").names == set()

    def test_an_unknown_one_is_an_error(self, project: AffectedProject) -> None:
        """Which names those that there are."""
        project.affected("--affected-baseline=ci")

        ran = project.run("--affected-frozen=nightly")

        assert ran.status == pytest.ExitCode.USAGE_ERROR
        assert "baselines are ci" in ran.output

    @pytest.mark.measured
    @precisely
    def test_from_one_checkout_to_another(self, project: AffectedProject) -> None:
        """What has passed there need not run here; what is another here must."""
        said = project.affected("--affected-baseline=ci", "--affected-export=base.json").said
        assert "affected: base.json has 3 of 3 tests" in said
        project.store.unlink()
        project.replace("app/calc.py", "a + b", "b + a")

        ran = project.affected("--affected-import", "base.json")

        assert ran.names == {"test_add"}
        assert "affected: 3 tests are known from base.json (baseline ci)" in ran.said
        assert project.affected("--affected-import", "base.json").names == set()
        assert project.affected("--affected-frozen", "ci").names == {"test_add"}

    def test_a_failure_here_counts_more_than_a_success_there(self, project: AffectedProject) -> None:
        """Of the same state."""
        project.write("tests/test_other.py", "import os\n\ndef test_other():\n    assert os.path.exists('/proc')\n")
        project.affected("--affected-export=base.json")
        text = (project.root / "base.json").read_text()
        project.write("tests/test_other.py", "import os\n\ndef test_other():\n    assert os.path.exists('/none')\n")
        project.affected("--affected-export=base.json")
        failed = (project.root / "base.json").read_text()
        project.write("base.json", failed.replace('"failed"', '"passed"'))

        assert project.affected("--affected-import=base.json").names == {"test_other"}
        assert text != failed

    @pytest.mark.parametrize("text", ["nonsense", '{"format": "pytest-zygote affected", "version": 1}', None])
    def test_a_damaged_file_is_an_error(self, project: AffectedProject, text: str | None) -> None:
        """And nothing is lost."""
        project.affected()
        if text is not None:
            project.write("base.json", text)

        ran = project.run("--affected-import=base.json")

        assert ran.status == pytest.ExitCode.USAGE_ERROR
        assert "--affected-import: base.json cannot be used: " in ran.output
        assert project.affected().names == set()

    @pytest.mark.parametrize("option", ["--affected-baseline=ci", "--affected-export=base.json"])
    def test_frozen_writes_nothing(self, project: AffectedProject, option: str) -> None:
        """Not under a name either."""
        ran = project.run("--affected-frozen", option)

        assert (ran.status, "writes nothing" in ran.output) == (pytest.ExitCode.USAGE_ERROR, True)

    def test_a_file_that_cannot_be_written(self, project: AffectedProject) -> None:
        """Is an error before the tests run."""
        ran = project.run("--affected-export=nowhere/base.json")

        assert (ran.status, "cannot be written" in ran.output) == (pytest.ExitCode.USAGE_ERROR, True)


class TestNothingChanged:
    """Tests that would all be left out are not even collected."""

    NOT_COLLECTED = "affected: nothing has changed, so they were not collected"

    @pytest.fixture(autouse=True)
    def _known(self, project: AffectedProject) -> None:
        """Run all tests, of which one takes parameters from a file, and then none of them."""
        project.write("tests/deep/data.txt", "1 2")
        project.write(
            "tests/test_data.py",
            """
            import os
            import pytest

            TEXT = open("tests/deep/data.txt").read() + os.environ.get("MORE", "")

            @pytest.mark.parametrize("number", TEXT.split())
            def test_number(number):
                assert number
            """,
        )
        project.affected()
        assert project.affected().said == ["affected: 0 of 5 tests"]

    def test_they_are_not_collected(self, project: AffectedProject) -> None:
        """And that is a success, as often as it is asked."""
        for _ in range(2):
            ran = project.affected()
            assert (ran.status, ran.said) == (0, ["affected: 0 of 5 tests", self.NOT_COLLECTED])

    @pytest.mark.measured
    @pytest.mark.parametrize(
        ("path", "text", "expected"),
        [
            ("tests/test_calc.py", f"# a comment\n{TESTS}", set()),
            ("tests/deep/test_new.py", "def test_new(): pass\n", {"test_new"}),
            ("tests/deep/data.txt", "1 2 3", {"test_number[1]", "test_number[2]", "test_number[3]"}),
            ("app/calc.py", CALC.replace("a + b", "b + a"), {"test_add"}),
            ("os.py", "", None),
            ("tests/deep/test_calc.py", "", set()),
        ],
    )
    def test_what_has_changed_is_noticed(
        self, project: AffectedProject, path: str, text: str, expected: set[str] | None
    ) -> None:
        """By a collection, whatever comes of it."""
        assert self.NOT_COLLECTED in project.affected().said
        project.write(path, text)

        ran = project.affected()

        assert self.NOT_COLLECTED not in ran.said
        assert expected is None or ran.names >= expected
        assert expected != set() or not ran.names & {"test_add", "test_sub", "test_other"}

    def test_a_module_that_is_gone_is_noticed(self, project: AffectedProject) -> None:
        """Its importers fail."""
        (project.root / "app/calc.py").unlink()

        assert project.run("--affected").status == pytest.ExitCode.INTERRUPTED

    def test_another_command_line_or_environment(self, project: AffectedProject) -> None:
        """Has notes of its own."""
        assert "0 of 2 tests" in project.affected("tests/test_calc.py").output
        assert self.NOT_COLLECTED in project.affected("tests/test_calc.py").said
        assert project.affected(MORE=" 7").names >= {"test_number[7]"}
        assert self.NOT_COLLECTED in project.affected().said

    def test_what_fails_is_collected(self, project: AffectedProject) -> None:
        """It must run again."""
        project.write("tests/test_other.py", "def test_other(): assert False\n")

        assert [project.affected().names for _ in range(3)] == [{"test_other"}] * 3

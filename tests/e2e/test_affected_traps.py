"""What other tools that run only affected tests got wrong, and what is easy to get wrong."""

from __future__ import annotations

import marshal
import os
import re
import sysconfig
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.affected import AffectedProject, Ran, Server, calculator, precisely, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def project(tmp_path: Path, server: Server) -> AffectedProject:
    """Give a project of two test files, one of which uses a module."""
    return calculator(tmp_path, server)


class TestCode:
    """Which code a test ran."""

    @precisely
    def test_equal_functions_of_two_files(self, project: AffectedProject) -> None:
        """Their code objects are equal, on the same line and all."""
        text = "def same():\n    return 1\n"
        project.write("app/one.py", text)
        project.write("app/two.py", text)
        project.write("tests/test_calc.py", "from app import one, two\n\ndef test_one(): assert one.same() == 1\n")
        project.write("tests/test_other.py", "from app import one, two\n\ndef test_two(): assert two.same() == 1\n")
        project.affected()
        project.replace("app/two.py", "return 1", "return 2")
        assert project.affected().ran == {"test_two": "FAILED"}

    @precisely
    def test_functions_of_the_same_name(self, project: AffectedProject) -> None:
        """A property has three."""
        project.write(
            "app/calc.py",
            """
            class Thing:
                @property
                def size(self):
                    return 1

                @size.setter
                def size(self, size):
                    self.kept = size
            """,
        )
        project.write(
            "tests/test_calc.py",
            """
            from app.calc import Thing

            def test_get(): assert Thing().size == 1

            def test_set():
                thing = Thing()
                thing.size = 2
                assert thing.kept == 2
            """,
        )
        project.affected()
        project.replace("app/calc.py", "self.kept = size", "self.kept = -size")
        assert project.affected().ran == {"test_set": "FAILED"}

    @pytest.mark.parametrize(
        "body",
        [
            "thread = threading.Thread(target=lambda: seen.append(calc.add(1, 2))); thread.start(); thread.join()",
            "exec(compile('seen.append(calc.add(1, 2))', 'template', 'exec'))",
            "exec(compile('seen.append(calc.add(1, 2))', '<text>', 'exec'))",
            "seen.extend(map(functools.partial(calc.add, 1), [2]))",
        ],
    )
    @precisely
    def test_by_strange_ways(self, project: AffectedProject, body: str) -> None:
        """In a thread, from code whose file has no extension or that has no file, from C."""
        text = f"import functools, threading\nfrom app import calc\n\ndef test_other():\n    seen = []\n    {body}\n"
        project.write("tests/test_other.py", f"{text}    assert seen == [3]\n")
        project.write("tests/test_calc.py", "from app import calc\n\ndef test_sub(): assert calc.sub(3, 2) == 1\n")
        project.affected()
        project.replace("app/calc.py", "a + b", "a * b")
        assert project.affected().ran == {"test_other": "FAILED"}

    @precisely
    def test_what_a_fixture_does_in_the_end(self, project: AffectedProject) -> None:
        """Its generator goes on then."""
        project.write(
            "tests/test_calc.py",
            """
            import pytest
            from app import calc

            @pytest.fixture
            def made():
                yield
                assert calc.add(1, 2) == 3

            def test_made(made): pass

            def test_sub(): assert calc.sub(3, 2) == 1
            """,
        )
        project.affected()
        project.replace("app/calc.py", "a + b", "a * b")
        assert project.affected().names == {"test_made"}

    @pytest.mark.parametrize("look", ["inspect.getsource(calc.add)", "linecache.getline(calc.__file__, 12)"])
    def test_the_text_itself(self, project: AffectedProject, look: str) -> None:
        """A test that looks at lines depends on comments."""
        project.write(
            "tests/test_other.py",
            f"import inspect, linecache\nfrom app import calc\n\ndef test_other(): assert {look}\n",
        )
        project.affected()
        project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 10  # ten")
        assert project.affected().names == {"test_other"}


class TestImports:
    """Modules are executed as if nobody watched."""

    @pytest.mark.parametrize(
        "text", ["import missing\n", "1 / 0\n", "def broken(:\n", "from app.calc import missing\n"]
    )
    def test_the_traceback_of_an_import(self, project: AffectedProject, text: str) -> None:
        """It has no line that plain pytest does not show, whether pytest imports the module or another one."""
        project.write("app/extra.py", text)
        project.write("tests/test_other.py", "from app import extra\n")
        project.write("tests/test_more.py", text)
        plain = project.run("--tb=long")
        recorded = project.run("--tb=long", "--affected")

        assert _errors(recorded) == _errors(plain) != ""

    def test_where_a_warning_points_to(self, project: AffectedProject) -> None:
        """To the line of the import, however many frames of the import system are between."""
        text = "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n"
        project.write("app/extra.py", text)
        project.write("tests/test_other.py", "from app import extra\n\ndef test_other(): pass\n")

        assert "test_other.py:1: DeprecationWarning: old" in project.run("--affected").output

    def test_compiled_files_are_those_of_the_compiler(self, project: AffectedProject) -> None:
        """They are what the compiler makes of the text: other runs read them.

        The bytes of one code differ with how many refer to it, so codes are compared.
        """
        project.affected()
        file = project.root / "app/calc.py"
        compiled = Path(cache_from_source(str(file))).read_bytes()

        made = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
        assert marshal.loads(compiled[16:]) == made  # noqa: S302 - this test had it made
        assert all(b"Slots" not in path.read_bytes() for path in project.root.rglob("*.pyc"))


def _errors(ran: Ran) -> str:
    """Return what pytest wrote about tests that it could not collect, but for how long it took."""
    return re.sub(r" in [\d.]+s", "", ran.output[ran.output.find("= ERRORS =") :])


class TestFiles:
    """What counts as a change, and what does not."""

    def test_a_file_that_is_saved_as_it_was(self, project: AffectedProject) -> None:
        """Touched, replaced by its like, or with other ends of lines."""
        project.affected()
        path = project.root / "app/calc.py"
        os.utime(path, (1, 1))
        assert project.affected().names == set()
        copy = project.root / "app/calc.py.new"
        copy.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        copy.replace(path)
        assert project.affected().names == set()

    def test_an_extension_module(self, project: AffectedProject) -> None:
        """By its bytes: built anew, it may be another."""
        source = next(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("_heapq*.so"), None)
        if source is None:
            pytest.skip("this interpreter has no extension modules of its own")
        (project.root / "app/fast.so").write_bytes(source.read_bytes())
        project.write(
            "tests/test_other.py",
            """
            from importlib import util

            def test_other():
                spec = util.spec_from_file_location("_heapq", "app/fast.so")
                assert util.module_from_spec(spec).heappush
            """,
        )
        project.affected()
        with (project.root / "app/fast.so").open("ab") as file:
            file.write(b"\0")
        assert project.affected().names == {"test_other"}

    def test_a_condition_for_skipping(self, project: AffectedProject) -> None:
        """It is looked at when the module is imported, or when the test begins."""
        project.write(
            "tests/test_other.py",
            """
            import os, pytest

            @pytest.mark.skipif("os.environ.get('SKIP')", reason="asked for")
            def test_other(): pass
            """,
        )
        assert project.affected().ran["test_other"] == "PASSED"
        assert project.affected(SKIP="1").ran == {"test_other": "SKIPPED"}
        assert project.affected().names == set()


class TestProcesses:
    """Other processes, and other tools in this one."""

    @precisely
    def test_workers_of_a_pool_need_all_files(self, project: AffectedProject) -> None:
        """What a worker of a pool runs is not seen: the test depends on all files."""
        project.write(
            "tests/test_other.py",
            """
            import multiprocessing
            from app import calc

            def test_other():
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    assert pool.starmap(calc.add, [(1, 2)]) == [3]
            """,
        )
        project.write("tests/test_calc.py", "from app import calc\n\ndef test_sub(): assert calc.sub(3, 2) == 1\n")
        project.affected()
        project.replace("app/calc.py", "a + b", "a * b")
        assert project.affected().ran == {"test_other": "FAILED"}

    def test_coverage_beside_it(self, project: AffectedProject) -> None:
        """Also where both ask the interpreter the same way; nothing is lost on either side."""
        pytest.importorskip("pytest_cov")
        coverage = ("-p", "pytest_cov", "--cov=app", "--cov-report=term")
        ran = project.affected(*coverage, COVERAGE_CORE="sysmon")
        assert "100%" in ran.output or "TOTAL" in ran.output
        project.replace("app/calc.py", "a + b", "a * b")
        assert {"test_add"} <= project.affected(*coverage, COVERAGE_CORE="sysmon").names

    def test_ctrl_c_with_workers(self, project: AffectedProject) -> None:
        """What they had finished is known."""
        os.mkfifo(project.root / "gate")
        project.write(
            "tests/test_calc.py",
            """
            import os, pytest

            @pytest.mark.parametrize("n", range(6))
            def test_n(n):
                if n == 3 and "WAIT" in os.environ:
                    open("gate").read()
            """,
        )
        (project.root / "tests/test_other.py").unlink()
        pid = project.begin("--affected", "-n", "2", WAIT="1")
        with (project.root / "gate").open("w"):
            project.kill(pid, 2)
            first = project.finish()
        finished = {name for name, outcome in first.ran.items() if outcome == "PASSED"}

        assert project.affected("-n0").names.isdisjoint(finished)


class TestBaseline:
    """What is kept stays."""

    def test_other_packages_delete_nothing(self, project: AffectedProject) -> None:
        """A frozen baseline is asked with them, and then without them again."""
        packages = project.root / ".packages" / "site-packages"
        packages.mkdir(parents=True)
        project.write("pytest.ini", "[pytest]\naddopts = -p pytest_zygote\npythonpath = . .packages/site-packages\n")
        project.affected("--affected-baseline=kept")
        (packages / "new-1.0.dist-info").mkdir()
        assert "affected: nothing is known for the installed packages of this run" in (
            project.affected("--affected-frozen=kept").said
        )
        (packages / "new-1.0.dist-info").rmdir()
        assert project.affected("--affected-frozen=kept").names == set()


def test_one_of_many_in_a_process(project: AffectedProject) -> None:
    """Tests of a file need the same, as far as that goes: what one of them reads besides is its own."""
    project.write("notes.txt", "one")
    project.write(
        "tests/test_calc.py",
        """
        import os
        from pathlib import Path

        import pytest

        @pytest.fixture(scope="class")
        def settings(): return os.environ.get("SIZE", "small")

        @pytest.mark.parametrize("n", range(50))
        def test_n(n):
            if n == 20: assert Path("notes.txt").read_text() == "one"
            if n == 30: assert os.environ.get("COLOUR", "") == ""

        class TestSize:
            def test_first(self): pass
            def test_small(self, settings): assert settings == "small"
            def test_last(self): pass
        """,
    )
    project.affected()
    coloured = project.affected(COLOUR="red")
    assert coloured.ran["test_n[30]"] == "FAILED"
    assert "test_n[29]" not in coloured.names  # those after it could have found what it kept
    sized = project.affected(SIZE="big")
    assert sized.ran["TestSize::test_small"] == "FAILED"
    assert "test_n[19]" not in sized.names
    project.write("notes.txt", "two")

    assert project.affected().ran["test_n[20]"] == "FAILED"


def test_a_fixture_that_was_set_up_before_the_fork(project: AffectedProject) -> None:
    """By a test that runs in the process of all, as it uses a fixture of the session: forks find it there."""
    project.write(
        "tests/test_calc.py",
        """
        import pytest
        from app import calc

        @pytest.fixture(scope="session")
        def service(): pass

        @pytest.fixture(scope="module", autouse=True)
        def total(): return calc.add(1, 2)

        def test_before(service): pass

        def test_first(service, total): assert total == 3

        @pytest.mark.parametrize("n", range(50))
        def test_n(n, total): assert total == 3
        """,
    )
    users = {"test_first", *(f"test_n[{n}]" for n in range(50))}
    project.affected()
    project.replace("app/calc.py", "LIMIT = 10", "LIMIT = 11")
    assert users <= project.affected().names
    project.replace("app/calc.py", "a + b", "a * b")

    assert users <= project.affected().names

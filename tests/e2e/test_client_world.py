"""A run is warm only if the kernel and the interpreter treat it as they treat the command that asked for it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Project, Result

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may leave its namespaces and groups")


def program(name: str) -> str:
    """Return the path of a program that this test needs; skip it where there is none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name}")
    return path


def same_as_plain(project: Project, command: list[str]) -> Result:
    """Run a command with the daemon and without; return how it ended, which must be equal."""
    plain = project.run(command, {"PYTEST_DAEMON_DISABLE": "1"})
    result = project.run(command)
    assert (result.returncode, outcome(result)) == (plain.returncode, outcome(plain)), result.stdout
    return result


def outcome(result: Result) -> list[str]:
    """Return the lines that tell how tests went, without times."""
    return [line.partition(" in ")[0] for line in result.stdout.splitlines() if line.startswith(("E  ", "1 ", "SEEN"))]


@pytest.mark.measured
@ROOT_ONLY
@pytest.mark.parametrize(
    ("prefix", "what"),
    [
        (["unshare", "-n"], "net namespace"),
        (["unshare", "-m"], "mnt namespace"),
        (["setpriv", "--groups", "0,4242"], "supplementary groups"),
        (["setpriv", "--no-new-privs"], "no_new_privs"),
        (["setpriv", "--bounding-set", "-net_raw"], "permitted capabilities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_daemon_does_not_share_makes_runs_cold(project: Project, prefix: list[str], what: str) -> None:
    """A test that is kept from something stays so, and the line names what the daemon has otherwise."""
    project.write(
        "test_seen.py",
        """
        import os

        def test_it():
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            keys = ("Groups", "CapBnd", "NoNewPrivs")
            print("SEEN", *(status[key].strip() for key in keys), *map(os.readlink, ("/proc/self/ns/uts",)))
        """,
    )
    command = [sys.executable, "-m", "pytest", "-s", "test_seen.py"]
    project.warm_up("-s", "test_seen.py")

    result = same_as_plain(project, [program(prefix[0]), *prefix[1:], *command])

    assert not result.was_warm
    assert [line for line in result.said if line.startswith("cold run [kernel-context]: ") and f" {what} " in line]
    assert project.run(command).was_warm


@pytest.mark.parametrize(
    ("preparation", "named"),
    [
        ("import app; app.MODE = 'testing'", "module app"),
        ("import builtins; builtins.profile = lambda function: function", "builtin profile"),
        ("import sys; sys.excepthook = lambda *error: None", "sys.excepthook"),
        ("def platform(): return 'test'\nimport platform as real\nreal.system = platform", "platform.system"),
    ],
    ids=["a module of the project", "a builtin", "a hook", "a patch"],
)
def test_a_program_that_prepares_something_runs_its_tests_itself(
    project: Project, preparation: str, named: str
) -> None:
    """What it has done is done in its own process only."""
    project.write("app.py", "MODE = 'production'\n")
    project.write(
        "test_mode.py",
        """
        import builtins, platform, app

        def test_it():
            assert 0, (app.MODE, hasattr(builtins, "profile"), platform.system())
        """,
    )
    project.write("runtests.py", f"import sys\nimport pytest\n{preparation}\nsys.exit(pytest.main(['-q']))\n")
    project.warm_up()

    result = same_as_plain(project, [sys.executable, "runtests.py"])

    assert not result.was_warm
    assert [line for line in result.said if line.startswith("cold run [interpreter-prepared]: ") and named in line]


def test_a_program_that_only_calls_pytest_is_warm(project: Project) -> None:
    """It has prepared nothing."""
    project.write("test_it.py", "def test_it(): ...\n")
    project.write("runtests.py", "import sys\nimport pytest\nsys.exit(pytest.main(['-q']))\n")
    project.warm_up()

    assert project.run([sys.executable, "runtests.py"]).was_warm


def test_a_traced_command_is_cold(project: Project) -> None:
    """The tracer sees what the tests do."""
    project.write("test_it.py", "def test_it(): open('made-by-the-test', 'w').close()\n")
    project.warm_up()
    log = project.root / "trace"
    command = [program("strace"), "-f", "-e", "trace=openat", "-o", str(log), sys.executable, "-m", "pytest"]

    result = project.run(command)

    assert result.returncode == 0
    assert not result.was_warm
    assert "made-by-the-test" in log.read_text(encoding="utf-8", errors="replace")
    assert [line for line in result.said if line.startswith("cold run [tracer-active]: this process is traced")]


def test_what_openssl_reads_when_it_is_loaded(project: Project) -> None:
    """OPENSSL_CONF is read by C code, once."""
    sections = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.2\n"
    project.write("my.cnf", sections)
    project.write("app.py", "import ssl\n")
    project.write(
        "test_ssl.py",
        """
        import app, ssl

        def test_it():
            assert 0, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).maximum_version
        """,
    )
    project.warm_up()
    environ = {"OPENSSL_CONF": str(project.root / "my.cnf")}

    assert outcome(project.pytest(**environ)) == outcome(project.plain(**environ))


def test_the_main_thread_and_the_command_line(project: Project) -> None:
    """`threading` and /proc know the process as they know that of plain pytest."""
    project.write(
        "test_it.py",
        """
        import pathlib, threading

        def test_it():
            arguments = pathlib.Path("/proc/self/cmdline").read_text().rstrip(chr(0)).split(chr(0))
            assert 0, (threading.main_thread().native_id == threading.get_native_id(), arguments)
        """,
    )
    project.warm_up("-q", "-vv", "test_it.py")

    assert same_as_plain(project, [sys.executable, "-m", "pytest", "-q", "-vv", "test_it.py"]).was_warm


@pytest.mark.parametrize("how", ["--names=<(echo hello)", "--names=/dev/fd/7 7<file", "--names=/dev/fd/205 205<file"])
def test_open_files_of_the_shell_are_there(project: Project, how: str) -> None:
    """Process substitution, and descriptors that `exec` has opened."""
    project.write("file", "hello\n")
    project.write("conftest.py", "def pytest_addoption(parser): parser.addoption('--names', default='file')\n")
    project.write(
        "test_names.py",
        """
        import os, subprocess

        def test_it(request):
            name = request.config.getoption("--names")
            passed_on = [] if "fd" not in name else [int(name.rpartition("/")[2])]
            shown = subprocess.run(["cat", name], pass_fds=passed_on, capture_output=True, text=True, check=True)
            assert shown.stdout == "hello\\n"
        """,
    )
    project.warm_up("test_names.py")
    command = ["/bin/bash", "-c", f"exec {sys.executable} -m pytest -q test_names.py {how}"]

    for _ in range(2):
        assert same_as_plain(project, command).was_warm

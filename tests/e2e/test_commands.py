"""Commands about the daemon: start, stop, status, reload, verify, and the settings around them."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.cli.options import OPTIONS
from tests.support.daemon import BIN, INI, UNIT_S, Project, eventually
from tests.support.terminal import CTRL_C, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTEST = str(BIN / "pytest")
NO_DAEMON = "no daemon is running for this project: {}\n"

PASSES = """
    import lib

    def test_passes():
        assert lib.ANSWER == 42
    """


@pytest.fixture(name="project")
def _project(project: Project) -> Project:
    """Give the project a module and a test."""
    project.write("lib.py", "ANSWER = 42\n")
    project.write("test_some.py", PASSES)
    return project


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    """Log in on a terminal."""
    terminal = Terminal(project)
    yield terminal
    terminal.close()


def closing_line(stdout: str) -> str:
    """Return pytest's last line without its duration."""
    return stdout.strip().rpartition("\n")[2].partition(" in ")[0].strip("= ")


class TestForeground:
    """``--daemon`` alone."""

    @pytest.mark.measured
    def test_it_logs_on_the_terminal_until_ctrl_c(self, project: Project, terminal: Terminal) -> None:
        """The prompt is back only when the daemon and all of its layers are gone."""
        terminal.start("pytest --daemon")
        terminal.expect(f"zygote: this is the daemon of {project.root}; Ctrl-C ends it\n")
        terminal.expect(r"project layer \d+: ready")
        assert project.pytest().was_warm
        terminal.send(CTRL_C)
        status, shown = terminal.finish()

        assert status == 0
        assert "stopping: signal" in shown
        assert "Traceback" not in shown
        assert not project.sockets()

    def test_it_replaces_a_daemon_that_runs(self, project: Project, terminal: Terminal) -> None:
        """The old one has left before the new one listens."""
        project.pytest()
        old = project.status().pid
        terminal.start("pytest --daemon")
        terminal.expect(r"layer \d+: ready")

        assert project.status().pid != old
        assert old not in project.processes()
        assert len(project.sockets()) == 1
        # The collection by which it learns may still be going on.
        assert project.pytest("--stop-daemon").stdout.endswith("the daemon has stopped\n")
        assert terminal.finish()[0] == 0

    def test_it_learns_what_the_project_imports(self, project: Project, terminal: Terminal) -> None:
        """The first run of a user finds the project's modules imported, and builds nothing."""
        terminal.start("pytest --daemon")
        terminal.expect(r"project layer \d+: ready")
        project.settle()
        first = project.pytest()

        assert first.was_warm
        assert first.said == []


class TestDetached:
    """``--daemon --detach``."""

    def test_it_returns_when_the_daemon_is_ready(self, project: Project) -> None:
        """With layers that hold the project's modules."""
        result = project.pytest("--daemon", "--detach")

        assert (result.returncode, result.said) == (0, [])
        assert result.stdout.startswith("zygote: the daemon is ready (")
        assert '"lib"' in project.status().raw
        assert not project.status().is_building
        first = project.pytest()
        assert first.was_warm
        assert first.said == []

    @pytest.mark.parametrize(
        "command",
        [
            "pytest --daemon --detach | cat",
            "nohup pytest --daemon --detach 2>&1 | cat",
            "pytest --daemon --detach & wait",
            "make start",
            "pytest --collect-only -q | cat",
        ],
    )
    def test_it_holds_nothing_of_its_caller(self, project: Project, command: str) -> None:
        """Whoever reads the output of the command sees its end, while the daemon goes on."""
        project.write("Makefile", "start:\n\tpytest --daemon --detach\n")
        process = project.start(["sh", "-c", command])
        stdout, stderr = process.communicate(timeout=12 * UNIT_S)

        assert process.returncode == 0, stderr
        assert stdout
        status = project.status()
        for pid in (status.pid, *(layer.pid for layer in status.layers)):
            assert not _pipes_of(pid) & _pipes_of(os.getpid())

    def test_it_outlives_the_terminal(self, project: Project) -> None:
        """A hang-up ends the shell and its jobs, not the daemon."""
        terminal = Terminal(project)
        assert terminal.run("pytest --daemon --detach")[0] == 0
        pid = project.status().pid
        terminal.close()

        assert project.status().pid == pid
        assert project.pytest().was_warm

    def test_it_replaces_a_daemon_that_runs(self, project: Project) -> None:
        """There is one daemon before and after, another one."""
        project.pytest("--daemon", "--detach")
        old = project.status().pid
        project.pytest("--daemon", "--detach")

        assert project.status().pid != old
        assert len(project.sockets()) == 1

    def test_what_else_is_given_is_collected(self, project: Project) -> None:
        """A new daemon learns from the tests that the user names."""
        project.write("other/test_other.py", "import colorsys\n\ndef test_other(): pass\n")
        project.pytest("--daemon", "--detach", "other")

        assert '"colorsys"' in project.status().raw
        assert '"lib"' not in project.status().raw

    def test_alone_it_is_an_error(self, project: Project) -> None:
        """It says with which option it goes."""
        result = project.pytest("--detach")

        assert result.returncode == 4
        assert "ERROR: --detach goes with --daemon" in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_value_is_an_error(self, project: Project) -> None:
        """A switch has none: who gives one expects something else."""
        result = project.pytest("--daemon", "--detach=later")

        assert result.returncode == 4
        assert "ERROR: --detach takes no value, not 'later'" in result.stderr
        assert not project.processes()

    def test_a_folder_that_is_open_to_others_is_an_error(self, project: Project) -> None:
        """Told without a traceback, and how to mend it."""
        project.folder.mkdir(mode=0o755)
        project.folder.chmod(0o755)
        result = project.pytest("--daemon", "--detach")

        assert result.returncode == 4
        assert "is open to others (mode 0755; run: chmod 700)" in result.stderr
        assert "Traceback" not in result.stderr


def _pipes_of(pid: int) -> set[str]:
    links: set[str] = set()
    with contextlib.suppress(FileNotFoundError):  # a process may end while it is looked at
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            links.add(str(entry.readlink()))
    return {link for link in links if link.startswith("pipe:")}


class TestDoctor:
    """``pz doctor``."""

    @pytest.mark.measured
    def test_it_says_what_is_wrong_before_and_after_it_is_mended(self, project: Project) -> None:
        """With the exit code; the daemon that answers is named."""
        project.write("pytest.ini", "[pytest]\n")
        before = project.pz("doctor")
        project.write("pytest.ini", INI)
        project.warm_up()
        after = project.pz("doctor")

        assert (before.returncode, after.returncode) == (1, 0)
        assert "problem  `pytest` does not load this plugin" in before.stdout
        assert "note     no daemon runs for this project" in before.stdout
        assert "ok       the daemon answers: " in after.stdout
        assert after.stdout.endswith("Nothing is wrong: runs here are warm.\n")
        assert f"project: {project.root} (ini-file: pytest.ini)" in after.stdout


class TestStop:
    """``--stop-daemon``."""

    def test_when_it_returns_everything_is_gone(self, project: Project) -> None:
        """Socket and layers included."""
        project.pytest()
        assert project.sockets()
        result = project.pytest("--stop-daemon")

        assert (result.returncode, result.stdout) == (0, "the daemon has stopped\n")
        assert not project.sockets()
        eventually(lambda: not project.processes(), "the daemon's process has ended")

    def test_without_a_daemon_there_is_nothing_to_do(self, project: Project) -> None:
        """Which is no failure: what was asked for holds."""
        result = project.pytest("--stop-daemon")

        assert (result.returncode, result.stdout) == (0, NO_DAEMON.format(os.path.realpath(project.root)))
        assert not project.folder.exists()

    def test_it_waits_for_runs_and_says_so(self, project: Project) -> None:
        """The run gets to its end, and its client the result."""
        project.write("test_some.py", WAITS)
        run = project.start([PYTEST, "-s"])
        eventually((project.root / "going").exists, "the test runs", units=8)
        stop = project.start([PYTEST, "--stop-daemon"])
        assert stop.stdout is not None
        assert stop.stdout.readline().startswith("waiting for runs that are going on")
        eventually(lambda: '"closing": ""' not in project.status().raw, "the daemon is closing")
        (project.root / "go").touch()

        assert stop.communicate(timeout=12 * UNIT_S)[0] == "the daemon has stopped\n"
        assert "1 passed" in run.communicate(timeout=12 * UNIT_S)[0]
        assert (stop.returncode, run.returncode) == (0, 0)

    @pytest.mark.measured
    def test_a_second_one_ends_the_runs(self, project: Project) -> None:
        """For whoever does not want to wait."""
        project.write("test_some.py", WAITS)
        run = project.start([PYTEST])
        eventually((project.root / "going").exists, "the test runs", units=8)
        first = project.start([PYTEST, "--stop-daemon"])
        eventually(lambda: '"closing": ""' not in project.status().raw, "the daemon is closing")
        project.pytest("--stop-daemon")

        assert first.communicate(timeout=12 * UNIT_S)[0].endswith("the daemon has stopped\n")
        run.communicate(timeout=12 * UNIT_S)
        assert run.returncode != 0


WAITS = """
    import pathlib, select

    def test_waits():
        pathlib.Path("going").touch()
        while not pathlib.Path("go").exists():
            select.select([], [], [], 0.02)
    """


class TestStatus:
    """``--daemon-status``."""

    @pytest.mark.measured
    def test_it_is_a_table_for_people(self, project: Project) -> None:
        """What runs, what it holds, what it has done."""
        project.warm_up()
        result = project.pytest("--daemon-status")

        assert result.returncode == 0
        assert f"pid {project.status().pid}" in result.stdout
        assert "base layer" in result.stdout
        assert "project layer" in result.stdout

    @pytest.mark.parametrize("args", [("--daemon-status=json",), ("--daemon-status", "json")])
    def test_it_is_json_for_programs(self, project: Project, args: tuple[str, ...]) -> None:
        """The same facts."""
        project.pytest()
        result = project.pytest(*args)

        facts = json.loads(result.stdout)
        assert result.returncode == 0
        assert facts["pid"] == project.status().pid
        assert {layer["kind"] for layer in facts["layers"]} <= {"base", "project"}

    def test_without_a_daemon_it_fails(self, project: Project) -> None:
        """With a sentence, or null; nothing is started for it."""
        table = project.pytest("--daemon-status")
        for_programs = project.pytest("--daemon-status=json")

        assert (table.returncode, table.stdout) == (1, NO_DAEMON.format(os.path.realpath(project.root)))
        assert (for_programs.returncode, for_programs.stdout) == (1, "null\n")
        assert not project.processes()

    def test_a_daemon_starts_once(self, project: Project) -> None:
        """What is built later has a reason of its own."""
        project.warm_up()
        project.pytest("--daemon-reload")
        project.pytest()
        project.settle()
        reasons = [(entry["layer"], entry["reason"]) for entry in json.loads(project.status().raw)["reloads"]]

        first, asked_for = "[first-start] first start", "[reload-requested] --daemon-reload"
        assert reasons[0] == ("base", first)
        assert [reason for _, reason in reasons].count(first) == 1
        assert any(reason.startswith("[modules-learned] learned ") for _, reason in reasons)
        assert reasons[-2:] == [("base", asked_for), ("project", asked_for)]

    def test_an_unknown_form_is_an_error(self, project: Project) -> None:
        """It says which there are."""
        result = project.pytest("--daemon-status=xml")

        assert result.returncode == 4
        assert "ERROR: --daemon-status takes no value or 'json', not 'xml'" in result.stderr


class TestReload:
    """``--daemon-reload``."""

    @pytest.mark.measured
    def test_everything_is_imported_anew(self, project: Project) -> None:
        """By other processes, in the same daemon."""
        project.warm_up()
        before = project.status()
        result = project.pytest("--daemon-reload")
        assert (result.returncode, result.stdout) == (0, "all layers will be built anew\n")
        assert project.pytest().was_warm
        project.settle()

        after = project.status()
        assert after.pid == before.pid
        assert not {layer.pid for layer in after.layers} & {layer.pid for layer in before.layers}

    def test_without_a_daemon_it_fails(self, project: Project) -> None:
        """There is nothing to reload."""
        result = project.pytest("--daemon-reload")

        assert (result.returncode, result.stdout) == (1, NO_DAEMON.format(os.path.realpath(project.root)))


def test_without_a_daemon_there_are_no_fixtures_to_tear_down(project: Project) -> None:
    """``--daemon-reset-fixtures`` says what its siblings say."""
    result = project.pytest("--daemon-reset-fixtures")

    assert (result.returncode, result.stdout) == (1, NO_DAEMON.format(os.path.realpath(project.root)))


@pytest.mark.parametrize("option", ["--daemon-status", "--stop-daemon", "--daemon-reload", "--daemon-reset-fixtures"])
def test_a_socket_s_path_that_is_too_long_is_explained(project: Project, option: str) -> None:
    """With what to do about it, as in a run."""
    folder = project.home / ("n" * 100)
    folder.mkdir(mode=0o700)
    result = project.pytest(option, XDG_RUNTIME_DIR=str(folder))

    assert result.returncode == 4
    assert "ERROR: the socket's path " in result.stderr
    assert "set XDG_RUNTIME_DIR to a shorter folder" in result.stderr
    assert not [*folder.iterdir()]


class TestVerify:
    """``--daemon-verify``."""

    def test_a_suite_that_agrees(self, project: Project) -> None:
        """Both runs are shown, then the verdict; a daemon is started if there is none."""
        result = project.pytest("--daemon-verify")

        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout.startswith("zygote: the cold run\n")
        assert "zygote: the warm run\n" in result.stdout
        assert result.stdout.endswith("zygote: cold and warm agree\n")
        assert result.stdout.count("1 passed") == 2
        assert project.runs_served() == 1

    @pytest.mark.measured
    def test_a_suite_that_differs(self, project: Project) -> None:
        """Each difference is printed with both sides."""
        project.write(
            "test_some.py",
            """
            import os

            def test_passes():
                pass

            def test_looks():
                assert "PYTEST_ZYGOTE_CHILD" not in os.environ, "found out"
            """,
        )
        result = project.pytest("--daemon-verify")

        report = result.stdout.rpartition("zygote: the warm run\n")[2]
        assert result.returncode == 1
        assert "test_some.py::test_looks" in report
        assert "call failed: " in report
        assert "call passed" in report
        assert result.stdout.endswith("zygote: 2 differences\n")

    def test_the_exit_code_of_a_suite_that_fails_both_ways_is_kept(self, project: Project) -> None:
        """Interrupted by a plugin, it ends with 2: that is not 1, and no difference."""
        project.write("test_some.py", "import pytest\n\ndef test_ends():\n    pytest.exit('enough')\n")
        result = project.pytest("--daemon-verify")

        assert result.stdout.endswith("zygote: cold and warm agree\n")
        assert result.returncode == 2

    def test_the_user_s_options_hold_in_both_runs(self, project: Project) -> None:
        """Deselection, random order, verbosity."""
        project.write(
            "test_more.py", "import pytest\n\n@pytest.mark.parametrize('n', range(20))\ndef test_n(n): pass\n"
        )
        project.write("pytest.ini", "[pytest]\naddopts = -p pytest_zygote\n")
        result = project.pytest("--daemon-verify", "-k", "test_n and not 7", "-v")

        assert result.returncode == 0, result.stdout
        assert result.stdout.count("18 passed, 3 deselected") == 2

    @pytest.mark.parametrize(
        "command",
        [[sys.executable, "-m", "pytest"], [sys.executable, "-m", "pytest_zygote"], [str(BIN / "pz")]],
        ids=["python -m pytest", "python -m pytest_zygote", "pz"],
    )
    def test_it_works_however_pytest_is_started(self, project: Project, command: list[str]) -> None:
        """What is in `sys.path` and `sys.argv[0]` is the same in both runs."""
        project.write(
            "test_some.py",
            """
            import sys

            def test_fails_with_what_it_sees():
                assert (sys.argv[0], sys.path) == 0
            """,
        )
        result = project.run([*command, "--daemon-verify", "-vv"])

        assert result.stdout.endswith("zygote: cold and warm agree\n")
        assert result.returncode == 1
        assert result.stdout.count("1 failed") == 2

    def test_options_that_pytest_refuses_leave_nothing_to_compare(self, project: Project) -> None:
        """The exit code is that of plain pytest."""
        result = project.pytest("--daemon-verify", "--no-such-option")

        assert result.returncode == 4
        assert result.stdout.endswith("zygote: nothing was compared: the cold run had no session\n")

    def test_a_run_that_cannot_be_warm_is_not_compared(self, project: Project) -> None:
        """Two cold runs that agree would prove nothing."""
        project.pytest()
        result = project.run([sys.executable, "-X", "dev", PYTEST, "--daemon-verify"])

        assert result.returncode == 1
        assert "zygote: nothing was compared: " in result.stdout


class TestInert:
    """Where nothing of ours must happen."""

    @pytest.mark.parametrize(
        ("args", "environ", "ini"),
        [
            (("--daemon-disable",), {}, ""),
            ((), {"PYTEST_DAEMON_DISABLE": "1"}, ""),
            ((), {"PYTEST_DAEMON_DISABLE": "True"}, ""),
            ((), {"CI": "true"}, ""),
            ((), {"PYTEST_ZYGOTE_CHILD": "1"}, ""),
            ((), {"PYTEST_ADDOPTS": "--daemon-disable"}, ""),
            ((), {}, "zygote_disable = true\n"),
        ],
    )
    @pytest.mark.parametrize("command", ["pytest", "pz"])
    def test_a_run_is_plain(
        self, project: Project, command: str, args: tuple[str, ...], environ: dict[str, str], ini: str
    ) -> None:
        """No daemon, no word about it."""
        project.write("pytest.ini", INI + ini)
        result = project.run([str(BIN / command), *args], environ)

        assert (result.returncode, result.stderr) == (0, "")
        assert "1 passed" in result.stdout
        assert not project.folder.exists()

    def test_an_ini_file_disables_pz_beside_a_daemon(self, project: Project) -> None:
        """Although `pz` does not read ini-files."""
        project.warm_up()
        project.write("pytest.ini", f"{INI}zygote_disable = true\n")
        result = project.pz()

        assert (result.returncode, result.was_warm) == (0, False)
        assert "1 passed" in result.stdout

    @pytest.mark.parametrize("environ", [{"CI": "true"}, {"PYTEST_DAEMON_DISABLE": "1"}])
    def test_a_command_is_obeyed_all_the_same(self, project: Project, environ: dict[str, str]) -> None:
        """Who asks for the daemon's end does not want the tests to run."""
        project.pytest()
        assert project.pytest("--daemon-status", **environ).stdout.startswith("daemon ")

        assert project.pytest("--stop-daemon", **environ).stdout == "the daemon has stopped\n"
        assert not project.sockets()

    @pytest.mark.parametrize(
        ("environ", "ini"),
        [
            ({"PYTEST_DAEMON_START_IF_NEEDED": "0"}, ""),
            ({}, "zygote_start = false\n"),
            ({"PYTEST_DAEMON_START_IF_NEEDED": "no"}, "zygote_start = true\n"),
        ],
    )
    def test_a_daemon_is_not_started_where_that_is_not_wanted(
        self, project: Project, environ: dict[str, str], ini: str
    ) -> None:
        """The run is cold and says what to do; one that runs is used."""
        project.write("pytest.ini", INI + ini)
        alone = project.pytest(**environ)
        assert alone.returncode == 0
        assert alone.said == [
            "cold run [no-daemon]: no daemon is running for this project (pytest --daemon starts one)"
        ]
        assert not project.sockets()

        project.pytest("--daemon", "--detach", **environ)
        assert project.pytest(**environ).was_warm

    @pytest.mark.parametrize(
        ("command", "option"), [("pytest", "--version"), ("pytest", "-h"), ("pz", "-V"), ("pz", "--help")]
    )
    def test_pytest_s_own_words_are_plain(self, project: Project, command: str, option: str) -> None:
        """Nothing is gained by a daemon, and none is started."""
        result = project.run([str(BIN / command), option])
        plain = project.run([PYTEST, option], {"PYTEST_DAEMON_DISABLE": "1"})

        assert result.returncode == 0
        assert result.stdout == plain.stdout
        assert not project.folder.exists()


class TestSettings:
    """Options, environment keys and ini keys."""

    def test_a_name_gives_a_daemon_of_its_own(self, project: Project) -> None:
        """On the command line, in the environment, in an ini-file, with a number as the older plugin had it."""
        assert project.pytest("--daemon-port", "a").returncode == 0
        assert project.pytest(PYTEST_DAEMON_PORT="4852").returncode == 0
        assert len(project.sockets()) == 2

        assert project.pytest("--daemon-status", "--daemon-port=a").returncode == 0
        assert project.pytest("--daemon-status").returncode == 1
        assert project.pytest("--stop-daemon", "--daemon-port", "a").returncode == 0
        assert len(project.sockets()) == 1
        project.write("pytest.ini", f"{INI}zygote_name = 4852\n")
        assert project.pytest().was_warm

    def test_pz_finds_a_daemon_by_its_name(self, project: Project) -> None:
        """By option and by environment; by ini-file it gets there through pytest."""
        project.pytest("--daemon", "--detach", "--daemon-port=a")

        assert project.pz("--daemon-port=a").was_warm
        assert project.pz(PYTEST_DAEMON_PORT="a").was_warm
        assert project.pz(PYTEST_ADDOPTS="--daemon-port a").was_warm
        project.write("pytest.ini", f"{INI}zygote_name = a\n")
        assert project.pz().was_warm
        assert len(project.sockets()) == 1

    def test_all_options_are_accepted_in_a_run(self, project: Project) -> None:
        """Those of the older plugin too, warm and cold."""
        alone = [o for o in OPTIONS if not o.command]  # the others are errors without their command
        with_values_of_their_own = ("--affected", "--hosts", "--shard", "--zygote-output", "--zygote-trace")
        takes_a_value = (
            o for o in alone if o.value and not o.has_value and not o.flag.startswith(with_values_of_their_own)
        )
        args = [f"{o.flag}={o.default or 'x'}" for o in takes_a_value]
        args += [o.flag for o in alone if o.environ and not o.value and o.flag != "--daemon-disable"]
        warm = project.pytest(*args)
        cold = project.pytest(*args, "--daemon-disable")

        assert (warm.returncode, warm.was_warm) == (0, True), warm.stderr
        assert (cold.returncode, cold.stderr) == (0, "")
        assert project.pytest("--stop-daemon", "--daemon-port=x").returncode == 0

    def test_all_environment_and_ini_keys_are_accepted(self, project: Project) -> None:
        """With their defaults they change nothing."""
        named = {o.environ: o.default or "0" for o in OPTIONS if o.environ and o.ini != "zygote_name"}
        lines = "".join(f"{o.ini} = {o.default or '0'}\n" for o in OPTIONS if o.ini and o.ini != "zygote_name")
        project.write("pytest.ini", f"{INI}{lines}zygote_preload = colorsys\nzygote_exclude = lib\n")
        result = project.pytest("-W", "error", **named)

        assert (result.returncode, result.was_warm) == (0, True), result.stdout + result.stderr

    @pytest.mark.parametrize(
        ("args", "environ", "ini", "sentence"),
        [
            ((), {"PYTEST_DAEMON_DISABLE": "maybe"}, "", "PYTEST_DAEMON_DISABLE is 'maybe': use one of 1, true"),
            ((), {}, "zygote_start = perhaps\n", "zygote_start (ini-file) is 'perhaps': use one of 1, true"),
            (("--daemon-timeout=soon",), {}, "", "--daemon-timeout is 'soon': use a number of seconds"),
            ((), {"PYTEST_DAEMON_TIMEOUT": "-5"}, "", "PYTEST_DAEMON_TIMEOUT is '-5': use a number of seconds"),
        ],
    )
    @pytest.mark.parametrize("command", ["pytest", "pz"])
    def test_a_bad_value_is_an_error(  # noqa: PLR0913, PLR0917 - a case and its command
        self, project: Project, command: str, args: tuple[str, ...], environ: dict[str, str], ini: str, sentence: str
    ) -> None:
        """It names the place, the value, and what may stand there."""
        project.write("pytest.ini", INI + ini)
        result = project.run([str(BIN / command), *args], environ)

        assert result.returncode == 4
        assert f"ERROR: {sentence}" in result.stderr
        assert "Traceback" not in result.stderr
        assert "passed" not in result.stdout
        assert not project.processes()

    def test_an_idle_daemon_leaves(self, project: Project) -> None:
        """After as many seconds as the user set."""
        project.pytest("--daemon-timeout=0.2")

        eventually(lambda: not project.processes(), "the daemon has left", units=8)
        assert not project.sockets()

    def test_the_help_names_all_options(self, project: Project) -> None:
        """Under a heading of their own, with the ini keys."""
        text = project.pytest("--help").stdout

        for option in OPTIONS:
            assert option.flag in text
            assert option.ini in text

    def test_a_project_s_modules_do_not_hide_python_s_own(self, project: Project) -> None:
        """The daemon starts in the project's folder, and does not import from it."""
        for name in ("logging", "argparse", "selectors", "platform", "types"):
            project.write(f"{name}.py", "raise RuntimeError('imported by the daemon')\n")
        result = project.run([PYTEST, "-q"])

        assert result.returncode == 0, result.stderr
        assert "1 passed" in result.stdout
        assert "imported by the daemon" not in project.log()


class TestPlaces:
    """Where a command is given."""

    def test_pz_starts_a_daemon_through_pytest(self, project: Project) -> None:
        """The first time; then it goes straight to it."""
        first = project.pz()
        assert first.said[0] == f"started a daemon for {project.root}"
        project.settle()

        assert project.pz().was_warm
        assert len(project.sockets()) == 1

    @pytest.mark.parametrize("command", [("pytest", "-p", "pytest_zygote"), ("pz",)], ids=" ".join)
    def test_a_value_that_stands_alone_is_no_path(self, project: Project, command: tuple[str, ...]) -> None:
        """For pytest it is one: it looks for rootdir before it knows the options, and finds the value's folder."""
        elsewhere = str(project.root.parent)
        result = project.run([str(BIN / command[0]), *command[1:], "--daemon-ignore-watch-globs", elsewhere])

        assert (result.returncode, result.was_warm) == (0, True), result.stdout + result.stderr
        assert f"rootdir: {project.root}\n" in result.stdout
        assert len(project.sockets()) == 1

    @pytest.mark.parametrize("command", ["pytest", "pz"])
    def test_a_subfolder_has_the_daemon_of_its_project(self, project: Project, command: str) -> None:
        """The run is in the subfolder; daemon and rootdir are the project's."""
        project.write("sub/test_sub.py", "import os\n\ndef test_sub(): assert os.path.basename(os.getcwd()) == 'sub'\n")
        project.warm_up()
        result = project.run([str(BIN / command)], cwd=project.root / "sub")

        assert (result.returncode, result.was_warm) == (0, True)
        assert "test_sub.py" in result.stdout
        assert "test_some.py" not in result.stdout
        assert f"rootdir: {project.root}\n" in result.stdout
        assert len(project.sockets()) == 1

    def test_pz_in_a_project_inside_another_s_folder(self, project: Project) -> None:
        """`pz` finds the outer daemon; the run has the inner rootdir, and the result of plain pytest."""
        project.write("pytest.ini", f"{INI}norecursedirs = inner\n")
        project.write("inner/pytest.ini", f"{INI}python_functions = check_*\n")
        project.write("inner/lib.py", "ANSWER = 'inner'\n")
        project.write("inner/conftest.py", "import lib\n")
        project.write("inner/test_inner.py", "import lib\n\ndef check_it(): assert lib.ANSWER == 'inner'\n")
        project.warm_up()
        inner = project.root / "inner"
        for _ in range(2):
            result = project.run([str(BIN / "pz"), "-v"], cwd=inner)

            assert result.returncode == 0, result.stdout
            assert f"rootdir: {inner}\n" in result.stdout
            assert closing_line(result.stdout) == "1 passed"
        outer = project.pytest()
        assert outer.was_warm
        assert closing_line(outer.stdout) == "1 passed"

    @pytest.mark.measured
    @pytest.mark.parametrize("command", ["pytest", "pz"])
    def test_outside_of_any_project(self, project: Project, tmp_path: Path, command: str) -> None:
        """A folder with nothing but a test: the folder is the rootdir, as in plain pytest."""
        folder = tmp_path / "nowhere"
        folder.mkdir()
        shutil.copy(project.root / "lib.py", folder)
        shutil.copy(project.root / "test_some.py", folder)
        run = [str(BIN / command), *(("-p", "pytest_zygote") if command == "pytest" else ()), "-p", "no:randomly"]
        first = project.run(run, cwd=folder)
        second = project.run(run, cwd=folder)

        assert (first.returncode, second.returncode) == (0, 0)
        assert f"rootdir: {folder}\n" in second.stdout
        assert second.was_warm

    @pytest.mark.parametrize("command", ["pytest", "pz"])
    def test_in_a_folder_without_tests(self, project: Project, tmp_path: Path, command: str) -> None:
        """Exit code 5, as ever."""
        folder = tmp_path / "empty"
        folder.mkdir()
        run = [str(BIN / command), *(("-p", "pytest_zygote") if command == "pytest" else ())]
        results = [project.run(run, cwd=folder) for _ in range(2)]

        assert [result.returncode for result in results] == [5, 5]

    @pytest.mark.measured
    def test_pz_gives_what_plain_pytest_gives(self, project: Project) -> None:
        """Options, exit code and output alike."""
        project.write("test_some.py", "def test_one(): assert 0\n\ndef test_two(): pass\n")
        project.warm_up("-v")
        for args in ("-x -q", "-k two", "--no-such-option", "no_such_file.py"):
            warm = project.pz(*shlex.split(args))
            plain = project.plain(*shlex.split(args))

            assert warm.returncode == plain.returncode
            assert closing_line(warm.stdout) == closing_line(plain.stdout)

    def test_a_command_is_not_sent_to_the_daemon_of_a_parent(self, project: Project) -> None:
        """Stopping an inner project does not stop the outer."""
        project.write("inner/pytest.ini", INI)
        project.pytest()
        result = project.run([str(BIN / "pz"), "--stop-daemon"], cwd=project.root / "inner")

        assert result.stdout == NO_DAEMON.format(os.path.realpath(project.root / "inner"))
        assert project.sockets()


def test_ctrl_c_while_a_daemon_starts_leaves_nothing(project: Project, terminal: Terminal) -> None:
    """The command ends; the daemon, if it came to be, is whole and serves."""
    project.write("lib.py", "import select\nselect.select([], [], [], 0.5)\nANSWER = 42\n")
    terminal.start("pytest --daemon --detach")
    eventually(project.sockets, "the daemon listens")
    terminal.send(CTRL_C)
    terminal.finish()

    assert project.pytest().returncode == 0
    assert project.pytest().was_warm


def test_a_daemon_that_is_killed_is_replaced(project: Project) -> None:
    """By the next run, with a line."""
    project.pytest()
    os.kill(project.status().pid, signal.SIGKILL)
    eventually(lambda: not project.processes(), "its layers have left too")
    result = project.pytest()

    assert result.returncode == 0
    assert result.said[0] == f"started a daemon for {project.root}"
    assert project.pytest().was_warm

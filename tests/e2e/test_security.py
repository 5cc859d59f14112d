"""Nobody else gets in, and nothing private gets out."""

from __future__ import annotations

import ast
import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import pytest_zygote
from pytest_zygote.adapters.system import sockets
from pytest_zygote.core.protocol.client_messages import FROM_CLIENT, FromClient, ToClient
from tests.support.daemon import Project, eventually

SECRET = "swordfish-0451"  # noqa: S105 - not a secret, but it stands for one
NOBODY = 65534

INTRUDER = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
raw = socket.socket(socket.AF_UNIX)
try:
    raw.connect(sys.argv[1])
    raw.sendall(b"PZ")
    print("closed" if raw.recv(1) == b"" else "answered")
except PermissionError:
    print("refused")
except (BrokenPipeError, ConnectionResetError):
    print("closed")
"""


@pytest.fixture
def warm(project: Project) -> Project:
    """Make a project with a daemon whose environment holds a secret."""
    project.environ["TOKEN"] = SECRET
    project.write("app/__init__.py", "import os\n\nTOKEN = os.environ['TOKEN']\n")
    project.write("test_app.py", f"import app\n\ndef test_app():\n    assert app.TOKEN.startswith({SECRET[:5]!r})\n")
    project.warm_up()
    return project


def test_runtime_files_are_for_their_owner_only(warm: Project) -> None:
    """The folder keeps everybody out; logs and locks are private by themselves."""
    assert stat.S_IMODE(warm.folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in warm.folder.iterdir() if file.suffix == ".lock"}
    assert set(modes.values()) == {0o600}


def test_secrets_of_the_environment_are_not_written_down(warm: Project) -> None:
    """Neither log nor status nor what was learned hold the value of a key, also when it has changed."""
    warm.environ["TOKEN"] = f"{SECRET}-changed"
    result = warm.pytest("-q")
    assert result.returncode == 0
    texts = [warm.log(), result.stderr, warm.status().raw, warm.pytest("--daemon-status").stdout]
    texts += [file.read_text(errors="replace") for file in (warm.root / ".pytest_cache").rglob("*") if file.is_file()]
    assert "TOKEN" in "".join(texts)
    assert SECRET not in "".join(texts)


def test_secrets_that_a_conftest_file_sets_are_not_written_down(project: Project) -> None:
    """As from a file ``.env`` that only its owner can read; another daemon learns them from its first run."""
    project.write(".env", SECRET)
    project.write("conftest.py", "import os\nos.environ['TOKEN'] = open('.env').read()\n")
    project.write("app/__init__.py", "import os\n\nTOKEN = os.environ.get('TOKEN')\n")
    project.write("test_app.py", f"import app\n\ndef test_app():\n    assert app.TOKEN == {SECRET[::-1]!r}[::-1]\n")
    for _ in range(2):
        project.warm_up()
        assert project.pytest("-q").returncode == 0
        files = (file for file in (project.root / ".pytest_cache").rglob("*") if file.is_file())
        assert not [file for file in files if SECRET in file.read_text(errors="replace")]
        assert SECRET not in project.log() + project.status().raw
        project.pytest("--stop-daemon")


def test_branch_that_is_checked_out_is_not_executed_before_a_run(project: Project) -> None:
    """Looking at it is not running it; what is saved afterwards is executed ahead, as ever."""
    git = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    ran = project.root.parent / "ran"
    project.write("app/__init__.py", "X = 1\n")
    project.write("test_app.py", "import app\n\ndef test_app():\n    assert app.X\n")
    project.write(".gitignore", ".pytest_cache\n__pycache__\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["checkout", "-qb", "theirs"]):
        subprocess.run([*git, *command], check=True)
    project.write("app/__init__.py", f"X = 2\nopen({str(ran)!r}, 'w').close()\n")
    for command in (["commit", "-qam", "two"], ["checkout", "-q", "-"]):
        subprocess.run([*git, *command], check=True)
    project.warm_up()
    project.settle()
    subprocess.run([*git, "checkout", "-q", "theirs"], check=True)
    eventually(lambda: "nothing is executed until somebody asks for a run" in project.log(), "it has seen the checkout")
    project.settle()
    assert not ran.exists()
    assert project.pytest("-q").returncode == 0
    assert ran.exists()
    ran.unlink()
    project.write("app/__init__.py", f"X = 33\nopen({str(ran)!r}, 'w').close()\n")
    eventually(ran.exists, "a save is executed ahead")


def test_secrets_do_not_show_in_process_titles(warm: Project) -> None:
    """Any user may list processes."""
    assert SECRET not in "".join(warm.processes().values())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("mode", "answer"), [(0o700, "refused"), (0o777, "closed")])
def test_other_users_are_turned_away(warm: Project, mode: int, answer: str) -> None:
    """By the folder's mode; and by the peer's user id, should the mode ever be wrong."""
    for folder in (warm.home, warm.folder):
        folder.chmod(mode)
    (path,) = warm.sockets()
    path.chmod(mode)
    command = ["/proc/self/exe", "-ISc", INTRUDER, str(path)]
    ended = subprocess.run(command, executable=sys.executable, capture_output=True, text=True, check=False)
    for folder in (warm.home, warm.folder):  # one that others may write to is not used
        folder.chmod(0o700)
    if "Traceback" in ended.stderr:
        pytest.skip("another user cannot run this interpreter")
    assert ended.stdout.strip() == answer
    assert warm.pytest("-q").was_warm


def test_peer_user_is_told_by_the_kernel(tmp_path: Path) -> None:
    """What the peer says about itself does not count."""
    listener = sockets.Listener(str(tmp_path / "s.sock"))
    channel = sockets.connect_to_daemon(str(tmp_path / "s.sock"))
    assert channel is not None
    accepted: sockets.Channel[FromClient, ToClient] | None = listener.accept(FROM_CLIENT, send_timeout_s=1)
    assert accepted is not None
    for one in (channel, accepted, listener):
        one.close()


def test_nothing_listens_on_the_network(warm: Project) -> None:
    """There is a socket file, and no port."""
    for pid in warm.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # a retired layer may leave meanwhile
            assert psutil.Process(pid).net_connections("inet") == []


@pytest.mark.measured
def test_descriptors_of_clients_do_not_stay(warm: Project) -> None:
    """Daemon and zygotes hold nothing of a client that has gone."""
    warm.settle()
    warm.standby()  # its zygote holds a descriptor for it, now as afterwards
    pids = list(warm.processes())
    counts = {pid: descriptor_count(pid) for pid in pids}
    for _ in range(3):
        assert warm.pytest("-q").was_warm
    # Fewer is fine: what a retired layer held may still have been counted before.
    eventually(lambda: all(descriptor_count(pid) <= counts[pid] for pid in pids), "no more descriptors than before")


def descriptor_count(pid: int) -> int:
    """Return how many descriptors a process has open: none if it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


TOLD_BY_OWN_FORKS = (
    "affected/isolation.py",
    "affected/fork_server.py",
    "parallel/fixture_replies.py",
    "parallel/messages.py",
    "parallel/worker_zygote.py",
)
FROM_OWN_KEEPERS = ("fixtures/keeper_process.py", "fixtures/persistent.py", "fixtures/transfer.py")
"""Runs get the values of fixtures that outlive them: through a socket in the private folder, from the same user."""

FROM_OWN_CHILDREN = ("affected/child_recorder.py", "affected/child_reports.py")
"""What Python processes did that tests have started: plain values, from a folder that only this user can open."""

NEVER_READ = ("fixtures/wanted_fixture.py",)
"""What is pickled there is only compared, by its digest."""


def test_nothing_is_unpickled_and_nothing_evaluated() -> None:
    """No module of the package imports what runs code from bytes that another program could have sent.

    What a run is told by its own forks comes through a pipe or pair of sockets that only they have.
    """
    forbidden = {"pickle", "marshal", "shelve", "cPickle", "dill"}
    package = Path(pytest_zygote.__file__).parent
    trusted = (*TOLD_BY_OWN_FORKS, *FROM_OWN_KEEPERS, *FROM_OWN_CHILDREN, *NEVER_READ)
    trusting = {package / name for name in trusted}
    assert all(file.exists() for file in trusting)
    for file in {*package.rglob("*.py")} - trusting:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert forbidden.isdisjoint(name.partition(".")[0] for name in names), file

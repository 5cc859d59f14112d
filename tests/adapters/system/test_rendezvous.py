"""Where client and daemon meet, and who may be there."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import rendezvous
from pytest_zygote.adapters.system.rendezvous import (
    MAX_SOCKET_PATH,
    Rendezvous,
    acquire_lock,
    candidates,
    check_private,
    is_safe_base,
)
from pytest_zygote.core.protocol.errors import Unavailable
from tests.support.daemon import UNIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep away from the user's own daemons; in a short path, which pytest's folders under xdist are not."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="z") as short:
        folder = Path(short, "r")
        folder.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder


def test_the_same_project_has_the_same_place(tmp_path: Path) -> None:
    """However its path is written."""
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    place = Rendezvous(str(tmp_path / "project"))
    assert Rendezvous(str(tmp_path / "link" / "..") + "/project").socket == place.socket
    assert Rendezvous(str(tmp_path / "link")).socket == place.socket


def test_other_projects_names_and_interpreters_have_other_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon serves one of each."""
    places = {Rendezvous(str(tmp_path)).socket, Rendezvous(str(tmp_path), "b").socket, Rendezvous("/").socket}
    monkeypatch.setattr(sys, "executable", "/another/python")
    places.add(Rendezvous(str(tmp_path)).socket)
    assert len(places) == 4


def test_without_a_runtime_folder_there_is_one_for_each_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp, checked before use."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert Rendezvous("/").folder == f"/tmp/pytest-zygote-{os.getuid()}"  # noqa: S108 - see check_private


@pytest.mark.parametrize("base", ["relative", "RUNTIME/missing", "RUNTIME/file", "RUNTIME/shared"])
def test_runtime_folder_that_is_no_place_for_a_socket_is_not_used(
    base: str, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is relative, or not there, or others may exchange what is in it: the folder in /tmp is used, nothing made."""
    monkeypatch.chdir(runtime)
    (runtime / "relative").mkdir(mode=0o700)
    (runtime / "file").touch()
    (runtime / "shared").mkdir()
    (runtime / "shared").chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", base.replace("RUNTIME", str(runtime)))
    assert Rendezvous("/").folder == f"/tmp/pytest-zygote-{os.getuid()}"  # noqa: S108 - see check_private
    assert not (runtime / "missing").exists()


def test_runtime_folder_below_one_that_others_may_write_to_is_not_safe(runtime: Path) -> None:
    """They could rename it, and put their own in its place; in a sticky folder such as /tmp they cannot."""
    inner = runtime / "shared" / "inner"
    inner.mkdir(parents=True, mode=0o700)
    inner.parent.chmod(0o777)
    assert not is_safe_base(str(inner))
    inner.parent.chmod(0o1777)
    assert is_safe_base(str(inner))


def test_runtime_folder_of_another_user_is_not_safe(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``sudo -E``: nothing of root's is left in the user's folder."""
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert not is_safe_base(str(runtime))


def test_the_folder_is_made_private(runtime: Path) -> None:
    """Nobody else may enter; the umask does not matter."""
    umask = os.umask(0)
    try:
        Rendezvous("/").ensure_folder()
    finally:
        os.umask(umask)
    assert (runtime / "pytest-zygote").stat().st_mode & 0o777 == 0o700
    Rendezvous("/").ensure_folder()


def test_a_folder_open_to_others_is_refused(runtime: Path) -> None:
    """With what to do about it."""
    (runtime / "pytest-zygote").mkdir()
    (runtime / "pytest-zygote").chmod(0o750)
    with pytest.raises(Unavailable, match=r"open to others \(mode 0750; run: chmod 700\)"):
        Rendezvous("/").ensure_folder()


def test_a_link_and_a_file_are_refused(tmp_path: Path) -> None:
    """Somebody may have put them there."""
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("private")
    (tmp_path / "file").touch()
    check_private(str(tmp_path / "private"))
    for name in ("link", "file"):
        with pytest.raises(Unavailable, match="is not a directory"):
            check_private(str(tmp_path / name))


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns it can run code as this user."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(Unavailable, match="belongs to user"):
        check_private(str(tmp_path))


def test_a_folder_that_cannot_be_made_is_unavailable(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text says which and why."""
    (runtime / "file").touch()
    monkeypatch.setattr(rendezvous, "runtime_folder", lambda: str(runtime / "file" / "pytest-zygote"))
    with pytest.raises(Unavailable, match=f"{runtime}.* cannot be used: "):
        Rendezvous("/").ensure_folder()


def test_a_path_that_is_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would cut it or fail with less to say."""
    (tmp_path / ("x" * MAX_SOCKET_PATH)).mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * MAX_SOCKET_PATH)))
    with pytest.raises(Unavailable, match="set XDG_RUNTIME_DIR to a shorter folder"):
        Rendezvous("/").ensure_folder()


def test_candidates_are_the_nearest_daemons_upwards(tmp_path: Path) -> None:
    """`pz` in a subfolder finds the daemon of the project, and of the one around it."""
    inner = tmp_path / "outer" / "inner" / "deep"
    inner.mkdir(parents=True)
    assert candidates(str(inner), "") == []
    for root in (tmp_path / "outer", tmp_path / "outer" / "inner"):
        place = Rendezvous(str(root))
        place.ensure_folder()
        Path(place.socket).touch()
    found = [place.root for place in candidates(str(inner), "")]
    assert found == [str(tmp_path / "outer" / "inner"), str(tmp_path / "outer")]
    assert candidates(str(inner), "another name") == []


@pytest.mark.integration
def test_a_lock_is_for_one_process_until_it_ends(tmp_path: Path) -> None:
    """A second one is told, or waits; a dead one holds nothing."""
    path = str(tmp_path / "lock")
    module = "pytest_zygote.adapters.system.rendezvous"
    code = f"from {module} import acquire_lock; print(acquire_lock({path!r}, wait=False) >= 0)"
    lock = acquire_lock(path, wait=False)
    assert lock >= 0
    assert not os.get_inheritable(lock)
    assert acquire_lock(path, wait=False) == -1
    assert _output(code) == "False\n"
    os.close(lock)
    assert _output(code) == "True\n"
    waited = acquire_lock(path, wait=True)
    assert waited >= 0
    os.close(waited)


def test_lock_on_a_file_that_was_removed_is_not_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits while the file is removed would otherwise share the lock with those who come later."""
    path = tmp_path / "lock"
    real, calls = fcntl.flock, 0

    def flock(descriptor: int, operation: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            path.unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = acquire_lock(str(path), wait=False)
    assert (calls, os.fstat(lock).st_ino) == (2, path.stat().st_ino)
    os.close(lock)


def _output(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * UNIT_S, check=True).stdout


def test_the_digest_is_that_of_hashlib() -> None:
    """The shortcut past OpenSSL gives no other names."""
    import hashlib  # noqa: PLC0415 - this is what the client does not want to import

    expected = hashlib.blake2b(b"text", digest_size=10).hexdigest()
    assert rendezvous._digest("text") == expected  # noqa: SLF001 - seen from outside it is any name

"""The files of a tree: listed and packed where they are, unpacked on a host."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_zygote.core.hosts.tree import SKIPPED, TreeFile, is_carried

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_zygote.core.hosts.tree import TreeChange


def root_of(folder: Path) -> Path:
    """Return the folder that is carried to hosts: all that git has here, or the folder itself."""
    command = ["git", "-C", str(folder), "rev-parse", "--show-toplevel"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        result = subprocess.run(command, capture_output=True, check=True)
        return Path(os.fsdecode(result.stdout.rstrip(b"\n")))
    return folder


def files_of(root: Path) -> dict[str, TreeFile]:
    """Return all files of a tree that belong to it: those that git knows or does not ignore; without git, all."""
    found = {}
    for path in _of_git(root) or _walked(root):
        if is_carried(path):
            with contextlib.suppress(OSError):  # removed meanwhile, or git knows it and it is gone
                found[path] = _file(root / path)
    return found


def all_files(root: Path) -> dict[str, TreeFile]:
    """Return all files in a folder, but for what belongs to no tree."""
    return {path: _file(root / path) for path in _walked(root)}


def _of_git(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        result = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return []
    return [os.fsdecode(name) for name in result.stdout.split(b"\0") if name] if result.returncode == 0 else []


def _walked(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        is_environment = [name for name in names if Path(folder, name, "pyvenv.cfg").exists()]
        names[:] = [name for name in names if name not in SKIPPED and name not in is_environment]
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in (*files, *links):
            path = Path(folder, name)
            if path.is_symlink() or path.is_file():  # no socket, no pipe
                yield str(path.relative_to(root))


def _file(path: Path) -> TreeFile:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return TreeFile(str(path.readlink()), 0)
    with path.open("rb") as file:
        return TreeFile(hashlib.file_digest(file, "blake2b").hexdigest()[:32], stat.S_IMODE(status.st_mode) & 0o755)


def packed(root: Path, paths: Iterable[str]) -> bytes:
    """Return files as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in paths:
            archive.add(root / path, path, recursive=False)
    return buffer.getvalue()


def apply(root: Path, change: TreeChange, archive: bytes) -> None:
    """Make a tree what it is elsewhere. Files that are equal are not touched: what has imported them stays valid."""
    for path in change.superfluous:
        _remove(root / path)
    for path in change.lacking:
        _remove(root / path)
        _remove_files_above(root, path)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed_files:
        packed_files.extractall(root, filter="tar")
    for path in change.superfluous:
        with contextlib.suppress(OSError):  # it is not empty
            os.removedirs(Path(root / path).parent)
    root.mkdir(exist_ok=True)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _remove_files_above(root: Path, path: str) -> None:
    """Remove what was a file or a link, and is a folder now."""
    for parent in Path(path).parents:
        own = root / parent
        if own != root and (own.is_symlink() or own.is_file()):
            own.unlink()

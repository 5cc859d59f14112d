"""Where a client finds the daemon of its project: a private folder with a socket in it.

The folder is ``$XDG_RUNTIME_DIR/pytest-zygote``. If that variable is unset, relative, names nothing, or a
folder in which another user could exchange ours, it is ``/tmp/pytest-zygote-<uid>``. Whoever can
write to the folder can run code as this user, so it must be ours alone: a real directory (no link),
our uid, mode 0700, or we refuse it. The name of a socket is a hash, because a socket's path
may have 107 bytes at the most (103 on macOS) and a project's path may be longer.

A lock on ``<name>.lock`` is the truth about who is the daemon; the socket and the pid that stand
beside it may be left over from a power cut.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys

from pytest_zygote.adapters.interpreter.private.light import new_blake2b
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.core.reasons import Reason

MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
"""Bytes of ``sun_path`` without its closing zero (unix(7), and ``sys/un.h`` on macOS)."""

_FOR_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def interpreter() -> str:
    """Return what tells this interpreter and its environment from others.

    Not its path: a virtual environment has it under several names (python, python3, python3.12), and
    ``python -m pytest`` often uses another than the script ``pytest``.
    """
    return f"{sys.prefix}\0{os.path.realpath(sys.executable)}"


class Rendezvous:
    """The files of one daemon: of a project folder, an interpreter and a name.

    Attributes:
        folder: the private runtime folder.
        root: the project's folder, resolved.
        socket, lock, log: paths inside the folder.
    """

    def __init__(self, root: str, name: str = "") -> None:
        """Compute the paths; nothing is created."""
        self.root = os.path.realpath(root)
        self.name = name
        self.folder = runtime_folder()
        stem = os.path.join(self.folder, _digest(f"{self.root}\0{interpreter()}\0{name}"))
        self.socket = f"{stem}.sock"
        self.lock = f"{stem}.lock"
        self.start_lock = f"{stem}.start"
        self.log = f"{stem}.log"

    def ensure_folder(self) -> None:
        """Create the private folder if it is missing, and make sure that it is private.

        Raises:
            Unavailable: it cannot be made, is not ours, or the socket's path would be too long.
        """
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            check_private(self.folder)
        except OSError as error:
            text = f"the runtime folder {self.folder} cannot be used: {error.strerror}"
            raise Unavailable(Reason("runtime-folder", text)) from error
        self.check_length()

    def check_length(self) -> None:
        """Refuse a socket's path that the system has no room for.

        Raises:
            Unavailable: it is too long; the text says what to do.
        """
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH:
            text = (
                f"the socket's path {self.socket} is longer than {MAX_SOCKET_PATH} bytes: "
                "set XDG_RUNTIME_DIR to a shorter folder"
            )
            raise Unavailable(Reason("runtime-folder", text))


def runtime_folder() -> str:
    """Return the folder for sockets, locks and logs of this user."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(base) and is_safe_base(base):
        return os.path.join(base, "pytest-zygote")
    return f"/tmp/pytest-zygote-{os.getuid()}"  # noqa: S108 - checked for ownership and mode before use


def is_safe_base(base: str) -> bool:
    """Return whether a folder is ours, and no other user can put another one in its place.

    That another user may read it does not matter: the folder that is made in it is private.
    """
    here = os.path.realpath(base)
    try:
        status = os.stat(here)
        trusted = {0, os.getuid(), os.stat("/").st_uid}  # in a user namespace the root folder may be nobody's
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & _FOR_OTHERS:
            return False
        while here != "/":
            here = os.path.dirname(here)
            status = os.stat(here)
            is_shared = status.st_mode & _FOR_OTHERS and not status.st_mode & stat.S_ISVTX
            if is_shared or status.st_uid not in trusted:
                return False
    except OSError:
        return False
    return True


def check_private(folder: str) -> None:
    """Refuse a folder that others could have prepared for us.

    Raises:
        Unavailable: it is a link, belongs to somebody else, or others may enter it.
        OSError: it cannot be opened.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (NotADirectoryError, PermissionError) as error:
        _check_private(folder, os.lstat(folder))
        raise Unavailable(Reason("runtime-folder", f"the runtime folder {folder}: {error.strerror}")) from error
    try:
        _check_private(folder, os.fstat(opened))
    finally:
        os.close(opened)


def _check_private(folder: str, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        problem = "is not a directory"
    elif status.st_uid != os.getuid():
        problem = f"belongs to user {status.st_uid}"
    elif status.st_mode & 0o077:
        problem = f"is open to others (mode {stat.S_IMODE(status.st_mode):04o}; run: chmod 700)"
    else:
        return
    raise Unavailable(Reason("runtime-folder", f"the runtime folder {folder} {problem}"))


def candidates(cwd: str, name: str) -> list[Rendezvous]:
    """Return the rendezvous of a folder and its parents whose socket exists, nearest first.

    `pz` does not read ini-files, so it cannot know the rootdir; the run itself checks that
    the rootdir is the layer's.
    """
    found = []
    folder = os.path.realpath(cwd)
    while True:
        rendezvous = Rendezvous(folder, name)
        if os.path.exists(rendezvous.socket):
            found.append(rendezvous)
        parent = os.path.dirname(folder)
        if parent == folder:
            return found
        folder = parent


def acquire_lock(path: str, *, wait: bool) -> int:
    """Lock a file and return its descriptor, or -1 if somebody has it and `wait` is false.

    The lock ends with the last process that holds the descriptor; it is never inherited
    through exec. A file that was removed while this process waited for it locks nobody out: it begins again.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return -1
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)


def unlock(descriptor: int) -> None:
    """End a lock for all who hold it: forks of this process have it too, whatever they were made for."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def _is_at(path: str, descriptor: int) -> bool:
    """Return whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _digest(text: str) -> str:
    return new_blake2b(10, os.fsencode(text)).hexdigest()

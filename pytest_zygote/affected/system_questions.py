"""What a process asks of the system: the audit events that show it, the functions that raise none, the answers.

A run uses this, and so does each Python process that its tests start, before the program begins (`child_recorder`): it
needs nothing but `os`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

STARTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.spawn"})
"""Audit events of what starts another process."""

FOLDERS = frozenset({"os.listdir", "os.scandir"})
MADE = {"os.mkdir": 0, "os.rename": 1}
"""Audit events of what makes files and folders without opening them, each with the number of the argument for it."""

EVENTS = STARTS | FOLDERS | MADE.keys() | {"open", "import", "sqlite3.connect", "ctypes.dlopen"}
"""Audit events that matter, here and in the process of the test."""

IMPORT_SYSTEM = "<frozen importlib"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_KIND, _LINK, _FOLDER = 0o170000, 0o120000, 0o040000
"""The part of a file's mode that says what kind of file it is, and two of these kinds."""

LOOKS = frozenset({"stat", "lstat", "access", "readlink", "is_dir", "is_file", "is_symlink"})
"""Names of functions that look at a path without opening it. They are written in C, and raise no audit event."""

_DESCRIPTORS = "/proc/self/fd"
_LAST_STREAM = 2

_identity = object.__hash__
"""What `id` is for, without an audit event."""


def looking_functions() -> dict[int, str]:
    """Return the identities of the functions that look at a path, with their names."""
    entry = vars(os.DirEntry)
    found = {name: getattr(os, name) for name in ("stat", "lstat", "access", "readlink")}
    entries = {_identity(entry[name]): name for name in ("stat", "is_dir", "is_file", "is_symlink")}
    return {**{_identity(function): name for name, function in found.items()}, **entries}


def presence(path: str) -> bytes:
    """Return what kind of thing is at a path, and where a link leads; b'' if nothing is there."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return b""
    kind = status.st_mode & _KIND
    if kind != _LINK:
        return b"%d" % kind
    return b"%d -> %b" % (kind, os.fsencode(os.readlink(path))) + presence(os.path.realpath(path))


def status(path: str) -> bytes:
    """Return size, mode and times of what is at a path, of a folder the names in it; b'' if nothing is there."""
    try:
        found = os.stat(path)
        link = os.fsencode(os.readlink(path)) if os.path.islink(path) else b""
        if found.st_mode & _KIND == _FOLDER:
            return b"%o %b %b" % (found.st_mode, link, b"/".join(sorted(map(os.fsencode, os.listdir(path)))))
    except (OSError, ValueError):
        return presence(path)
    return b"%o %d %d %b" % (found.st_mode, found.st_size, found.st_mtime_ns, link)


class Paths:
    """Absolute paths. A relative one may start at any folder that is open in this process: no event shows that."""

    def __init__(self) -> None:
        """Know nothing of open folders yet."""
        self._may_be_open = True

    def on_event(self, event: str, args: tuple[object, ...]) -> None:
        """Note an audit event: a folder may be opened, which only `os.open` does."""
        self._may_be_open |= event == "open" and args[1] is None and not is_write(args[1], args[2])

    def of(self, name: object) -> list[str]:
        """Return those that the argument of a function may mean."""
        if isinstance(name, int):
            link = os.readlink(f"{_DESCRIPTORS}/{name}") if name > _LAST_STREAM else ""
            return [link] if os.path.isabs(link) else []  # else it is a pipe
        if not isinstance(name, (str, bytes, os.PathLike)) or not name:
            return []
        path = os.fsdecode(name)
        starts = [] if os.path.isabs(path) else self._open_folders()
        return list(dict.fromkeys(os.path.abspath(os.path.join(start, path)) for start in ("", *starts)))

    def _open_folders(self) -> list[str]:
        """Return those that are open; none at once, if none were the last time and no descriptor was opened since."""
        if not self._may_be_open:
            return []
        try:
            links = [f"{_DESCRIPTORS}/{name}" for name in os.listdir(_DESCRIPTORS)]
        except OSError:  # the system does not tell
            return []
        found = [os.readlink(link) for link in links if os.path.isdir(link)]
        self._may_be_open = bool(found)
        return found


def is_write(mode: object, flags: object) -> bool:
    """Return from the arguments of the event ``open`` whether the file may be written."""
    if isinstance(mode, str):
        return not {"w", "a", "x"}.isdisjoint(mode)
    return isinstance(flags, int) and bool(flags & WRITES)


def is_importing(frame: FrameType | None, path: str) -> bool:
    """Return whether the import system reads a Python file: code has fingerprints of its own."""
    if path.endswith(".py"):
        while frame is not None and is_import_system(frame):
            if frame.f_code.co_name == "get_code":
                return True
            frame = frame.f_back
    return False


def source_of(path: str, frame: FrameType | None) -> str:
    """Return the text that the import system takes a compiled file for, which it does not read then."""
    outer = frame.f_back if frame is not None and is_import_system(frame) and path.endswith(".pyc") else None
    return str(outer.f_locals.get("source_path", path)) if outer is not None and is_import_system(outer) else path


def is_import_system(frame: FrameType | None) -> bool:
    """Return whether a frame runs code of the import system."""
    return frame is not None and frame.f_code.co_filename.startswith(IMPORT_SYSTEM)

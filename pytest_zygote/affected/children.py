"""What the processes read that a test starts: anything, unless they are programs that are known to read little.

See `core.programs`. A program counts as known only in a folder of the system's: a test may put its own ``cat`` first
on the search path, and mostly in order to have something else happen.
"""

from __future__ import annotations

import os
import resource
import sys
from itertools import count
from typing import TYPE_CHECKING

from pytest_zygote.core.programs import SHELLS, files_read, shell_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

STARTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.spawn"})
"""Audit events of what starts another process."""

SYSTEM = ("/bin/", "/usr/bin/")


class Unheard:
    """Processes that start without an audit event, as those of multiprocessing do but for ``fork``."""

    def __init__(self) -> None:
        """Know those that there have been until now."""
        self._seen = _traces()
        self._has_heard = False

    def hear(self) -> None:
        """Take note of an audit event: from now on processes that have ended prove nothing."""
        self._has_heard = True

    def have_started(self) -> bool:
        """Tell whether processes have started, or ended, of which nothing was heard since the last time."""
        before, self._seen = self._seen, _traces()
        return self._seen[0] != before[0] or (self._seen[1] != before[1] and not self._has_heard)


def _traces() -> tuple[str, int]:
    """Return what is another thing when a process was made by multiprocessing, or a child has ended."""
    made = getattr(sys.modules.get("multiprocessing.process"), "_process_counter", count(1))
    return repr(made), resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def files_read_by(event: str, args: tuple[object, ...], frame: FrameType | None) -> tuple[str, ...] | None:
    """Return the files that a process reads which is about to start; None if it may read any.

    Args:
        event: of the audit hook.
        args: of this event.
        frame: from which it was raised.
    """
    if event == "os.system":
        return _files_of("/bin/sh", ("sh", "-c", os.fsdecode(args[0])), None, None)  # type: ignore[arg-type]  # as documented
    if event == "os.posix_spawn":
        path, argv, environ = args
        return _files_of(path, argv, None, environ)
    if event == "subprocess.Popen" and _runs_nothing_before(frame):
        return _files_of(*args)
    return None


def _runs_nothing_before(frame: FrameType | None) -> bool:
    """Tell whether the new process executes the program at once, and no function of the test's."""
    if frame is None or frame.f_code.co_name != "_execute_child":
        return False
    return frame.f_locals.get("preexec_fn", frame) is None


def _files_of(executable: object, args: object, cwd: object, environ: object) -> tuple[str, ...] | None:
    try:
        words = [os.fsdecode(word) for word in (executable, *args)]  # type: ignore[misc]  # what cannot be read is refused
        variables = None if environ is None else {os.fsdecode(k): os.fsdecode(v) for k, v in environ.items()}  # type: ignore[attr-defined]
        folder = os.path.abspath(os.fsdecode(cwd)) if cwd is not None else os.getcwd()  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError):
        return None
    found = _operands(words[0], words[2:], os.environ if variables is None else variables)
    return None if found is None else tuple(os.path.join(folder, operand) for operand in found)


def _operands(executable: str, args: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...] | None:
    if not _is_of_the_system(executable, environ):
        return None
    name = os.path.basename(executable)
    if name in SHELLS:
        words = shell_words(args)
        return None if words is None else _operands(words[0], words[1:], environ)
    return files_read(name, args, environ)


def _is_of_the_system(executable: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a command leads to a program that came with the system."""
    if os.path.dirname(executable):
        return executable.startswith(SYSTEM)
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = (os.path.join(folder, executable) for folder in folders)
    return next((path for path in candidates if os.path.exists(path)), "").startswith(SYSTEM)

"""What the processes that a test starts read: anything, unless they are known to read little, or report what they read.

See `core.affected.programs`. A program counts as known only in a folder of the system: a test that puts its
own ``cat`` first on the search path wants something else to happen.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.adapters.interpreter.private.ending import count_of_processes
from pytest_zygote.core.affected.programs import SHELLS, files_read, script_commands, shell_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

SYSTEM = ("/bin/", "/usr/bin/")
SHELL = "/bin/sh"

LONGEST = 10_000
"""Bytes of a script that are read; no longer one has commands that are so simple."""


class SilentProcesses:
    """Processes that start without an audit event: those of multiprocessing, except with ``fork``."""

    def __init__(self) -> None:
        """Know the processes that exist by now."""
        self._seen = _traces()
        self._has_reports = False

    def receive(self) -> None:
        """Note an audit event: from now on, processes that have ended prove nothing."""
        self._has_reports = True

    def have_traces(self) -> bool:
        """Return whether there is anything new that could come from processes."""
        return self._seen != _traces()

    def have_started(self) -> bool:
        """Return whether processes have started or ended since the last call without an audit event."""
        before, self._seen = self._seen, _traces()
        return self._seen[0] != before[0] or (self._seen[1] != before[1] and not self._has_reports)


def _traces() -> tuple[str, int]:
    """Return a value that differs once multiprocessing has made a process, or a child has ended."""
    return count_of_processes(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


class ProcessInputs(NamedTuple):
    """What a process reads.

    Attributes:
        files: those that its command line names; None if it may read any.
        is_python: whether it is this interpreter, which also reports what it reads (`child_reports`).
    """

    files: tuple[str, ...] | None
    is_python: bool = False


ANYTHING = ProcessInputs(None)


def reading_of(event: str, args: tuple[object, ...], frame: FrameType | None) -> ProcessInputs:
    """Return what a process that is about to start reads.

    Args:
        event: of the audit hook.
        args: of this event.
        frame: from which it was raised.
    """
    if event == "os.system":
        return _reading(SHELL, ("sh", "-c", args[0]), None, None)
    if event == "os.posix_spawn":
        if frame is not None and frame.f_code.co_name == "_posix_spawn" and frame.f_globals["__name__"] == "subprocess":
            return ProcessInputs(())  # the event of Popen came before; this is how it does it from Python 3.13 on
        path, argv, environ = args
        return _reading(path, argv, None, environ)
    if event == "subprocess.Popen" and _runs_nothing_before(frame):
        return _reading(*args)
    return ANYTHING


def _runs_nothing_before(frame: FrameType | None) -> bool:
    """Return whether the new process executes the program at once, and no function of the test's."""
    if frame is None or frame.f_code.co_name != "_execute_child":
        return False
    return frame.f_locals.get("preexec_fn", frame) is None


def _reading(executable: object, args: object, cwd: object, environ: object) -> ProcessInputs:
    try:
        words = [os.fsdecode(word) for word in (executable, *args)]  # type: ignore[misc]  # what is no text is refused
        variables = None if environ is None else {os.fsdecode(k): os.fsdecode(v) for k, v in environ.items()}  # type: ignore[attr-defined]
        folder = os.path.abspath(os.fsdecode(cwd)) if cwd is not None else os.getcwd()  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError):
        return ANYTHING
    found = _of_command(words[0], words[2:], os.environ if variables is None else variables)
    return found._replace(files=tuple(os.path.join(folder, file) for file in found.files)) if found.files else found


def _of_command(executable: str, args: Sequence[str], environ: Mapping[str, str]) -> ProcessInputs:
    path = _find(executable, environ)
    if _is_this_python(path):
        return ProcessInputs((), is_python=True)
    if not path.startswith(SYSTEM):
        return _of_script(path, environ)
    name = os.path.basename(path)
    if name in SHELLS:
        words = shell_words(args)
        return ANYTHING if words is None else _of_command(words[0], words[1:], environ)
    return ProcessInputs(files_read(name, args, environ))


def _of_script(path: str, environ: Mapping[str, str]) -> ProcessInputs:
    """Return what a script reads, its own text included."""
    interpreter, text = _script(path)
    if _is_this_python(interpreter):
        return ProcessInputs((path,), is_python=True)
    commands = script_commands(text) if interpreter == SHELL and text is not None else None
    if commands is None:
        return ANYTHING
    files = [path]
    for words in commands:
        reading = _of_command(words[0], words[1:], environ)
        if reading.files is None or reading.is_python:
            return ANYTHING
        files += reading.files
    return ProcessInputs(tuple(files))


def _find(executable: str, environ: Mapping[str, str]) -> str:
    """Return the file that a command leads to; '' if that depends on where it is run."""
    if os.path.dirname(executable):
        return executable if os.path.isabs(executable) else ""
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = (os.path.join(folder, executable) for folder in folders)
    found = next((path for path in candidates if os.path.exists(path)), "")
    return found if os.path.isabs(found) else ""


def _is_this_python(path: str) -> bool:
    return bool(path) and os.path.realpath(path) == os.path.realpath(sys.executable)


def _script(path: str) -> tuple[str, str | None]:
    """Return what the first line of a script names as its interpreter ('' for none), and its text if it is short."""
    try:
        with open(path, "rb") as file:
            text = os.fsdecode(file.read(LONGEST)) if file.read(2) == b"#!" else ""
    except OSError:
        return "", None
    first, _, rest = text.partition("\n")
    return first.strip(), rest if len(text) < LONGEST else None

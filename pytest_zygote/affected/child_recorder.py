"""Writes down what a Python process started by a test does, for the run that the test belongs to.

A ``.pth`` file makes each Python that starts call `begin`, if its environment names a folder for reports. All
reasoning is left to `child_reports` in the run: this module does as little as possible, and nothing that the program
could notice. So it and `system_questions` import only what the interpreter has imported by then, and it removes both
from `sys.modules`.

A process that ends without shutting its interpreter down (a signal, `os._exit`, `exec`) writes no report. Neither does
any process before Python 3.12, where the interpreter does not report which code runs. Both may have read anything.
"""

from __future__ import annotations

import _thread
import marshal
import os
import sys
from sys import _getframe as _frame_above  # documented; no adapter may be imported here

from pytest_zygote.affected.system_questions import (
    EVENTS,
    FOLDERS,
    IMPORT_SYSTEM,
    LOOKS,
    MADE,
    STARTS,
    Paths,
    is_import_system,
    is_importing,
    is_write,
    looking_functions,
    presence,
    source_of,
    status,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

FOLDER = "PYTEST_ZYGOTE_REPORTS"
"""Environment key: where to write a report."""

BEGUN, REPORT = ".begun", ".report"
"""End the names of an empty file, which says that this process will write a report, and of that report."""

READ_AT_START = ("PYTHONPATH", "PYTHONIOENCODING")
"""Environment keys that decide what a process does before `begin`, and do not hold for all tests (`run_key`)."""

TOOLS = (4, 3, 5, 2)
_OURS = ("pytest_zygote.affected.child_recorder", "pytest_zygote.affected.system_questions")
_STANDARD = os.path.dirname(os.__file__) + os.sep
_identity = object.__hash__
"""What `id` is for, without an audit event."""


class ChildRecorder:
    """This process."""

    def __init__(self, folder: str) -> None:
        """Note nothing yet."""
        self._pid = os.getpid()
        self._name = os.path.join(folder, f"{os.getppid()}-{self._pid}")
        self._tool = -1
        self._started: list[CodeType] = []
        self._modules: list[tuple[CodeType, bool]] = []
        self._read: set[str] = set()
        self._written: set[str] = set()
        self._listed: dict[str, list[str]] = {}
        self._asked: dict[tuple[str, str, str], tuple[bytes, bytes]] = {}
        self._keys = {key: os.environ.get(key) for key in READ_AT_START}
        self._folder = os.getcwd()
        self._own_keys: set[str] = set()
        self._may_be_anything = False
        self._paths = Paths()
        self._busy_thread = 0

    def begin(self) -> None:
        """Note from now on what happens."""
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # 3.12 on; before, this is no report
        self._tool = next(tool for tool in TOOLS if monitoring.get_tool(tool) is None)
        os.close(os.open(f"{self._name}{BEGUN}", os.O_WRONLY | os.O_CREAT))
        monitoring.use_tool_id(self._tool, "pytest_zygote child")
        monitoring.register_callback(self._tool, monitoring.events.PY_START, self._on_start(monitoring.DISABLE))
        monitoring.register_callback(self._tool, monitoring.events.CALL, self._on_call())
        monitoring.set_events(self._tool, monitoring.events.PY_START)
        sys.addaudithook(self._on_event)
        _at_exit(self.end)

    # Code

    def _on_start(self, disable: object) -> Callable[[CodeType, int], object]:
        watched = self._watched()
        started, tool = self._started, self._tool
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]

        def on_start(code: CodeType, _offset: int) -> object:
            see = watched.get(_identity(code))
            if see is None:
                started.append(code)
                see = self._on_module if code.co_name == "<module>" else None
                if not LOOKS.isdisjoint(code.co_names) and not code.co_filename.startswith(IMPORT_SYSTEM):
                    monitoring.set_local_events(tool, code, monitoring.events.CALL)
            if see is not None:
                try:
                    see(_frame_above(1))
                except Exception:  # noqa: BLE001 - it must not reach the program
                    self._may_be_anything = True
            return None if _identity(code) in watched else disable

        return on_start

    def _on_call(self) -> Callable[[CodeType, int, object, object], object]:
        looking = looking_functions()

        def on_call(_code: CodeType, _offset: int, function: object, path: object) -> object:
            name = looking.get(_identity(function))
            if name is not None:
                try:
                    self._on_look(name, path, _frame_above(1))
                except Exception:  # noqa: BLE001 - it must not reach the program
                    self._may_be_anything = True
            return None

        return on_call

    def _watched(self) -> dict[int, Callable[[FrameType], None]]:
        """Return what to do whenever certain functions of the standard library start."""
        environ = type(os.environ)
        return {
            _identity(environ.__getitem__.__code__): self._on_key,
            _identity(environ.__iter__.__code__): self._on_environ,
            _identity(environ.__setitem__.__code__): self._on_set,
        }

    def _on_module(self, frame: FrameType) -> None:
        if not _is_installed(frame.f_code.co_filename):
            loader = getattr(frame.f_globals.get("__spec__"), "loader", None)
            self._modules.append((frame.f_code, type(loader).__module__.startswith("_pytest")))

    # What is read

    def _on_key(self, frame: FrameType) -> None:
        key = _key_of(frame)
        if key not in self._own_keys:
            self._keys.setdefault(key, os.environ.get(key))

    def _on_environ(self, _frame: FrameType) -> None:
        self._keys["*"] = None

    def _on_set(self, frame: FrameType) -> None:
        self._own_keys.add(_key_of(frame))

    def _on_look(self, name: str, value: object, frame: FrameType | None) -> None:
        """Note a path, and who of the standard library looks at it: `exists` wants to know less than `getsize`."""
        while frame is not None and frame.f_code.co_name in ("stat", "lstat"):
            frame = frame.f_back
        is_standard = frame is not None and frame.f_code.co_filename.startswith(("<frozen ", _STANDARD))
        asker = frame.f_code.co_name if frame is not None and is_standard else ""
        if self._busy_thread == _thread.get_ident():
            return
        self._busy_thread = _thread.get_ident()
        try:
            for path in self._paths.of(value):
                if (path, name, asker) not in self._asked:
                    self._asked[path, name, asker] = (presence(path), status(path))
        finally:
            self._busy_thread = 0

    def _on_event(self, event: str, args: tuple[object, ...]) -> None:
        if event not in EVENTS or self._busy_thread == _thread.get_ident():
            return
        self._busy_thread = _thread.get_ident()
        try:
            self._paths.on_event(event, args)
            self._see(event, args, _frame_above(0).f_back)  # none, where the interpreter opens the program
        except Exception:  # noqa: BLE001 - it must not reach the program
            self._may_be_anything = True
        finally:
            self._busy_thread = 0

    def _see(self, event: str, args: tuple[object, ...], frame: FrameType | None) -> None:
        if event in STARTS:
            self._may_be_anything = True
        elif event not in FOLDERS:
            self._on_file(event, args, frame)
        elif not is_import_system(frame):
            self._on_folder(args[0])

    def _on_file(self, event: str, args: tuple[object, ...], frame: FrameType | None) -> None:
        paths = [source_of(path, frame) for path in self._paths.of(self._file_of(event, args))]
        if event in MADE or (event == "open" and is_write(args[1], args[2])):
            self._written.update(paths[:1] if len(paths) == 1 else ())  # else any may be as it was
        else:
            self._read.update(path for path in paths if event == "import" or not is_importing(frame, path))

    def _file_of(self, event: str, args: tuple[object, ...]) -> object:
        name = args[1 if event == "import" else MADE.get(event, 0)]
        is_database = event == "sqlite3.connect" and isinstance(name, (str, bytes, os.PathLike))
        return self._database(os.fsdecode(name)) if is_database else name  # type: ignore[arg-type]  # just asked

    def _database(self, name: str) -> str:
        """Return the file of a database, whose name may be a URI."""
        if not name.startswith("file:"):
            return name
        self._may_be_anything |= "%" in name or "//" in name  # rather than to parse it here
        return name[len("file:") :].partition("?")[0]

    def _on_folder(self, name: object) -> None:
        for path in self._paths.of("." if name is None else name):
            if path not in self._listed:
                try:
                    self._listed[path] = os.listdir(path)
                except OSError:
                    self._listed[path] = []

    # The end

    def end(self) -> None:
        """Write the report, if that can be done."""
        try:
            if os.getpid() == self._pid:  # else a fork, for which this process has told that it may be anything
                self._report()
        except Exception:  # noqa: BLE001 - it would be shown as the program's
            self._may_be_anything = True

    def _report(self) -> None:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        monitoring.set_events(self._tool, 0)
        monitoring.free_tool_id(self._tool)
        modules, rest = self._code()
        report = {
            "is_anything": self._may_be_anything or _has_processes(),
            "modules": modules,
            "rest": rest,
            "read": list(self._read - self._written),
            "listed": self._listed,
            "asked": self._asked,
            "keys": self._keys,
            "path": [self._folder, *(os.path.abspath(entry) for entry in sys.path if entry)],
        }
        with open(f"{self._name}.writing", "wb") as file:
            file.write(marshal.dumps(report))
        os.rename(f"{self._name}.writing", f"{self._name}{REPORT}")

    def _code(self) -> tuple[list[tuple[object, ...]], list[str]]:
        """Return the modules, each with its code and the places in it of what ran; and the files of other code."""
        ran = {_identity(code): code for code in self._started}
        modules: list[tuple[object, ...]] = []
        for code, is_rewritten in self._modules:
            places = [place for place, inner in enumerate(_all(code)) if ran.pop(_identity(inner), None) is not None]
            modules.append((self._absolute(code.co_filename), is_rewritten, marshal.dumps(code), places))
        rest = {self._absolute(code.co_filename) for code in ran.values() if not _is_installed(code.co_filename)}
        return modules, list(rest)

    def _absolute(self, filename: str) -> str:
        """Return the absolute path of code. A relative one starts at the folder that the process began in."""
        return os.path.normpath(os.path.join(self._folder, filename))


def _all(code: CodeType) -> list[CodeType]:
    """Return a code and all in it, in the order that `core.patching.code_compare.walk` has."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            found += _all(constant)
    return found


def _is_installed(filename: str) -> bool:
    return filename.startswith(("<", _STANDARD)) or "/site-packages/" in filename


def _key_of(frame: FrameType) -> str:
    return os.fsdecode(frame.f_locals["key"])


def _has_processes() -> bool:
    """Return whether multiprocessing has made any, which raises no audit event."""
    return str(getattr(sys.modules.get("multiprocessing.process"), "_process_counter", "count(1)")) != "count(1)"


def _at_exit(end: Callable[[], None]) -> None:
    is_new = "atexit" not in sys.modules
    import atexit

    atexit.register(end)
    if is_new:
        del sys.modules["atexit"]


def begin() -> None:
    """Note what this process does, if that can be done unseen; never fail."""
    try:
        ChildRecorder(os.environ[FOLDER]).begin()
    except Exception:  # noqa: BLE001 - without a report the test depends on all files
        sys.exc_info()  # a statement: contextlib need not be loaded
    for name in (*_OURS, "pytest_zygote.affected", "pytest_zygote", "__future__"):
        sys.modules.pop(name, None)

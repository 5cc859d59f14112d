"""Which modules of the project are executed, where the interpreter reports no function calls: Python 3.11.

The same interface as `executions.Executions`, without its precision. The audit event ``exec`` announces the code of
each module before it runs, so fingerprints and edges are those of the code that ran; which functions a test calls
remains unknown, and each loaded file counts as a whole.

The functions of the standard library that show what is read get code that calls us first and then the original. It
adds one frame of the same file to tracebacks that pass through them (``os.environ["MISSING"]``).
"""

from __future__ import annotations

import genericpath
import importlib
import os
import pathlib
import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.affected.executions import MODULE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from types import FrameType


_LOOKERS = (
    *(genericpath.exists, genericpath.isfile, genericpath.isdir, genericpath.getsize, genericpath.getmtime),
    *(os.path.lexists, os.path.islink),
)


class FileExecutions:
    """Reports the modules that start, and no other code.

    Attributes:
        knows_functions: whether it is known which functions run.
        knows_reads: whether the watched functions report their calls.
    """

    def __init__(
        self,
        is_own: Callable[[str], bool],
        on_module: Callable[[CodeType, Mapping[str, object], FrameType | None], None],
    ) -> None:
        """Watch nothing yet; the arguments are those of `Executions`."""
        self._is_own = is_own
        self._on_module = on_module
        self._originals: list[tuple[FunctionType, CodeType]] = []
        self.knows_functions = False
        self.knows_reads = False

    def start(
        self,
        watched: Mapping[FunctionType, Callable[[FrameType], None]],
        on_look: Callable[[str, object, FrameType], None] = lambda *_: None,
    ) -> None:
        """Watch from now on; the arguments are those of `Executions.start`.

        Functions that are written in C cannot be watched, only those of the standard library that call them.
        """

        def see(frame: FrameType) -> None:
            on_look("stat", frame.f_locals.get(frame.f_code.co_varnames[0]), frame)

        lookers = (*_LOOKERS, pathlib.Path.stat, pathlib.Path.lstat)
        looks = {function: see for function in lookers if isinstance(function, FunctionType)}
        for function, on_call in {**watched, **looks}.items():
            if function is importlib.import_module or function.__closure__:
                # A frame more would stand in the traceback of a failed import; all loaded files count anyway. Functions
                # with a closure cannot have other code; what those change is looked at after each test.
                continue
            self._originals.append((function, function.__code__))
            _call_first(function, on_call)
        self.knows_reads = True
        sys.addaudithook(self._hook)

    def stop(self) -> None:
        """Restore the watched functions. An audit hook cannot be removed; it ignores its events from here on."""
        self.knows_reads = False
        for function, code in self._originals:
            function.__code__ = code
        self._originals.clear()

    def drain(self) -> list[CodeType]:
        """Return nothing: modules are reported at once, functions not at all."""
        return []

    def restart(self, known: AbstractSet[str] = frozenset()) -> None:
        """Do nothing: no report was switched off."""

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if event != "exec" or not self.knows_reads:
            return
        try:
            code = args[0]
            if isinstance(code, CodeType) and code.co_name == MODULE and self._is_own(code.co_filename):
                frame = frame_above(1)
                self._on_module(code, _namespace(frame), frame)
        except Exception:  # noqa: BLE001, S110 - whatever it is, it must not stop the import
            pass


def _namespace(frame: FrameType) -> Mapping[str, object]:
    """Return the globals of the module that a loader is about to execute; {} for an unknown loader."""
    module, args = frame.f_locals.get("module"), frame.f_locals.get("args")
    if isinstance(module, ModuleType):  # pytest's rewriting loader
        return vars(module)
    if (
        isinstance(args, tuple) and args and isinstance(args[-1], dict)
    ):  # importlib's `_call_with_frames_removed(exec, *args)`
        return args[-1]
    return {}


def _call_first(function: FunctionType, on_call: Callable[[FrameType], None]) -> None:
    """Make a function call another one first, with its own frame."""
    original = FunctionType(function.__code__, function.__globals__, function.__name__)

    def report() -> None:
        try:  # noqa: SIM105 - a context manager is slow
            on_call(frame_above(1))
        except Exception:  # noqa: BLE001, S110 - whatever it is, it must not reach the test
            pass

    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    names = {"report": f"_zygote_report_{function.__qualname__}", "call": f"_zygote_call_{function.__qualname__}"}
    names = {name: text.replace(".", "_") for name, text in names.items()}
    function.__globals__.update({names["report"]: report, names["call"]: original})
    parameters = ", ".join((*positional, *(("*", *named) if named else ())))
    arguments = ", ".join((*positional, *(f"{name}={name}" for name in named)))
    text = f"def {function.__name__}({parameters}):\n    {names['report']}()\n    return {names['call']}({arguments})"
    compiled = compile(text, code.co_filename, "exec", dont_inherit=True)
    function.__code__ = next(inner for inner in compiled.co_consts if isinstance(inner, CodeType))

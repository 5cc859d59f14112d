"""Reports which code of the project ran since the last call, by `sys.monitoring` (Python 3.12 on).

The interpreter calls a tool when code starts; the answer DISABLE makes that code free of charge. Two tools
share the work. The first gets one event for each code, no matter whose: code that is loaded during a test,
patched or made by `exec` cannot be missed. If the code is the project's, the second tool watches it, and
`restart` re-arms the codes that the caller wants to see again. So most of what runs in a short test costs
nothing: pytest, the standard library, and files that the caller already knows the test depends on. Only the
start of a generator is reported, not that it continues in a later test.

A few functions of the standard library are never disabled: they show what is read.

Of functions that look at a path without opening it, which are written in C, the calls are reported: those by code that
uses one of their names.

Nothing here calls `id`: it raises an audit event, and the run has an audit hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.code_events import DISABLE, CodeStarts
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.affected.system_questions import IMPORT_SYSTEM, LOOKS, looking_functions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from types import CodeType, FrameType, FunctionType

MODULE = "<module>"

identity = object.__hash__
"""What `id` is for, without an audit event. Codes of two files may be equal, and their own hash is slow."""


class Executions:
    """Collects the code objects that start."""

    def __init__(
        self,
        is_own: Callable[[str], bool],
        on_module: Callable[[CodeType, Mapping[str, object], FrameType | None], None],
        on_text: Callable[[CodeType, Mapping[str, object], FrameType | None], None] = lambda *_: None,
    ) -> None:
        """Watch nothing yet.

        Args:
            is_own: returns whether a file is the project's.
            on_module: called when the code of a module starts, with its globals and the frame that executes it.
            on_text: called in the same way with code that stands in no Python file: a doctest's, a template's.
        """
        self._is_own = is_own
        self._on_module = on_module
        self._on_text = on_text
        self._everything = CodeStarts("pytest_zygote first starts")
        self._own = CodeStarts("pytest_zygote own code")
        self._started: list[CodeType] = []
        self._disabled: dict[str, list[CodeType]] = {}
        self._watched: dict[int, tuple[CodeType, Callable[[FrameType], None]]] = {}

    @property
    def knows_functions(self) -> bool:
        """Whether the interpreter reports which code starts."""
        return self._everything.is_claimed

    @property
    def knows_reads(self) -> bool:
        """Whether the watched functions report their calls."""
        return self._everything.is_claimed

    def start(
        self,
        watched: Mapping[FunctionType, Callable[[FrameType], None]],
        on_look: Callable[[str, object, FrameType], None] = lambda *_: None,
    ) -> None:
        """Watch from now on.

        Args:
            watched: for each of these functions, another that is called with its frame whenever it starts.
            on_look: called with the name of a function that looks at a path, the path, and the frame that calls it.
        """
        codes = ((function.__code__, see) for function, see in watched.items())
        self._watched = {identity(code): (code, see) for code, see in codes}
        if self._own.claim(self._on_start_of_own(), everywhere=False) and not self._everything.claim(
            self._on_first_start(_on_call(on_look))
        ):
            self._own.release()

    def stop(self) -> None:
        """Watch no more."""
        self._everything.release()
        self._own.release()

    def drain(self) -> list[CodeType]:
        """Return what started since the last call."""
        if not self._started:
            return []
        started = self._started[:]
        self._started.clear()
        for code in started:
            self._disabled.setdefault(code.co_filename, []).append(code)
        return started

    def restart(self, known: AbstractSet[str] = frozenset()) -> None:
        """Report codes again that were drained. Without this, each code is reported once.

        Args:
            known: names of files whose code need not be reported.
        """
        for name in self._disabled.keys() - known:
            self._own.rearm(self._disabled.pop(name))

    def _on_first_start(
        self, on_call: Callable[[CodeType, int, object, object], object]
    ) -> Callable[[CodeType, int], object]:
        remember = self._started.append
        watched, is_own, on_module, own = self._watched, self._is_own, self._on_module, self._own
        looks, look_at_calls, on_text = LOOKS, self._everything.look_at_calls, self._on_text

        def on_start(code: CodeType, _offset: int) -> object:
            see = watched.get(identity(code))
            if see is not None:
                try:  # noqa: SIM105 - a context manager is code that starts, too
                    see[1](frame_above(1))
                except Exception:  # noqa: BLE001, S110 - whatever it is, it must not reach the test
                    pass
                return None
            if not looks.isdisjoint(code.co_names) and not code.co_filename.startswith(IMPORT_SYSTEM):
                look_at_calls(code, on_call)
            if is_own(code.co_filename):
                remember(code)
                own.look_at(code)
            if code.co_name == MODULE:
                frame = frame_above(1)
                on_code = on_module if code.co_filename.endswith(".py") else on_text
                on_code(code, frame.f_globals, frame.f_back)
            return DISABLE

        return on_start

    def _on_start_of_own(self) -> Callable[[CodeType, int], object]:
        """Return a function that does as little as possible: it is called again and again."""
        remember = self._started.append
        disable = DISABLE

        def on_start(code: CodeType, _offset: int) -> object:
            remember(code)
            return disable

        return on_start


def _on_call(on_look: Callable[[str, object, FrameType], None]) -> Callable[[CodeType, int, object, object], object]:
    looking = looking_functions()

    def on_call(_code: CodeType, _offset: int, function: object, path: object) -> object:
        name = looking.get(identity(function))
        if name is not None:
            try:  # noqa: SIM105 - a context manager is code that starts, too
                on_look(name, path, frame_above(1))
            except Exception:  # noqa: BLE001, S110 - whatever it is, it must not reach the test
                pass
        return None

    return on_call

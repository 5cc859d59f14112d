"""Where an exception of a worker came from, for a process that has none of the worker's frames.

pytest names the place where a run was interrupted. So the run process raises the exception again, with a traceback of
frames that stand for those of the worker: they have its files, names and lines, and none of its values.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from inspect import currentframe
from traceback import walk_tb
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType


class Place(NamedTuple):
    """One entry of a traceback.

    Attributes:
        file: of the code.
        name: of the function.
        first_line: of the function.
        line: that was executed.
    """

    file: str
    name: str
    first_line: int
    line: int


def places_of(error: BaseException) -> tuple[Place, ...]:
    """Return where an exception was raised, the innermost place last."""
    entries = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    return tuple(Place(code.co_filename, code.co_name, code.co_firstlineno, line) for code, line in entries)


def traceback_of(places: Iterable[Place]) -> TracebackType | None:
    """Return a traceback that shows these places; None if there are none."""
    made: TracebackType | None = None
    for place in reversed(tuple(places)):
        frame = _frame(place)
        made = TracebackType(made, frame, max(frame.f_lasti, 0), place.line)
    return made


def _frame(place: Place) -> FrameType:
    lines = "\n" * max(place.line - place.first_line, 0)
    code = compile(f"{lines}frame = currentframe()", place.file, "exec")
    values: dict[str, object] = {"currentframe": currentframe, "__file__": place.file}
    exec(code.replace(co_name=place.name, co_firstlineno=place.first_line), values)  # noqa: S102 - our own line
    return cast("FrameType", values["frame"])

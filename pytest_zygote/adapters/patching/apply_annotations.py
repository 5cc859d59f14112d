"""Sets the annotations of functions, if nobody has looked at those they had.

The interpreter keeps annotations as the tuple that the `def` statement made, until somebody asks for them:
then it makes a dictionary of the tuple, and keeps that. Who asks is all the same: a decorator, `inspect.signature`,
`functools.wraps`, a library in C. So a function that still has its tuple has been asked by nobody.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from pytest_zygote.core.patching.errors import NotPatchable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FunctionType

    from pytest_zygote.adapters.patching.referrers import Referrers
    from pytest_zygote.core.patching.annotations import Annotated


class Annotator:
    """Changes annotations, and knows those that it has set itself."""

    def __init__(self) -> None:
        """Start with nothing set."""
        self._ours: dict[int, dict[str, str]] = {}

    def find(self, change: Annotated, live: Sequence[Referrers]) -> FunctionType:
        """Return the function whose annotations change.

        Raises:
            NotPatchable: somebody may have looked at them, or it is not clear which function it is.
        """
        found = [holders for holders in live if (holders.code.co_name, holders.code.co_firstlineno) == change.place]
        functions = [function for holders in found for function in holders.functions]
        if len(functions) != 1:
            raise NotPatchable(
                "function-ambiguous",
                f"the function of {change.title}() with other annotations is not there, or there are several",
            )
        if not self._is_untouched(functions[0], change):
            raise NotPatchable(
                "annotations-examined", f"{change.title}() has other annotations, which somebody has looked at"
            )
        return functions[0]

    def _is_untouched(self, function: FunctionType, change: Annotated) -> bool:
        referents = gc.get_referents(function)
        ours = self._ours.get(id(function))
        if ours is not None:
            return ours == change.old and any(thing is ours for thing in referents)
        if not change.old:
            return not change.is_decorated and not _unknown_dicts(function, referents)
        texts = tuple(text for item in change.old.items() for text in item)
        return _has_tuple(function, referents, texts)

    def set(self, function: FunctionType, change: Annotated) -> None:
        """Do it."""
        self._ours[id(function)] = function.__annotations__ = dict(change.new)

    def forget(self) -> None:
        """Take it that somebody has looked at those that were set: code of others was executed."""
        self._ours.clear()


def _has_tuple(function: FunctionType, referents: Sequence[object], texts: tuple[str, ...]) -> bool:
    """Return whether a function still has the tuple of its annotations: names and texts in turn."""
    return any(type(thing) is tuple and thing == texts and thing is not function.__defaults__ for thing in referents)


def _unknown_dicts(function: FunctionType, referents: Sequence[object]) -> list[object]:
    """Return the dictionaries of a function that are not of the kinds it has without annotations."""
    known = [function.__globals__, function.__globals__["__builtins__"], function.__kwdefaults__]
    unknown = [thing for thing in referents if type(thing) is dict and not any(thing is one for one in known)]
    # Not before: a function that has no namespace would get one.
    return [thing for thing in unknown if thing is not vars(function)]

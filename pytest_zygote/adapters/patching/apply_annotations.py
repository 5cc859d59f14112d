"""Sets the annotations of functions, if nobody has looked at those they had.

The interpreter keeps annotations as the tuple that the `def` statement made, until somebody asks for them:
then it makes a dictionary of the tuple, and keeps that. Who asks is all the same: a decorator, `inspect.signature`,
`functools.wraps`, a library in C. So a function that still has its tuple has been asked by nobody.

From 3.14 on it keeps a function that makes them. To ask whether there is one leaves no mark, so a function that gets
its first one, or loses it, must have been handed to nobody who does that: `functools.wraps` and the like.
"""

from __future__ import annotations

import gc
import weakref
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.patching.apply_additions import annotate_of
from pytest_zygote.adapters.patching.errors import PatchError
from pytest_zygote.core.bytecode import ANNOTATE, HAS_LAZY_ANNOTATIONS
from pytest_zygote.core.patching.errors import NotPatchable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_zygote.adapters.patching.referrers import Referrers
    from pytest_zygote.core.patching.annotations import Annotated


class Annotator:
    """Changes annotations, and knows those that it has set itself."""

    def __init__(self) -> None:
        """Start with nothing set."""
        self._ours: dict[int, dict[str, str]] = {}
        self._gone: list[weakref.ref[FunctionType]] = []

    def find(self, change: Annotated, live: Sequence[Referrers], ran: AbstractSet[tuple[str, int]]) -> FunctionType:
        """Return the function whose annotations change.

        Args:
            change: what changes.
            live: the functions of its file.
            ran: (name, first line) of the code of its file that ran.

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
        is_untouched = self._is_alone if HAS_LAZY_ANNOTATIONS else self._is_untouched
        codes = [annotate.__code__ for annotate in annotate_of(functions[0])]
        if not is_untouched(functions[0], change) or any((code.co_name, code.co_firstlineno) in ran for code in codes):
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

    def _is_alone(self, function: FunctionType, change: Annotated) -> bool:
        """Return whether nobody but namespaces knows a function, and nobody but the function its annotations."""
        # Without generator expressions, which would be holders themselves.
        for holder in _holders(function):
            if type(holder) is not dict or holder.get("__wrapped__") is function:
                return False
        if change.is_decorated or _unknown_dicts(function, gc.get_referents(function)):
            return False
        found = annotate_of(function)
        return [holder for annotate in found for holder in _holders(annotate)] == [function] * len(found)

    def set(self, function: FunctionType, change: Annotated) -> Iterable[FunctionType]:
        """Do it; return the functions that were made for it."""
        if not HAS_LAZY_ANNOTATIONS:
            self._ours[id(function)] = function.__annotations__ = dict(change.new)
            return ()
        self._gone += map(weakref.ref, annotate_of(function))
        made = change.code and FunctionType(change.code, function.__globals__, ANNOTATE)
        if made is not None:
            made.__qualname__ = f"{function.__qualname__}.{ANNOTATE}"
        setattr(function, ANNOTATE, made)
        return annotate_of(function)

    def verify(self) -> None:
        """Prove that what made annotations that are gone is gone, too.

        Raises:
            PatchError: somebody has it. The process must not be used.
        """
        if any(gone() is not None for gone in self._gone):
            raise PatchError("somebody has annotations that are gone")
        self._gone.clear()

    def forget(self) -> None:
        """Take it that somebody has looked at those that were set: code of others was executed."""
        self._ours.clear()


def _holders(thing: object) -> list[object]:
    """Return what knows a thing, but for lists, such as our own."""
    return [holder for holder in gc.get_referrers(thing) if type(holder) is not list]


def _has_tuple(function: FunctionType, referents: Sequence[object], texts: tuple[str, ...]) -> bool:
    """Return whether a function still has the tuple of its annotations: names and texts in turn."""
    return any(type(thing) is tuple and thing == texts and thing is not function.__defaults__ for thing in referents)


def _unknown_dicts(function: FunctionType, referents: Sequence[object]) -> list[object]:
    """Return the dictionaries of a function that are not of the kinds it has without annotations."""
    known = [function.__globals__, function.__globals__["__builtins__"], function.__kwdefaults__]
    unknown = [thing for thing in referents if type(thing) is dict and not any(thing is one for one in known)]
    # Not before: a function that has no namespace would get one.
    return [thing for thing in unknown if thing is not vars(function)]

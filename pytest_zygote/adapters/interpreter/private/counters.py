"""The count of a code object's starts, which CPython 3.11 keeps to find out what is worth optimising.

``co_warmup`` has no name in Python; it is read from memory, where the C headers of that version put it.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

_OFFSET = 52
"""Of ``co_warmup`` in ``PyCodeObject`` of CPython 3.11."""

_FRESH = -8
"""Its value in code that has never started (``QUICKENING_INITIAL_WARMUP_VALUE``)."""


def has_started(code: CodeType) -> bool:
    """Return whether code has started at least once; CPython 3.11 only."""
    return ctypes.c_short.from_address(id(code) + _OFFSET).value != _FRESH


def _are_counted() -> bool:
    if sys.version_info >= (3, 12):
        return True  # `sys.monitoring` tells
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:  # noqa: PLR2004 - bytes
        return False
    namespace: dict[str, Callable[[], object]] = {}
    exec("def plain(): return 1\ndef generator(): yield 1\nasync def coroutine(): pass", namespace)  # noqa: S102 - fresh functions
    plain, generator = namespace["plain"], namespace["generator"]
    is_untouched = not any(has_started(function.__code__) for function in (plain, generator))
    plain()
    list(generator())  # type: ignore[call-overload]  # it is one
    return is_untouched and has_started(plain.__code__) and has_started(generator.__code__)


INTERNALS = (
    Internal(
        "PyCodeObject.co_warmup (3.11)",
        ("has_started",),
        Feature.PATCHES,
        "only functions that have never run are patched; from 3.12 on, `sys.monitoring` tells which have",
        _are_counted,
    ),
)

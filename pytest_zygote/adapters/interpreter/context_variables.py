"""Context variables that imports have set, and how another process sets them, too."""

from __future__ import annotations

import contextvars
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSET = object()
"""Stands for the value of a variable that was not set. None can be unset: a layer is built in a context of its own."""

_OF_DECIMAL = "decimal_context"
"""What it holds is changed in place, and compared part by part (`process_kinds.LATER`)."""

_variables: dict[str, contextvars.ContextVar[Any]] = {}  # type: ignore[explicit-any]  # of any type


def own_context() -> contextvars.Context:
    """Return a copy of the present context, with one of the context of `decimal`: that is changed in place."""
    context = contextvars.copy_context()
    decimal: Any = sys.modules.get("decimal")  # type: ignore[explicit-any]  # importing it takes time
    if decimal is not None:
        context.run(lambda: decimal.setcontext(decimal.getcontext().copy()))
    return context


def values() -> Iterator[tuple[str, object]]:
    """Give the variables that are set, by name and id, as names are not unique."""
    for variable, value in contextvars.copy_context().items():
        if variable.name != _OF_DECIMAL:
            name = f"{variable.name} {id(variable)}"
            _variables[name] = variable
            yield name, value


def set_value(name: str, value: object) -> None:
    """Set one of those that were seen; `UNSET` leaves it as it is."""
    if value is not UNSET:
        _variables[name].set(value)

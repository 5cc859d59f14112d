"""What only type checkers need of `typing`, under its own names.

A warm ``pz`` may not spend the 5 ms that importing ``typing`` takes. At run time a generic class made with these
is a plain class.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, TypeVar, assert_never

    from typing_extensions import dataclass_transform
else:

    class Generic:
        """Stand in for the base of generic classes."""

        def __class_getitem__(cls, _: object) -> type:
            """Return a base that adds nothing."""
            return object

    def TypeVar(name: str, **_: object) -> str:  # noqa: N802 - it has the name of what it stands for
        """Stand in for the class of type variables."""
        return name

    def assert_never(value: object) -> None:
        """Fail: a type checker has not seen that this is reached."""
        message = f"unexpected {value!r}"
        raise AssertionError(message)

    def dataclass_transform(**_: object) -> object:
        """Stand in for the decorator."""
        return lambda cls: cls


__all__ = ["Generic", "TypeVar", "assert_never", "dataclass_transform"]

"""Frozen value types that cost nothing to import.

A message is a frozen record. ``dataclasses`` would do, but importing it takes 13 ms (it
pulls in ``inspect`` and ``re``), more than the whole of a warm ``pz`` client may spend.
Type checkers see these classes as frozen dataclasses.

For the same reason `Generic`, `TypeVar` and `assert_never` of `typing` (5 ms) have stand-ins here: at run time a class
that is generic by these is a plain class.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, Generic, Self, TypeVar, assert_never, dataclass_transform
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


__all__ = ["Generic", "Record", "TypeVar", "assert_never"]


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen value with the annotated fields, in the order of their annotations."""

    field_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Take the fields from the annotations of the new class."""
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - inspect costs what dataclasses would
        cls.field_names = (*cls.field_names, *own)
        cls.__match_args__ = cls.field_names  # type: ignore[attr-defined,misc]  # only here it is not synthesised

    def __init__(self, *values: object, **named: object) -> None:
        """Bind values to fields as a function call would.

        Raises:
            TypeError: a field is missing, given twice, or unknown.
        """
        given = dict(zip(self.field_names, values, strict=False), **named)
        missing = [n for n in self.field_names if n not in given and not hasattr(type(self), n)]
        if missing or len(given) != len(values) + len(named) or not given.keys() <= {*self.field_names}:
            message = f"{type(self).__name__} takes the fields {self.field_names}, missing {missing}"
            raise TypeError(message)
        self.__dict__.update(given)

    def values(self) -> tuple[object, ...]:
        """Return the values in the order of the fields."""
        return tuple(getattr(self, name) for name in self.field_names)

    def replaced(self, **named: object) -> Self:
        """Return this record with other values in some fields."""
        return type(self)(**{**dict(zip(self.field_names, self.values(), strict=True)), **named})

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a record does not change."""
        message = f"{type(self).__name__} is frozen: {name} cannot be set"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        """Refuse: a record does not change."""
        message = f"{type(self).__name__} is frozen: {name} cannot be deleted"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        """Compare type and values."""
        return type(other) is type(self) and self.values() == other.values()

    def __hash__(self) -> int:
        """Hash type and values; fails where a value is not hashable, as a dataclass does."""
        return hash((type(self), self.values()))

    def __repr__(self) -> str:
        """Show the fields as a call that would make this record."""
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.field_names)
        return f"{type(self).__name__}({fields})"

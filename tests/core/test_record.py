"""Records behave as frozen dataclasses."""

from __future__ import annotations

import copy
import pickle

import pytest

from pytest_zygote.core.record import Record


class Point(Record):
    """A place."""

    x: int
    y: int


class Step(Record):
    """A movement, mostly a short one."""

    x: int
    y: int = 7


class Named(Point):
    """A place with a name."""

    name: str


class Bag(Record):
    """Holds what cannot be hashed."""

    content: dict[str, str]


class Nothing(Record):
    """Holds nothing."""


def test_fields_are_bound_by_position_and_by_name() -> None:
    """As in a function call."""
    point = Point(1, y=2)

    assert (point.x, point.y) == (1, 2)
    assert point.values() == (1, 2)
    assert Point(y=2, x=1) == point


def test_a_default_holds_for_what_is_not_given() -> None:
    """A default stands in the class."""
    assert Step(1) == Step(1, 7)
    assert Step(1).values() == (1, 7)
    assert hash(Step(1)) == hash(Step(1, 7))


def test_fields_are_inherited_in_order() -> None:
    """Those of the base come first."""
    assert Named.field_names == ("x", "y", "name")
    assert Point.field_names == ("x", "y")
    assert Named(1, 2, "here").values() == (1, 2, "here")


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (Point, (), {}),
        (Step, (), {"y": 1}),
        (Point, (1, 2, 3), {}),
        (Point, (1, 2), {"x": 3}),
        (Step, (1,), {"z": 2}),
        (Nothing, (1,), {}),
    ],
    ids=["none", "missing", "too many", "twice", "unknown", "empty"],
)
def test_a_wrong_call_is_refused(kind: type[Record], values: tuple[int, ...], named: dict[str, int]) -> None:
    """The error names the record and its fields."""
    with pytest.raises(TypeError, match=rf"{kind.__name__} takes the fields \("):
        kind(*values, **named)


def test_a_missing_field_is_named() -> None:
    """A default is not missed."""
    with pytest.raises(TypeError, match=r"Step takes the fields \('x', 'y'\), missing \['x'\]"):
        Step()  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["x", "z"])
def test_a_record_does_not_change(name: str) -> None:
    """Neither a field nor anything else is set or deleted."""
    point = Point(1, 2)

    with pytest.raises(AttributeError, match=f"Point is frozen: {name} cannot be set"):
        setattr(point, name, 3)
    with pytest.raises(AttributeError, match=f"Point is frozen: {name} cannot be deleted"):
        delattr(point, name)
    assert point == Point(1, 2)


def test_records_are_equal_by_type_and_values() -> None:
    """A record of another type with the same values is another record."""
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Named(1, 2, "here")
    assert Point(1, 2) != (1, 2)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2


def test_a_record_of_something_mutable_has_no_hash() -> None:
    """As a frozen dataclass: the hash of the field is missing."""
    assert Bag({}) == Bag({})

    with pytest.raises(TypeError, match="unhashable"):
        hash(Bag({}))


def test_a_record_matches_by_position() -> None:
    """A `match` statement takes it apart in the order of its fields."""
    match Named(1, 2, "here"):
        case Named(x, y, name):
            assert (x, y, name) == (1, 2, "here")
        case _:  # pragma: no cover - the assertion is that it is not reached
            pytest.fail("no match")


def test_a_record_shows_the_call_that_makes_it() -> None:
    """Text that can be pasted."""
    assert repr(Named(1, 2, "here")) == "Named(x=1, y=2, name='here')"
    assert repr(Nothing()) == "Nothing()"


def test_a_record_can_be_copied() -> None:
    """By copy and by pickle, although nothing can be set."""
    named = Named(1, 2, "here")

    assert copy.copy(named) == named
    assert copy.deepcopy(named) == named
    assert pickle.loads(pickle.dumps(named)) == named  # noqa: S301 - pickled in this line


def test_a_record_with_other_values() -> None:
    """The others stay; the first one is not changed."""
    named = Named(1, 2, "here")

    assert named.replaced(y=3) == Named(1, 3, "here")
    assert named == Named(1, 2, "here")

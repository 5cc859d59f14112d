"""Which tests belong together, and how long they took."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.parallel import mproc_marks
from pytest_zygote.parallel.work_units import History, Units, items_run_by
from tests.parallel.fakes import Item, cache_of, make_config, make_items

if TYPE_CHECKING:
    from collections.abc import Sequence


def units_of(items: Sequence[Item], dist: str = "load") -> list[tuple[str, tuple[int, ...], bool]]:
    """Return name, tests and divisibility of the units of some tests."""
    units = Units(cast("list[pytest.Item]", items), dist)
    priced = units.priced({})
    names = list(dict.fromkeys(units.names))
    return [(name, unit.items, unit.divisible) for name, unit in zip(names, priced, strict=True)]


def in_class(nodeid: str, class_id: str) -> Item:
    """Make a test of a class."""
    item = Item(nodeid, make_config())
    item.parent = Item(class_id, make_config())
    return item


def grouped(nodeid: str, *names: str) -> Item:
    """Make a test that has marks of groups."""
    return Item(nodeid, make_config(), *(pytest.mark.xdist_group(name).mark for name in names))


def test_tests_of_a_file_belong_together() -> None:
    """Workers may share them, unless a mode promises that they stay together."""
    items = [Item(nodeid, make_config()) for nodeid in ("a.py::x", "b.py::y", "a.py::z")]
    assert units_of(items) == [("a.py", (0, 2), True), ("b.py", (1,), True)]
    assert units_of(items, "loadfile") == [("a.py", (0, 2), False), ("b.py", (1,), False)]
    assert units_of(items, "fixed") == [("a.py", (0, 2), False), ("b.py", (1,), False)]


def test_tests_of_a_class_belong_together_with_loadscope() -> None:
    """A test without a parent is alone."""
    items = [in_class("a.py::A::x", "a.py::A"), in_class("a.py::B::x", "a.py::B"), in_class("a.py::A::y", "a.py::A")]
    assert units_of(items, "loadscope") == [("a.py::A", (0, 2), False), ("a.py::B", (1,), False)]
    assert units_of([Item("a.py::x", make_config())], "loadscope") == [("a.py::x", (0,), False)]


def test_a_group_has_one_worker() -> None:
    """Across files, and with the names of several marks joined."""
    items = [grouped("a.py::x", "g"), grouped("b.py::y", "g"), grouped("b.py::z", "b", "a")]
    assert units_of(items) == [("group g", (0, 1), False), ("group a_b", (2,), False)]


def test_a_mark_of_the_parent_counts() -> None:
    """That of its class or module."""
    item = in_class("a.py::A::x", "a.py::A")
    assert item.parent is not None
    item.parent.own_markers.append(pytest.mark.xdist_group("g").mark)
    assert units_of([item]) == [("group g", (0,), False)]


def test_instances_of_shared_parametrised_fixtures_are_units() -> None:
    """Each is set up once."""
    items = []
    for number in (0, 1):
        item = Item(f"a.py::x[{number}]", make_config())
        scopes = {"database": SimpleNamespace(value="module"), "own": SimpleNamespace(value="function")}
        item.callspec = SimpleNamespace(_arg2scope=scopes, indices={"database": number, "own": 5})  # type: ignore[attr-defined]
        items.append(item)
    assert units_of(items) == [("a.py database=0", (0,), True), ("a.py database=1", (1,), True)]


def test_priorities_of_pytest_mproc_decide_who_begins() -> None:
    """Between units by rank, within a group by order."""

    @mproc_marks.priority(1)
    def early() -> None: ...

    @mproc_marks.group("g")
    def late() -> None: ...

    @mproc_marks.priority(2)
    @mproc_marks.group("g")
    def middle() -> None: ...

    items = [Item(f"a.py::{number}", make_config(), function=it) for number, it in enumerate((late, early, middle))]
    units = Units(cast("list[pytest.Item]", items), "load")
    assert [(unit.items, unit.priority) for unit in units.priced({})] == [((2, 0), 10), ((1,), 1)]
    assert units.names == ["group g", "a.py priority 1", "group g"]


def test_the_cost_of_shared_fixtures_is_that_of_earlier_runs() -> None:
    """A unit that is not known has none."""
    units = Units(make_items(make_config(), "a.py::x", "b.py::y"), "load")
    assert [unit.cost_s for unit in units.priced({"b.py": 1.5})] == [0.0, 1.5]


def test_durations_are_a_mean_that_forgets() -> None:
    """The last run counts half."""
    config = make_config()
    for seconds in (1.0, 2.0):
        history = History(config)
        history.note("a.py::x", seconds, "a.py", 0.0)
        history.save()
    assert History(config).tests == {"a.py::x": 1.5}
    assert History(config).fixtures == {}


@pytest.mark.parametrize("stored", [None, 3, {"tests": 3}, {"tests": {"a.py::x": "long"}}])
def test_what_is_stored_need_not_be_ours(stored: object) -> None:
    """A user may have edited the cache."""
    config = make_config()
    cache_of(config).set("zygote/durations", stored)
    assert History(config).tests == {}


def test_the_tests_of_a_worker_are_known_afterwards() -> None:
    """In its order; a worker that did not exist is an error that names those that did."""
    config = make_config()
    history = History(config)
    for test, worker in (("a.py::y", "gw1"), ("a.py::x", "gw0"), ("a.py::z", "gw1")):
        history.note_begin(test, worker)
    history.save()
    assert items_run_by(config, "gw1") == ["a.py::y", "a.py::z"]
    with pytest.raises(pytest.UsageError, match=r"no worker 'gw7' in the last run with workers \(gw0, gw1\)"):
        items_run_by(config, "gw7")
    with pytest.raises(pytest.UsageError, match="none: run with -n first"):
        items_run_by(make_config(), "gw0")

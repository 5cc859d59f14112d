"""Which of the collected tests must run: stored rows against the present tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.affected.dependency import AFTER, describe
from pytest_zygote.core.affected.impact import Selected, judge
from pytest_zygote.core.affected.number_sets import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.affected.store import Store
    from pytest_zygote.core.affected.dependency import Need
    from pytest_zygote.core.affected.impact import Row


class Selection:
    """What is known about all tests, and whether it still holds."""

    def __init__(self, store: Store, tree: CurrentTree, rows: dict[str, list[Row]]) -> None:
        """Read the store; `rows` are those of its rows that count."""
        self._versions = store.versions()
        self._sets = store.sets()
        self.rows = {
            nodeid: [row for row in known if self._sets.keys() >= {*row.sets}] for nodeid, known in rows.items()
        }
        self._tree = tree
        self._broken: dict[int, Need | None] = {}
        self._holds: dict[int, bool] = {}

    def reached(self, nodeids: Iterable[str], has_changed: Callable[[Need], bool], name: str) -> dict[str, Selected]:
        """Return the tests that depend on something that has changed since a commit, and the unknown ones."""
        found = self.select(nodeids := tuple(nodeids))
        changed: dict[int, Need | None] = {}
        for nodeid in nodeids:
            row = self.holding(nodeid)
            for number in row.sets if row is not None and nodeid not in found else ():
                if number not in changed:
                    needs = (self._versions[version][0] for version in unpack(self._sets[number]))
                    changed[number] = next((need for need in needs if has_changed(need)), None)
                need = changed[number]
                if need is not None:
                    found[nodeid] = Selected(nodeid, "changed", f"{describe(need)} since {name}")
        return found

    def holding(self, nodeid: str) -> Row | None:
        """Return the newest row of a test that still holds; None if none does."""
        return next((row for row in self.rows.get(nodeid, ()) if self._is_whole(row)), None)

    def rests_on(self, nodeids: Iterable[str]) -> dict[Need, bytes]:
        """Return the needs of the rows because of which tests are left out."""
        rows = (row for nodeid in nodeids if (row := self.holding(nodeid)) is not None)
        sets = {number for row in rows for number in row.sets}
        return dict(self._versions[version] for number in sets for version in unpack(self._sets[number]))

    def makers(self) -> dict[str, set[str]]:
        """Return for each test that has found what others had left, which tests these were."""
        named = {number: need.name for number, (need, _) in self._versions.items() if need.kind == AFTER}
        if not named:
            return {}
        sets = {number: {named[one] for one in unpack(packed) if one in named} for number, packed in self._sets.items()}
        found = {
            nodeid: set().union(*(sets[number] for row in rows for number in row.sets))
            for nodeid, rows in self.rows.items()
        }
        return {nodeid: makers for nodeid, makers in found.items() if makers}

    def _is_whole(self, row: Row) -> bool:
        return all(self._first_broken(number) is None for number in row.sets)

    def select(self, nodeids: Iterable[str]) -> dict[str, Selected]:
        """Return the tests that must run, with reasons."""
        judged = (judge(nodeid, self.rows.get(nodeid, ()), self._first_broken) for nodeid in nodeids)
        return {entry.nodeid: entry for entry in judged if entry is not None}

    def _first_broken(self, number: int) -> Need | None:
        """Return the first need of a set that has changed."""
        if number not in self._broken:
            self._broken[number] = next(
                (self._versions[version][0] for version in unpack(self._sets[number]) if not self._is_held(version)),
                None,
            )
        return self._broken[number]

    def _is_held(self, version: int) -> bool:
        known = self._holds.get(version)
        if known is None:
            need, found = self._versions[version]
            known = self._holds[version] = self._tree.now(need) == found
        return known

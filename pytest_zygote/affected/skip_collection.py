"""Decides whether nothing has changed at all, so that tests need not even be collected.

Theory of operation. A run that has collected tests and left out all of them notes what that rested on: the texts
of all files of the project that it loaded, what was read meanwhile, the names in all folders that tests were looked
for in, and what the rows need by which the tests were left out. If all of that is the same, and the command line,
the options, the search path and the surroundings are too, another run would collect the same tests, and leave
out all of them.

Texts are compared, not what they compile to: a new comment leads to a collection, and costs no more than that.
Files that changed after the run had begun are not noted: the run may have seen the text before.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import islice
from typing import TYPE_CHECKING

from pytest_zygote.affected.file_state import TICK_NS, stamp
from pytest_zygote.affected.project_files import SKIPPED_FOLDERS
from pytest_zygote.core.affected.dependency import DATA, KINDS, LISTING, Need
from pytest_zygote.core.affected.fingerprints import checksum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.affected.store import Needs, Store

COMMAND_LINES = 20
"""Command lines that are remembered, at most."""

MOST_FOLDERS = 2_000
"""With more of them, checking all would take as long as the collection."""


class SkipCollection:
    """What is noted for one command line."""

    def __init__(self, config: pytest.Config, store: Store, tree: CurrentTree, surroundings: bytes) -> None:
        """Look at nothing yet; `surroundings` is their digest. To be created before anything is collected."""
        self._config = config
        self._store = store
        self._tree = tree
        options = sorted((name, repr(value)) for name, value in vars(config.option).items())
        facts = (str(config.invocation_params.dir), config.args, options, sys.path)
        self._key = checksum(surroundings, json.dumps(facts).encode("utf-8", "surrogatepass"))

    def total(self) -> int:
        """Return how many tests need not be collected because nothing has changed; 0 if that is unknown.

        Raises:
            StoreError: the store cannot be used.
        """
        query = "SELECT total, roots, needs FROM unchanged WHERE key = ?"
        with self._store.using() as connection:
            found = connection.execute(query, (self._key,)).fetchone()
            if found is None:
                return 0
            total, roots, needs = int(found[0]), tuple(json.loads(found[1])), json.loads(found[2])
        before, self._tree.roots = self._tree.roots, roots
        holds = all(self._tree.now(Need(*need)).hex() == checked for *need, checked in needs)
        self._tree.roots = before
        if not holds:
            self._tree.forget()  # what the collection imports decides where names lead
        return total if holds else 0

    def note(self, total: int, needs: Needs, started_ns: int) -> None:
        """Store what the result rests on that none of `total` tests is affected.

        Raises:
            StoreError: it cannot be stored.
        """
        found: dict[Need, bytes] = {}
        for need, checked in needs.items():
            if KINDS[need.kind].is_code:
                found[Need(DATA, need.path)] = self._tree.digest(need.path)
            else:
                found[need] = checked
        folders = list(islice(self._folders(), MOST_FOLDERS))
        texts = (need.path for need in found if need.kind == DATA)
        if len(folders) == MOST_FOLDERS or not self._are_older((*texts, *folders), started_ns):
            return
        listings = [Need(LISTING, folder) for folder in folders]
        found.update((need, self._tree.now(need)) for need in listings)
        packed = json.dumps([(*need, checked.hex()) for need, checked in found.items()])
        values = (self._key, total, json.dumps(self._tree.roots), packed)
        with self._store.writing() as connection:
            statement = "INSERT OR REPLACE INTO unchanged (key, total, roots, needs) VALUES (?, ?, ?, ?)"
            connection.execute(statement, values)
            connection.execute(
                "DELETE FROM unchanged WHERE id <= (SELECT max(id) FROM unchanged) - ?", (COMMAND_LINES,)
            )

    def _are_older(self, paths: Iterable[str], started_ns: int) -> bool:
        stamps = (stamp(self._tree.absolute(path)) for path in paths)
        return all(max(found[:2], default=0) < started_ns - TICK_NS for found in stamps)

    def _folders(self) -> Iterator[str]:
        """Give all folders that tests may have been looked for in."""
        for arg in self._config.args:
            path = os.path.join(self._config.invocation_params.dir, arg.partition("::")[0])
            for folder, folders, files in os.walk(path):
                if "pyvenv.cfg" in files:
                    folders.clear()
                    continue
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                yield self._tree.relative(folder)

"""What this run asks: which tests are affected, compared with which rows, or with which commit.

============================  ====================================================================
``--affected``                rows of all runs, against the present tree
``--affected-since REV``      the same rows; the changes are those since a commit
``--affected-frozen``         since this branch left the main one; nothing is written
``--affected-frozen NAME``    rows of that baseline, against the present tree; nothing is written.
                              If there is no such baseline: since that commit
============================  ====================================================================
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.plugins import registered
from pytest_zygote.affected import run_key
from pytest_zygote.affected.baselines import Baselines, names, rows_of
from pytest_zygote.affected.git_diff import GitDiff, GitError
from pytest_zygote.affected.selection import Selection
from pytest_zygote.affected.skip_collection import SkipCollection
from pytest_zygote.affected.store import StoreError
from pytest_zygote.core.affected.fork_limits import remembering
from pytest_zygote.core.affected.impact import (
    FAILED_BEFORE,
    Selected,
    ambiguous,
    new_tests,
    widened,
    with_companions,
)
from pytest_zygote.core.affected.outcomes import FAILED, PASSED
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.affected.store import Needs, Store
    from pytest_zygote.core.affected.impact import Row


class AffectedQuery:
    """The question of one run, and its answer.

    Attributes:
        is_frozen: whether the store is only read.
        surroundings: number of those of this run.
        rows: of all tests, as far as they count.
        notes: what the user should know about the answer.
        ambiguous: the tests whose name others have too.
    """

    def __init__(
        self,
        config: pytest.Config,
        store: Store,
        tree: CurrentTree,
        diff: Callable[[CurrentTree, str], GitDiff] = GitDiff,
    ) -> None:
        """Read the options; `diff` compares the tree with a commit.

        Raises:
            UsageError: they name something that is not there, or cannot go together.
        """
        options = config.known_args_namespace
        self._config = config
        self._store = store
        self._tree = tree
        self.is_frozen = bool(options.affected_frozen) or _runs_nothing(config)
        self.surroundings = 0
        self.rows: dict[str, list[Row]] = {}
        self.notes: list[str] = []
        self.ambiguous: dict[str, Selected] = {}
        self._digest = b""
        self._digests: dict[str, str] = {}
        self._selection: Selection | None = None
        self._diff = diff
        self._baselines = Baselines(store, config)
        if self.is_frozen and not options.affected_import and not os.path.exists(store.path):
            store.is_broken = True  # to look at it would make it
        self._since: GitDiff | None = None
        self._name = ""
        if options.affected_since is not None:
            self._since = self._since_of("--affected-since", options.affected_since)
        elif options.affected_frozen:
            self._freeze("" if options.affected_frozen == "1" else options.affected_frozen)

    def _freeze(self, name: str) -> None:
        known = self._known_names() if name else []
        if name in known:
            self._name = name
        else:
            others = f" (baselines are {', '.join(known)})" if known else ""
            why = f", since no baseline has this name{others}" if name else ""
            self._since = self._since_of("--affected-frozen", name, why)

    def _known_names(self) -> list[str]:
        known = [self._baselines.imported_name] if self._baselines.imported_name else []
        try:
            return sorted({*known, *names(self._store)})
        except StoreError:
            return known

    def _since_of(self, option: str, revision: str, why: str = "") -> GitDiff:
        try:
            return self._diff(self._tree, revision)
        except GitError as error:
            given = f"{option}={revision}" if revision else option
            message = f"{given} asks git{why}: {error}"
            raise pytest.UsageError(message) from error

    def unchanged(self, *, knows_environ: bool) -> SkipCollection | None:
        """Return what is stored about a run like this that left out all tests; None if this run must collect them."""
        option = self._config.option
        is_plain = self._since is None and not self._name and not self._baselines.is_asked
        depends = any(getattr(option, name, None) for name in ("lf", "stepwise", "pyargs"))
        if not is_plain or depends or self._baselines.is_import:
            return None
        parts = run_key.parts_of(self._config, self._tree, knows_environ=knows_environ)
        return SkipCollection(self._config, self._store, self._tree, run_key.digest_of(parts))

    def rests_on(self, nodeids: Iterable[str]) -> Needs:
        """Return what the answer rests on for these tests, which are left out."""
        return {} if self._selection is None else self._selection.rests_on(nodeids)

    def holding(self, nodeids: Iterable[str]) -> dict[str, Row]:
        """Return the rows because of which these tests need not run."""
        held = self._selection.holding if self._selection is not None else lambda _: None
        return {nodeid: row for nodeid in nodeids if (row := held(nodeid)) is not None}

    def why_left_out(self, nodeid: str) -> str:
        """Return why a test need not run, as users understand it."""
        row = None if self._selection is None else self._selection.holding(nodeid)
        needs = {} if row is None else self.rests_on([nodeid])
        known = "functions" if row is not None and row.is_exact else "files"
        since = f" since {self._since.commit[:10]}" if self._since is not None else ""
        outcome = "passed" if row is None or row.outcome == PASSED else "was skipped"
        return (
            f"it {outcome} before, and none of the {len(needs)} things it needs has changed{since} (known by {known})"
        )

    def answer(self, nodeids: Iterable[str], *, knows_environ: bool) -> dict[str, Selected]:
        """Return the tests that must run, with reasons.

        Raises:
            StoreError: nothing is known.
        """
        nodeids = tuple(nodeids)
        unknown = run_key.unknown_options(self._config)
        if unknown:
            self._store.is_broken = True
            self.notes.append(widened(Reason("options-unknown", f"nobody can tell whether {unknown} are as before")))
            raise StoreError(self._store.path)
        parts = run_key.parts_of(self._config, self._tree, knows_environ=knows_environ)
        self._digests, self._digest = run_key.digests_of(parts), run_key.digest_of(parts)
        self.notes += self._baselines.store_import()
        find = self._store.find_surroundings
        self.surroundings = (
            find(self._digest) if self.is_frozen else self._store.surroundings(self._digest, self._digests)
        )
        self.rows = self._rows()
        selection = self._selection = Selection(self._store, self._tree, self.rows)
        if not self.rows:
            self._note_what_moved()
        self.ambiguous = ambiguous(nodeids)
        found = {**self._select(selection, nodeids), **self.ambiguous}
        if found and len(found) < len(nodeids):
            found = with_companions(self._with_all(found, nodeids), nodeids, selection.makers())
        return found

    def _with_all(self, found: dict[str, Selected], nodeids: tuple[str, ...]) -> dict[str, Selected]:
        """Return all tests instead, if some are selected and hooks decide about them by the results of others."""
        plugins = registered(self._config.pluginmanager)
        who = remembering([(plugin.module, plugin.hooks) for plugin in plugins])
        if not who:
            return found
        self.notes.append(widened(Reason("results-remembered", f"hooks of {who} see the results of other tests")))
        return {**new_tests(nodeids, f"hooks of {who} decide by results"), **found}

    def _select(self, selection: Selection, nodeids: tuple[str, ...]) -> dict[str, Selected]:
        if self._since is None:
            return selection.select(nodeids)
        name = self._since.commit[:10]
        ini = self._config.inipath
        if ini is not None and self._since.has_other_text(str(ini), lambda text: run_key.settings_in(text, ini.name)):
            return {nodeid: Selected(nodeid, "changed", f"{ini.name} changed since {name}") for nodeid in nodeids}
        return selection.reached(nodeids, self._since.has_changed, name)

    def failures(self, nodeids: Iterable[str]) -> dict[str, Selected]:
        """Select the tests whose last result was a failure, as ``--lf`` knows it."""
        known = getattr(self._config.pluginmanager.get_plugin("lfplugin"), "lastfailed", ())
        failed = {str(name) for name in known}
        return {nodeid: Selected(nodeid, FAILED, FAILED_BEFORE) for nodeid in nodeids if nodeid in failed}

    def _rows(self) -> dict[str, list[Row]]:
        known = self._store.rows(self.surroundings)
        return rows_of(self._store, self._name, self.surroundings) if self._name else known

    def _note_what_moved(self) -> None:
        before = self._store.last_surroundings(self.surroundings)
        moved = [name for name, digest in self._digests.items() if before and before.get(name) != digest]
        if moved:
            self.notes.append(f"affected: nothing is known for {' and '.join(moved)} of this run")

    def save(self, nodeids: Iterable[str], ran: Collection[str]) -> list[str]:
        """Save the results under the name that was asked for; return what the user should know.

        Args:
            nodeids: of all tests that were collected.
            ran: those that ran.

        Raises:
            StoreError: they cannot be saved.
        """
        if not self._baselines.is_asked or self._selection is None:
            return []
        now = self._store.rows(self.surroundings)
        held = self._selection.holding
        rows = {nodeid: now[nodeid][0] if nodeid in ran and nodeid in now else held(nodeid) for nodeid in nodeids}
        return self._baselines.save(self.surroundings, self._digest, self._digests, rows)


def _runs_nothing(config: pytest.Config) -> bool:
    """Return whether tests are only listed, or set up: what is selected is shown, and nothing is recorded."""
    options = config.known_args_namespace
    return any(getattr(options, name, False) for name in ("collectonly", "setuponly", "setupplan"))

"""What the options ask."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.git_diff import GitDiff, GitError
from pytest_zygote.affected.query import AffectedQuery
from pytest_zygote.affected.store import Store, store_path
from pytest_zygote.core.affected.dependency import DATA, Need
from tests.affected.fakes import config_of, tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A = Need(DATA, "a.txt")


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "a.txt").write_text("a")
    store = Store(store_path(str(tmp_path / "cache")), pytest.fail)
    yield store
    store.close()


def no_git(_tree: object, revision: str) -> GitDiff:
    """Compare with nothing: there is no repository."""
    message = f"fatal: not a git repository, so no {revision}"
    raise GitError(message)


def query(store: Store, root: Path, **options: object) -> AffectedQuery:
    """Return the question of one run."""
    known = {"plugins": None, **{name: value for name, value in options.items() if not name.startswith("affected")}}
    ours = {name: value for name, value in options.items() if name.startswith("affected")}
    return AffectedQuery(config_of(root, options=known, ours=ours), store, tree_at(root), no_git)


def run(store: Store, root: Path, **options: object) -> set[str]:
    """Ask, and have what is selected pass."""
    asked = query(store, root, **options)
    selected = asked.answer(["t::a"], knows_environ=True)
    tree = tree_at(root)
    if not asked.is_frozen:
        for nodeid in selected:
            store.add(asked.surroundings, nodeid, ("passed", True, 0.1), {A: tree.now(A)}, {})
        asked.save(["t::a"], {*selected})
    return {*selected}


def test_a_test_runs_until_it_has_passed_in_this_state(store: Store, tmp_path: Path) -> None:
    """And again in another."""
    assert [run(store, tmp_path) for _ in range(2)] == [{"t::a"}, set()]
    (tmp_path / "a.txt").write_text("b")

    assert [run(store, tmp_path) for _ in range(2)] == [{"t::a"}, set()]


def test_other_options_have_rows_of_their_own(store: Store, tmp_path: Path) -> None:
    """And a note says what is new."""
    run(store, tmp_path)
    asked = query(store, tmp_path, django_settings="other")

    assert asked.answer(["t::a"], knows_environ=True).keys() == {"t::a"}
    assert asked.notes == ["affected: nothing is known for options of this run"]


def test_a_baseline_has_the_same_answer_until_it_is_written_again(store: Store, tmp_path: Path) -> None:
    """Although the test has run meanwhile."""
    run(store, tmp_path, affected_baseline="ci")
    (tmp_path / "a.txt").write_text("b")
    run(store, tmp_path)

    assert [run(store, tmp_path, affected_frozen="ci") for _ in range(2)] == [{"t::a"}] * 2
    run(store, tmp_path, affected_baseline="ci")
    assert run(store, tmp_path, affected_frozen="ci") == set()


def test_a_name_that_is_neither_baseline_nor_revision_is_an_error(store: Store, tmp_path: Path) -> None:
    """Which names the baselines."""
    run(store, tmp_path, affected_baseline="ci")

    with pytest.raises(pytest.UsageError, match=r"--affected-frozen=nightly asks git, .*baselines are ci.*: fatal"):
        query(store, tmp_path, affected_frozen="nightly")
    with pytest.raises(pytest.UsageError, match="--affected-since=nowhere asks git: fatal"):
        query(store, tmp_path, affected_since="nowhere")


def test_a_frozen_question_makes_no_store(store: Store, tmp_path: Path) -> None:
    """It is only asked."""
    with pytest.raises(pytest.UsageError):
        query(store, tmp_path, affected_frozen="1")

    assert store.is_broken
    assert not (tmp_path / "cache").exists()


def test_failures_are_those_that_pytest_knows(store: Store, tmp_path: Path) -> None:
    """By its own plugin."""
    plugins = {"lfplugin": SimpleNamespace(lastfailed={"t::b": True, "t::gone": True})}
    asked = AffectedQuery(config_of(tmp_path, plugins=plugins), store, tree_at(tmp_path))

    assert asked.failures(["t::a", "t::b"]).keys() == {"t::b"}


@pytest.mark.parametrize(
    ("options", "may_skip"),
    [({}, True), ({"lf": True}, False), ({"pyargs": True}, False), ({"affected_baseline": "ci"}, False)],
)
def test_only_a_plain_question_may_skip_the_collection(
    store: Store, tmp_path: Path, options: dict[str, object], *, may_skip: bool
) -> None:
    """Others depend on more than what is noted."""
    assert (query(store, tmp_path, **options).unchanged(knows_environ=True) is not None) is may_skip

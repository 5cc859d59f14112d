"""What has changed since a commit, asked of a git of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.git_diff import GitDiff, GitError
from pytest_zygote.core.affected.dependency import BODY, DATA, FILE, LISTING, PROJECT, Need
from tests.affected.fakes import tree_at

if TYPE_CHECKING:
    from pathlib import Path


class FakeGit:
    """A repository with one commit.

    Attributes:
        files: path → text in the commit, of those that differ.
        gone: files that are in neither tree, as a deleted submodule.
        new: files that it does not know.
        branches: names that lead to the commit.
    """

    def __init__(self, top: Path) -> None:
        """Have no files."""
        self.top = top
        self.files: dict[str, str] = {}
        self.gone: set[str] = set()
        self.new: list[str] = []
        self.branches = ["main"]

    def __call__(self, _folder: str, args: tuple[str, ...]) -> str:
        """Answer as git would."""
        command, *rest = args
        if command == "rev-parse" and rest == ["--show-toplevel"]:
            return f"{self.top}\n"
        if command in ("rev-parse", "merge-base"):
            return self._commit(rest[-1].removesuffix("^{commit}"))
        if command == "diff":
            return "".join(f"{path}\0" for path in sorted({*self.files, *self.gone}))
        if command == "ls-files":
            return "".join(f"{path}\0" for path in self.new)
        if command == "ls-tree":
            return "".join(f"{path}\0" for path in self.files)
        return self._show(rest[-1].partition(":")[2])

    def _commit(self, name: str) -> str:
        if name not in self.branches:
            message = f"fatal: Needed a single revision: {name}"
            raise GitError(message)
        return "c0ffee\n"

    def _show(self, path: str) -> str:
        if path not in self.files:
            message = f"fatal: path '{path}' does not exist in 'c0ffee'"
            raise GitError(message)
        return self.files[path]


@pytest.fixture(name="git")
def _git(tmp_path: Path) -> FakeGit:
    return FakeGit(tmp_path)


def test_a_function_has_changed_if_its_code_has(tmp_path: Path, git: FakeGit) -> None:
    """Not the other one of its file."""
    git.files["a.py"] = "def f(): return 1\ndef g(): return 2\n"
    (tmp_path / "a.py").write_text("def f(): return 3\ndef g(): return 2  # two\n")
    diff = GitDiff(tree_at(tmp_path), "main", git)

    assert diff.has_changed(Need(BODY, "a.py", "f"))
    assert not diff.has_changed(Need(BODY, "a.py", "g"))
    assert diff.has_changed(Need(FILE, "a.py"))
    assert diff.has_changed(Need(PROJECT))


def test_a_comment_changes_no_code(tmp_path: Path, git: FakeGit) -> None:
    """But the bytes of the file."""
    git.files["a.py"] = "def f(): return 1\n"
    (tmp_path / "a.py").write_text("def f(): return 1  # one\n")
    diff = GitDiff(tree_at(tmp_path), "main", git)

    assert not diff.has_changed(Need(FILE, "a.py"))
    assert diff.has_changed(Need(DATA, "a.py"))


def test_new_and_deleted_files_change_their_folder(tmp_path: Path, git: FakeGit) -> None:
    """Those that git does not know yet, too."""
    git.files["data/old.txt"] = "1"
    git.new = ["more/new.txt"]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "new.txt").write_text("2")
    diff = GitDiff(tree_at(tmp_path), "main", git)

    assert diff.has_changed(Need(LISTING, "data"))
    assert diff.has_changed(Need(LISTING, "more"))
    assert not diff.has_changed(Need(LISTING, "other"))
    assert diff.has_changed(Need(LISTING, ""))


def test_a_new_file_in_the_root_changes_its_listing(tmp_path: Path, git: FakeGit) -> None:
    """Which a test may have listed by its whole path."""
    git.new = ["new.txt"]
    (tmp_path / "new.txt").write_text("1")
    tree = tree_at(tmp_path)

    assert GitDiff(tree, "main", git).has_changed(Need(LISTING, tree.relative(str(tmp_path))))


def test_paths_are_those_of_the_tests_root(tmp_path: Path, git: FakeGit) -> None:
    """Which may be a folder of the repository."""
    (tmp_path / "sub").mkdir()
    git.files = {"sub/a.txt": "1", "b.txt": "1"}
    diff = GitDiff(tree_at(tmp_path / "sub"), "main", git)

    assert diff.has_changed(Need(DATA, "a.txt"))
    assert not diff.has_changed(Need(DATA, "b.txt"))
    assert diff.has_changed(Need(DATA, str(tmp_path / "b.txt")))


def test_without_a_revision_it_is_where_the_branch_left_the_main_one(tmp_path: Path, git: FakeGit) -> None:
    """Under the first of the usual names that there is."""
    git.branches = ["master"]

    assert GitDiff(tree_at(tmp_path), "", git).commit == "c0ffee"


def test_no_main_branch_is_an_error(tmp_path: Path, git: FakeGit) -> None:
    """Which says what to do."""
    git.branches = []

    with pytest.raises(GitError, match="name a revision"):
        GitDiff(tree_at(tmp_path), "", git)


def test_an_unknown_revision_is_an_error_in_gits_words(tmp_path: Path, git: FakeGit) -> None:
    """They name it."""
    with pytest.raises(GitError, match="nowhere"):
        GitDiff(tree_at(tmp_path), "nowhere", git)

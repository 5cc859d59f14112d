"""What has changed since a commit: such questions have the same answer each time.

The store knows what each test depends on. A test whose row holds for the current tree runs only what the
row names. So if none of that differs from the commit, the test does the same in both.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import TYPE_CHECKING

from pytest_zygote.core.affected.dependency import KINDS
from pytest_zygote.core.affected.fingerprints import compiled_text
from pytest_zygote.core.affected.tree_changes import TreeChanges
from pytest_zygote.core.protocol.errors import ZygoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_zygote.affected.current_tree import CurrentTree
    from pytest_zygote.core.affected.dependency import Need

MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class GitError(ZygoteError):
    """Git cannot tell; the text says why, for the user."""


def run_git(folder: str, args: tuple[str, ...]) -> str:
    """Return what a command of git prints.

    Raises:
        GitError: it fails, or there is no git.
    """
    command = ["git", "-C", folder, *args]
    try:
        ended = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        message = f"git cannot be run: {error}"
        raise GitError(message) from error
    if ended.returncode:
        raise GitError(ended.stderr.decode(errors="replace").strip().partition("\n")[0])
    return os.fsdecode(ended.stdout)


class GitDiff:
    """The difference between a commit and the present tree.

    Attributes:
        commit: what is compared with.
    """

    def __init__(self, tree: CurrentTree, revision: str, run: Callable[[str, tuple[str, ...]], str] = run_git) -> None:
        """Compare with this revision; '' stands for the commit where this branch left the main one.

        Args:
            tree: the present one.
            revision: as git names it.
            run: calls git in a folder with arguments, and returns what it prints.

        Raises:
            GitError: this is no repository, or there is no such revision.
        """
        self._tree = tree
        self._run = run
        self._top = os.path.realpath(self._git("rev-parse", "--show-toplevel").strip())
        self.commit = self._git("rev-parse", "--verify", f"{revision}^{{commit}}").strip() if revision else self._base()
        listed = self._git("diff", "--name-only", "--no-renames", "-z", self.commit)
        new = self._git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
        names = {name for name in (*listed.split("\0"), *new.split("\0")) if name}
        self._paths = {tree.relative(os.path.join(self._top, name)): name for name in names}
        then = set(self._git("ls-tree", "-r", "--name-only", "--full-tree", "-z", self.commit).split("\0"))
        self._there = {path for path, name in self._paths.items() if name in then}
        came_or_went = {path for path in self._paths if path not in self._there or not tree.digest(path)}
        self._old: dict[str, dict[str, bytes]] = {}
        self._changes = TreeChanges(
            self._paths.keys(),
            came_or_went,
            units_then=self._units_then,
            units_now=tree.units,
            has_moved=self._has_moved(then),
        )

    def has_changed(self, need: Need) -> bool:
        """Return whether a need differs from what it was in the commit."""
        return KINDS[need.kind].differs(self._changes, need)

    def has_other_text(self, file: str, part: Callable[[str], str]) -> bool:
        """Return whether a part of a file's text differs from what it was in the commit."""
        path = self._tree.relative(file)
        if path not in self._paths:
            return False
        now = os.fsdecode(pathlib.Path(file).read_bytes()) if os.path.exists(file) else ""
        return part(self._text_then(path)) != part(now)

    def _git(self, *args: str) -> str:
        return self._run(self._tree.root, args)

    def _base(self) -> str:
        for branch in MAIN_BRANCHES:
            try:
                return self._git("merge-base", "HEAD", branch).strip()
            except GitError:
                continue
        message = f"no main branch was found (looked for {', '.join(MAIN_BRANCHES)}): name a revision"
        raise GitError(message)

    def _units_then(self, path: str) -> dict[str, bytes]:
        """Return the units that a file had in the commit."""
        known = self._old.get(path)
        if known is None:
            text = self._text_then(path)
            known = self._old[path] = compiled_text(os.fsencode(text), path) if path in self._there else {}
        return known

    def _has_moved(self, then: Iterable[str]) -> Callable[[str], bool]:
        folders = {os.path.join(self._top, os.path.dirname(name)) for name in then}

        def has_moved(folder: str) -> bool:
            path = self._tree.absolute(folder)
            was_there = any(known == path or known.startswith(f"{path}/") for known in folders)
            return was_there != os.path.isdir(path)

        return has_moved

    def _text_then(self, path: str) -> str:
        return self._git("show", f"{self.commit}:{self._paths[path]}") if path in self._there else ""

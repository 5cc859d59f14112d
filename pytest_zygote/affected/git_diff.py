"""What has changed since a commit: for questions that have the same answer however often they are asked.

The store knows what each test depends on. A test whose row holds for the present tree runs only what the
row names; so if nothing of that differs from the commit, it does there what it does here.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from pytest_zygote.affected.checksums import compiled_text
from pytest_zygote.core.affected import impact
from pytest_zygote.core.affected.fingerprints import IMPORTS

if TYPE_CHECKING:
    from pytest_zygote.affected.checksums import CurrentTree
    from pytest_zygote.core.affected.impact import Need

MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class GitError(Exception):
    """Git cannot tell; the text says why, for the user."""


class GitDiff:
    """The difference between a commit and the present tree.

    Attributes:
        commit: what is compared with.
    """

    def __init__(self, tree: CurrentTree, revision: str) -> None:
        """Compare with this revision; '' stands for the place where this branch left the main one.

        Raises:
            GitError: this is no repository, or there is no such revision.
        """
        self._tree = tree
        self._top = os.path.realpath(self._git("rev-parse", "--show-toplevel").strip())
        self.commit = self._git("rev-parse", "--verify", f"{revision}^{{commit}}").strip() if revision else self._base()
        listed = self._git("diff", "--name-only", "--no-renames", "-z", self.commit)
        new = self._git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
        names = {name for name in (*listed.split("\0"), *new.split("\0")) if name}
        self._paths = {tree.relative(os.path.join(self._top, name)): name for name in names}
        self._came_or_went = {path for path in self._paths if not self._was_there(path) or not tree.digest(path)}
        self._old: dict[str, dict[str, bytes]] = {}

    def _git(self, *args: str) -> str:
        command = ["git", "-C", self._tree.root, *args]
        try:
            ended = subprocess.run(command, capture_output=True, check=False)
        except OSError as error:
            message = f"git cannot be run: {error}"
            raise GitError(message) from error
        if ended.returncode:
            raise GitError(ended.stderr.decode(errors="replace").strip().partition("\n")[0])
        return os.fsdecode(ended.stdout)

    def _base(self) -> str:
        for branch in MAIN_BRANCHES:
            try:
                return self._git("merge-base", "HEAD", branch).strip()
            except GitError:
                continue
        message = f"no main branch was found (looked for {', '.join(MAIN_BRANCHES)}): name a revision"
        raise GitError(message)

    def _was_there(self, path: str) -> bool:
        try:
            self._git("cat-file", "-e", f"{self.commit}:{self._paths[path]}")
        except GitError:
            return False
        return True

    def _units_then(self, path: str) -> dict[str, bytes]:
        """Return the units that a file had in the commit."""
        known = self._old.get(path)
        if known is None:
            is_there = path not in self._came_or_went or self._was_there(path)
            text = self._git("show", f"{self.commit}:{self._paths[path]}") if is_there else ""
            known = self._old[path] = compiled_text(os.fsencode(text), path) if is_there else {}
        return known

    def has_changed(self, need: Need) -> bool:
        """Tell whether a need is not as it was in the commit."""
        kind, path, name = need
        if kind == impact.PROJECT:
            return bool(self._paths)
        if kind in (impact.LISTING, impact.IMPORTABLE):
            return any(os.path.dirname(other) == path for other in self._came_or_went)
        if kind == impact.NAMES:
            return self._may_lead_elsewhere(path)
        if path not in self._paths or kind == impact.ENVIRON:
            return False
        if kind in (impact.BODY, impact.SKELETON):
            return self._units_then(path).get(name) != self._tree.units(path).get(name)
        return path in self._came_or_went or kind != impact.FILE or self._code(path)

    def _code(self, path: str) -> bool:
        then, now = self._units_then(path), self._tree.units(path)
        return {**then, IMPORTS: b""} != {**now, IMPORTS: b""}

    def _may_lead_elsewhere(self, path: str) -> bool:
        """Tell whether a file that came or went has a name that another file imports."""
        words = {word for name in self._tree.imports(path) for word in name.split(".")}
        parts = {part.partition(".")[0] for other in self._came_or_went for part in other.split("/")}
        return not words.isdisjoint(parts)

"""The files that tests write, told to watch mode before they are written: they start no run.

A file beside the store, to which each process of a run appends paths. The audit event comes before the file is opened,
so the path stands there when the system reports the change.
"""

from __future__ import annotations

import os

from pytest_zygote.affected.database import make_folder


class WrittenFiles:
    """The list of one project."""

    def __init__(self, store: str, root: str) -> None:
        """Lie beside this store; `root` is the folder whose files count."""
        self._path = os.path.join(os.path.dirname(store), "written")
        self._below = f"{root}{os.sep}"

    def add(self, path: str) -> None:
        """Add a path, if it is the project's and watch mode is there to read it."""
        if path.startswith(self._below) and os.path.exists(self._path):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, os.fsencode(os.path.relpath(path, self._below)) + b"\0")
            finally:
                os.close(descriptor)

    def begin(self) -> None:
        """Make an empty list: a run is about to start."""
        make_folder(os.path.dirname(self._path))
        with open(self._path, "wb"):
            pass

    def all(self) -> set[str]:
        """Return the paths, relative to the root."""
        try:
            with open(self._path, "rb") as file:
                return {os.fsdecode(path) for path in file.read().split(b"\0") if path}
        except OSError:
            return set()

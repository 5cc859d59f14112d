"""The stores that pytest-shared-session-scope has. They are accepted, and not used: see the package."""

from __future__ import annotations


class LocalFileStoreMixin:
    """Accepted, and not used; stores of a project's own are derived from it."""


class FileStore(LocalFileStoreMixin):
    """Accepted, and not used."""


class JsonStore(FileStore):
    """Accepted, and not used."""


class PickleStore(FileStore):
    """Accepted, and not used."""

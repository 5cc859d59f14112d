"""What cannot be used of what other machines have left."""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import ZygoteError


class ShardError(ZygoteError):
    """A file of durations, or the results of shards, cannot be used; the text says why."""


class NoSourcesError(ShardError):
    """Coverage cannot be reported, because the sources are not here; the text says where the data is."""

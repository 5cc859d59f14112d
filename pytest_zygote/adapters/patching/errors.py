"""What went wrong with a patch."""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import ZygoteError


class PatchError(ZygoteError):
    """A patch did not do what it should; the process that tried must not be used."""

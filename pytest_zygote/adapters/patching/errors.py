"""What stands in the way of a patch, and what went wrong with one."""

from __future__ import annotations

from pytest_zygote.core.protocol.errors import ZygoteError


class PatchError(ZygoteError):
    """A patch did not do what it should; the process that tried must not be used."""


class NotPatchable(Exception):  # noqa: N818 - not an error: a way to say no
    """The sentence's end says why this module cannot be patched."""

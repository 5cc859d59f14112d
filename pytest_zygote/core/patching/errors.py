"""The error by which each part of the verdict says that an edit cannot be patched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.errors import ZygoteError
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Code


class NotPatchable(ZygoteError):  # noqa: N818 - not an error: a way to say no
    """Only a fresh import is right; the text ends a sentence that begins with the file."""

    def __init__(self, code: Code, text: str) -> None:
        """Give the reason."""
        super().__init__(text)
        self._reason = Reason(code, text)

    def reason_for(self, label: str) -> Reason:
        """Return the reason for a file that users know by this label."""
        return self._reason.replaced(text=f"{label}: {self._reason.text}")

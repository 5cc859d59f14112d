"""Which keys of the environment are read: no audit event shows that, so `executions` reports the methods that do."""

from __future__ import annotations

import os
import tempfile
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.affected.calling_frames import asks, is_patched, key_of, place_in
from pytest_zygote.core.affected.dependency import ENVIRON, Need
from pytest_zygote.core.layers.layer_inputs import OURS as OUR_KEYS
from pytest_zygote.core.layers.layer_inputs import VOLATILE, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from pytest_zygote.affected.calling_frames import Readers
    from pytest_zygote.affected.current_tree import CurrentTree

TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Keys that name the folder for temporary files."""


class EnvironReads:
    """Collects keys.

    Attributes:
        is_active: whether what happens now counts.
    """

    def __init__(self, tree: CurrentTree, readers: Readers) -> None:
        """Know of none; `readers` finds out who asks."""
        self.is_active = False
        self._tree = tree
        self._readers = readers
        self._read: dict[Need, tuple[bytes, str]] = {}
        self._set: set[str] = set()
        self._copying: tuple[CodeType, int] | None = None

    @property
    def are_pending(self) -> bool:
        """Whether there is anything to drain."""
        return bool(self._read or self._set)

    def drain(self) -> dict[Need, tuple[bytes, str]]:
        """Return what was read since the last call: its checksum, and the nearest file of the project on the stack."""
        found, self._read = self._read, {}
        self._set.clear()
        return found

    def watched(self) -> dict[FunctionType, Callable[[FrameType], None]]:
        """Return what to do when certain functions of the standard library start."""
        environ = type(os.environ)
        seen: dict[object, Callable[[FrameType], None]] = {
            environ.__getitem__: self._on_key,
            environ.__setitem__: self._on_set,
            environ.__iter__: self._on_environ,
            tempfile.gettempdir: self._on_temporary_folder,
        }
        return {function: see for function, see in seen.items() if isinstance(function, FunctionType)}

    def _on_key(self, frame: FrameType) -> None:
        key = key_of(frame)
        if not self.is_active or key in self._set or key in OUR_KEYS:
            return
        if key not in VOLATILE or not (place_in(frame) == self._copying or asks(frame, "__iter__")):
            self._note(key, frame)

    def _on_environ(self, frame: FrameType) -> None:
        if self.is_active:
            outer = frame.f_back if asks(frame, "__iter__") else frame  # `keys` makes a view that iterates
            self._copying = place_in(outer)
            self._note(WHOLE, frame)

    def _on_temporary_folder(self, frame: FrameType) -> None:
        """Note the keys that name it: they are read only once, perhaps by us."""
        for key in TEMPORARY if self.is_active else ():
            self._note(key, frame)

    def _on_set(self, frame: FrameType) -> None:
        if self.is_active:
            self._set.add(key_of(frame))

    def _note(self, key: str, frame: FrameType) -> None:
        need = Need(ENVIRON, "", key)
        reader = self._readers.reader(frame, "") if need not in self._read and not is_patched(frame) else None
        if reader is not None:
            self._read[need] = (self._tree.now(need), reader)

"""Which environment keys the modules of a layer read, and write, while they are imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.import_effects import Read, Wrote
from pytest_zygote.core.layers.layer_inputs import MISSING, WHOLE, WORKER_KEYS, all_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger


class EnvironInputs:
    """Notes them in the log of the module that is being executed.

    Attributes:
        reads: the value that each key had when it was first read; keys that a module had written are no inputs.
        readers: the module that first read each key.
        written: keys that modules have written.
    """

    def __init__(self, ledger: Ledger, began_with: Mapping[str, str], reject: Callable[[str], None]) -> None:
        """Start with none.

        Args:
            ledger: shows which module is being executed, and gets the events.
            began_with: the environment in which the build began.
            reject: has no layer hold the module that is being executed; called with what it does.
        """
        self._ledger = ledger
        self._began_with = began_with
        self._reject = reject
        self._seen: set[tuple[str, str, str]] = set()
        self.reads: dict[str, str] = {}
        self.readers: dict[str, str] = {}
        self.written: set[str] = set()

    def on_read(self, key: str, value: str | None) -> None:
        """Note that a key is read; `WHOLE` stands for all."""
        seen = MISSING if value is None else value
        if self._ledger.stack:
            self.readers.setdefault(key, self._ledger.stack[-1])
        if key in WORKER_KEYS:
            self._reject("asks which worker it is in")
        if key not in self.written:  # else it is no input: any run's import would see it
            self.reads.setdefault(key, seen)
        if key == WHOLE:
            seen = all_written(self.written, self._began_with, os.environ)
        self._note_once(Read(key, seen), seen)

    def on_write(self, key: str, value: str | None) -> None:
        """Note that a key is set, or deleted if there is no value."""
        written = MISSING if value is None else value
        self.written.add(key)
        self._note_once(Wrote(key, written), written)

    def _note_once(self, event: Read | Wrote, value: str) -> None:
        entry = (self._ledger.stack[-1] if self._ledger.stack else "", event.key, value)
        if entry not in self._seen or isinstance(event, Wrote):
            self._seen.add(entry)
            self._ledger.note(event)

"""Records which keys of the environment code reads and writes while a layer is built."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, AnyStr

from pytest_zygote.adapters.interpreter.callers import is_own_caller
from pytest_zygote.adapters.interpreter.private import reading
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.layers.layer_inputs import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class EnvironRecorder:
    """Tells which environment keys are read and written."""

    def __init__(self, read: Callable[[str, str | None], None], wrote: Callable[[str, str | None], None]) -> None:
        """Report reads and writes with the key and the value (None: not set, or deleted)."""

        class RecordingEnviron(reading.Environ):  # type: ignore[type-arg]  # not generic at run time before 3.12
            def __getitem__(self, key: AnyStr) -> AnyStr:
                value: AnyStr | None = None
                try:
                    value = super().__getitem__(key)
                finally:
                    # Also a str that is an enum's member; what is neither has raised already.
                    if isinstance(key, (str, bytes)) and not is_own_caller(frame_above(1)):  # type: ignore[redundant-expr]
                        read(os.fsdecode(key), None if value is None else os.fsdecode(value))
                return value

            def __iter__(self) -> Iterator[AnyStr]:
                if not is_own_caller(frame_above(1)):
                    read(WHOLE, "")
                return super().__iter__()

            def __setitem__(self, key: AnyStr, value: AnyStr) -> None:
                super().__setitem__(key, value)
                wrote(os.fsdecode(key), os.fsdecode(value))

            def __delitem__(self, key: AnyStr) -> None:
                super().__delitem__(key)
                wrote(os.fsdecode(key), None)

        self._plain = type(os.environ)
        self._recording = RecordingEnviron

    def start(self) -> None:
        """Record from now on."""
        for environ in (os.environ, os.environb):
            environ.__class__ = self._recording  # same layout: no slots

    def stop(self) -> None:
        """Stop recording."""
        for environ in (os.environ, os.environb):
            environ.__class__ = self._plain

"""Takes down the warnings of imports, to be given again in the runs that import the modules."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import attribute_names, dict_of, loaded_attribute
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.layers.import_effects import Compiled, Warned

if TYPE_CHECKING:
    import warnings
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

    from pytest_zygote.adapters.interpreter.import_recorder import Ledger


SETUP = "pytest_zygote.django.settings"
"""The module that loads Django's apps in a layer, in the place of whoever does so in a run."""


class ImportWarnings:
    """Notes each warning with the module that is being imported.

    Attributes:
        bytecode: sources whose compiler warned: a run that compiles them must warn, so their compiled files must go.
    """

    def __init__(self, ledger: Ledger, importer: CodeType) -> None:
        """Note them in a ledger; `importer` is the code that begins each import."""
        self._ledger = ledger
        self._importer = importer
        self.bytecode: list[str] = []

    def note(self, warning: warnings.WarningMessage) -> None:
        """Note a warning, in the place of showing it."""
        module = self._ledger.stack[-1] if self._ledger.stack else ""
        frames = tuple(_frames())
        if self._is_of_compiler(module, warning, frames):
            self._ledger.note(Compiled(module))
            self.bytecode.append(warning.filename)
        else:
            module, outside = attributed(warning.filename, frames, self._importer)
            depth = max(0, len(self._ledger.stack) - 1)
            self._ledger.note(Warned(warning, module, outside, depth, is_of_settings(frames, self._importer)))

    @staticmethod
    def _is_of_compiler(module: str, warning: warnings.WarningMessage, frames: Iterable[FrameType]) -> bool:
        """Return whether the compiler warned: then the module that it names is being imported, and runs no code yet."""
        loader = loaded_attribute(module, "__loader__")
        if "get_code" not in attribute_names(loader) or (dict_of(loader) or {}).get("path") != warning.filename:
            return False
        return not any(frame.f_code.co_filename == warning.filename for frame in frames)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = frame_above(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_of_settings(frames: Iterable[FrameType], importer: CodeType) -> bool:
    """Return whether Django was reading the settings, in the import that is on top of the stack."""
    inner = takewhile(lambda frame: frame.f_code is not importer, frames)
    return any(frame.f_code.co_name == "_setup" and frame.f_globals.get("__name__") == "django.conf" for frame in inner)


def attributed(filename: str, frames: Iterable[FrameType], importer: CodeType) -> tuple[str, int]:
    """Return the module whose code warned, and how far outside of the imports it stands (-1: inside).

    Args:
        filename: where the warning says that it comes from.
        frames: the stack, the innermost first.
        importer: the code that begins each import: what is further out is the zygote's.
    """
    outside = -1
    for frame in frames:
        code = frame.f_code
        if outside >= 0:
            outside += not ("importlib" in code.co_filename and "_bootstrap" in code.co_filename)
        elif code is importer or frame.f_globals.get("__name__") == SETUP:
            outside = 0
        if code.co_filename == filename and (outside >= 0 or filename != importer.co_filename):
            return str(frame.f_globals.get("__name__", "")), outside
    return "", -1

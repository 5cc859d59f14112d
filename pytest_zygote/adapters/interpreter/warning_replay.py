"""Gives the warnings of a layer's modules again, from where a fresh interpreter would give them.

A warning names the statement that caused it, often an import statement: of the run, which is on the stack, or of
a module of the layer, which is looked for in its text.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.layers.import_log import imported_by, lineage
from pytest_zygote.core.patching.import_statements import import_line
from pytest_zygote.core.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from pytest_zygote.core.layers.import_effects import Event, Warned


class WarningReplay:
    """The warnings that one run was given."""

    def __init__(self, log: Mapping[str, list[Event]]) -> None:
        """Look for importers in the logs of modules: name → what executing it did."""
        self._log = log
        self._registries: dict[str, dict[str | tuple[str, type[Warning], int], int]] = {}

    def give(self, names: Sequence[str], event: Warned) -> None:
        """Give one warning.

        Args:
            names: '' for the run, the module that it imports, what that leads to, and so on to the one that warned.
            event: the warning; one of Django's settings is given only if this run has not read them yet.

        Raises:
            Warning: the filters make an error of it.
        """
        if event.is_of_settings and _read_settings():
            return
        warning, module, line = event.warning, event.module, event.warning.lineno
        filename = warning.filename
        registry = self._registries.setdefault(filename, {})
        if event.outside >= 0:
            above, nested = event.depth + event.outside, len(names) - 2
            place = self._statement(names[-1 - above], names[-2 - above]) if above < nested else None
            filename, line, contents = place or _outer_statement(max(0, above - nested))
            module = str(contents.get("__name__", ""))
            registry = contents.setdefault("__warningregistry__", {})
        warnings.warn_explicit(
            warning.message, warning.category, filename, line, module, registry, None, warning.source
        )

    def _statement(self, name: str, above: str) -> tuple[str, int, dict[str, Any]] | None:  # type: ignore[explicit-any]
        """Return where a module of the layer imports another: file, line, names; None if that cannot be told.

        When the layer was built the other one had been imported already, by nobody.
        """
        importer = self._importer(name, above)
        if importer is None:
            return None
        names = vars(sys.modules[importer])
        filename = str(names.get("__file__", ""))
        try:
            with open(filename, "rb") as file:
                line = import_line(file.read(), importer, str(names.get("__package__")), name)
        except (OSError, SyntaxError, ValueError):
            return None
        return (filename, line, names) if line else None

    def _importer(self, name: str, above: str) -> str | None:
        """Return the first module whose execution imports another, among all that one leads to; None for none."""

        def following(module: str) -> list[str]:
            return [other for other in reversed(imported_by(module, self._log)) if other in sys.modules]

        for module in reachable({above} & sys.modules.keys(), following):
            if any(name in lineage(other) for other in imported_by(module, self._log)):
                return module
        return None


def _read_settings() -> bool:
    """Read Django's settings, as the module did when it was executed; return whether that had been done already."""
    settings = sys.modules["django.conf"].settings
    if settings.configured:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is about to be given from where the module stands
        settings.DEBUG  # noqa: B018 - the first look at a setting reads them all
    return False


def _outer_statement(count: int) -> tuple[str, int, dict[str, Any]]:  # type: ignore[explicit-any]  # as typeshed has it
    """Return file, line and names of the import statement, or the `count`-th above, as ``warnings.warn`` counts."""
    frame = frame_above(1)
    while frame.f_back is not None and (count or _is_internal(frame)):
        count -= not _is_internal(frame)
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_globals


def _is_internal(frame: FrameType) -> bool:
    """Return whether a frame is of the import system, or stands for it."""
    filename = frame.f_code.co_filename
    is_ours = str(frame.f_globals.get("__name__", "")).startswith("pytest_zygote.")
    return is_ours or ("importlib" in filename and "_bootstrap" in filename)

"""jurigged's engine: the registry of `codefind`, with our one scan of the heap in the place of its many."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from types import CodeType

    from pytest_zygote.adapters.patching.referrers import Referrers


def new_registry() -> Registry:
    """Return jurigged's registry, with our one scan of the heap in the place of its many.

    Importing `codefind` would collect all functions of the process (which wakes lazy objects;
    with Django it fails) and leave an audit hook behind for ever, 12 % of a trivial suite. Both
    come from functions of others, which are stubbed meanwhile. It is taken out of `sys.modules`
    again: a test that imports jurigged must find what it would find without us.
    """
    before = {name for name in sys.modules if name.partition(".")[0] == "codefind"}
    add_hook, get_objects = sys.addaudithook, gc.get_objects
    sys.addaudithook, gc.get_objects = (lambda _hook: None), (lambda *_: [])  # type: ignore[assignment]
    try:
        from codefind.registry import CodeRegistry  # type: ignore[import-untyped]
    finally:
        sys.addaudithook, gc.get_objects = add_hook, get_objects
        for name in {name for name in sys.modules if name.partition(".")[0] == "codefind"} - before:
            del sys.modules[name]
    return cast("Registry", type("Registry", (_Lookup, CodeRegistry), {})())


class Registry(Protocol):
    """What is used of jurigged's registry."""

    found: dict[int, Referrers]

    def conform(self, code: CodeType, new: CodeType) -> None:
        """Give the new code to all that holds the old one."""


class _Lookup:
    """Takes the place of the heap scans of jurigged's registry."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, Referrers] = {}

    def get_functions(self, code: CodeType, use_cache: object = None) -> list[object]:
        """Return what holds a code object, as it was found in our scan."""
        del use_cache
        holders = self.found[id(code)]
        return [*holders.functions, *holders.conforming]

    def update_cache_entry(self, holder: object, old: CodeType, new: CodeType) -> None:
        """Keep nothing: a cache would keep every old code object alive."""

"""Changes of dictionaries, told by CPython without a look at their contents: to touch an object copies its page.

From 3.12 on, dictionaries can be watched; before, each has a version that changes with it.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.adapters.interpreter.private.bare_objects import is_plain_key
from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable

Changes: TypeAlias = "dict[int, set[object] | None]"

_VERSION_OFFSET = 24
"""Of ``ma_version_tag`` in ``PyDictObject`` of CPython 3.11."""


class WatchedDictionaries:
    """Dictionaries that CPython watches: it calls us before one changes."""

    reports_keys = True

    def __init__(self, on_write: Callable[[int, object], None] | None = None) -> None:
        """Watch none yet; `on_write` is called with address and key before a change, instead of noting it."""
        self._keys: dict[int, set[object]] = {}
        self._note = on_write or self._remember
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._callback = prototype(self._on_change)
        self._number = ctypes.pythonapi.PyDict_AddWatcher(self._callback)

    def _on_change(self, _event: int, dictionary: int, key: int | None, _value: int | None) -> int:
        name = ctypes.cast(key, ctypes.py_object).value if key else None
        if name is not None and is_plain_key(name):
            self._note(dictionary, name)
        return 0

    def _remember(self, dictionary: int, key: object) -> None:
        self._keys.setdefault(dictionary, set()).add(key)

    def watch(self, dictionary: dict[str, object]) -> None:
        """Watch one more, or one of them again."""
        ctypes.pythonapi.PyDict_Watch(self._number, ctypes.py_object(dictionary))

    def unwatch(self, dictionary: dict[str, object]) -> None:
        """Leave no mark on it: the next watcher may have this one's number."""
        ctypes.pythonapi.PyDict_Unwatch(self._number, ctypes.py_object(dictionary))

    def begin(self) -> None:
        """Forget the changes so far."""
        self._keys.clear()

    def changes(self) -> Changes:
        """Return the addresses of what has changed since `begin`, each with the keys; None where they are not known."""
        return dict(self._keys)

    def stop(self) -> None:
        """Watch none of them."""
        ctypes.pythonapi.PyDict_ClearWatcher(self._number)


class DictionaryVersions:
    """Dictionaries whose versions are compared."""

    reports_keys = False

    def __init__(self, _on_write: object = None) -> None:
        """Watch none yet."""
        self._known: dict[int, int] = {}

    def watch(self, dictionary: dict[str, object]) -> None:
        """Watch one more, or one of them from its present version on."""
        self._known[id(dictionary)] = _version(id(dictionary))

    def unwatch(self, dictionary: dict[str, object]) -> None:
        """Compare it no more."""
        del self._known[id(dictionary)]

    def begin(self) -> None:
        """Do nothing: a version is read when its dictionary is watched."""

    def changes(self) -> Changes:
        """Return the addresses of what has changed since it was watched; the keys are not known."""
        return {address: None for address, version in self._known.items() if _version(address) != version}

    def stop(self) -> None:
        """Watch none of them."""
        self._known.clear()


def _version(address: int) -> int:
    return ctypes.c_uint64.from_address(address + _VERSION_OFFSET).value


def new_watch(on_write: Callable[[int, object], None] | None = None) -> WatchedDictionaries | DictionaryVersions:
    """Return the means that this interpreter offers; only `WatchedDictionaries` call `on_write`."""
    reports_keys = hasattr(ctypes.pythonapi, "PyDict_AddWatcher")
    return WatchedDictionaries(on_write) if reports_keys else DictionaryVersions(on_write)


def _reports_changes() -> bool:
    watch, changed, same = new_watch(), dict[str, object](key=1), dict[str, object](key=1)
    try:
        for dictionary in (changed, same):
            watch.watch(dictionary)
        watch.begin()
        changed["key"] = 2
        found = watch.changes()
    finally:
        watch.stop()
    return found in ({id(changed): {"key"}}, {id(changed): None})


INTERNALS = (
    Internal(
        "PyDict_Watch (3.12 on), PyDictObject.ma_version_tag (3.11)",
        ("new_watch", "WatchedDictionaries", "DictionaryVersions"),
        Feature.LAYERS,
        "a run that changes a module before others of its layer are imported is found",
        _reports_changes,
    ),
)

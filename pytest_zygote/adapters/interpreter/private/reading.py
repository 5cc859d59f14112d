"""What code reads its environment and its files with."""

from __future__ import annotations

import os
import sys
from importlib.machinery import SourceFileLoader
from types import FunctionType
from typing import TYPE_CHECKING, cast

from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    from collections.abc import Callable

    GetData = Callable[[object, str], object]

Environ = os._Environ
"""The class of `os.environ`."""


def copied_environment() -> dict[bytes, bytes]:
    """Return the present environment, as bytes, without a call of any method of `os.environ`: a run may watch those."""
    found: dict[bytes, bytes] = vars(os.environ)["_data"].copy()
    return found


_FILE_LOADER = next(base for base in SourceFileLoader.__mro__ if "get_data" in vars(base))

get_data: GetData = vars(_FILE_LOADER)["get_data"]
"""What all loaders of files read by."""


def have_loaders_read_by(function: GetData) -> None:
    """Put a function in the place of `get_data`."""
    _FILE_LOADER.get_data = function  # type: ignore[attr-defined]


def have_tokenize_open_by(function: object) -> None:
    """Make `tokenize.open` call this function instead of its own reference to `open`."""
    if "tokenize" in sys.modules:
        vars(sys.modules["tokenize"])["_builtin_open"] = function


OPENED_BY_C = {
    "_ctypes": "dlopen",
    "ctypes": "_dlopen",
    "_sqlite3": "connect",
    "sqlite3": "connect",
    "sqlite3.dbapi2": "connect",
}
"""Module → its function that opens a file without opening it in Python."""


def _is_dlopen_known() -> bool:
    names = vars(sys.modules["ctypes"]) if "ctypes" in sys.modules else None
    if names is None:
        return True
    # In a method that `__init__` calls, from 3.14 on.
    methods = [part for part in vars(names["CDLL"]).values() if isinstance(part, FunctionType)]
    return "_dlopen" in names and any("_dlopen" in method.__code__.co_names for method in methods)


def _is_tokenize_known() -> bool:
    names = vars(sys.modules["tokenize"]) if "tokenize" in sys.modules else None
    return names is None or ("_builtin_open" in names and "_builtin_open" in names["open"].__code__.co_names)


INTERNALS = (
    Internal(
        "os._Environ",
        ("Environ", "copied_environment"),
        Feature.LAYERS,
        "reads and writes of the environment are recorded while a layer is built, and it is compared after each test",
        lambda: (
            type(os.environ).__mro__[-len(Environ.__mro__)] is Environ
            and "__iter__" in vars(Environ)
            and copied_environment().keys() == set(map(os.fsencode, os.environ))
        ),
    ),
    Internal(
        "tokenize._builtin_open",
        ("have_tokenize_open_by",),
        Feature.LAYERS,
        "files that are opened by `tokenize.open` are recorded while a layer is built",
        _is_tokenize_known,
    ),
    Internal(
        "ctypes._dlopen",
        ("OPENED_BY_C",),
        Feature.LAYERS,
        "libraries that are loaded by `ctypes` are recorded while a layer is built",
        _is_dlopen_known,
    ),
    Internal(
        "get_data of importlib's FileLoader",
        ("get_data", "have_loaders_read_by"),
        Feature.LAYERS,
        "files that are read through a loader are recorded while a layer is built",
        lambda: cast("object", SourceFileLoader.get_data) is vars(_FILE_LOADER)["get_data"],
    ),
)

"""Does again, in a run or a deeper layer, what executing a module has done to the process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of
from pytest_zygote.core.layers.import_effects import Became, Bound, Compiled, PathGrew, PathShrank, Wrote
from pytest_zygote.core.layers.layer_inputs import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.core.layers.import_effects import Event


def repeat(event: Event, become: Callable[[str, object], None]) -> None:
    """Do once more what an event says was done; `become` changes what is of the whole process."""
    match event:
        case Wrote(key, value):
            write_key(key, value)
        case PathGrew() | PathShrank():
            change_path(event)
        case Compiled(module):
            sys.modules[module].__loader__.get_code(module)  # type: ignore[union-attr]  # only of such loaders
        case Bound(package, child):
            _bind(package, child)
        case Became(what, value):
            become(what, value)
        case _:
            raise AssertionError(event)  # the others are compared, or given again


def change_path(change: PathGrew | PathShrank) -> None:
    """Change `sys.path` as a module has done."""
    match change:
        case PathGrew(at, entry, is_again):
            if is_again or entry not in sys.path:
                sys.path.insert(at, entry)
        case PathShrank(entry):
            if entry in sys.path:
                sys.path.remove(entry)


def _bind(package: str, child: str) -> None:
    contents, module = dict_of(sys.modules.get(package)), sys.modules.get(f"{package}.{child}")
    if contents is not None and module is not None:
        contents.setdefault(child, module)


def unbind(package: str, child: str) -> None:
    """Have a package not hold a module that only those who import it find there."""
    contents, module = dict_of(sys.modules.get(package)), sys.modules.get(f"{package}.{child}")
    if contents is not None and module is not None and contents.get(child) is module:
        del contents[child]


def write_key(key: str, value: str) -> None:
    """Give the environment a key, or take it away, as a module has done."""
    if value == MISSING:
        os.environ.pop(key, None)
    else:
        os.environ[key] = value

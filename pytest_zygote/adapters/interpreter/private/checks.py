"""All that is relied on of the interpreter, in one table."""

from __future__ import annotations

import importlib

from pytest_zygote.adapters.interpreter.private import (
    bare_objects,
    counters,
    dictionaries,
    ending,
    importing,
    reading,
    state,
)
from pytest_zygote.core.bytecode import why_unknown
from pytest_zygote.core.internals import Feature, Internal


def _is_light_known() -> bool:
    modules = [importlib.import_module(name) for name in ("_signal", "_socket", "_blake2")]
    return all(map(callable, (modules[0].signal, modules[1].socket._accept, modules[2].blake2b)))


LIGHT = (
    Internal(
        "sys._getframe, sys._xoptions",
        ("frame_above", "x_options"),
        Feature.NOTHING,
        "documented; who calls a function, and the options after `-X`",
        lambda: True,
    ),
    Internal(
        "_signal, _socket, _socket.socket._accept, _blake2",
        ("signal", "socket", "accept", "new_blake2b"),
        Feature.NOTHING,
        "a warm client starts some milliseconds earlier; the public modules take their place",
        _is_light_known,
    ),
)

BYTECODE = Internal(
    "instructions of the interpreter",
    (),
    Feature.PATCHES,
    "read by `core/bytecode.py`: what a module does when it is imported, and what it imports; without them, tests are "
    "selected by files, too",
    lambda: not why_unknown(),
)
"""`dis` is public, and what it shows belongs to one version: see `core.bytecode`."""

INTERNALS = (
    *bare_objects.INTERNALS,
    *importing.INTERNALS,
    *reading.INTERNALS,
    *dictionaries.INTERNALS,
    *state.INTERNALS,
    *ending.INTERNALS,
    *counters.INTERNALS,
    BYTECODE,
    *LIGHT,
)

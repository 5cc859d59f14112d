"""What tests say that they depend on: by a mark, by a call while they run, or by a hook of a plugin.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.core.affected.declared import MARK, WANTED, need_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from pytest_zygote.core.affected.dependency import Need

RECEIVERS: list[Callable[[str, FrameType], None]] = []
"""Those who record this run, if it is recorded."""


def depends_on(*things: str) -> None:
    """Have the test that runs depend on files, folders, globs, environment keys or packages.

    Without ``--affected`` nothing is done, but what is none of these is an error all the same.

    Args:
        *things: 'schema.sql', 'app/templates/', 'data/*.json' (from the root folder on), '$DB_URL', 'package:numpy'.

    Raises:
        TypeError: one is no text.
        ValueError: one names nothing.
    """
    for thing in things:
        need_of(thing)
        for receive in RECEIVERS:
            receive(thing, frame_above(1))


def check_marks(items: Iterable[pytest.Item]) -> None:
    """Raise an error for a mark that names nothing, as pytest does for marks of its own.

    Raises:
        UsageError: there is one.
    """
    for item in items:
        for thing in _marked(item):
            _needed(item, thing, need_of)


def declared(item: pytest.Item, need: Callable[[object], Need]) -> list[Need]:
    """Return what marks and hooks say that a test depends on.

    Args:
        item: the test.
        need: returns what a text names.

    Raises:
        UsageError: one names nothing.
    """
    return [_needed(item, thing, need) for thing in (*_marked(item), *_hooked(item))]


def _marked(item: pytest.Item) -> Iterator[object]:
    for mark in item.iter_markers(MARK):
        if mark.kwargs or not mark.args:
            message = f"{item.nodeid}: {MARK} takes {WANTED}, as many as there are, and nothing else"
            raise pytest.UsageError(message)
        yield from mark.args


def _hooked(item: pytest.Item) -> Iterator[object]:
    if not item.config.pluginmanager.hook.pytest_zygote_dependencies.get_hookimpls():
        return
    for found in item.ihook.pytest_zygote_dependencies(item=item):
        if isinstance(found, str):
            message = f"{item.nodeid}: pytest_zygote_dependencies returned {found!r}, and not a list of texts"
            raise pytest.UsageError(message)
        yield from found


def _needed(item: pytest.Item, thing: object, need: Callable[[object], Need]) -> Need:
    try:
        return need(thing)
    except (TypeError, ValueError) as error:
        message = f"{item.nodeid}: {error}"
        raise pytest.UsageError(message) from error

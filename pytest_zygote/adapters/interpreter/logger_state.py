"""How loggers are configured, which is what `logging` keeps in objects and not in names of its own."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from pytest_zygote.adapters.interpreter.private.bare_objects import dict_of, is_a

if TYPE_CHECKING:
    from collections.abc import Iterator


def add_handlers(logger: logging.Logger, handlers: tuple[logging.Handler, ...]) -> None:
    """Add handlers that a logger has not; those that write to a standard stream write to that of now."""
    known = {id(handler) for handler in logger.handlers}
    for handler in handlers:
        if id(handler) not in known:
            logger.addHandler(handler)
        if is_a(handler, logging.StreamHandler):
            _renew_stream(handler)


def _renew_stream(handler: Any) -> None:  # type: ignore[explicit-any]  # noqa: ANN401 - of what stream is not told
    for former, now in zip(_streams, (sys.stdout, sys.stderr), strict=True):
        if handler.stream is former:
            # What a handler that is made now would write to; pytest has put its capture there.
            handler.stream = now


_streams: list[object] = [sys.stdout, sys.stderr]
"""Those of the process that builds: a run has others."""

AS_MADE = (0, True, False, (), ())
"""What `logging.getLogger` makes: no level, propagation, not disabled, no handlers and no filters."""


def changed_loggers() -> Iterator[tuple[str, object]]:
    """Give the loggers that are not as they were made."""
    for name, logger in tuple(logging.root.manager.loggerDict.items()):
        has = vars(logger) if type(logger) is logging.Logger else dict_of(logger) or {}
        if "handlers" in has and (
            has["level"] or has["handlers"] or has["filters"] or has["disabled"] or not has["propagate"]
        ):
            handlers, filters = cast("list[object]", has["handlers"]), cast("list[object]", has["filters"])
            state = (has["level"], has["propagate"], has["disabled"], tuple(handlers), tuple(filters))
            yield name, state


def set_logger(name: str, state: tuple[Any, ...]) -> None:  # type: ignore[explicit-any]  # see `AS_MADE`
    """Configure a logger; handlers that it has already, like pytest's, stay."""
    logger = logging.getLogger(name)
    level, logger.propagate, logger.disabled, handlers, filters = state
    logger.setLevel(level)
    logger.filters[:] = filters
    add_handlers(logger, handlers)

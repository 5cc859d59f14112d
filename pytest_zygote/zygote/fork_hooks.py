"""What a zygote executes besides imports: workarounds, and hooks of plugins, around the forks of runs.

Both are user code in a process that many runs are made from, so they are held to what keeps the
process exact: they may not import (nobody would look at these files again), and not take long.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FunctionType
from typing import TYPE_CHECKING

from pytest_zygote import hookspecs, workaround
from pytest_zygote.adapters.interpreter.import_finders import ClosedImports
from pytest_zygote.adapters.interpreter.private.bare_objects import loaded_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from pytest_zygote.run.inherited_layer import InheritedLayer

LIMIT_S = 5.0
"""How long one function may take; a zygote that has not forked in twice this time counts as stuck for the daemon."""

BEFORE_FORK = hookspecs.pytest_zygote_before_fork.__name__
LAYER_BUILT = hookspecs.pytest_zygote_layer_built.__name__


class ForkHooks:
    """Runs what modules of a layer want to have run when it forks.

    Attributes:
        watched: makes a context in which each function runs: who patches the layer must know what ran in it.
    """

    def __init__(self, layer: InheritedLayer) -> None:
        """Start with nothing to run."""
        self._layer = layer
        self.watched: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        self._hooks: dict[str, list[FunctionType]] = {BEFORE_FORK: [], LAYER_BUILT: []}

    @property
    def is_needed(self) -> bool:
        """Whether something has to run in the zygote before each fork."""
        return bool(workaround.registry.around or self._hooks[BEFORE_FORK])

    def layer_built(self) -> list[str]:
        """Look for hooks in the modules that were imported, and call the first; return what went wrong."""
        for name, hooks in self._hooks.items():
            hooks.extend(_hooks(name, self._layer.new, hooks))
        given = {"kind": self._layer.kind, "modules": tuple(self._layer.names)}
        return self._call(LAYER_BUILT, given)

    def before_fork(self, *, is_first: bool) -> list[str]:
        """Do what must be done before a run is forked; return what went wrong.

        Args:
            is_first: no other run of this zygote is going on.
        """
        failures = workaround.registry.begin(workaround.is_loaded, self._bounds) if is_first else []
        failures += self._call(BEFORE_FORK, {})
        if workaround.registry.has_begun or self._hooks[BEFORE_FORK]:
            self._layer.namespaces.accept()
        return failures

    def after_last(self) -> list[str]:
        """Do what must be done when no run is going on any more; return what went wrong."""
        if not workaround.registry.has_begun:
            return []
        failures = workaround.registry.end(self._bounds)
        self._layer.namespaces.accept()
        return failures

    def _call(self, name: str, given: Mapping[str, object]) -> list[str]:
        failures: list[str] = []
        for hook in self._hooks[name]:
            code = hook.__code__
            wanted = code.co_varnames[: code.co_argcount]
            try:
                with self._bounds():
                    hook(**{key: given[key] for key in wanted})
            except BaseException as error:  # noqa: BLE001 - SystemExit must not end a zygote
                failures.append(workaround.describe(f"{hook.__module__}.{name}", error))
        return failures

    @contextlib.contextmanager
    def _bounds(self) -> Iterator[None]:
        path = list(sys.path)
        sys.path[:] = self._layer.path
        try:
            with self.watched(), ClosedImports(workaround.Postponed), _limit(LIMIT_S):
                yield
        finally:
            sys.path[:] = path


def _hooks(name: str, modules: Iterable[str], known: Sequence[FunctionType]) -> list[FunctionType]:
    """Return the functions of this name in these modules; one that is known, or there twice, counts once."""
    found: list[FunctionType] = []
    for module in modules:
        function = loaded_attribute(module, name)
        is_news = not any(function is other for other in (*known, *found))
        if type(function) is FunctionType and is_news and module != hookspecs.__name__:
            found.append(function)
    return found


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Interrupt what takes too long, unless it hangs in native code."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        message = f"it takes longer than {seconds:.0f} s, and runs wait for it"
        raise TimeoutError(message)

    before: Callable[[int, FrameType | None], object] | int | None = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

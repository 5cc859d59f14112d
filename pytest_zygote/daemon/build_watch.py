"""Builds that are going on: what each imports now, and the deadline by which it must have come further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_zygote.core.layers.lifecycle import BuildDeaths

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.daemon.event_loop import EventLoop, Timer
    from pytest_zygote.daemon.layer import Layer


@dataclass
class PendingBuild:
    """A build that is going on.

    Attributes:
        deadline: ends it if nothing moves.
        module: what is being imported; '' before the first import.
    """

    deadline: Timer
    module: str = ""


class BuildWatch:
    """All builds that are going on, with a deadline for each.

    Attributes:
        deaths: the modules that builds have died of.
    """

    def __init__(self, loop: EventLoop, import_timeout_s: float, on_timeout: Callable[[Layer, str], None]) -> None:
        """Start with none.

        Args:
            loop: the daemon's.
            import_timeout_s: how long one import may take.
            on_timeout: is called with a layer and what takes too long in it.
        """
        self._loop = loop
        self._import_timeout_s = import_timeout_s
        self._on_timeout = on_timeout
        self.deaths = BuildDeaths()
        self._builds: dict[Layer, PendingBuild] = {}

    def start(self, layer: Layer, timeout_s: float) -> None:
        """Watch a build that must report its first import, or its end, in this time."""
        self._builds[layer] = PendingBuild(self._loop.after(timeout_s, lambda: self._expire(layer)))

    def progress(self, layer: Layer, module: str) -> None:
        """Note that a build begins to import a module, which may take as long as any."""
        build = self._builds.get(layer)
        if build is not None:
            build.module = module
            layer.last_progress = self._loop.now
            build.deadline.cancel()
            build.deadline = self._loop.after(self._import_timeout_s, lambda: self._expire(layer))

    def finish(self, layer: Layer) -> PendingBuild | None:
        """Watch a build no longer; return it, or None if the layer is not being built."""
        build = self._builds.pop(layer, None)
        if build is not None:
            build.deadline.cancel()
        return build

    def _expire(self, layer: Layer) -> None:
        build = self._builds[layer]
        what = build.module or ("the patch" if layer.patch else "the interpreter's start")
        self.deaths.add(what)  # its death is counted, too: there is no second attempt
        self._on_timeout(layer, what)

    def describe(self) -> str:
        """Return what is being imported, for a client that waits; '' if nothing is."""
        modules = [build.module for build in self._builds.values() if build.module]
        return f"importing {modules[-1]}" if modules else ""

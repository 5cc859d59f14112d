"""Two layer stacks: the one that serves, and one that is coming because runs taught more modules.

Learning never makes a client wait: the coming stack is built beside the serving one, and takes its
place when its project layer is ready. Only while nothing at all is imported in the serving stack
(a new project) do clients wait for the coming one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system import graph_file
from pytest_zygote.core.cli.wording import counted
from pytest_zygote.core.layers import lifecycle, stack_choice
from pytest_zygote.core.layers.module_graph import THIRD
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.layer_stack import FIRST_START, LayerStack

if TYPE_CHECKING:
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.protocol.run_messages import Learned
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.layer_processes import LayerProcesses

log = logging.getLogger("pytest_zygote")

MAX_FORKS = 1000
"""A layer that follows edits is a fork of a fork of a fork … Each of them leaves locks behind that the interpreter
never gives back, up to 1 kB (CPython does so on purpose: nobody knows who holds them in the parent). After so many all
is imported anew, beside the layer that serves and when nobody waits: memory is bounded however long a daemon lives."""


@dataclass
class BackgroundBuild:
    """A stack that is being built in the background, for a request like the last.

    Attributes:
        version: of the graph, when the building began.
        attempts: numbers of the layers made so far.
    """

    stack: LayerStack
    request: RunRequest
    version: int
    attempts: set[int] = field(default_factory=set)

    def proceed(self, now: float) -> bool:
        """Do the next step; return whether the stack is complete."""
        layer = self.stack.layer_for(self.request, "project", now, is_ahead=True)
        self.attempts.add(layer.number)
        return layer.phase == lifecycle.READY

    @property
    def is_hopeless(self) -> bool:
        """Whether it changes faster than it is built."""
        return stack_choice.is_hopeless(len(self.attempts))


class LayerSupervisor:
    """Decides which layer serves a run, and when layers are built.

    Attributes:
        is_held: whether nothing is built unless a client waits for it (`daemon.background_gate`).
        imports_ms: what imports took when the layers that serve were built; None while that is unknown.
    """

    def __init__(self, layers: LayerProcesses, root: str, cache: str) -> None:
        """Start with what earlier daemons learned."""
        self._layers = layers
        self._root = root
        self._cache = cache
        self.graph = graph_file.load_graph(cache)
        self._version = 0
        self._exception: dict[str, str] = {}
        self._news = FIRST_START
        self.serving = LayerStack(layers, self.graph, root)
        self._coming: BackgroundBuild | None = None
        self._prefetch: BackgroundBuild | None = None
        self._last_request: RunRequest | None = None
        self._forks_tried = 0
        self.breaker = lifecycle.Breaker()
        self.is_held = False
        self.imports_ms: int | None = None

    # Choosing

    @property
    def is_learning(self) -> bool:
        """Whether the layers that serve have imported nothing, and others are coming."""
        return self._coming is not None and not self.serving.size

    def choose(self, request: RunRequest, depth: str, now: float, *, is_patient: bool = True) -> Layer:
        """Return the layer that a run must be forked from; it may still be building.

        Call it for one waiting client at a time: two with different environments would replace each other's layers
        in turn, for ever.

        Args:
            request: what the client wants.
            depth: how deep its run may start.
            now: by the loop's clock.
            is_patient: whether it waits for a stack that is coming rather than import everything itself.
        """
        self._last_request = request
        stack = self.serving
        if self._coming is not None and not stack.size:
            if is_patient:
                stack = self._coming.stack
                self._coming.request = request
            else:
                depth = "base"  # else a project layer would be built on it
        layer = stack.layer_for(request, depth, now)
        if layer.phase == lifecycle.READY and layer is stack.project and layer.patch is None:
            self.imports_ms = sum(one.built.took_ms for one in stack.layers() if one.built is not None)
        return layer

    def base_build_ms(self) -> int:
        """Return how long the imports of the serving base layer took."""
        base = self.serving.base
        return base.built.took_ms if base is not None and base.built is not None else 0

    def why_paused(self, now: float) -> Reason | None:
        """Return why no layer is built now; None if one may be."""
        return self.breaker.open_reason(now)

    # Going on

    def advance(self, now: float, *, is_waited_for: bool) -> None:
        """Continue what is built in the background.

        Args:
            now: by the loop's clock.
            is_waited_for: clients wait, and decide themselves what the serving stack builds.
        """
        if self.why_paused(now) or (self.is_held and not is_waited_for):
            return
        if self._coming is not None:
            self._advance_coming(self._coming, now)
        if self._prefetch is not None and not is_waited_for:
            prefetch = self._prefetch
            if prefetch.stack is not self.serving or prefetch.proceed(now) or prefetch.is_hopeless:
                self._prefetch = None

    def _advance_coming(self, coming: BackgroundBuild, now: float) -> None:
        if coming.proceed(now):
            log.info("the stack that was built beside serves now")
            self.serving.retire()
            self.serving, self._coming = coming.stack, None
            if self._version != coming.version:
                self._grow(coming.request, self._news, now)
        elif coming.is_hopeless:
            log.warning("a stack is given up: its inputs change while it is built")
            coming.stack.retire()
            self._coming = None

    def is_stale(self, now: float) -> bool:
        """Return whether a run like the last would find something to patch or to build."""
        request, stack = self._last_request, self.serving
        return request is not None and any(layer.sweep(request, self._root, now) for layer in stack.layers())

    def prefetch(self, now: float) -> None:
        """Do now what the next run would have to wait for."""
        if self._last_request is not None and self.serving.size:
            self._prefetch = BackgroundBuild(self.serving, self._last_request, self._version)
            self.advance(now, is_waited_for=False)

    def rejuvenate(self, max_forks: int, now: float) -> None:
        """Build a stack beside the one that serves, if that has followed so many edits since the last attempt."""
        project, request = self.serving.project, self._last_request
        if project is None or request is None or self._coming is not None or self.why_paused(now):
            return
        self._forks_tried, is_due = stack_choice.forks_tried(self._forks_tried, project.forks, max_forks)
        if is_due:
            log.info("project layer %d follows %d edits: all is imported anew beside it", project.number, project.forks)
            self._grow(request, Reason("patches-piled-up", f"{project.forks} edits in a row were patched"), now)

    # Learning

    def learn(self, learned: Learned, request: RunRequest, now: float, *, was_fit: bool) -> None:
        """Learn what a run had to import.

        Args:
            learned: the modules, and the options they were imported with.
            request: of that run.
            now: by the loop's clock.
            was_fit: whether the run started where runs usually do. One whose options do not
                fit the project layer teaches these options only if the next does the same:
                else two kinds of runs in turn would replace each other's layers.
        """
        before = self._importable()
        if stack_choice.teaches_options(learned.facts, self._exception, was_fit=was_fit):
            self._exception = {}
            has_changed = self._adopt(learned)
        else:
            self._exception = learned.facts
            has_changed = self.graph.learn(tuple(row for row in learned.modules if row[2] == THIRD))
        if has_changed:
            count = len(self._importable().items() - before.items())
            what = counted(count, "module") if count else "other options, paths or environment keys"
            self._changed(request, Reason("modules-learned", f"learned {what} from a run"), now)

    def _importable(self) -> dict[str, tuple[str, str, str]]:
        rejected = self.graph.rejected
        return {name: row for name, row in self.graph.modules.items() if name not in rejected}

    def note_fit(self) -> None:
        """Note that a run fitted its layer: the one before it that did not was an exception."""
        self._exception = {}

    def _adopt(self, learned: Learned) -> bool:
        graph = self.graph
        self._cache = learned.cache or self._cache
        graph.leaves.update(learned.leaves)
        has_grown = graph.learn(learned.modules)
        before = (graph.path, graph.context, graph.facts)
        graph.path, graph.context, graph.facts = learned.path, learned.context, learned.facts
        return has_grown or before != (graph.path, graph.context, graph.facts)

    def unlearn(self, names: tuple[str, ...], reason: str, request: RunRequest, now: float) -> None:
        """Import these modules early no more."""
        self.graph.rejected.update(dict.fromkeys(names, reason))
        if names:
            self._changed(request, Reason("modules-rejected", f"without {', '.join(names)}: {reason}"), now)

    def _changed(self, request: RunRequest, news: Reason, now: float) -> None:
        self._version += 1
        self._news = news
        graph_file.save_graph(self._cache, self.graph)
        if self._coming is None:
            self._grow(request, news, now)

    def _grow(self, request: RunRequest, reason: Reason, now: float) -> None:
        """Build a stack with what was learned, beside the one that serves."""
        stack = LayerStack(self._layers, self.graph, self._root, reason)
        self._coming = BackgroundBuild(stack, request, self._version)
        if not self.is_held:
            self._coming.proceed(now)

    def fail(self, rejected: dict[str, str], reason: Reason, now: float) -> None:
        """Count a build that failed; one that names modules which were not known to fail is a step forward."""
        if self.graph.blame(rejected):
            self._version += 1
            graph_file.save_graph(self._cache, self.graph)
        else:
            self.breaker.fail(now, reason)

    # Ending

    def reload(self, now: float) -> None:
        """Build all layers anew, also from modules that were rejected."""
        self.graph.rejected.clear()
        self.breaker.reset()
        self.retire(Reason("reload-requested", "--daemon-reload"))
        self.prefetch(now)

    def retire(self, reason: Reason | None = None) -> None:
        """Let all layers go; the next ones are built for this reason, if there is one."""
        self._prefetch = None
        self.serving.retire(reason)
        if self._coming is not None:
            self._coming.stack.retire()
            self._coming = None

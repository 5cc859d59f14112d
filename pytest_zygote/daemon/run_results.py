"""What runs report and how they end: the client gets its status, or its run starts again somewhere else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pytest_zygote.core.layers import lifecycle, serving
from pytest_zygote.core.protocol import client_messages, run_messages
from pytest_zygote.core.reasons import Reason
from pytest_zygote.daemon.fresh_rerun import WHY, recheck_of, second_request
from pytest_zygote.daemon.layer import SESSION

if TYPE_CHECKING:
    from pytest_zygote.daemon.layer import Layer
    from pytest_zygote.daemon.parts import Parts
    from pytest_zygote.daemon.request_queue import RequestQueue
    from pytest_zygote.daemon.run import Run

log = logging.getLogger("pytest_zygote")


class RunResults:
    """Handles the ends of runs and what runs report."""

    def __init__(self, parts: Parts, requests: RequestQueue) -> None:
        """Put clients whose run must start again back into `requests`."""
        self._parts = parts
        self._requests = requests

    # Ended runs

    def on_ended(self, run: Run, status: int) -> None:
        """Give a client the status of its run, or start the run again from a shallower layer."""
        self._parts.supervisor.breaker.reset()
        if run.ineligible is None and serving.is_lost(status, has_begun=run.has_begun):
            run.ineligible, status = _lost(status), lifecycle.LAYER_INELIGIBLE
            log.error("run %d: %s", run.number, run.ineligible.reason)
        wanted = _wanted_depth(run, status)
        if wanted is None:
            self._finish(run, status)
        else:
            self._start_over(run, serving.next_depth(run.layer.plan.kind, run.client.depth, wanted))

    def _start_over(self, run: Run, depth: str) -> None:
        client, reason = run.client, _reason(run)
        if depth == "cold":
            log.info("runs cold: %s", reason)
            self._requests.send_cold(client, reason)
            return
        if run.layer.plan.kind == SESSION:
            self._parts.sessions.close_layer(run.layer, reason)
        log.info("starts again, %s: %s", depth, reason)
        client.depth = depth
        client.request = run.request.replaced(seen=run.ineligible.seen if run.ineligible is not None else "")
        self._requests.requeue(client)

    def _finish(self, run: Run, status: int) -> None:
        client, parts = run.client, self._parts
        if client.depth == "project":
            parts.supervisor.note_fit()
        parts.sessions.note_run(client, settled_layer(parts))
        if not client.is_gone:
            run.layer.served += 1
            parts.history.add_run(self._saved_ms(run.layer), is_from_session=run.layer.plan.kind == SESSION)
        if not self._rerun_fresh(run, status):
            parts.connections.dismiss(
                client, client_messages.Finished(client.recheck.status if client.recheck else status)
            )

    def _saved_ms(self, layer: Layer) -> int:
        own = layer.built.took_ms if layer.built is not None else 0
        return own + (self._parts.supervisor.base_build_ms() if layer.plan.kind == "project" else 0)

    def _rerun_fresh(self, run: Run, status: int) -> bool:
        """Compare a second run with the first; return whether one begins now."""
        client, parts = run.client, self._parts
        if client.recheck is not None:
            verdict = client.recheck.verdict(status)
            if verdict:
                log.error(verdict)
                client.send(client_messages.Notice(verdict))
            return False
        recheck = recheck_of(status, client.patches, parts.supervisor.graph.facts)
        if recheck is None or client.is_gone or parts.closing:
            return False
        client.recheck = recheck
        client.send(client_messages.Notice(recheck.announcement))
        client.request, client.key = second_request(run.request), None
        parts.supervisor.serving.renew(Reason("recheck-requested", WHY))
        self._requests.requeue(client)
        return True

    def on_not_forked(self, run: Run, reason: Reason) -> None:
        """Find another layer for a run that was not forked, unless there is no hope."""
        client = run.client
        client.lost_forks += 1
        if client.is_gone:
            return
        is_layer_gone = run.layer.phase == lifecycle.GONE
        if not serving.may_be_retried(is_layer_gone=is_layer_gone, lost=client.lost_forks):
            self._requests.send_cold(client, reason)
            return
        if run.layer.plan.kind != SESSION:
            self._parts.supervisor.breaker.fail(self._parts.loop.now, reason)
        self._requests.requeue(client)

    # Reports

    def on_learned(self, run: Run, learned: run_messages.Learned) -> None:
        """Have the next layers hold what this run had to import."""
        was_fit = run.client.depth == "project"
        self._parts.supervisor.learn(learned, run.request, self._parts.loop.now, was_fit=was_fit)
        self._on_graph_changed()

    def on_layer_rejected(self, run: Run, ineligible: run_messages.LayerIneligible) -> None:
        """Have the next layers not hold what was wrong for this run."""
        log.info("a run found its layer not exact: %s", ineligible.reason)
        self._parts.supervisor.unlearn(ineligible.modules, ineligible.reason.text, run.request, self._parts.loop.now)
        self._on_graph_changed()

    def _on_graph_changed(self) -> None:
        """Go on with what is known now; a daemon that closes builds nothing for it."""
        self._requests.wake()
        if self._parts.closing:
            self._parts.supervisor.retire()
            self._parts.sessions.retire()


def settled_layer(parts: Parts) -> Layer | None:
    """Return the layer that runs are forked from, unless one is being built."""
    is_building = any(layer.phase == lifecycle.BUILDING and layer.plan.kind != SESSION for layer in parts.layers)
    deepest = parts.supervisor.serving.layers()[:1]
    return None if is_building or not deepest else deepest[0]


def _lost(status: int) -> run_messages.LayerIneligible:
    text = f"the process of the run ended with {status} before it called pytest, by a fault of pytest_zygote's"
    return run_messages.LayerIneligible("cold", Reason("run-lost", text), ())


def _wanted_depth(run: Run, status: int) -> str | None:
    """Return where a run that ended with this status must start over; None if it ran its tests, or nobody waits."""
    if run.ineligible is None or status != lifecycle.LAYER_INELIGIBLE or run.client.is_gone:
        return None
    return run.ineligible.depth


def _reason(run: Run) -> Reason:
    assert run.ineligible is not None  # noqa: S101 - it starts over for that reason
    return run.ineligible.reason

"""Dask distributed, of which this module alone knows: the scheduler beside the client, a worker on each host.

All connections are made by the hosts and the client, to the scheduler; nothing connects to a worker. What hosts report
travels as events of the scheduler, what they are to do as tasks that are bound to one of them. That a task fails
because its host is gone is what tells of the loss: the engine is not to try again, the pool decides what happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import queue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from pytest_zygote.hosts import frames, host_run

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from distributed import Client, Future, LocalCluster, Security, Worker

    from pytest_zygote.hosts.frames import Message

TOPIC = "pytest-zygote"
NEEDED = ("distributed", "cryptography")
EXTRA = "pip install 'pytest-zygote-daemon[cluster]'"
LOST_S = 15
"""A host that says nothing for so long is lost."""
LOOK_AGAIN_S = 0.1
CLOSE_S = 2
LOST = "the connection to it is lost"
CERTIFICATES = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")
LOGGED_EVENTS = 10
SETTINGS = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-ttl": f"{LOST_S}s",
    "distributed.scheduler.events-log-length": LOGGED_EVENTS,
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.comm.timeouts.connect": "10s",
}
"""What the engine does beside what it is needed for is left out: pages for browsers, profiles, attempts of its own."""


def check_installed() -> None:
    """Fail if the engine is not installed.

    Raises:
        pytest.UsageError: it is not.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise pytest.UsageError(f"--hosts needs {' and '.join(missing)}: {EXTRA}")


def _prepare(scratch: str) -> None:
    import dask

    dask.config.set({**SETTINGS, "temporary-directory": scratch})
    importlib.import_module("distributed")  # which configures its loggers
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class AgentLink:
    """The worker of the engine on a host."""

    def __init__(self, order: Message, scratch: Path) -> None:
        """Connect later.

        Args:
            order: where the scheduler is, and the certificates.
            scratch: a folder of this run.
        """
        self._order = order
        self._scratch = scratch
        self._worker: Worker | None = None
        self._early: list[Message] = []

    def publish(self, message: Message) -> None:
        """Send a message to the client."""
        if self._worker is None:
            self._early.append(message)
        else:
            event = {"host": frames.number(self._order, "host"), "json": json.dumps(message)}
            self._worker.log_event(TOPIC, event)

    async def serve(self, on_ready: Callable[[], None], gone: threading.Event, on_end: Callable[[], None]) -> None:
        """Work until the scheduler or the client is gone; then call `on_end`, by which all tasks end."""
        _prepare(str(self._scratch))
        from distributed import Security, Worker

        order = self._order
        security = Security(require_encryption=True, **frames.mapping(order, "tls"))  # type: ignore[no-untyped-call]
        name = f"tls://{order['contact']}"  # two hosts may have the same address, as each sees itself
        async with Worker(
            str(order["scheduler"]),
            security=security,
            name=name,
            contact_address=name,
            nthreads=frames.number(order, "threads"),
            host="127.0.0.1",
            protocol="tls",
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            local_directory=str(self._scratch),
        ) as worker:
            early, self._early = self._early, []
            self._worker = worker
            for message in early:
                self.publish(message)
            on_ready()
            finished = asyncio.ensure_future(worker.finished())
            while not gone.is_set() and not finished.done():
                await asyncio.wait([finished], timeout=LOOK_AGAIN_S)
            await asyncio.to_thread(on_end)


class Reported(NamedTuple):
    """A host has sent a message."""

    host: int
    message: Message


class TaskDone(NamedTuple):
    """A task on a host has ended; the text says why it failed, '' if it did not."""

    host: int
    kind: str
    error: str


class HostReached(NamedTuple):
    """A host has a tree, and its run has begun; or the text says why not."""

    host: int
    root: str
    why: str


News: TypeAlias = Reported | TaskDone | HostReached


class ClientLink:
    """The scheduler, and the client of it: both in this process.

    Attributes:
        news: what hosts have sent, and tasks that ended.
    """

    def __init__(self) -> None:
        """Listen on loopback, for who has a certificate of this run."""
        self._scratch = TemporaryDirectory(prefix="pytest-zygote-", ignore_cleanup_errors=True)
        _prepare(self._scratch.name)
        from distributed import Client, LocalCluster, Security

        self.news: queue.Queue[News] = queue.Queue()
        self._security: Security = Security.temporary()  # type: ignore[no-untyped-call]
        self._cluster: LocalCluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=0,
            protocol="tls",
            security=self._security,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_port=0,
            silence_logs=False,
        )
        self._client: Client = Client(self._cluster, security=self._security)  # type: ignore[no-untyped-call]
        self._client.subscribe_topic(TOPIC, self._on_event)  # type: ignore[no-untyped-call]
        self._tasks: dict[object, Future[None]] = {}  # the engine forgets what nobody holds

    @property
    def port(self) -> int:
        """Where the scheduler listens."""
        return int(self._cluster.scheduler_address.rpartition(":")[2])

    def tls(self) -> dict[str, str]:
        """Return the certificates of this run, as text."""
        return {key: str(getattr(self._security, key)) for key in CERTIFICATES}

    def _on_event(self, event: tuple[float, object]) -> None:
        _, data = event
        if isinstance(data, dict):
            self.news.put(Reported(int(data["host"]), json.loads(data["json"])))

    def has(self, host: int) -> bool:
        """Return whether the scheduler has heard of a host lately: what it is given else waits for it forever."""
        scheduler = self._cluster.scheduler
        return scheduler is not None and f"tls://{contact(host)}" in scheduler.workers

    def next(self, wait_s: float | None) -> News:
        """Return what comes next.

        Raises:
            TimeoutError: nothing has come in time.
        """
        try:
            return self.news.get(timeout=wait_s)
        except queue.Empty:
            raise TimeoutError from None

    def run_batch(self, host: int, batch: int, tests: list[tuple[str, int]]) -> None:
        """Have a host run tests."""
        self._submit(host, "batch", host_run.run_batch, batch, tests)

    def end(self, host: int, kind: str) -> None:
        """End the run on a host: 'finish' or 'stop'."""
        self._submit(host, kind, host_run.end, kind)

    def _submit(self, host: int, kind: str, task: Callable[..., None], *args: object) -> None:  # type: ignore[explicit-any]
        future = self._client.submit(task, *args, workers=[f"tls://{contact(host)}"], pure=False, priority=1)
        self._tasks[future.key] = future
        future.add_done_callback(lambda done: self._on_done(host, kind, done))  # type: ignore[no-untyped-call]

    def _on_done(self, host: int, kind: str, future: Future[None]) -> None:
        self._tasks.pop(future.key, None)
        error = ""
        if future.status == "error":
            error = _described(future.exception())  # type: ignore[no-untyped-call]
        elif future.status != "finished":
            error = LOST
        self.news.put(TaskDone(host, kind, error))

    def close(self) -> None:
        """Close all connections."""
        with contextlib.suppress(Exception):
            self._client.close(timeout=CLOSE_S)  # type: ignore[no-untyped-call]
        with contextlib.suppress(Exception):
            self._cluster.close(timeout=CLOSE_S)
        self._scratch.cleanup()


def contact(host: int) -> str:
    """Return an address that no other host of the run has; nothing connects to it."""
    return f"127.77.{host // 250}.{host % 250 + 1}:1"


def _described(error: BaseException | None) -> str:
    """Return why a task has failed, for the user."""
    return LOST if type(error).__name__ == "KilledWorker" else str(error)

"""A run as the daemon sees it: who asked for it, where it is forked, and its process once there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Never, TypeAlias

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import RunRequest
    from pytest_zygote.core.protocol.run_messages import FromRun, LayerIneligible
    from pytest_zygote.daemon.client import Client
    from pytest_zygote.daemon.layer import Layer

    RunChannel: TypeAlias = Channel[FromRun, Never]


class Run:
    """A run that a zygote was asked to fork.

    Attributes:
        client: who asked for it.
        request: what it runs.
        layer: where it is forked.
        report: the run's own connection to the daemon.
        is_reporting: whether that connection is open.
        pid: its process, once that is known to exist; 0 before.
        group: the process group that it began in.
        has_begun: whether it said that it calls pytest: else it has run nothing, whatever it ends with.
        ineligible: what it reported of a layer that is not exact for it.
    """

    def __init__(self, number: int, client: Client, request: RunRequest, layer: Layer, report: RunChannel) -> None:
        """Start without a process."""
        self.number = number
        self.client = client
        self.request = request
        self.layer = layer
        self.report = report
        self.is_reporting = True
        self.pid = 0
        self.group = 0
        self.has_begun = False
        self.ineligible: LayerIneligible | None = None

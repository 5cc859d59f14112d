"""The hosts of a run: reached while the tests are collected, compared, given the tree, and left at the end.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.hosts import dispatch
from pytest_zygote.core.hosts.arguments import hosted_args
from pytest_zygote.core.hosts.environment import differences
from pytest_zygote.core.hosts.specs import shared_out
from pytest_zygote.core.reasons import Reason
from pytest_zygote.hosts import facts, tree_files
from pytest_zygote.hosts.engine import ClientLink, HostReached, contact
from pytest_zygote.hosts.remote_host import HostUnusableError, RemoteHost, project_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_zygote.core.hosts.specs import HostSpec
    from pytest_zygote.core.hosts.tree import TreeFile
    from pytest_zygote.hosts.frames import Message

END_S = 5.0
"""What hosts have to end all that runs there."""


class HostGroup:
    """All hosts of a run.

    Attributes:
        link: to what runs on them.
        hosts: number → host, of those that can be used.
        workers: how many each has.
        root: the folder that is carried to them.
    """

    def __init__(self, config: pytest.Config, specs: Sequence[HostSpec], print_line: Callable[[str], None]) -> None:
        """Begin to reach them, beside what this process does."""
        self._config = config
        self._specs = specs
        self._print_line = print_line
        self._all: list[RemoteHost] = []
        self._files: dict[str, TreeFile] = {}
        self._unusable: dict[int, str] = {}
        self._error: Exception | None = None
        self.link: ClientLink | None = None
        self.hosts: dict[int, RemoteHost] = {}
        self.workers: dict[int, int] = {}
        self.root = config.rootpath
        self._thread = threading.Thread(target=self._begin, daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        try:
            self.link = ClientLink()
            for number, spec in enumerate(self._specs):
                self._all.append(RemoteHost(number, spec, self.link.port))
            if not self._config.option.hosts_shared_path:
                self.root = tree_files.root_of(self.root)
                self._files = tree_files.files_of(self.root)
            self._unusable = _on_all(self._all, RemoteHost.greet)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error

    def reach(self) -> ClientLink:
        """Wait until it is known which hosts are there; return the link to them.

        Raises:
            pytest.UsageError: the environment of one is not that of here, or no host can be used.
        """
        self._thread.join()
        if self.link is None or self._error is not None:
            raise self._error or RuntimeError
        self.hosts = {host.number: host for host in self._all}
        for number, why in self._unusable.items():
            self.leave_out(number, why)
        if not self._config.option.hosts_setup:
            self._compare()
        if not self.hosts:
            raise pytest.UsageError("--hosts: no host can be used")
        self._share_out_workers()
        return self.link

    def _share_out_workers(self) -> None:
        wanted = self._config.option.numprocesses
        cores = [host.spec.workers or host.facts.cores for host in self.hosts.values()]
        counts = shared_out(wanted if isinstance(wanted, int) else 0, cores)
        self.workers = {number: count for number, count in zip(self.hosts, counts, strict=True) if count}

    def _compare(self) -> None:
        here = facts.facts_of_here()
        lines = [f"{host.spec.name}: {line}" for host in self.hosts.values() for line in differences(here, host.facts)]
        if lines:
            raise pytest.UsageError("\n  ".join(["--hosts: the environment is not that of here", *lines]))

    def name_of(self, number: int) -> str:
        """Return how a host is shown."""
        return self._all[number].spec.name

    def leave_out(self, number: int, why: str) -> None:
        """Do without a host that cannot be used."""
        self.hosts.pop(number).close()
        reason = Reason("host-unusable", why)
        self._print_line(f"zygote: without {self.name_of(number)} [{reason.code}]: {reason.text}")

    def connect_all(self) -> None:
        """Have the runs on all hosts begin; the link says of each when it has."""
        for number in self.workers:
            threading.Thread(target=self._connect, args=(self.hosts[number],), daemon=True).start()

    def _connect(self, host: RemoteHost) -> None:
        assert self.link is not None  # noqa: S101 - the hosts are reached
        option = self._config.option
        try:
            if option.hosts_shared_path:
                host.share_tree(self.root)
            else:
                host.send_tree(self.root, project_name(self.root), self._files, option.hosts_setup or "")
            root = host.start(self._order(host.number))
        except Exception as error:  # noqa: BLE001 - nobody else waits for this thread
            self.link.news.put(HostReached(host.number, "", str(error) or type(error).__name__))
        else:
            self.link.news.put(HostReached(host.number, root, ""))

    def _order(self, number: int) -> Message:
        assert self.link is not None  # noqa: S101 - the hosts are reached
        folder = self._config.invocation_params.dir
        keys = str(self._config.option.hosts_env or "").split(",")
        return {
            "tls": self.link.tls(),
            "contact": contact(number),
            "threads": self.workers[number] + dispatch.AHEAD + 1,
            "cwd": os.path.relpath(folder, self.root),
            "args": hosted_args(map(str, self._config.invocation_params.args), f"{folder}/", self.workers[number]),
            "environ": {key: os.environ[key] for key in keys if key in os.environ},
        }

    def close(self) -> None:
        """End all that runs on hosts, and all connections."""
        for host in self._all:
            host.close()
        end_at = time.monotonic() + END_S
        for host in self._all:
            host.await_end(max(end_at - time.monotonic(), 0.1))
        self._thread.join(END_S)
        if self.link is not None:
            self.link.close()


def _on_all(hosts: Iterable[RemoteHost], step: Callable[[RemoteHost], None]) -> dict[int, str]:
    """Have all hosts do something at the same time; return why some cannot."""
    failed: dict[int, str] = {}

    def attempt(host: RemoteHost) -> None:
        try:
            step(host)
        except HostUnusableError as error:
            failed[host.number] = str(error)

    threads = [threading.Thread(target=attempt, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed

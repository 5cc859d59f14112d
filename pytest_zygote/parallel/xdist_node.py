"""A worker as plugins written for pytest-xdist see it: the ``node`` of its hooks and reports.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class Platform:
    """Where a worker runs: here."""

    platform = sys.platform
    version_info = sys.version_info
    executable = sys.executable

    def __init__(self) -> None:
        """Note the folder of now."""
        self.cwd = os.getcwd()
        self.version = sys.version


class Spec:
    """How a worker was made: as pytest-xdist's ``popen``, on this machine."""

    popen = True
    chdir = None
    python = None

    def __init__(self, name: str) -> None:
        """Have the name of the worker."""
        self.id = name


class Gateway:
    """The way to a worker, as far as plugins look at it."""

    def __init__(self, name: str) -> None:
        """Have the name of the worker."""
        self.id = name
        self.spec = Spec(name)

    def _rinfo(self) -> Platform:
        return Platform()


class NodeManager:
    """All workers, as far as plugins look at them."""

    roots: tuple[str, ...] = ()

    def __init__(self, testrunuid: str, specs: list[Spec]) -> None:
        """Have the id of the run."""
        self.testrunuid = testrunuid
        self.specs = specs


class Node:
    """What hooks and reports get as ``node``.

    Attributes:
        workerinput: what plugins give to the worker.
        workeroutput: what they give back; only there once the worker has ended well.
    """

    workeroutput: dict[str, object]

    def __init__(self, config: pytest.Config, name: str, count: int, testrunuid: str) -> None:
        """Describe a worker that does not run yet."""
        self.config = config
        self.gateway = Gateway(name)
        self.nodemanager = NodeManager(testrunuid, [self.gateway.spec])
        self.workerinput: dict[str, object] = {
            "workerid": name,
            "workercount": count,
            "testrunuid": testrunuid,
            "mainargv": list(sys.argv),
        }
        self.shutting_down = False
        self.environ = {
            "PYTEST_XDIST_TESTRUNUID": testrunuid,
            "PYTEST_XDIST_WORKER": name,
            "PYTEST_XDIST_WORKER_COUNT": str(count),
        }

    @functools.cached_property
    def workerinfo(self) -> dict[str, object]:
        """What is known about the worker's interpreter. Computed on demand, since that may start a program."""
        return {
            "version": sys.version,
            "version_info": tuple(sys.version_info),
            "sysplatform": sys.platform,
            "platform": platform.platform(),
            "executable": sys.executable,
            "cwd": os.getcwd(),
            "id": self.gateway.id,
            "spec": self.gateway.spec,
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.gateway.id}>"

"""The hooks that pytest-xdist defines, so that conftest files and plugins written for it work.

Those about other machines are never called: there is one machine.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

# ruff: noqa: D103 - their names and arguments are pytest-xdist's, and so is their meaning

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.parallel.xdist_node import Node


@pytest.hookspec
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[object]) -> None: ...


@pytest.hookspec
def pytest_xdist_newgateway(gateway: object) -> None: ...


@pytest.hookspec
def pytest_xdist_rsyncstart(source: object, gateways: Sequence[object]) -> None: ...


@pytest.hookspec
def pytest_xdist_rsyncfinish(source: object, gateways: Sequence[object]) -> None: ...


@pytest.hookspec(firstresult=True)
def pytest_xdist_getremotemodule() -> object: ...


@pytest.hookspec
def pytest_configure_node(node: Node) -> None: ...


@pytest.hookspec
def pytest_testnodeready(node: Node) -> None: ...


@pytest.hookspec
def pytest_testnodedown(node: Node, error: object) -> None: ...


@pytest.hookspec
def pytest_xdist_node_collection_finished(node: Node, ids: Sequence[str]) -> None: ...


@pytest.hookspec(firstresult=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object: ...


@pytest.hookspec(firstresult=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None: ...


@pytest.hookspec(firstresult=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: object) -> None: ...

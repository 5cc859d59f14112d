"""What end-to-end tests share besides the fixtures of all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.support.daemon import Project

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""Environment key by which coverage measures the processes that a test starts."""

_CONFIG = pytest.StashKey[str | None]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Measure the coverage of other processes with tests that are marked `measured`, the first parameters of each.

    Being measured takes processes more than twice the time, and most tests go ways that others go too. No test that
    runs pytest-cov may be measured: it would combine the data of all tests so far, and remove them.
    """
    indices: dict[str, int] = getattr(getattr(item, "callspec", None), "indices", {})
    if not item.get_closest_marker("measured") or any(indices.values()):
        item.stash[_CONFIG] = os.environ.pop(COVERAGE, None)
    return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Let the next test find the key again."""
    try:
        return (yield)
    finally:
        if (config := item.stash.get(_CONFIG, None)) is not None:
            os.environ[COVERAGE] = config


@pytest.fixture(name="hosts")
def _hosts(project: Project) -> Iterator[Hosts]:
    hosts = Hosts(("alpha", "beta"))
    project.environ.update(hosts.environ)
    yield hosts
    hosts.stop()

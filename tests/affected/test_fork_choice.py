"""Which tests may have forks, asked of items as pytest makes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from pytest_zygote.affected import fork_choice
from pytest_zygote.affected.fork_choice import shared_fixture
from pytest_zygote.core.affected.fork_limits import ASYNCIO


class AsyncItem:
    """A test of pytest-asyncio."""

    __module__ = ASYNCIO

    def __init__(self, *, loops: str = "", default: object = None, **fixtures: object) -> None:
        """Have these fixtures, all of a function's scope; `loops` is that of the test's event loop, if it says so."""
        if loops:
            self._loop_scope = loops
        plugins = SimpleNamespace(has_plugin="asyncio".__eq__)
        self.config = SimpleNamespace(pluginmanager=plugins, getini=lambda _: default)
        self.name2fixturedefs = {
            name: [SimpleNamespace(func=function, scope="function")] for name, function in fixtures.items()
        }


async def plain() -> None:
    """Be asynchronous."""


async def shared() -> None:
    """Be asynchronous, in the loop of all tests."""


vars(shared)["_loop_scope"] = "session"


@pytest.mark.parametrize(
    ("item", "is_shared"),
    [
        (AsyncItem(loops="function"), False),
        (AsyncItem(loops="function", a=plain), False),
        (AsyncItem(loops="module"), False),
        (AsyncItem(loops="session"), True),
        (AsyncItem(), True),
        (AsyncItem(loops="function", a=shared), True),
        (AsyncItem(loops="function", default="session", a=plain), True),
    ],
)
def test_tests_that_share_an_event_loop_have_no_forks(
    monkeypatch: pytest.MonkeyPatch, item: AsyncItem, *, is_shared: bool
) -> None:
    """Unless it is that of their module, which has a fork of its own; a version that does not say it may share any."""
    monkeypatch.setattr(fork_choice, "info_of", lambda one: one)

    assert shared_fixture([cast("pytest.Item", item)]) == (
        "the fixture event loop has the scope session" if is_shared else ""
    )

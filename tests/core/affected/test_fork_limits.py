"""Who could tell that tests run in forks."""

from __future__ import annotations

from types import FunctionType

import pytest

from pytest_zygote.core.affected.fork_limits import ASYNCIO, is_constant, loop_scope, noticing_hook


def made_in(module: str, name: str) -> FunctionType:
    """Return a function of a module that calls another."""
    namespace: dict[str, object] = {"__name__": module}
    exec(f"def {name}(): return other()", namespace)  # noqa: S102 - the test's own text
    found = namespace[name]
    assert isinstance(found, FunctionType)
    return found


def test_a_fixture_that_returns_a_constant_is_the_same_in_each_fork() -> None:
    """So is the policy of event loops that pytest-asyncio has all tests use, but not one of the project's own."""
    assert is_constant(lambda: "text")
    assert not is_constant(made_in("conftest", "event_loop_policy"))
    assert is_constant(made_in(ASYNCIO, "event_loop_policy"))
    assert not is_constant(made_in(ASYNCIO, "unused_tcp_port_factory"))


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ("session", "function", "session"),
        (None, "module", "module"),
        (None, None, "class"),
        (None, "fixture-scope", "class"),
    ],
)
def test_the_loop_of_an_asynchronous_fixture(own: str | None, default: str | None, expected: str) -> None:
    """It asks for one, or the ini-file does, or it has the fixture's scope."""
    assert loop_scope(own, default, "class") == expected


def test_pytest_asyncio_does_not_see_tests_run() -> None:
    """What it does around a test ends with it; of other plugins nobody knows."""
    hooks = ["pytest_pyfunc_call", "pytest_fixture_setup"]

    assert noticing_hook([(ASYNCIO, hooks)]) == ""
    assert noticing_hook([("stranger", hooks)]) == "pytest_fixture_setup of stranger"

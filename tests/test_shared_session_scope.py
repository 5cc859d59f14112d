"""The decorators of pytest-shared-session-scope, on functions that are called as pytest calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pytest_zygote.adapters.pytest.private.plain import function_of
from pytest_zygote.shared_session_scope import (
    CleanupToken,
    SetupToken,
    shared_session_scope_fixture,
    shared_session_scope_json,
    types,
)
from pytest_zygote.shared_session_scope.store import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


def steps(made: object) -> Iterator[object]:
    """Return the generator that the fixture's function makes."""
    return cast("Callable[[], Iterator[object]]", function_of(made))()


def test_the_first_yield_gives_the_token_of_the_set_up() -> None:
    """And the second is the value; at its end the fixture gets the token of the cleanup."""
    tokens: list[object] = []

    def server() -> Generator[str | None, object, None]:
        tokens.append((yield None))
        tokens.append((yield "value"))

    running = steps(shared_session_scope_json()(server))
    assert next(running) == "value"
    assert tokens == [SetupToken.FIRST]
    assert list(running) == []
    assert tokens == [SetupToken.FIRST, CleanupToken.LAST]


def test_a_fixture_that_returns_is_called_as_it_is() -> None:
    """`parse` makes of its value what tests see."""

    def number() -> str:
        return "7"

    made = shared_session_scope_fixture(object(), parse=lambda text: int(str(text)))(number)
    assert cast("Callable[[], object]", function_of(made))() == 7


def test_parse_makes_the_value_of_a_fixture_that_yields_too() -> None:
    """Only the value, not the tokens."""

    def number() -> Iterator[str | None]:
        yield None
        yield "7"

    assert next(steps(shared_session_scope_fixture(parse=lambda text: int(str(text)))(number))) == 7


def test_options_of_stores_are_accepted() -> None:
    """There is nothing to store for other processes."""

    def number() -> int:
        return 7

    made = shared_session_scope_fixture(serialize=str, deserialize=int, metadata_storage=None)(number)
    assert cast("Callable[[], object]", function_of(made))() == 7


def test_a_third_yield_is_an_error() -> None:
    """The text says what the two are for."""

    def server() -> Iterator[str | None]:
        yield None
        yield "value"
        yield None

    running = steps(shared_session_scope_json()(server))
    next(running)
    with pytest.raises(pytest.fail.Exception, match="yields twice: once for a token"):
        next(running)


def test_a_single_yield_is_explained() -> None:
    """It is what ordinary fixtures have."""

    def server() -> Iterator[int]:
        yield 1

    with pytest.raises(pytest.fail.Exception, match="yields twice"):
        next(steps(shared_session_scope_json()(server)))


def test_parse_may_be_given_by_position() -> None:
    """As the examples of pytest-shared-session-scope have it."""

    def number() -> str:
        return "7"

    made = shared_session_scope_json(lambda text: int(str(text)))(number)
    assert cast("Callable[[], object]", function_of(made))() == 7


def test_stores_are_accepted() -> None:
    """Those of its module, and the names of its types."""

    def number() -> int:
        return 7

    made = shared_session_scope_fixture(store=FileStore())(number)
    assert cast("Callable[[], object]", function_of(made))() == 7
    assert (types.SetupToken, types.CleanupToken) == (SetupToken, CleanupToken)

"""Fixtures: what a test asks for, where a value is, and what tears it down.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from _pytest.fixtures import FixtureManager, FixtureRequest, FuncFixtureInfo, SubRequest, resolve_fixture_function
from _pytest.warnings import catch_warnings_for_item

from pytest_zygote.core.internals import Feature, Internal, names_in, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from _pytest.nodes import Node
    from _pytest.scope import Scope

    Definition = pytest.FixtureDef[object]

__all__ = ["SubRequest", "catch_warnings_for_item", "resolve_fixture_function"]

_IS_FOUND_BY_NODE = "node" in parameters_of(FixtureManager.getfixturedefs)
"""From pytest 8.1 on; before, by the node's id."""


def info_of(item: pytest.Item) -> FuncFixtureInfo | None:
    """Return which fixtures a test asks for, as far as that is known before it runs; None if it is no function."""
    return getattr(item, "_fixtureinfo", None)


def definitions_for(session: pytest.Session, name: str, node: Node) -> tuple[Definition, ...]:
    """Return the definitions of a fixture that a node sees, the nearest last; none if it sees none."""
    key: Any = node if _IS_FOUND_BY_NODE else node.nodeid  # type: ignore[explicit-any]
    return tuple(session._fixturemanager.getfixturedefs(name, key) or ())


def autouse_names(session: pytest.Session, item: pytest.Item) -> list[str]:
    """Return the fixtures that a test uses without a word about it, those of the outermost node first."""
    manager = vars(session._fixturemanager)
    by_node, by_id = manager.get("_node_autousenames", {}), manager.get("_nodeid_autousenames", {})
    return [name for node in item.listchain() for name in (*by_node.get(node, ()), *by_id.get(node.nodeid, ()))]


def item_of(request: pytest.FixtureRequest) -> pytest.Item:
    """Return the test for which a fixture is set up."""
    item: pytest.Item = request._pyfuncitem
    return item


def request_of(item: pytest.Item) -> SubRequest:
    """Return the request of a test itself."""
    request: SubRequest = item._request  # type: ignore[attr-defined]
    return request


def renew_request(item: pytest.Item) -> None:
    """Have a test know of no fixture that was set up for it."""
    item._initrequest()  # type: ignore[attr-defined]


def set_up(request: pytest.FixtureRequest, name: str) -> Definition:
    """Return what a request gets by a name, set up if it is not yet."""
    return request._get_active_fixturedef(name)


def finalizers_of(definition: Definition) -> list[Callable[[], object]]:
    """Return what tears a fixture down, the last first to be called; the list itself."""
    return definition._finalizers


def parameter_scopes(item: pytest.Item) -> Mapping[str, Scope]:
    """Return the scope of each parameter of a test."""
    scopes: Mapping[str, Scope] = getattr(getattr(item, "callspec", None), "_arg2scope", {})
    return scopes


def all_definitions(session: pytest.Session) -> Iterator[Definition]:
    """Give all fixtures that a session knows."""
    return _definitions([vars(session._fixturemanager)])


def _definitions(parts: Iterable[object]) -> Iterator[Definition]:
    """Give the fixtures in what pytest's manager holds: lists of them, by names and nodes, in each version another."""
    for part in parts:
        if isinstance(part, pytest.FixtureDef):
            yield part
        elif isinstance(part, dict):
            yield from _definitions(part.values())
        elif isinstance(part, (list, tuple)):
            yield from _definitions(part)


def forget_fixtures(session: pytest.Session, node: pytest.Module) -> None:
    """Have a session know of no fixture of a test module, nor of its classes."""
    manager = vars(session._fixturemanager)
    if "_arg2node2fixturedefs" in manager:  # from pytest 9.2 on
        for owners in (manager["_node_autousenames"], *manager["_arg2node2fixturedefs"].values()):
            for owner in [owner for owner in owners if node in owner.listchain()]:
                del owners[owner]
        return
    for definitions in manager["_arg2fixturedefs"].values():
        definitions[:] = [one for one in definitions if not _is_below(one.baseid, node)]
    for nodeid in [one for one in manager["_nodeid_autousenames"] if _is_below(one, node)]:
        del manager["_nodeid_autousenames"][nodeid]


def show_at_test(error: BaseException) -> None:
    """Have a skip that a fixture has raised be shown where the test is, as pytest does."""
    if isinstance(error, pytest.skip.Exception):
        error._use_item_location = True


def _is_below(nodeid: str, node: pytest.Module) -> bool:
    return nodeid == node.nodeid or nodeid.startswith(f"{node.nodeid}::")


def _is_manager_known() -> bool:
    names = names_in(FixtureManager.__init__)
    return {"_arg2node2fixturedefs", "_node_autousenames"} <= names or {
        "_arg2fixturedefs",
        "_nodeid_autousenames",
    } <= names


INTERNALS = (
    Internal(
        "_pytest.outcomes.Skipped._use_item_location",
        ("show_at_test",),
        Feature.NOTHING,
        "a test that a shared fixture skips is shown at its own place",
        lambda: "_use_item_location" in parameters_of(pytest.skip.Exception.__init__),
    ),
    Internal(
        "pytest.Item._fixtureinfo",
        ("info_of",),
        Feature.WORKERS,
        "tests that share fixtures are kept together, and shared fixtures are set up once",
        lambda: (
            "_fixtureinfo" in names_in(pytest.Function.__init__) and "name2fixturedefs" in FuncFixtureInfo.__slots__
        ),
    ),
    Internal(
        "pytest.Session._fixturemanager",
        ("definitions_for", "all_definitions", "autouse_names"),
        Feature.WORKERS,
        "a shared fixture is found for a test, and those that it uses without a word",
        lambda: (
            "_fixturemanager" in pytest.Session.__annotations__
            and parameters_of(FixtureManager.getfixturedefs)[:2] == ("self", "argname")
            and "_nodeid_autousenames" in names_in(FixtureManager.__init__)
        ),
    ),
    Internal(
        "FixtureManager._arg2node2fixturedefs (9.2 on), _arg2fixturedefs",
        ("forget_fixtures",),
        Feature.SESSIONS,
        "a collected session collects a saved test file again",
        _is_manager_known,
    ),
    Internal(
        "pytest.FixtureRequest._pyfuncitem, _get_active_fixturedef; pytest.Item._request, _initrequest",
        ("item_of", "set_up", "request_of", "renew_request", "SubRequest"),
        Feature.WORKERS,
        "a shared fixture is set up in the run process, for the first test that needs it",
        lambda: (
            "argname" in names_in(FixtureRequest._get_active_fixturedef)
            and "_pyfuncitem" in names_in(FixtureRequest.__init__)
            and "_request" in names_in(pytest.Function._initrequest)
        ),
    ),
    Internal(
        "pytest.FixtureDef._finalizers, _pytest.fixtures.resolve_fixture_function",
        ("finalizers_of", "resolve_fixture_function"),
        Feature.WORKERS,
        "a shared fixture is torn down when the last test that needs it has ended",
        lambda: (
            "_finalizers" in names_in(pytest.FixtureDef.__init__)
            and names_in(resolve_fixture_function) >= {"fixturedef", "request"}
        ),
    ),
    Internal(
        "_pytest.warnings.catch_warnings_for_item",
        ("catch_warnings_for_item",),
        Feature.WORKERS,
        "warnings of a shared fixture are shown like those of a test",
        lambda: callable(catch_warnings_for_item),
    ),
    Internal(
        "CallSpec2._arg2scope",
        ("parameter_scopes",),
        Feature.NOTHING,
        "tests that share a parametrised fixture are kept together; without it, it may be set up in several workers",
        lambda: True,
    ),
)

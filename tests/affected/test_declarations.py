"""What tests say that they depend on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

import pytest_zygote
from pytest_zygote.affected import declarations
from pytest_zygote.affected.declarations import check_marks, declared
from pytest_zygote.core.affected.declared import need_of
from pytest_zygote.core.affected.dependency import DATA, Need

if TYPE_CHECKING:
    from collections.abc import Iterable


def item_of(*marks: pytest.MarkDecorator, hooked: Iterable[object] = ()) -> pytest.Item:
    """Return a test with these marks, and answers of hooks about it."""
    caller = SimpleNamespace(get_hookimpls=lambda: hooked)
    found = SimpleNamespace(
        nodeid="tests/test_a.py::test_it",
        iter_markers=lambda name: (decorator.mark for decorator in marks if decorator.name == name),
        config=SimpleNamespace(pluginmanager=SimpleNamespace(hook=SimpleNamespace(pytest_zygote_dependencies=caller))),
        ihook=SimpleNamespace(pytest_zygote_dependencies=lambda **_: hooked),
    )
    return cast("pytest.Item", found)


def test_marks_and_hooks_add_up() -> None:
    """A test may have several, its class and its module too."""
    marks = pytest.mark.depends_on("a", "b"), pytest.mark.depends_on("c"), pytest.mark.skip("d")

    found = declared(item_of(*marks, hooked=[["e"], ("f",)]), need_of)

    assert found == [Need(DATA, name) for name in "abcef"]


@pytest.mark.parametrize(
    "mark",
    [pytest.mark.depends_on(""), pytest.mark.depends_on(path="a"), pytest.mark.depends_on, pytest.mark.depends_on(3)],
)
def test_a_mark_that_names_nothing_is_an_error(mark: pytest.MarkDecorator) -> None:
    """Which names the test, with ``--affected`` or without."""
    with pytest.raises(pytest.UsageError, match=r"tests/test_a.py::test_it: depends_on takes"):
        check_marks([item_of(mark)])


@pytest.mark.parametrize("answer", [["package:"], [Path("a")]])
def test_so_is_an_answer_of_a_hook(answer: list[object]) -> None:
    """The same."""
    with pytest.raises(pytest.UsageError, match=r"tests/test_a.py::test_it: depends_on takes"):
        declared(item_of(hooked=[answer]), need_of)


def test_a_text_in_place_of_a_list_is_an_error() -> None:
    """Its letters would be taken for paths."""
    with pytest.raises(pytest.UsageError, match=r"returned 'a.sql', and not a list"):
        declared(item_of(hooked=["a.sql"]), need_of)


def test_a_call_reaches_those_who_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the frame of the caller; without ``--affected`` nobody does."""
    pytest_zygote.depends_on("a.sql")
    received: list[tuple[str, str]] = []
    receiver = [lambda thing, frame: received.append((thing, frame.f_code.co_filename))]
    monkeypatch.setattr(declarations, "RECEIVERS", receiver)
    pytest_zygote.depends_on("a.sql", "$KEY")

    assert received == [("a.sql", __file__), ("$KEY", __file__)]


def test_a_call_that_names_nothing_is_an_error() -> None:
    """In plain runs, too."""
    with pytest.raises(ValueError, match="'package:' is none of them"):
        pytest_zygote.depends_on("package:")

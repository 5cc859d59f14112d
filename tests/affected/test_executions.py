"""Which code runs, as the interpreter itself reports it to this process."""

from __future__ import annotations

import sys
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.affected.executions import Executions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter reports functions from 3.12 on")

TEXT = "def f(): pass\ndef g(): f()\ndef look(path): pass\n"


class Watch:
    """The code of files that begin with /srv, as long as it is watched.

    Attributes:
        modules: names of the modules that started.
    """

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.modules: list[object] = []
        self.executions = Executions(lambda path: path.startswith("/srv/"), self._on_module)

    def _on_module(self, _code: CodeType, namespace: Mapping[str, object], _frame: FrameType | None) -> None:
        self.modules.append(namespace.get("__name__"))

    def names(self) -> set[str]:
        """Return the names of the code that started since the last time: the first start may be reported twice."""
        return {code.co_name for code in self.executions.drain()}


@pytest.fixture(name="watch")
def _watch() -> Iterator[Watch]:
    found = Watch()
    yield found
    found.executions.stop()


def tools() -> list[object]:
    """Return the tools that have the numbers."""
    found: list[object] = []
    if sys.version_info >= (3, 12):
        found += [sys.monitoring.get_tool(number) for number in range(6)]
    return found


def load(filename: str = "/srv/app.py") -> dict[str, FunctionType]:
    """Execute a module; return its functions."""
    namespace: dict[str, object] = {"__name__": filename}
    exec(compile(TEXT, filename, "exec"), namespace)  # noqa: S102 - a module of no file
    return {name: value for name, value in namespace.items() if isinstance(value, FunctionType)}


def test_each_code_is_reported_once(watch: Watch) -> None:
    """Until it is asked for again."""
    watch.executions.start({})
    functions = load()
    assert watch.names() == {"<module>"}
    for _ in range(2):
        functions["g"]()
    assert watch.names() == {"g", "f"}
    functions["f"]()
    assert watch.names() == set()
    watch.executions.restart()
    functions["f"]()

    assert watch.names() == {"f"}


def test_code_of_others_is_not_reported(watch: Watch) -> None:
    """But that their modules start."""
    watch.executions.start({})
    load("/lib/library.py")["g"]()

    assert watch.names() == set()
    assert watch.modules == ["/lib/library.py"]


def test_files_that_are_known_cost_nothing(watch: Watch) -> None:
    """Their code is not reported again, whatever runs."""
    watch.executions.start({})
    known, other = load(), load("/srv/other.py")
    for functions in (known, other) * 2:
        functions["f"]()
    watch.names()
    watch.executions.restart(frozenset({"/srv/app.py"}))
    for functions in (known, other):
        functions["f"]()

    assert [code.co_filename for code in watch.executions.drain()] == ["/srv/other.py"]


def test_a_watched_function_is_reported_each_time(watch: Watch) -> None:
    """With its frame; an error of ours does not reach the caller."""
    functions = load("/lib/library.py")
    paths: list[object] = []

    def on_call(frame: FrameType) -> None:
        paths.append(frame.f_locals["path"])
        _ = 1 // len(str(frame.f_locals["path"]))

    watch.executions.start({functions["look"]: on_call})
    for path in ("a", "", "b"):
        functions["look"](path)

    assert paths == ["a", "", "b"]


def test_nothing_is_known_without_a_number(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tools have all of them."""
    monkeypatch.setattr("sys.monitoring.get_tool", lambda _: "another tool")
    watch.executions.start({})

    assert not (watch.executions.knows_functions)
    assert not (watch.executions.knows_reads)


def test_all_numbers_are_given_back(watch: Watch) -> None:
    """Other tools may want them."""
    before = tools()
    watch.executions.start({})
    assert watch.executions.knows_functions
    watch.executions.stop()

    assert tools() == before

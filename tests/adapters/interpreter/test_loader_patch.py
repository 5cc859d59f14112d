"""Modules that are executed with other code than their files have."""

from __future__ import annotations

import importlib
import importlib._bootstrap_external as importlib_loaders
import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import pytest
from _pytest.assertion import rewrite

from pytest_zygote.adapters.interpreter import loader_patch
from pytest_zygote.affected.executions_probed import ProbedExecutions
from pytest_zygote.core.affected import probes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on, the interpreter tells what starts")

NAME = "pytest_zygote_example"
TEXT = "def one(): return 1\n\ndef two(): return 2\n"


@pytest.fixture(name="load")
def _load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], ModuleType]]:
    """Give what imports a small module anew."""
    (tmp_path / f"{NAME}.py").write_text(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))

    def load() -> ModuleType:
        sys.modules.pop(NAME, None)
        return importlib.import_module(NAME)

    yield load
    sys.modules.pop(NAME, None)


@pytest.fixture(name="untouched", autouse=True)
def _untouched() -> Iterator[None]:
    """See to it that the loaders are afterwards what they were."""
    methods = (importlib_loaders.SourceLoader.exec_module, rewrite.AssertionRewritingHook.exec_module)
    before = [method.__code__ for method in methods]
    yield
    assert [method.__code__ for method in methods] == before
    assert not any(hasattr(module, loader_patch.ASK) for module in (importlib_loaders, rewrite))


def of_example(filename: str) -> bool:
    """Tell whether a file is the small module."""
    return filename.endswith(f"{NAME}.py")


def test_the_code_that_is_returned_is_executed(load: Callable[[], ModuleType]) -> None:
    """The loader shows module and code, of a compiled file as well; the file stays what it was."""
    seen: list[tuple[str, str]] = []

    def replace(code: CodeType, module: ModuleType) -> CodeType:
        if module.__name__ != NAME:
            return code
        seen.append((module.__name__, code.co_filename))
        return compile("three = 3", code.co_filename, "exec")

    executed = loader_patch.Executed(replace)
    executed.start()
    try:
        first, second = load(), load()
    finally:
        executed.stop()

    assert [module.three for module in (first, second)] == [3, 3]
    assert [name for name, _ in seen] == [NAME, NAME]
    assert load().one() == 1


def test_a_loader_that_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is changed, and the recorder knows that it cannot tell."""
    (tmp_path / "rewrite.py").write_text("\n" * 5000)
    monkeypatch.setattr(rewrite, "__file__", str(tmp_path / "rewrite.py"))
    executions = ProbedExecutions(of_example, lambda *_: None)
    executions.start({})

    assert not executions.is_watching
    with pytest.raises(LookupError):
        loader_patch.Executed(lambda code, _: code).start()


def test_which_functions_started(load: Callable[[], ModuleType]) -> None:
    """And which did again."""
    executions = ProbedExecutions(of_example, lambda *_: None)
    executions.start({})
    try:
        module = load()
        assert [code.co_name for code in executions.drain()] == ["<module>"]
        module.two()
        assert [code.co_name for code in executions.drain()] == ["two"]
        module.two()
        module.one()
        assert [code.co_name for code in executions.drain()] == ["one", "two"]
        assert executions.drain() == []
    finally:
        executions.stop()


@pytest.mark.parametrize("way", ["exec", "failing probes"])
def test_code_without_probes(way: str, load: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is executed all the same, and from then on anything of its file may have started."""
    executions = ProbedExecutions(of_example, lambda *_: None)
    executions.start({})
    try:
        if way == "exec":
            exec(compile(TEXT, f"{NAME}.py", "exec"), {})  # noqa: S102 - that is the test
        else:
            monkeypatch.setattr(probes, "storing", lambda *_: 1 // 0)
            assert load().one() == 1
        for _ in range(2):
            assert [code.co_name for code in executions.drain()] == ["<module>"]
    finally:
        executions.stop()


def test_functions_that_are_watched() -> None:
    """They call with their frame, and an error in what is called does not reach them."""
    seen: list[object] = []

    def asked(key: int) -> int:
        return key + 1

    def see(frame: object) -> None:
        seen.append(frame.f_locals["key"])  # type: ignore[attr-defined]
        raise ValueError

    executions = ProbedExecutions(of_example, lambda *_: None)
    assert isinstance(asked, FunctionType)
    before = asked.__code__
    executions.start({asked: see})
    try:
        assert asked(3) == 4
    finally:
        executions.stop()

    assert seen == [3]
    assert asked.__code__ is before

"""What keeps a module from being patched has a code, also where the process and not the text is the reason."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.patching import Patcher
from pytest_zygote.core.patching.verdict import MAX_FILES, Reload
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType

NAME = "zy_subject"
OLD = "def f():\n    return 1\n"
NEW = "def f():\n    return 2\n"


class NothingRan:
    """Nothing ran while the project was imported."""

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return nothing."""
        del filename, module, live
        return frozenset()

    def seen_by_others(self, kind: str) -> frozenset[str] | None:
        """Return nothing."""
        del kind
        return frozenset()


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> str:
    return str(tmp_path / f"{NAME}.py")


@pytest.fixture(name="patcher")
def _patcher(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patcher]:
    """Provide a patcher that knows one module, which is loaded, and does not look at the objects of other tests."""
    gc.freeze()
    Path(path).write_text(OLD, encoding="utf-8")
    monkeypatch.syspath_prepend(Path(path).parent)
    monkeypatch.setitem(sys.modules, NAME, ModuleType(NAME))  # so that the module is gone after the test
    monkeypatch.delitem(sys.modules, NAME)
    importlib.import_module(NAME)
    patcher = Patcher(str(Path(path).parent), NothingRan(), lambda file: file == path)
    patcher.remember(NAME, path, OLD.encode())
    patcher.scan()
    yield patcher
    gc.unfreeze()


def reason(patcher: Patcher, path: str, new: str = NEW) -> Reason:
    """Return why an edit is a reload."""
    found = patcher.decide({path: dedent(new).encode()})[path]
    assert isinstance(found, Reload), found
    return found.reason


def test_an_edit_of_a_loaded_module_is_a_patch(patcher: Patcher, path: str) -> None:
    """Where nothing is in the way."""
    assert not isinstance(patcher.decide({path: NEW.encode()})[path], Reload)


def test_many_files_are_not_compared(patcher: Patcher) -> None:
    """Importing them is not slower."""
    changed = {f"/project/{number}.py": b"" for number in range(MAX_FILES + 1)}
    (found,) = patcher.decide(changed).values()

    assert isinstance(found, Reload)
    assert found.reason == Reason("many-files", f"{MAX_FILES + 1} files changed at once")


def test_a_text_that_nobody_put_aside_is_not_guessed(patcher: Patcher) -> None:
    """The file changed between its import and then."""
    assert reason(patcher, "/project/other.py").code == "text-unknown"


def test_a_module_that_is_another_object_is_imported_anew(
    patcher: Patcher, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has put something else in its place."""
    monkeypatch.setitem(sys.modules, NAME, "something else")

    assert reason(patcher, path) == Reason("module-replaced", "zy_subject.py: the module is not an ordinary one")


@pytest.mark.parametrize(
    "forbid",
    [
        lambda patcher, reason: patcher.forbid(NAME, reason),
        lambda patcher, reason: patcher.forbid_all(reason),
    ],
    ids=["one", "all"],
)
@pytest.mark.parametrize("code", ["file-examined", "process-started"])
def test_what_happened_at_import_forbids_patches(
    patcher: Patcher, path: str, forbid: Callable[[Patcher, Reason], None], code: str
) -> None:
    """Of one module, or of all."""
    forbid(patcher, Reason(code, "because"))  # type: ignore[arg-type]  # a code, from a list of them

    assert reason(patcher, path) == Reason(code, "zy_subject.py: because")  # type: ignore[arg-type]


def test_a_function_that_is_not_where_it_was_is_not_patched(patcher: Patcher, path: str) -> None:
    """Something has put another in its place, and the old one is gone."""
    del vars(sys.modules[NAME])["f"]
    patcher.distrust_stock()

    assert reason(patcher, path).code == "function-ambiguous"


def test_an_import_that_is_not_loaded_whole_is_not_added(patcher: Patcher, path: str) -> None:
    """It would be executed now, and not then."""
    assert reason(patcher, path, f"import zy_never_imported\n{OLD}").code == "addition-visible"

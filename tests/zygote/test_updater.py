"""How a candidate answers if it cannot be patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.adapters.patching import PatchError
from pytest_zygote.adapters.system import files
from pytest_zygote.core.protocol.layer_messages import NotPatched, Patch
from pytest_zygote.core.reasons import Reason
from pytest_zygote.zygote.updater import Updater

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_zygote.run.inherited_layer import InheritedLayer

LAYER = cast("InheritedLayer", None)


class Patcher:
    """Fails."""

    def __init__(self, error: Exception) -> None:
        """Fail by this error."""
        self._error = error

    def decide(self, _: dict[str, bytes]) -> NoReturn:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PatchError("app.py differs"), "a patch failed: app.py differs"),
        (KeyError("app"), "the patcher failed: KeyError: 'app'"),
    ],
)
def test_a_patch_that_fails_is_an_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, text: str
) -> None:
    """Whether the edit is at fault, or we are."""
    updater = Updater(str(tmp_path), Ledger(files.identity))
    monkeypatch.setattr(updater, "_patcher", Patcher(error))

    assert updater.follow(Patch({"app.py": b""}, {}), LAYER) == NotPatched(Reason("patch-failed", text))


def test_a_module_that_is_a_link_now_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What else is in the folder that it leads to is another package."""
    path = tmp_path / "app.py"
    path.write_text("")
    updater = Updater(str(tmp_path), Ledger(files.identity))
    monkeypatch.setattr(updater, "_homes", {str(path): str(tmp_path / "elsewhere" / "app.py")})
    answer = updater.follow(Patch({str(path): b""}, {}), LAYER)

    assert answer == NotPatched(Reason("file-relinked", "app.py is a link now, or no longer"))

"""A module of a layer is given to a run only if importing it now would make the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.import_replay import ImportReplay
from pytest_zygote.adapters.interpreter.run_state import RunState
from pytest_zygote.core.layers.import_effects import Asked, Read
from pytest_zygote.core.layers.import_log import ImportDigests
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pytest_zygote.core.layers.import_effects import Event

KEY = "ZYGOTE_TEST_COLOUR"
REASON = Reason("environment-read", f"app reads {KEY} when it is imported, and the run has changed it")


Refused = list[tuple[Reason, tuple[str, ...]]]


def replay(event: Event, *, answer: object = None) -> Refused:
    """Import the module ``app``, of which this is recorded, into a run; return why that was refused."""
    refused: Refused = []
    _importing(event, refused, answer=answer)._replay("app")  # noqa: SLF001 - what stands around it replaces the interpreter's own functions
    return refused


def _importing(
    event: Event, refused: Refused, *, answer: object = None, touched: dict[str, set[str]] | None = None
) -> ImportReplay:
    log = {"app": [event]}
    digests = ImportDigests()
    digests.add(["app"], log)
    state = RunState(
        log=log,
        importers={},
        touched=touched or {},
        digests=digests,
        own=frozenset({"app"}),
        known=frozenset({"app"}),
        environ=dict(os.environ),
        changed=lambda *_: {},
        readers={},
        submodules=(),
        moved=dict,
        home_of=str,
        hook=str,
        rewritten=lambda _: "",
        answer=lambda _: answer,
        become=lambda *_: None,
        refuse=lambda reason, suspects: refused.append((reason, suspects)),
        unmark=lambda _: None,
        is_own=lambda _: True,
    )
    return ImportReplay(state)


def test_a_test_that_imports_what_others_have_changed() -> None:
    """A function may be the first to import a module: the next run leaves out who has registered something there."""
    refused: Refused = []
    importing = _importing(Asked("the folder", None), refused, touched={"app": {"app.plugin"}})
    importing.finish()
    assert not refused

    importing._see("app")  # noqa: SLF001 - as the import system does

    (why,) = refused
    assert why[0].code == "imported-too-early"
    assert why[1] == ("app.plugin",)


@pytest.mark.parametrize(("now", "refused"), [("red", []), ("blue", [(REASON, ())])])
def test_a_key_that_a_module_has_read_is_compared(
    monkeypatch: pytest.MonkeyPatch, now: str, refused: list[tuple[Reason, tuple[str, ...]]]
) -> None:
    """A conftest file of the run may have set it."""
    monkeypatch.setenv(KEY, now)

    assert replay(Read(KEY, "red")) == refused


def test_an_answer_that_a_module_has_had_is_compared() -> None:
    """If it is the project's own, the next layer leaves it out."""
    text = "app asks for the folder when it is imported, and this run has another answer"

    assert replay(Asked("the folder", "/here"), answer="/here") == []
    assert replay(Asked("the folder", "/here"), answer="/there") == [(Reason("process-asked", text), ("app",))]

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


def replay(event: Event, *, answer: object = None) -> list[tuple[Reason, tuple[str, ...]]]:
    """Import the module ``app``, of which this is recorded, into a run; return why that was refused."""
    refused: list[tuple[Reason, tuple[str, ...]]] = []
    log = {"app": [event]}
    digests = ImportDigests()
    digests.add(["app"], log)
    state = RunState(
        log=log,
        importers={},
        touched={},
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
    ImportReplay(state)._replay("app")  # noqa: SLF001 - what stands around it replaces the interpreter's own functions
    return refused


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

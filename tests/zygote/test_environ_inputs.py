"""Which environment keys the modules of a layer read and write: what counts as an input, and what each run repeats."""

from __future__ import annotations

import pytest

from pytest_zygote.adapters.interpreter.import_recorder import Ledger
from pytest_zygote.core.layers.import_effects import Read, Wrote
from pytest_zygote.core.layers.layer_inputs import MISSING
from pytest_zygote.zygote.environ_inputs import EnvironInputs


@pytest.fixture(name="ledger")
def _ledger() -> Ledger:
    """Give a ledger that shows `app` being executed."""
    ledger = Ledger(lambda _path: ())
    ledger.stack.append("app")
    return ledger


@pytest.fixture(name="rejected")
def _rejected() -> list[str]:
    """Give what modules were rejected for."""
    return []


@pytest.fixture(name="inputs")
def _inputs(ledger: Ledger, rejected: list[str]) -> EnvironInputs:
    """Give inputs of a build that has just begun."""
    return EnvironInputs(ledger, {}, rejected.append)


def test_a_key_is_an_input_with_the_value_that_was_read_first(inputs: EnvironInputs) -> None:
    """A key that is not set is one, too; the module that asked first is named."""
    inputs.on_read("MODE", "a")
    inputs.on_read("MODE", "b")
    inputs.on_read("NONE", None)

    assert inputs.reads == {"MODE": "a", "NONE": MISSING}
    assert inputs.readers == {"MODE": "app", "NONE": "app"}


def test_a_key_that_a_module_has_written_is_no_input(inputs: EnvironInputs) -> None:
    """Any run's import would see it."""
    inputs.on_write("MODE", "a")
    inputs.on_read("MODE", "a")

    assert not inputs.reads
    assert inputs.written == {"MODE"}


def test_a_read_is_noted_once_and_each_write(inputs: EnvironInputs, ledger: Ledger) -> None:
    """Runs compare what was read, and repeat what was written, in order."""
    inputs.on_read("MODE", "a")
    inputs.on_read("MODE", "a")
    inputs.on_write("MODE", "b")
    inputs.on_write("MODE", None)
    inputs.on_write("MODE", "b")

    assert ledger.log["app"] == [Read("MODE", "a"), Wrote("MODE", "b"), Wrote("MODE", MISSING), Wrote("MODE", "b")]


def test_who_asks_for_the_worker_is_in_no_layer(inputs: EnvironInputs, rejected: list[str]) -> None:
    """Each worker has another answer."""
    inputs.on_read("PYTEST_XDIST_WORKER", None)

    assert rejected == ["asks which worker it is in"]

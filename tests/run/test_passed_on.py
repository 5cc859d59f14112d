"""A run and the open files that the shell gave to its client."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from pytest_zygote.run import process


class StartedOver(Exception):  # noqa: N818 - what the fake run raises in place of ending its process
    """The run starts over from another layer."""


class FakeRun:
    """A run whose client passes on one descriptor."""

    def __init__(self, number: int) -> None:
        """Have the client pass on its descriptor of this number."""
        self.request = SimpleNamespace(descriptors=(number,))

    def start_over(self, depth: str, reason: object) -> None:
        """Raise in place of ending this process."""
        raise StartedOver(depth, str(reason))


def test_a_number_that_the_layer_uses_makes_the_run_cold() -> None:
    """Two files cannot have one number; nothing of the layer's is closed."""
    held = os.open(os.devnull, os.O_RDONLY)
    try:
        with pytest.raises(StartedOver) as raised:
            process.pass_on_descriptors(FakeRun(held), [os.open(os.devnull, os.O_RDONLY)])  # type: ignore[arg-type]

        assert os.fstat(held)
    finally:
        os.close(held)
    depth, reason = raised.value.args
    assert depth == "cold"
    assert reason.startswith(f"[descriptor-in-use] a module of the layer holds descriptor {held}")

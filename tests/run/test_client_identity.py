"""A run draws its own random numbers, as a fresh interpreter would."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pytest_zygote.run.client_identity import reseed


class Generator(ModuleType):
    """A numpy.random that counts its seeds."""

    def __init__(self) -> None:
        """Be seeded never."""
        super().__init__("numpy.random")
        self.seeds = 0

    def seed(self) -> None:
        """Draw a new seed."""
        self.seeds += 1

    def get_state(self) -> tuple[object, ...]:
        """Return the numbers, as an array in the second place."""
        return "MT19937", memoryview(b"numbers"), 624


@pytest.mark.parametrize(("inherited", "seeds"), [({"numpy.random"}, 1), (set(), 0)])
def test_numpy_is_seeded_anew_if_the_layer_holds_it(
    inherited: set[str], seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the run imports itself seeds itself."""
    generator = Generator()
    monkeypatch.setitem(sys.modules, "numpy.random", generator)

    reseed(inherited)

    assert generator.seeds == seeds

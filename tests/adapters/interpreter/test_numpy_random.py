"""The global generator of numpy, with one of the test's own in its place."""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest

from pytest_zygote.adapters.interpreter import numpy_random
from tests.support.twister import Twister


class Generator(ModuleType):
    """A numpy.random that counts its seeds.

    Attributes:
        seeds: how often it was seeded by chance.
        state: its numbers.
        seed_seq: what it was made with; None once it was given other numbers.
    """

    def __init__(self) -> None:
        """Have been imported a moment ago."""
        super().__init__(numpy_random.NAME)
        self.seeds = 0
        self.state = b"of the import"
        self.seed_seq: object = "by chance"

    def seed(self, number: int | None = None) -> None:
        """Have other numbers."""
        self.seeds += number is None
        self.state, self.seed_seq = f"{number} {self.seeds}".encode(), None

    def get_state(self) -> tuple[object, ...]:
        """Return the numbers, as an array in the second place."""
        return "MT19937", SimpleNamespace(tobytes=partial(bytes, self.state)), 624

    def get_bit_generator(self) -> Generator:
        """Return what knows what it was made with."""
        return self


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Generator:
    """A generator that is imported."""
    made = Generator()
    monkeypatch.setitem(sys.modules, numpy_random.NAME, made)
    return made


def test_forks_draw_numbers_of_their_own(generator: Generator) -> None:
    """Whether the generator was imported in this process, or renewed in it before."""
    for seeds in (1, 2):
        numpy_random.renew_unless_seeded()
        assert generator.seeds == seeds


def test_a_seed_is_kept(generator: Generator) -> None:
    """A conftest file wants the same numbers in each test run."""
    numpy_random.renew()
    generator.seed(7)
    numpy_random.renew_unless_seeded()
    assert generator.state == b"7 1"


@pytest.fixture(name="watched")
def _watched(monkeypatch: pytest.MonkeyPatch) -> numpy_random.NumpyGenerator:
    """What looks at a generator that is renewed once it looks, as in a session."""
    monkeypatch.setitem(sys.modules, numpy_random.NAME, Twister())
    watched = numpy_random.NumpyGenerator()
    watched.begin()
    numpy_random.renew()
    return watched


def test_what_a_session_renews_is_no_seed(watched: numpy_random.NumpyGenerator) -> None:
    """Else all runs that are forked from it would draw the same numbers."""
    assert watched.judge() == ""
    assert watched.seeded is None


@pytest.mark.parametrize("count", [4, 4 * 624, 4 * 2000])
def test_draws_are_told_from_seeds(watched: numpy_random.NumpyGenerator, count: int) -> None:
    """However many there are."""
    sys.modules[numpy_random.NAME].bytes(count)
    assert watched.judge() == "draws random numbers from numpy"
    assert watched.seeded is None


def test_a_seed_of_the_tests_is_kept(watched: numpy_random.NumpyGenerator) -> None:
    """Each run has it, and what was drawn since."""
    numpy = sys.modules[numpy_random.NAME]
    numpy.seed(7)
    numpy.bytes(4)
    assert watched.judge() == ""
    assert watched.seeded is not None
    assert watched.seeded[1].tobytes() == numpy.get_state()[1].tobytes()


@pytest.mark.parametrize("module", [None, ModuleType("numpy.random")])
def test_a_generator_that_is_not_there_is_left_out(module: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported for it; an old one without these functions stays as it is."""
    if module is None:
        monkeypatch.delitem(sys.modules, numpy_random.NAME, raising=False)
    else:
        monkeypatch.setitem(sys.modules, numpy_random.NAME, module)
    numpy_random.renew()
    numpy_random.renew_unless_seeded()
    assert sys.modules.get(numpy_random.NAME) is module

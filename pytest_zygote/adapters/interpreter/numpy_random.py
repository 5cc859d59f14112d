"""The global generator of numpy: a fork begins with the numbers of its parent, where a new process draws its own."""

from __future__ import annotations

import sys

NAME = "numpy.random"
_renewed: list[bytes] = []
"""What `renew` has seeded the generator to last."""


def renew() -> None:
    """Seed the generator by chance, as a process does that imports numpy; where it is imported."""
    generator = sys.modules.get(NAME)
    if generator is not None and hasattr(generator, "seed"):
        generator.seed()
        _renewed[:] = [generator.get_state()[1].tobytes()]


def renew_unless_seeded() -> None:
    """Do so if nobody has given the generator a state since it was imported, or renewed."""
    generator = sys.modules.get(NAME)
    if generator is None or not hasattr(generator, "get_bit_generator"):  # numpy 1.24 has it
        return
    is_by_chance = generator.get_bit_generator().seed_seq is not None  # what it was made with: None after a seed
    if is_by_chance or generator.get_state()[1].tobytes() in _renewed:
        renew()

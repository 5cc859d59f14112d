"""What is known of a module since it was imported."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_zygote.core.patching.introspection import AskedFor, kinds_in

if TYPE_CHECKING:
    from typing import TypeAlias

    Ran: TypeAlias = frozenset[tuple[str, int]]


@dataclass
class Sources:
    """What is known of a module since it was imported.

    Attributes:
        packed: its text, compressed.
        ran: what had run before the last patch, at today's lines.
        examines: what it may look at in other modules, by its text.
        words: what it asked for, as soon as somebody wanted to know.
    """

    name: str
    packed: bytes
    examines: frozenset[str]
    ran: Ran = frozenset()
    words: AskedFor | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str, source: bytes) -> Sources:
        """Keep a text at about a quarter of its size."""
        return cls(name, zlib.compress(source, 1), kinds_in(source))

    @property
    def source(self) -> bytes:
        """The text that the module was made of."""
        return zlib.decompress(self.packed)

    def renew(self, source: bytes, ran: Ran) -> None:
        """Take note of a patch."""
        self.packed, self.examines = zlib.compress(source, 1), kinds_in(source)
        self.ran, self.words = ran, None

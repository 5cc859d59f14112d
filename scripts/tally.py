"""Adds up what came of many edits."""

from __future__ import annotations

import collections
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.edits import Outcome

_NAMED = re.compile(
    r"^\S+: |class [\w.]+|[\w.<>]+\(\)|^[\w.<>]+ (?=ran|has|uses|does|is)|line \d+|[\w.<>]+(?= is new,)"
)
"""What makes two reasons of the same kind different texts."""


def kind_of(reason: str) -> str:
    """Return a reason without the names in it."""
    return _NAMED.sub("…", reason)


@dataclass
class Tally:
    """What came of all edits.

    Attributes:
        unusable: edits with which there was nothing to compare: not importable here, or no change.
        wrong: where a patched module was not what a fresh import would have made.
    """

    kept: int = 0
    patched: int = 0
    reloaded: int = 0
    unusable: int = 0
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)

    def count(self, title: str, outcome: Outcome) -> None:
        """Add one edit."""
        self.wrong += [f"{title}: {outcome.verdicts}: {difference}" for difference in outcome.differences[:3]]
        if outcome.is_unimportable:
            self.unusable += 1
        elif outcome.is_reloaded:
            self.reloaded += 1
            self.reasons[kind_of(outcome.verdicts[-1].removeprefix("reload "))] += 1
        elif all(verdict == "keep" for verdict in outcome.verdicts):
            self.kept += 1
        else:
            self.patched += 1

    def show(self) -> None:
        """Print all of it."""
        total = self.kept + self.patched + self.reloaded or 1
        share = 100 * (self.kept + self.patched) / total
        print(
            f"{total} edits: kept {self.kept}, patched {self.patched}, reloaded {self.reloaded}: "
            f"{share:.0f} % without a reload; {self.unusable} unusable; {len(self.wrong)} wrong"
        )
        for reason, times in self.reasons.most_common(25):
            print(f"{times:5}  {reason}")
        for wrong in self.wrong:
            print(f"WRONG {wrong}")

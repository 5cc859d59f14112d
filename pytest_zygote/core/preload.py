"""Which modules a layer imports, from what runs have taught.

A run reports the modules it imported. Third-party ones go to the base layer, first-party ones
to the project layer, test modules and conftest files (leaves) to none: each run executes them.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field

FIRST = "first"
THIRD = "third"
REWRITTEN = "rewritten"


@dataclass
class Graph:
    """What runs have taught about a project; kept on disk between daemons.

    Attributes:
        modules: name → (origin, party, 'rewritten' or ''), in the order a run imported them.
        leaves: name → file of test modules and conftest files.
        path: `sys.path` when collection had ended.
        context: environment keys that conftest files or plugins set, with their values.
        facts: options of the runs that taught this.
        rejected: module → reason, of modules that must not be imported early.
        interpreter: what the modules were imported with.
    """

    modules: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    leaves: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    context: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)

    def learn(self, rows: tuple[tuple[str, str, str, str], ...]) -> bool:
        """Add modules; tell whether any is new."""
        before = len(self.modules)
        for name, origin, party, rewritten in rows:
            if name not in self.leaves and self.modules.get(name, ("",))[0] != origin:
                self.modules.pop(name, None)
                self.modules[name] = (origin, party, rewritten)
                before -= 1
        return len(self.modules) > before

    def select(self, party: str, excluded: tuple[str, ...]) -> list[str]:
        """Return the modules of a party that may be imported early, in order.

        Args:
            party: `FIRST` or `THIRD`.
            excluded: patterns of the user's (``zygote_exclude``); a package stands for all in it.
        """
        return [
            name
            for name, (_, known, _) in self.modules.items()
            if known == party and name not in self.leaves and name not in self.rejected and not is_excluded(name, excluded)
        ]


def is_excluded(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a module is one of the patterns, or inside a package that is."""
    return any(fnmatch.fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in patterns)

"""The effects of executing a module that another process must repeat: the events of its log.

A module in a layer is a remembered execution. Its log holds, in order, what a fresh interpreter
would have read and changed while executing it, apart from the module itself.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import warnings
    from collections.abc import Iterator
    from typing import TypeAlias


class Imported(NamedTuple):
    """It imported a module: a fresh interpreter executes that one here, unless it has done so before."""

    name: str


class Read(NamedTuple):
    """It read a key of the environment and saw this value."""

    key: str
    seen: str


class Asked(NamedTuple):
    """It asked something of its process (`adapters.interpreter.import_answers`), which answered this."""

    what: str
    seen: object


class Wrote(NamedTuple):
    """It set a key of the environment, or deleted it (`core.layers.layer_inputs.MISSING`)."""

    key: str
    value: str


class PathGrew(NamedTuple):
    """It added an entry to `sys.path`.

    Attributes:
        at: where; `END` for behind all others.
        entry: what it added.
        is_again: whether the entry was in the path already, further down; only then is a duplicate added.
    """

    at: int
    entry: str
    is_again: bool = False


class PathShrank(NamedTuple):
    """It removed an entry from `sys.path`."""

    entry: str


END = 1 << 30
"""The place in `sys.path` of what was appended: a run's path may be longer."""


def path_changes(before: list[str], now: list[str]) -> Iterator[PathGrew | PathShrank]:
    """Give what makes one path out of another: the part in which they differ goes, and is put there anew."""
    shorter = min(len(before), len(now))
    head = next((at for at in range(shorter) if before[at] != now[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if before[~at] != now[~at]), rest)
    removed, added = before[head : len(before) - tail], now[head : len(now) - tail]
    yield from map(PathShrank, removed)
    others = [*before[:head], *before[len(before) - tail :]]
    is_last = tail == 0 and head > 0
    for at, entry in enumerate(added, head):
        yield PathGrew(END if is_last else at, entry, entry in others)


def added_around(before: tuple[object, ...], now: tuple[object, ...]) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Return the entries that were put, or moved, before all others, and those behind them: filters of warnings are.

    All entries are in front if some were removed.
    """
    for count in range(len(now)):
        rest = tuple(entry for entry in before if entry not in now[:count])
        if now[count : count + len(rest)] == rest:
            return now[:count], now[count + len(rest) :]
    return now, ()


class Bound(NamedTuple):
    """It became an attribute of its package when it had been executed."""

    package: str
    child: str


class Warned(NamedTuple):
    """It warned.

    Attributes:
        warning: as it was shown.
        module: name of the module that it was attributed to, for filters.
        outside: if it was attributed to the importer: how many frames above the outermost import statement;
            -1 if it was attributed to a module's own code.
        depth: how many modules were being executed around it: the import statements in between.
        is_of_settings: whether Django warned when it read the project's settings: each run reads them itself, and
            the module that read them first in a layer may not be the first in the run.
    """

    warning: warnings.WarningMessage
    module: str
    outside: int
    depth: int = 0
    is_of_settings: bool = False


class Compiled(NamedTuple):
    """Compiling it warned; a fresh interpreter that finds it compiled does not warn."""

    name: str


ATTRIBUTE = "attribute of "
"""How the name of a change to another module begins."""


class Became(NamedTuple):
    """It changed something of the whole process (`adapters.interpreter.process_state`) to this value."""

    what: str
    value: object


if TYPE_CHECKING:
    Event: TypeAlias = Imported | Read | Asked | Wrote | PathGrew | PathShrank | Bound | Warned | Compiled | Became

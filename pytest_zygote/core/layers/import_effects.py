"""What executing a module did that another process must do again: the events of its log.

A module in a layer is a remembered execution. Its log holds, in order, what a fresh interpreter
would have read and changed while executing it, apart from the module itself.
"""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import warnings
    from typing import TypeAlias


class Imported(NamedTuple):
    """It imported a module: in a fresh interpreter that one's log comes here, unless it came before."""

    name: str


class Read(NamedTuple):
    """It read a key of the environment and saw this value."""

    key: str
    seen: str


class Wrote(NamedTuple):
    """It set a key of the environment, or deleted it (`core.layers.layer_inputs.MISSING`)."""

    key: str
    value: str


class PathGrew(NamedTuple):
    """It added an entry to `sys.path`."""

    at: int
    entry: str


class Warned(NamedTuple):
    """It warned.

    Attributes:
        warning: as it was shown.
        module: name of the module that it was blamed on, for filters.
        outside: if it was blamed on whoever imported the module: how many frames above the
            import statement; -1 if it was blamed on a module's own code.
    """

    warning: warnings.WarningMessage
    module: str
    outside: int


class Compiled(NamedTuple):
    """Compiling it warned; a fresh interpreter that finds it compiled does not warn."""

    name: str


class Became(NamedTuple):
    """It changed something of the whole process (`adapters.interpreter.process_state`) to this value."""

    what: str
    value: object


if TYPE_CHECKING:
    Event: TypeAlias = Imported | Read | Wrote | PathGrew | Warned | Compiled | Became

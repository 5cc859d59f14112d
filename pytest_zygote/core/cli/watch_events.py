"""What happens in watch mode, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason

# Events


@dataclass(frozen=True)
class KeyPressed:
    """The user pressed a key."""

    key: str


@dataclass(frozen=True)
class LeaveAsked:
    """The terminal is gone, or a signal asks to leave."""


@dataclass(frozen=True)
class InterruptAsked:
    """The user pressed Ctrl-C."""


@dataclass(frozen=True)
class WindowChanged:
    """The terminal has another size, or was somebody else's for a while."""


@dataclass(frozen=True)
class FilterGiven:
    """The user answered a question."""

    key: str
    text: str


@dataclass(frozen=True)
class FilesSaved:
    """Files have other content; their paths are relative to the project's folder."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class TimePassed:
    """Nothing else has happened; `is_settled` if all files that were written are closed."""

    is_settled: bool


@dataclass(frozen=True)
class RunDeclined:
    """The daemon does not serve the run."""

    reason: Reason


@dataclass(frozen=True)
class RunEnded:
    """The run has ended; `selected` says which tests it had."""

    status: int
    selected: str


Event: TypeAlias = (
    "KeyPressed | LeaveAsked | InterruptAsked | WindowChanged | FilterGiven | FilesSaved | TimePassed"
    " | RunDeclined | RunEnded"
)


# Actions


@dataclass(frozen=True)
class StartRun:
    """Start a run; in plain pytest, for a reason, if there is one."""

    args: tuple[str, ...]
    plain_because: Reason | None = None


@dataclass(frozen=True)
class Debug:
    """Run with the terminal as input, until that has ended."""

    args: tuple[str, ...]


@dataclass(frozen=True)
class InterruptRun:
    """Have the run end as by Ctrl-C."""


@dataclass(frozen=True)
class KillRun:
    """End the run at once."""


@dataclass(frozen=True)
class AskForFilter:
    """Ask the user for a line."""

    key: str


@dataclass(frozen=True)
class Print:
    """Write lines."""

    text: str


@dataclass(frozen=True)
class ShowStatus:
    """Write the status line."""


@dataclass(frozen=True)
class ClearStatus:
    """Make room for what a run writes."""


@dataclass(frozen=True)
class RunCommand:
    """Run a command of the user's."""

    command: str


@dataclass(frozen=True)
class Notify:
    """Show a notification on the desktop."""

    text: str


Action: TypeAlias = (
    "StartRun | Debug | InterruptRun | KillRun | AskForFilter | Print | ShowStatus | ClearStatus | RunCommand | Notify"
)

"""What happens in watch mode, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.record import Record

if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason

# Events


class KeyPressed(Record):
    """The user pressed a key."""

    key: str


class LeaveAsked(Record):
    """The terminal is gone, or a signal asks to leave."""


class InterruptAsked(Record):
    """The user pressed Ctrl-C."""


class SuspendAsked(Record):
    """The user pressed Ctrl-Z."""


class WindowChanged(Record):
    """The terminal has another size, or was somebody else's for a while."""


class FilterGiven(Record):
    """The user answered a question."""

    key: str
    text: str


class QuestionLeft(Record):
    """The user left a question without an answer."""


class FilesSaved(Record):
    """Files have other content; their paths are relative to the project's folder."""

    paths: tuple[str, ...]


class TerminalAsked(Record):
    """A debugger in a run asks for the terminal."""


class TerminalReturned(Record):
    """The debugger that has the terminal needs it no more, or is gone."""


class TimePassed(Record):
    """Nothing else has happened; `is_settled` if all files that were written are closed."""

    is_settled: bool


class RunDeclined(Record):
    """The daemon does not serve the run."""

    reason: Reason


class RunEnded(Record):
    """The run has ended; `selected` says which tests it had."""

    status: int
    selected: str


Event: TypeAlias = (
    "KeyPressed | LeaveAsked | InterruptAsked | SuspendAsked | WindowChanged | FilterGiven | QuestionLeft"
    " | FilesSaved | TerminalAsked | TerminalReturned | TimePassed | RunDeclined | RunEnded"
)


# Actions


class StartRun(Record):
    """Start a run; in plain pytest, for a reason, if there is one."""

    args: tuple[str, ...]
    plain_because: Reason | None = None


class InterruptRun(Record):
    """Have the run end as by Ctrl-C."""


class KillRun(Record):
    """End the run at once."""


class LendTerminal(Record):
    """Read no keys, and give the terminal to the debugger that asks for it."""


class ReclaimTerminal(Record):
    """Read keys again."""


class Suspend(Record):
    """Stop until the shell continues us; `with_run` stops the run too, which would read the shell's keys."""

    with_run: bool


class AskForFilter(Record):
    """Ask the user for a line."""

    key: str


class Print(Record):
    """Write lines."""

    text: str


class ShowStatus(Record):
    """Write the status line."""


class ClearStatus(Record):
    """Make room for what a run writes."""


class RunCommand(Record):
    """Run a command of the user's."""

    command: str


class Notify(Record):
    """Show a notification on the desktop."""

    text: str


Action: TypeAlias = (
    "StartRun | InterruptRun | KillRun | LendTerminal | ReclaimTerminal | Suspend"
    " | AskForFilter | Print | ShowStatus | ClearStatus | RunCommand | Notify"
)

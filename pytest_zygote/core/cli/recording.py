"""What one run did, as `run.outcome_recorder` writes it down and `core.cli.comparison` compares it.

Durations are not recorded: no two runs agree on them.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Phase:
    """How one phase of a test (or one of its subtests) ended.

    Attributes:
        when: ``setup``, ``call`` or ``teardown``.
        outcome: ``passed``, ``failed``, ``skipped``, ``xfailed``, ``xpassed``, or
            a word of some plugin, such as ``rerun``.
        message: The last line of the crash message or of the reason.
    """

    when: str
    outcome: str
    message: str = ""

    def describe(self) -> str:
        """Show the phase as the user may read it: ``call failed: assert 1 == 2``."""
        text = f"{self.when} {self.outcome}"
        return f"{text}: {self.message}" if self.message else text


@dataclass(frozen=True, slots=True)
class Result:
    """All phases of one test, in the order in which they were reported."""

    nodeid: str
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True)
class RecordedWarning:
    """One warning that pytest recorded.

    Attributes:
        category: The qualified name of the warning's class.
        message: Its text.
        file_name: The file that it is attributed to.
        when: ``config``, ``collect`` or ``runtest``.
        nodeid: The test, or the empty string outside of tests.
    """

    category: str
    message: str
    file_name: str
    when: str
    nodeid: str

    def describe(self) -> str:
        """Show the warning as one line."""
        place = self.nodeid or self.when
        return f"{place}: {self.category}: {self.message} ({self.file_name})"


@dataclass(frozen=True, slots=True)
class Collector:
    """A file, class or folder whose collection failed or was skipped."""

    nodeid: str
    outcome: str
    message: str

    def describe(self) -> str:
        """Show the collector as one line."""
        return f"{self.nodeid} {self.outcome}: {self.message}"


@dataclass(frozen=True, slots=True)
class Recording:
    """What one run did.

    Attributes:
        exit_code: The exit code of the session.
        process: The id of the process that ran the tests. Never compared; it tells
            a warm run (another process than the client) from a cold one.
        collected: The selected tests, in the order in which they were to run.
        deselected: The tests that an option or a plugin left out.
        collectors: What could not be collected.
        results: The tests that ran, in the order in which they did.
        warnings: The warnings, in the order in which pytest recorded them.
    """

    exit_code: int
    process: int = 0
    collected: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    collectors: tuple[Collector, ...] = ()
    results: tuple[Result, ...] = ()
    warnings: tuple[RecordedWarning, ...] = ()


_Phases: TypeAlias = "list[tuple[str, str, str]]"
_Warnings: TypeAlias = "list[tuple[str, str, str, str, str]]"
_Rows: TypeAlias = "tuple[int, int, list[str], list[str], _Phases, list[tuple[str, _Phases]], _Warnings]"
"""A recording, as JSON has it: the fields of each class in their order."""


def encode(recording: Recording) -> str:
    """Turn a recording into JSON."""
    return json.dumps(astuple(recording), indent=1)


def decode(text: str) -> Recording:
    """Turn the JSON of ``encode`` back into a recording."""
    exit_code, process, collected, deselected, collectors, results, warnings = cast("_Rows", json.loads(text))
    return Recording(
        exit_code,
        process,
        tuple(collected),
        tuple(deselected),
        tuple(Collector(*row) for row in collectors),
        tuple(Result(nodeid, tuple(Phase(*row) for row in phases)) for nodeid, phases in results),
        tuple(RecordedWarning(*row) for row in warnings),
    )

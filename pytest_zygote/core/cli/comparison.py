"""What two runs of one suite must agree on: the yardstick of the promise.

A run is written down by ``pytest_zygote.run.outcome_recorder`` as a ``Recording``. ``compare`` takes
that of a plain run and that of a warm one and names every difference;
``compare_output`` does the same for what the two wrote to the terminal.

Terms:
    Noise: the differences between two *plain* runs of a suite. A suite may be unsteady by
        itself; ``unexplained`` sets aside what its noise explains, and whoever calls it
        shows the noise instead of hiding it.
    Normalised: freed of what two plain runs never agree on. A table lists each such thing
        with its reason, and is as short as it can be: an entry too many hides a defect,
        an entry too few is noise, which is shown.

Durations are not recorded at all; only the output has one, in its last line.

What does not work: comparing only the outcomes. A warm run that loses the
warnings of an import, or runs the tests in another order, has the same outcomes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ABSENT = "nothing"
"""How a difference shows the side that lacks something."""

_UNSTEADY = (
    # Where an object lies in memory: `<function f at 0x7f12deadbeef>`. Shorter
    # numbers are values (flags, colours, characters) and must agree.
    (re.compile(r"\b0x[0-9a-fA-F]{8,16}\b"), "0x…"),
    # pytest numbers the temporary folder of each run of a user.
    (re.compile(r"(pytest-of-[^/\\]+[/\\]pytest-)\d+"), r"\g<1>…"),
    # The eight random characters of tempfile.mkdtemp and NamedTemporaryFile.
    (re.compile(r"([/\\]tmp)[a-z0-9_]{8}\b"), r"\g<1>…"),
    # Every run is another process: `<SpawnProcess pid=4711>`, `pid 4711`.
    (re.compile(r"\b(pid[ =:]{1,2})\d+\b", re.IGNORECASE), r"\g<1>…"),
)
_DURATION = re.compile(r"^(?:=+ )?(.+ in )\d+\.\d\ds(?: \(.*\))?(?: =+)?$")
"""The last line: `3 passed in 0.12s`. It is filled up to the width with `=`, so
that a longer duration leaves fewer of them."""


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
        collectors: Whatever could not be collected.
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


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs disagree.

    Attributes:
        kind: What was compared: ``result``, ``order``, ``warning`` …
        subject: The test, the line or the thing in question. Kind and subject
            together tell whether two differences are the same one.
        plain: What the plain run has.
        warm: What the warm run has.
    """

    kind: str
    subject: str
    plain: str
    warm: str

    def describe(self) -> str:
        """Show the difference as lines that a user can act on."""
        return f"{self.kind}: {self.subject}\n    plain: {self.plain}\n    warm:  {self.warm}"


def compare(plain: Recording, warm: Recording) -> tuple[Difference, ...]:
    """Name everything in which the two runs disagree."""
    return (
        *_exit_codes(plain.exit_code, warm.exit_code),
        *_sequences("collected", plain.collected, warm.collected),
        *_sequences("deselected", plain.deselected, warm.deselected),
        *_sequences(
            "collector",
            [collector.describe() for collector in plain.collectors],
            [collector.describe() for collector in warm.collectors],
        ),
        *_sequences(
            "run",
            [result.nodeid for result in plain.results],
            [result.nodeid for result in warm.results],
        ),
        *_results(plain.results, warm.results),
        *_sequences(
            "warning",
            [warning.describe() for warning in plain.warnings],
            [warning.describe() for warning in warm.warnings],
        ),
    )


def compare_output(plain: str, warm: str) -> tuple[Difference, ...]:
    """Name the lines in which the outputs of two runs disagree.

    The subject is the line's number in the plain output, so that comparing one
    plain output with two others gives the same subject for the same line.
    """
    before = [_normalise_output(line) for line in plain.splitlines()]
    after = [_normalise_output(line) for line in warm.splitlines()]
    # Most outputs are equal up to a few lines, and matching takes quadratic time.
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    before, after = before[same:], after[same:]
    return tuple(
        Difference("output", f"line {same + start + offset + 1}", *pair)
        for tag, start, end, other, other_end in SequenceMatcher(None, before, after).get_opcodes()
        if tag != "equal"
        for offset, pair in enumerate(zip_longest(before[start:end], after[other:other_end], fillvalue=ABSENT))
    )


def unexplained(differences: Iterable[Difference], noise: Iterable[Difference]) -> tuple[Difference, ...]:
    """Leave out the differences that two plain runs have at the same place."""
    known = {(difference.kind, difference.subject) for difference in noise}
    return tuple(difference for difference in differences if (difference.kind, difference.subject) not in known)


def render(differences: Sequence[Difference], limit: int = 20) -> tuple[str, ...]:
    """Describe the first differences and count the others."""
    shown = tuple(difference.describe() for difference in differences[:limit])
    left_out = len(differences) - limit
    return shown if left_out <= 0 else (*shown, f"… and {left_out} more")


def normalise(text: str) -> str:
    """Replace what two plain runs never agree on (the reasons stand at the table)."""
    for pattern, replacement in _UNSTEADY:
        text = pattern.sub(replacement, text)
    return text


def encode(recording: Recording) -> str:
    """Turn a recording into JSON."""
    return json.dumps(asdict(recording), indent=1)


def decode(text: str) -> Recording:
    """Turn the JSON of ``encode`` back into a recording."""
    fields = cast("_RecordingFields", json.loads(text))
    return Recording(
        exit_code=fields["exit_code"],
        process=fields["process"],
        collected=tuple(fields["collected"]),
        deselected=tuple(fields["deselected"]),
        collectors=tuple(Collector(**entry) for entry in fields["collectors"]),
        results=tuple(
            Result(entry["nodeid"], tuple(Phase(**phase) for phase in entry["phases"])) for entry in fields["results"]
        ),
        warnings=tuple(RecordedWarning(**entry) for entry in fields["warnings"]),
    )


class _PhaseFields(TypedDict):
    when: str
    outcome: str
    message: str


class _ResultFields(TypedDict):
    nodeid: str
    phases: list[_PhaseFields]


class _CollectorFields(TypedDict):
    nodeid: str
    outcome: str
    message: str


class _WarningFields(TypedDict):
    category: str
    message: str
    file_name: str
    when: str
    nodeid: str


class _RecordingFields(TypedDict):
    exit_code: int
    process: int
    collected: list[str]
    deselected: list[str]
    collectors: list[_CollectorFields]
    results: list[_ResultFields]
    warnings: list[_WarningFields]


def _exit_codes(plain: int, warm: int) -> Iterator[Difference]:
    if plain != warm:
        yield Difference("exit code", "of the session", str(plain), str(warm))


def _sequences(kind: str, plain: Iterable[str], warm: Iterable[str]) -> Iterator[Difference]:
    """Compare what is there and, only if all of it is, the order."""
    before, after = [normalise(one) for one in plain], [normalise(one) for one in warm]
    if before == after:
        return
    counts, other = Counter(before), Counter(after)
    if counts == other:
        pairs = zip(before, after, strict=True)
        first, instead = next((one, two) for one, two in pairs if one != two)
        yield Difference(f"{kind} order", "first to differ", first, instead)
    for text in dict.fromkeys(before + after):
        if counts[text] != other[text]:
            yield Difference(kind, text, _times(counts[text]), _times(other[text]))


def _times(count: int) -> str:
    return f"{count} times" if count > 1 else ("once" if count else ABSENT)


def _results(plain: Iterable[Result], warm: Iterable[Result]) -> Iterator[Difference]:
    """Compare how the tests ended that both runs have."""
    other = _phases(warm)
    for nodeid, phases in _phases(plain).items():
        for before, after in zip_longest(phases, other.get(nodeid, phases), fillvalue=ABSENT):
            if before != after:
                yield Difference("result", nodeid, before, after)


def _phases(results: Iterable[Result]) -> dict[str, list[str]]:
    described: dict[str, list[str]] = {}
    for result in results:
        described.setdefault(normalise(result.nodeid), []).extend(
            normalise(phase.describe()) for phase in result.phases
        )
    return described


def _normalise_output(line: str) -> str:
    return _DURATION.sub(r"\g<1>…s", normalise(line))

"""What two runs of one suite must agree on: the yardstick of the promise.

`compare` takes the recording of a plain run and that of a warm one, and names every difference.

Terms:
    Normalised: freed of what two plain runs never agree on. A table lists each such thing
        with its reason, and is as short as it can be: an entry too many hides a defect,
        an entry too few is noise, which is shown.

What does not work: comparing only the outcomes. A warm run that loses the
warnings of an import, or runs the tests in another order, has the same outcomes.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_zygote.core.cli.recording import Recording, Result

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

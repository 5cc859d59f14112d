"""What ``--zygote-output=compact`` prints of each event: what is needed to mend a failure, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_zygote.core.output.events import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_zygote.core.output.events import Event

MOST_LINES = 8
"""Lines of a message that are shown."""
MOST_PRINTED = 3
"""Lines of each captured output that are shown: the last ones."""
MOST_LETTERS = 200
"""Letters of a line that are shown."""
HINTS = ("Use -v to get", "Use -vv to get", "Omitting ", "Full diff:")
"""How lines of pytest's explanations begin that say nothing about the failure."""
_OBJECT = re.compile(r"\+ +(?:where|and) +(<.+>) = ([^=]+)")
"""What pytest says of an object that stands in a line above."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

GOOD = ("passed", "skipped", "xfailed", "xpassed", "deselected", "warnings")
"""Outcomes in their order."""
NOTHING_FAILED = 0
NO_TESTS = 5
"""`pytest.ExitCode.NO_TESTS_COLLECTED`"""


class Compact:
    """Turns events into lines, each at once; what has been said of one failure is not said again of the next."""

    def __init__(self) -> None:
        """Have said nothing."""
        self._first: dict[tuple[str, ...], str] = {}
        self._is_listing = False

    def lines(self, event: Event) -> Iterator[str]:
        """Give what is printed of an event."""
        match event[KIND]:
            case "TestReport" | "CollectReport" if event.get("outcome") == "failed":
                yield from self._failure(event)
            case "Selection":
                yield from map(str, _items(event.get("tests")))
                yield from map(str, _items(event.get("notes")))
            case "Notice" | "UsageError" | "InternalError" | "Interrupted" | "TerminalSummary":
                yield from str(event["text"]).rstrip("\n").split("\n")
            case "SessionFinish":
                yield from ending(event)
            case _:
                pass

    def _failure(self, event: Event) -> Iterator[str]:
        nodeid = str(event["nodeid"])
        when = event.get("when")
        what = "FAILED" if when == "call" else f"ERROR at {when} of" if when else "ERROR in"
        essence = list(essentials(event.get("longrepr"), nodeid.partition("::")[0]))
        first = self._first.setdefault(tuple(essence), nodeid)
        if first != nodeid:
            yield f"{what} {nodeid}: as {first.rpartition('::')[2]}"
            return
        yield f"{what} {nodeid}"
        yield from essence
        for title, text in _pairs(event.get("sections")):
            yield from (f"{title.removeprefix('Captured ')}: {line}" for line in _last(text))


def essentials(longrepr: object, file: str) -> Iterator[str]:
    """Give where a failure came from, and its message.

    Args:
        longrepr: as pytest serialises it.
        file: of the test; places in it are given by their line alone.
    """
    if not isinstance(longrepr, dict):
        yield from _of_text(str(longrepr))
        return
    crash = _table(longrepr.get("reprcrash"))
    entries = [_table(entry.get("data")) for entry in _tables(_table(longrepr.get("reprtraceback")).get("reprentries"))]
    yield from _places(entries, file)
    message = str(crash.get("message", "")) or "\n".join(map(str, _items(entries[-1].get("lines") if entries else ())))
    yield from _message(message)
    chain = [_items(link) for link in _items(longrepr.get("chain"))]
    causes = [str(_table(link[1]).get("message", "")) for link in chain[:-1]]
    yield from (f"caused by {_cut(cause.partition(chr(10))[0])}" for cause in causes[::-1] if cause)


def _places(entries: list[dict[str, object]], file: str) -> Iterator[str]:
    """Give the first line of the test's own file, and that where it failed, each with arguments."""
    located = [entry for entry in entries if entry.get("reprfileloc")]
    own = [entry for entry in located if _path(entry).endswith(file)]
    first, last = (own or located)[:1], located[-1:]
    for found in first if first == last else [*first, *last]:
        place = _table(found["reprfileloc"])
        where = str(place["lineno"]) if _path(found).endswith(file) else f"{place['path']}:{place['lineno']}"
        marked = [str(line)[1:].strip() for line in _items(found.get("lines")) if str(line).startswith(">")]
        values = ", ".join(f"{name}={value}" for name, value in _pairs(_table(found.get("reprfuncargs")).get("args")))
        yield _cut(f"{where}: {' '.join(marked)}{f'  # {values}' if values else ''}")


def _path(entry: Mapping[str, object]) -> str:
    return str(_table(entry["reprfileloc"])["path"])


def _message(text: str) -> Iterator[str]:
    lines = [line.strip() for line in text.removeprefix("AssertionError: ").split("\n") if line.strip()]
    telling = [line for line in _without_addresses(lines) if not line.startswith(HINTS)]
    yield from map(_cut, telling[:MOST_LINES])
    if len(telling) > MOST_LINES:
        yield f"… {len(telling) - MOST_LINES} lines more"


def _without_addresses(lines: list[str]) -> list[str]:
    """Return an explanation in which objects are called as the code calls them, where it says what they are.

    ``where 4 = <function price at 0x7f01>(2)`` and ``where <function price at 0x7f01> = shop.price`` are one line.
    """
    left = list(lines)
    for line in lines:
        named = _OBJECT.fullmatch(line)
        if named is not None:
            left = [other.replace(named[1], named[2]) for other in left if other != line]
    return [_ADDRESS.sub("", line) for line in left]


def _of_text(text: str) -> Iterator[str]:
    """Give what matters of a traceback that pytest has made a text of: its lines of errors, or its end."""
    lines = [line for line in text.split("\n") if line.strip()]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    places = [line for line in lines if ": in " in line][-1:]
    yield from map(_cut, [*places, *errors[:MOST_LINES]] if errors else lines[-MOST_LINES:])


def _last(text: str) -> list[str]:
    return [_cut(line) for line in text.split("\n") if line.strip()][-MOST_PRINTED:]


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def ending(event: Mapping[str, object]) -> Iterator[str]:
    """Give the last lines of a run."""
    counts = _table(event["counts"])
    words = ("failed", "error", *GOOD)
    named = [*words, *(word for word in counts if word not in words)]
    found = ", ".join(f"{counts[word]} {word}" for word in named if word in counts) or "no tests"
    total_s = float(str(_table(event["phases"])["total"]))
    status = event["exitstatus"]
    exit_code = "" if status in {NOTHING_FAILED, 1} else f", exit code {status}"
    yield f"{'ok: ' if status == NOTHING_FAILED else ''}{found} in {total_s:.2f} s{exit_code}"
    if event["rerun"]:
        yield f"rerun: {event['rerun']}"


def _table(found: object) -> dict[str, object]:
    return found if isinstance(found, dict) else {}


def _items(found: object) -> list[object]:
    return list(found) if isinstance(found, (list, tuple)) else []


def _tables(found: object) -> list[dict[str, object]]:
    return [_table(one) for one in _items(found)]


def _pairs(found: object) -> Iterator[tuple[str, str]]:
    for name, value in map(_items, _items(found)):
        yield str(name), str(value)

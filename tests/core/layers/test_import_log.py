"""A digest says the same as the logs, in fewer words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.layers.import_effects import Imported, Read
from pytest_zygote.core.layers.import_log import DigestWalk, ImportDigests, changed_too_early, executed_by, lineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_zygote.core.layers.import_effects import Event

    Log = dict[str, list[Event]]

FLAT = ("a", "b", "c", "d", "e", "f", "g", "h")
NESTED = ("p", "p.a", "p.b", "p.q", "p.q.a", "r", "r.a")


def logs(names: Sequence[str]) -> st.SearchStrategy[Log]:
    """Give logs of modules that were executed one after the other: each imports only those before it."""

    @st.composite
    def draw_log(draw: st.DrawFn) -> Log:
        log: Log = {}
        for name in draw(st.permutations(names)):
            before = st.lists(st.sampled_from(list(log)), max_size=4) if log else st.just([])
            events: list[Event] = [Imported(other) for other in draw(before)]
            events += [Read("KEY", name)] * draw(st.integers(0, 1))
            log[name] = draw(st.permutations(events))
        return log

    return draw_log()


def told_by_logs(log: Mapping[str, Sequence[Event]], roots: Sequence[str]) -> Iterator[tuple[str, Event]]:
    """Give all events of these modules and of what they import, each once: what digests abbreviate."""
    executed: set[str] = set()

    def execute(name: str) -> Iterator[tuple[str, Event]]:
        for part in lineage(name):
            if part not in executed:
                executed.add(part)
                for event in log.get(part, ()):
                    if isinstance(event, Imported):
                        yield from execute(event.name)
                    else:
                        yield part, event

    for root in roots:
        yield from execute(root)


def told_by_digests(digests: ImportDigests, roots: Sequence[str]) -> Iterator[tuple[str, Event]]:
    """Give the same from digests alone."""
    walk = DigestWalk(digests)
    for root in roots:
        for part in lineage(root):
            yield from ((names[-1], event) for names, event in walk.events(part))


def digested(log: Log, split: int = 0) -> ImportDigests:
    """Return the digests of a log that came in two parts, as those of two layers do."""
    names = list(log)
    digests = ImportDigests()
    digests.add(names[:split], log)
    digests.add(names[split:], log)
    return digests


@given(logs(FLAT), st.lists(st.sampled_from(FLAT), min_size=1, max_size=4), st.integers(0, len(FLAT)))
def test_digests_tell_all_events_in_order(log: Log, roots: list[str], split: int) -> None:
    """Whatever is imported, and in whichever order."""
    assert list(told_by_digests(digested(log, split), roots)) == list(told_by_logs(log, roots))


@given(logs(NESTED), st.lists(st.sampled_from(NESTED), min_size=1, max_size=4))
def test_packages_that_import_their_modules_lose_no_event(log: Log, roots: list[str]) -> None:
    """Importing a module imports its package, which may import the module: the order is then not told."""
    assert sorted(told_by_digests(digested(log), roots)) == sorted(told_by_logs(log, roots))


@given(logs(FLAT), st.sampled_from(FLAT))
def test_reach_is_what_is_told(log: Log, root: str) -> None:
    """A bit for each module whose events executing the root goes through."""
    digests = digested(log)
    owners = {name for name, _ in told_by_logs(log, [root])}

    assert digests.reach.get(root, 0) == sum(digests.bits[name] for name in owners)


def test_a_digest_refers_to_what_has_events_and_to_nothing_else() -> None:
    """Modules that only import are passed over, and what was told is not told again."""
    log: Log = {
        "reads": [Read("X", "1")],
        "plain": [],
        "between": [Imported("plain"), Imported("reads")],
        "above": [Imported("between"), Imported("reads"), Imported("plain")],
    }
    digests = digested(log)

    assert digests.entries == {
        "reads": (Read("X", "1"),),
        "between": (Imported("reads"),),
        "above": (Imported("reads"),),
    }


def test_what_executing_a_module_executes() -> None:
    """What it imports, directly or not, and the packages of these; a circle ends."""
    log: Log = {"app.main": [Read("KEY", ""), Imported("lib.part")], "lib.part": [Imported("app.main")], "other": []}
    assert executed_by(["app.main"], log) == {"app", "app.main", "lib", "lib.part"}


def test_what_changes_a_module_that_a_run_has_imported_without_it() -> None:
    """Its change is there too early; one of a module that nobody has imported does not show."""
    touched = {"registry": {"one", "two"}, "other": {"three"}}

    assert changed_too_early(touched, {"registry", "one"}) == {"two": "registry"}
    assert changed_too_early(touched, {"one", "two", "three"}) == {}

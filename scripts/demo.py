"""Shows what the plugin does: the same commands cold and warm, on a project whose imports take longer than its tests.

Called by `make demo`, or as `python -m scripts.demo`. All happens in a temporary folder, and nothing is left behind.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from scripts import example, procfs
from scripts.runners import Plain, Warm, example_project
from scripts.stopwatch import Run

_SHOWN = 3
"""How many lines of what a run prints to standard output are shown: its last ones."""


@dataclass(frozen=True)
class Step:
    """Something a user does, and then wants to see tested.

    Attributes:
        title: what it is.
        act: does it.
        args: what is tested then.
    """

    title: str
    act: Callable[[], None]
    args: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """One step, run in all three ways."""

    title: str
    cold: Run
    pytest: Run
    thin: Run

    @property
    def agrees(self) -> bool:
        """Whether all three ways came to the same result."""
        return (
            len({(run.code, tuple(sorted(run.outcomes.items()))) for run in (self.cold, self.pytest, self.thin)}) == 1
        )


class Demonstration:
    """The example project in a folder, and the three ways to test it."""

    def __init__(self, cold: Plain, warm: Warm) -> None:
        self._cold = cold
        self._warm = warm
        self._project = warm.project

    def run(self) -> bool:
        """Show everything; return whether cold and warm runs always agreed."""
        _say("The first run starts the daemon and imports everything once:")
        first = _shown(self._warm, "pz", example.ONE_TEST)
        _say("Meanwhile the daemon prepares for the next run, in the background.")
        procfs.wait_until_idle(self._warm.place.scratch)
        comparisons = list(self._comparisons())
        print(f"\n{table(comparisons)}\n\nThe first run, which started the daemon, took {first.seconds:.2f} s.")
        for comparison in comparisons:
            for run in (comparison.pytest, comparison.thin):
                if run.was_cold:
                    print(f"Not warm: {run.command[0].rpartition('/')[2]}, {comparison.title.lower()}")
        differing = [comparison.title for comparison in comparisons if not comparison.agrees]
        if differing:
            print(f"Cold and warm runs came to different results: {', '.join(differing)}")
        return not differing

    def _comparisons(self) -> Iterator[Comparison]:
        for step in self._steps():
            _say(f"{step.title}:")
            step.act()
            yield Comparison(
                step.title,
                thin=_shown(self._warm, "pz", *step.args),
                pytest=_shown(self._warm, "pytest", *step.args),
                cold=_shown(self._cold, "pytest", *step.args),
            )

    def _steps(self) -> list[Step]:
        module, tests = "market/prices.py", "tests/test_prices.py"
        average = ("prices.iloc[0] * base", "prices.mean() * base")
        return [
            Step("One test", lambda: None, (example.ONE_TEST,)),
            Step(f"All {example.TESTS} tests", lambda: None, ()),
            Step("A test was edited, to fail", self._replacing(tests, "[0.1, -0.1,", "[0.1, -0.2,"), (tests,)),
            Step("It was repaired", self._replacing(tests, "[0.1, -0.2,", "[0.1, -0.1,"), (tests,)),
            Step("A function was edited, to fail", self._replacing(module, *average), (tests,)),
            Step("It was repaired, too", self._replacing(module, *reversed(average)), (tests,)),
        ]

    def _replacing(self, name: str, old: str, new: str) -> Callable[[], None]:
        """Return an edit of a file of the project."""
        path = self._project / name

        def edit() -> None:
            text = path.read_text(encoding="utf-8")
            print(f"  {name}: {old!r} becomes {new!r}")
            path.write_text(text.replace(old, new), encoding="utf-8")

        return edit


def main() -> int:
    """Show it; the exit code is 1 if warm runs did not agree with cold ones, 2 if something is not installed."""
    missing = list(_missing())
    if missing:
        print(f"The example project needs {', '.join(missing)}: pip install {' '.join(missing)}", file=sys.stderr)
        return 2
    with example_project() as (cold, warm):
        return 0 if Demonstration(cold, warm).run() else 1


def table(comparisons: list[Comparison]) -> str:
    """Return the comparisons as aligned columns."""
    width = max(len(comparison.title) for comparison in comparisons)
    lines = [f"{'':{width}}  cold pytest   warm pytest   warm pz   cold / pz"]
    lines += [
        f"{comparison.title:{width}}  {comparison.cold.seconds:9.2f} s  {comparison.pytest.seconds:10.3f} s"
        f"  {comparison.thin.seconds:6.3f} s  {comparison.cold.seconds / comparison.thin.seconds:9.1f}"
        for comparison in comparisons
    ]
    return "\n".join(lines)


def _missing() -> Iterator[str]:
    for library in example.LIBRARIES:
        try:
            version(library)
        except PackageNotFoundError:
            yield library


def _shown(runner: Plain, *command: str) -> Run:
    """Run a command and show it: what was typed, how long it took, and the end of what it printed."""
    run = runner.call(*command)
    switch = "" if isinstance(runner, Warm) else "PYTEST_DAEMON_DISABLE=1 "
    print(f"  $ {switch}{' '.join(command)}   [{run.seconds:.3f} s]")
    lines = [line for line in run.out.splitlines() if line.strip()]
    print("".join(f"    {line}\n" for line in run.err.splitlines() + lines[-_SHOWN:]), end="", flush=True)
    return run


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The figures of the benchmark: what is divided by what, and how good it has to be.

Figures are ratios where that is possible: seconds depend on the machine, ratios much less. Each round gives a ratio,
because within a round all contenders met the same machine; a figure is the median of those, its spread their quartiles.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Samples = Mapping[str, Sequence[float]]
"""What an experiment measured: the name of a contender or quantity, and its value in each round."""


@dataclass(frozen=True)
class Goal:
    """What a figure has to be: a comparison, and the number to compare with."""

    sign: str
    number: float

    def met_by(self, value: float) -> bool:
        """Return whether this value is good enough."""
        comparisons: dict[str, Callable[[float, float], bool]] = {
            "≥": operator.ge,
            "≤": operator.le,
            "<": operator.lt,
            "=": operator.eq,
        }
        return comparisons[self.sign](value, self.number)


@dataclass(frozen=True)
class Outcome:
    """A figure that was measured: its value, its quartiles, and the medians that it comes from."""

    value: float
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class Ratio:
    """One quantity of an experiment divided by another."""

    key: str
    title: str
    experiment: str
    over: str
    under: str
    goal: Goal | None = None
    unit: str = "s"

    def outcome(self, samples: Samples) -> Outcome:
        """Return the figure for these samples."""
        over, under = samples[self.over], samples[self.under]
        ratios = [a / b for a, b in zip(over, under, strict=True)]
        low, high = _quartiles(ratios)
        source = f"{_amount(median(over), self.unit)} / {_amount(median(under), self.unit)}"
        return Outcome(median(ratios), low, high, source)


@dataclass(frozen=True)
class Quantity:
    """One quantity of an experiment, as it is."""

    key: str
    title: str
    experiment: str
    name: str
    unit: str
    goal: Goal | None = None

    def outcome(self, samples: Samples) -> Outcome:
        """Return the figure for these samples."""
        values = samples[self.name]
        low, high = _quartiles(values)
        return Outcome(median(values), low, high, _amount(median(values), self.unit))


Figure = Ratio | Quantity

FIGURES: tuple[Figure, ...] = (
    Ratio("session", "one test again, collected ahead: cold / `pz`", "one_test_collected", "cold", "pz", Goal("≥", 60)),
    Ratio(
        "session-fast",
        "one test again, collected ahead: `pz` / pytest-fast",
        "one_test_collected",
        "pz",
        "pytest-fast",
        Goal("≤", 0.5),
    ),
    Ratio("pz", "one test: cold / `pz`", "one_test", "cold", "pz", Goal("≥", 30)),
    Ratio("pytest", "one test: cold / `pytest` warm", "one_test", "cold", "pytest", Goal("≥", 10)),
    Ratio(
        "import",
        'one test: `pytest` warm / `python -c "import pytest"`',
        "one_test",
        "pytest",
        "import pytest",
        Goal("≤", 1.6),
    ),
    Ratio("fast", "one test: `pz` / pytest-fast, both warm", "one_test", "pz", "pytest-fast", Goal("≤", 0.8)),
    Ratio("hot", "one test: `pz` / pytest-hot-reloading, both warm", "one_test", "pz", "pytest-hot-reloading"),
    Ratio("off", "one test: plugin switched off / plain pytest", "one_test", "off", "cold"),
    Ratio("suite", "112 tests: cold / `pz`", "suite", "cold", "pz"),
    Ratio("first", "first run, which starts the daemon / cold", "first_run", "first", "cold", Goal("≤", 1.3)),
    Ratio("edited-test", "test file just edited: `pz` / `pz` unedited", "edit_test", "edited", "same", Goal("≤", 1.5)),
    Ratio(
        "edited-body",
        "function body just edited, 200 modules: `pz` / cold",
        "edit_module",
        "body",
        "cold",
        Goal("≤", 0.35),
    ),
    Ratio(
        "edited-constant",
        "module constant just edited, 200 modules: `pz` / cold",
        "edit_module",
        "constant",
        "cold",
        Goal("≤", 0.35),
    ),
    Ratio(
        "large-body",
        "function body just edited, 2,000 modules: `pz` / `pz` unedited",
        "edit_large",
        "body",
        "same",
        Goal("≤", 1.6),
    ),
    Ratio("large-cold", "the same edit: `pz` / cold", "edit_large", "body", "cold", Goal("≤", 0.06)),
    Quantity(
        "shifted",
        "one line inserted above 300 functions, pandas and scipy loaded: until the patch is live",
        "shifted_lines",
        "live",
        "s",
        Goal("≤", 0.15),
    ),
    Ratio(
        "import-graph",
        "import of 2,000 modules, recorded for patches / plain",
        "import_graph",
        "recorded",
        "plain",
        Goal("≤", 1.08),
    ),
    Ratio(
        "busy", "a test that computes, just patched / plain pytest", "busy_test", "patched", "plain", Goal("≤", 1.02)
    ),
    Quantity(
        "switch",
        "1,000 of 2,000 files changed at once: until the next run ends, beyond the imports and a run",
        "branch_switch",
        "wait",
        "s",
        Goal("≤", 1),
    ),
    Quantity(
        "edits-growth",
        "growth of daemon and layers (PSS), ten times as many edits in a row",
        "many_edits",
        "growth",
        "%",
        Goal("<", 5),
    ),
    Ratio(
        "memory",
        "memory (PSS) of daemon and three runs / three plain runs",
        "memory",
        "warm",
        "plain",
        Goal("≤", 0.65),
        unit="MB",
    ),
    Quantity("idle", "processor time of an idle daemon that watches 5,000 files", "idle", "share", "%", Goal("<", 0.5)),
    Quantity(
        "growth",
        "largest growth of daemon or layer, many runs in a row (RSS)",
        "endurance",
        "growth",
        "%",
        Goal("<", 2),
    ),
    Quantity("descriptors", "descriptors that they gain meanwhile", "endurance", "descriptors", "", Goal("=", 0)),
    Ratio(
        "session-selection",
        "one of 10,000 tests by `-k`, collected ahead: `pz` / plain",
        "selection_collected",
        "pz",
        "plain",
        Goal("≤", 0.03),
    ),
    Ratio(
        "session-file",
        "one of 10,000 tests by `-k`, its file just edited: `pz` / plain",
        "file_edited",
        "pz",
        "plain",
        Goal("≤", 0.1),
    ),
    Ratio(
        "session-edit",
        "module constant edited 2 s ago, collected ahead: `pz` / `pz` unedited",
        "edit_and_think",
        "edited",
        "same",
        Goal("≤", 1.3),
    ),
    Ratio(
        "session-names",
        "names of 100,000 tests (`--collect-only -q`), collected ahead: `pz` / plain",
        "names_of_many",
        "pz",
        "plain",
        Goal("≤", 0.3),
    ),
    Quantity(
        "session-memory",
        "memory (PSS) of daemon and layers with these 100,000 tests",
        "names_of_many",
        "memory",
        "MB",
        Goal("<", 2**31),
    ),
    Ratio(
        "heavy-fast",
        "500 tests, imports of pandas and scipy: `pz -n 2` / pytest-fast with 2 workers",
        "heavy_imports",
        "pz",
        "pytest-fast",
        Goal("≤", 0.8),
    ),
    Ratio(
        "heavy-xdist",
        "the same: `pytest -n 2` warm / pytest-xdist `-n 2`",
        "heavy_imports",
        "pytest",
        "xdist",
        Goal("≤", 0.08),
    ),
    Ratio(
        "workers",
        "4,000 tests that take no time, beyond collection: `-n 2` / plain",
        "trivial_tests",
        "workers",
        "plain",
        Goal("≤", 0.65),
    ),
    Ratio("django", "one test, Django and REST framework: cold / `pz`", "django_test", "cold", "pz", Goal("≥", 8)),
    Ratio("django-db", "the same, with a database made: cold / `pz`", "django_test", "cold, database", "pz, database"),
    Ratio(
        "affected-hot",
        "function edited that half of a suite depends on, which computes: `--affected` / plain run of all",
        "hot_function",
        "edited",
        "plain",
        Goal("≤", 0.6),
    ),
    Quantity(
        "affected-store",
        "store of `--affected` for 10,000 tests of 200 functions each",
        "store_size",
        "size",
        "MB on disk",
        Goal("≤", 60),
    ),
    Quantity(
        "watch-save",
        "`--watch`: from a save to the first result, one affected test, pandas and scipy loaded",
        "watch_save",
        "ours",
        "s",
        Goal("≤", 0.15),
    ),
    Ratio("watch-peer", "the same / pytest-watcher", "watch_save", "ours", "pytest-watcher", Goal("≤", 1 / 15)),
    Ratio(
        "workers-fast",
        "4,000 tests that take no time, tests per second: `pz -n 2` / pytest-fast with 2 workers",
        "throughput",
        "pytest-fast",
        "pz",
        Goal("≥", 1.1),
    ),
    Ratio(
        "workers-namesake",
        "the same tests without a daemon: `-n 2` / the other pytest-zygote with `--workers 2`",
        "namesake",
        "ours",
        "theirs",
        Goal("≤", 0.8),
    ),
    Quantity(
        "workers-memory",
        "20,000 tests, `-n 2`: most memory (RSS) of the run process beyond plain pytest",
        "many_reports",
        "beyond",
        "MB",
        Goal("≤", 60e6),
    ),
    Ratio(
        "suites",
        "parts of the suites of networkx, pandas and sympy: `pytest -n 2` warm / pytest-xdist `-n 2`",
        "real_suites",
        "ours",
        "xdist",
        Goal("≤", 0.8),
    ),
    *(
        Ratio(f"suites-{name}", f"that of {name} alone", "real_suites", f"{name}, ours", f"{name}, xdist")
        for name in ("networkx", "pandas", "sympy")
    ),
    Ratio(
        "affected-recording",
        "suite of jinja2 in one process: recorded by `--affected` / plain, processor time",
        "recording",
        "jinja2, recorded",
        "jinja2, plain",
        Goal("≤", 1.08),
    ),
    Ratio(
        "affected-recording-networkx",
        "parts of networkx's suite, the same",
        "recording",
        "networkx, recorded",
        "networkx, plain",
        Goal("≤", 1.08),
    ),
    Quantity("floor-import", 'floor: `python -c "import pytest"`', "one_test", "import pytest", "s"),
    Quantity("floor-python", "floor: `python -I -S -c pass`", "one_test", "python", "s"),
    Quantity("floor-fork", "floor: fork, exit and wait, of a process with these imports", "fork", "fork", "s"),
)


def table(figures: Sequence[Figure], measured: Mapping[str, Samples]) -> str:
    """Return the Markdown table of those figures that were measured."""
    rows = [row(figure, figure.outcome(measured[figure.experiment])) for figure in figures if is_in(figure, measured)]
    return "\n".join(["| figure | now | quartiles | target | medians |", "| --- | --- | --- | --- | --- |", *rows])


def row(figure: Figure, outcome: Outcome) -> str:
    """Return a figure's line of the table. One that misses its target says so."""
    value = outcome.source if isinstance(figure, Quantity) else _number(outcome.value)
    spread = f"{_number(outcome.low)} to {_number(outcome.high)}" if isinstance(figure, Ratio) else ""
    target = f"{figure.goal.sign} {_goal(figure, figure.goal.number)}" if figure.goal else ""
    missed = figure.goal is not None and not figure.goal.met_by(outcome.value)
    source = outcome.source if isinstance(figure, Ratio) else ""
    return f"| {figure.title} | {value}{' (missed)' if missed else ''} | {spread} | {target} | {source} |"


def _goal(figure: Figure, number: float) -> str:
    is_size = isinstance(figure, Quantity) and figure.unit == "MB"
    return _amount(number, "MB") if is_size else f"{number:g}"


def is_in(figure: Figure, measured: Mapping[str, Samples]) -> bool:
    """Return whether all that this figure needs was measured."""
    needed = {figure.over, figure.under} if isinstance(figure, Ratio) else {figure.name}
    return needed <= set(measured.get(figure.experiment, {}))


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - three digits either way


def _amount(value: float, unit: str) -> str:
    if unit == "s":
        milliseconds = value * 1000
        return f"{value:.2f} s" if value >= 1 else f"{milliseconds:.{0 if milliseconds >= 10 else 1}f} ms"  # noqa: PLR2004 - two digits
    if unit == "MB":
        return f"{value / 1e6:.0f} MB"
    return f"{value:.2g} {unit}".rstrip()

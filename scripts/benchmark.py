"""Measures cold runs, warm runs and the peers' warm runs, and compares them with the targets.

    python -m scripts.benchmark                         everything, as a table on the terminal
    python -m scripts.benchmark --only pz edited-body   some figures; --list names them
    python -m scripts.benchmark --json results.json --write-page

The numbers are true only of a quiet machine. Linux only: memory and processor time are read from /proc.
"""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench import Bench
from scripts.environments import REPOSITORY, Cache, Environment
from scripts.example import LIBRARIES
from scripts.experiments import EXPERIMENTS
from scripts.figures import FIGURES, Figure, Samples, is_in, table
from scripts.stopwatch import UntrueRunError

PAGE, README = REPOSITORY / "docs" / "benchmarks.md", REPOSITORY / "README.md"
HEADLINE = {
    "plain pytest": ("one test: cold / `pytest` warm", 0),
    "`pytest`, warm": ("one test: cold / `pytest` warm", 1),
    "`pz`, warm": ("one test: cold / `pz`", 1),
    "`pz`, tests collected ahead": ("one test again, collected ahead: cold / `pz`", 1),
}
"""The README's figures: a row of the table, and which of its two medians."""


def main() -> int:
    """Measure, print, and write what was asked for. The exit code is 1 if something could not be measured."""
    options = _options()
    if options.list:
        print("\n".join(f"{figure.key:18}{figure.title}" for figure in FIGURES))
        return 0
    figures = [figure for figure in FIGURES if not options.only or figure.key in options.only]
    cache = Cache(options.cache) if options.cache else Cache.default()
    ours = Environment(options.python.absolute()) if options.python else cache.ours()
    bench = Bench(ours, cache, options.repeat, options.idle_seconds, options.runs, say=_say)
    measured, failures = _measure(figures, bench)
    machine = describe(ours)
    text = f"{table(figures, measured)}\n\n{caption(machine, bench)}"
    print(text)
    if options.json:
        options.json.write_text(json.dumps(_record(machine, measured, figures), indent=1), encoding="utf-8")
    if options.write_page:
        write_page(text)
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = [figure.key for figure in FIGURES]
    parser.add_argument("--list", action="store_true", help="name the figures and end")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="FIGURE", help="measure only these")
    parser.add_argument("--repeat", type=int, default=15, metavar="N", help="rounds (default 15)")
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="runs in a row (default 1000)")
    parser.add_argument("--idle-seconds", type=float, default=60, metavar="S", help="how long to watch an idle daemon")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--write-page", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where to keep the virtual environments")
    parser.add_argument("--python", type=Path, metavar="FILE", help="measure this interpreter's installation of us")
    return parser.parse_args()


def _measure(figures: Sequence[Figure], bench: Bench) -> tuple[dict[str, Samples], list[str]]:
    """Do the experiments that these figures need. One that fails costs its own figures only."""
    measured: dict[str, Samples] = {}
    failures = []
    needed = {figure.experiment for figure in figures}
    for name in (name for name in EXPERIMENTS if name in needed):
        _say(name)
        try:
            measured[name] = EXPERIMENTS[name](bench)
        except (UntrueRunError, OSError) as error:
            _say(f"  not measured: {error}")
            failures.append(name)
    return measured, failures


def describe(ours: Environment) -> dict[str, str]:
    """Describe the machine and what was installed, by names that mean something elsewhere."""
    libraries = ours.versions(["pytest", *LIBRARIES])
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "python": ours.python_version(),
        **libraries,
    }


def caption(machine: Mapping[str, str], bench: Bench) -> str:
    """Return the sentences below the table."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("pytest", *LIBRARIES))
    return (
        f"Medians of {bench.repeat} interleaved rounds; idle for {bench.idle_seconds:g} s; {bench.runs} runs in a row. "
        "What is not *collected ahead* is measured with `zygote_sessions = 0`; by default it is, from the "
        "second run of a command line on. "
        f"{machine['cores']} cores, {machine['memory']}, {machine['system']}, Python {machine['python']}, {versions}."
    )


def _record(machine: Mapping[str, str], measured: Mapping[str, Samples], figures: Sequence[Figure]) -> object:
    outcomes = {
        figure.key: figure.outcome(measured[figure.experiment]) for figure in figures if is_in(figure, measured)
    }
    return {
        "machine": machine,
        "figures": {key: vars(outcome) for key, outcome in outcomes.items()},
        "samples": measured,
    }


def write_page(text: str) -> None:
    """Put the table into its page, and its first figures into the README."""
    _replace(PAGE, "benchmark", text)
    _replace(README, "figures", headline(PAGE.read_text(encoding="utf-8")))


def headline(page: str) -> str:
    """Return the README's figures, from the page with the table.

    Raises:
        KeyError: the table has no such row.
    """
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    medians = {row[0]: row[-1].split(" / ") for row in rows}
    lines = [f"| {title} | {medians[row][which]} |" for title, (row, which) in HEADLINE.items()]
    (machine,) = re.findall(r"\d+ cores, .*", page)
    return "\n".join(
        [
            "| one test of the project that `make demo` makes | time |",
            "|---|---|",
            *lines,
            "",
            f"Medians on {machine}",
        ]
    )


def _replace(path: Path, name: str, text: str) -> None:
    """Replace what stands between two marks of a page.

    Raises:
        LookupError: the page has no such marks.
    """
    marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    updated, count = marked.subn(lambda marks: f"{marks[1]}{text}\n{marks[2]}", path.read_text(encoding="utf-8"))
    if count != 1:
        raise LookupError(f"{path.name} needs one pair of <!-- {name} --> and <!-- /{name} -->, has {count}")
    path.write_text(updated, encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

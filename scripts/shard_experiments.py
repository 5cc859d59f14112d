"""Whether merged shards say what one run says, on suites of others.

    python -m scripts.shard_experiments FOLDER…

Each folder is a project whose tests run with the interpreter of this command by `pytest` alone; one that has a `src`
folder, or packages beside its tests, need not be installed. Compared are the exit code, what happened to each test (by
pytest's junit file), and with coverage the number of statements and of those that were missed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

SHARDS = 3
OPTIONS = ("-p", "pytest_zygote", "--daemon-disable", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")


class Outcome(NamedTuple):
    """What a run says.

    Attributes:
        status: its exit code.
        cases: what happened to each test, in order.
        covered: the line with coverage's totals.
    """

    status: int
    cases: list[tuple[str, str, tuple[str, ...]]]
    covered: str


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project whose packages can be imported."""
    paths = os.pathsep.join((str(project / "src"), str(project)))
    environ = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0", "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, *command], cwd=project, env=environ, capture_output=True, text=True, check=False
    )


def outcome(ended: subprocess.CompletedProcess[str], junit: Path) -> Outcome:
    """Return what a run says by its exit code, its output and its junit file."""
    found = ET.parse(junit).iter("testcase") if junit.exists() else ()  # noqa: S314 - we have just had it written
    cases = [
        (case.get("classname", ""), case.get("name", ""), tuple(part.tag for part in case if part.tag != "properties"))
        for case in found
    ]
    total = re.search(r"^TOTAL .*$", ended.stdout, re.MULTILINE)
    return Outcome(ended.returncode, cases, total[0] if total else "")


def package_of(project: Path) -> Path:
    """Return the folder of the package that a project is about."""
    folder = project / "src" if (project / "src").exists() else project
    packages = (path for path in sorted(folder.iterdir()) if (path / "__init__.py").exists())
    return next(path for path in packages if path.name not in {"tests", "test", "docs"})


def compare(project: Path, folder: Path) -> str:
    """Run a suite whole and in shards; return what differs."""
    options = (*OPTIONS, f"--cov={package_of(project)}", "--cov-report=term")
    whole = run(project, "-m", "pytest", *options, f"--junitxml={folder / 'whole.xml'}")
    for number in range(1, SHARDS + 1):
        shard = (f"--shard={number}/{SHARDS}", f"--shard-result={folder / 'results' / str(number)}")
        run(project, "-m", "pytest", *options, *shard)
    into = folder / "merged"
    merged = run(project, "-m", "pytest_zygote", "merge", str(folder / "results"), "--into", str(into))
    one, other = outcome(whole, folder / "whole.xml"), outcome(merged, into / "junit.xml")
    if not one.cases:
        return f"no test ran: {whole.stdout[-300:]}{whole.stderr[-300:]}"
    differences = [name for name in Outcome._fields if getattr(one, name) != getattr(other, name)]
    print(f"{project.name:28} {len(one.cases):6} tests, exit code {one.status}, {one.covered or 'no coverage'}")
    if "cases" in differences:
        print(*sorted(set(one.cases) ^ set(other.cases))[:6], sep="\n")
    return ", ".join(differences) + (merged.stderr[-500:] if differences else "")


def main(names: list[str]) -> None:
    """Print a line for each suite, and what differs."""
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="shards-"))
        found = compare(Path(name).resolve(), folder)
        print(f"{Path(name).name:28} {f'differs in {found}' if found else 'no difference'}", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])

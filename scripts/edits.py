"""Edits real modules at random, and compares each patched module with a fresh import.

Modules of the standard library, and packages that are installed here, are copied to a folder.
Each edit is one to three saves. Printed are how many were patched and why the others were not;
the exit code is 1 if a patched module differs from the fresh one in anything.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support_edits import Editor, try_edit

NAMES = [
    "textwrap",
    "argparse",
    "bisect",
    "calendar",
    "cmd",
    "code",
    "codecs",
    "colorsys",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "difflib",
    "dis",
    "enum",
    "filecmp",
    "fileinput",
    "fnmatch",
    "fractions",
    "ftplib",
    "functools",
    "getopt",
    "gettext",
    "glob",
    "graphlib",
    "gzip",
    "hashlib",
    "heapq",
    "hmac",
    "imaplib",
    "inspect",
    "ipaddress",
    "locale",
    "mimetypes",
    "netrc",
    "numbers",
    "opcode",
    "operator",
    "optparse",
    "pathlib",
    "pdb",
    "pickle",
    "pickletools",
    "pkgutil",
    "plistlib",
    "poplib",
    "pprint",
    "profile",
    "pstats",
    "queue",
    "quopri",
    "random",
    "reprlib",
    "sched",
    "secrets",
    "selectors",
    "shelve",
    "shlex",
    "shutil",
    "smtplib",
    "statistics",
    "string",
    "stringprep",
    "symtable",
    "tabnanny",
    "tarfile",
    "telnetlib",
    "tempfile",
    "timeit",
    "token",
    "tokenize",
    "trace",
    "traceback",
    "tracemalloc",
    "types",
    "typing",
    "uuid",
    "warnings",
    "wave",
    "weakref",
    "zipfile",
    "zipapp",
]
PACKAGES = ("click", "rich", "markdown_it", "coverage", "pathspec", "blessed")


@dataclass
class Tally:
    """What came of all edits."""

    patched: int = 0
    kept: int = 0
    reloaded: int = 0
    skipped: int = 0
    wrong: list[str] = field(default_factory=list)
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)


def find_targets(folder: Path) -> list[tuple[dict[str, str], str]]:
    """Return (files, module) of all modules to edit, copied under names of their own."""
    targets: list[tuple[dict[str, str], str]] = []
    library = Path(sysconfig.get_path("stdlib"))
    for name in NAMES:
        file = library / f"{name}.py"
        if file.exists():
            targets.append(({f"zm_{name}.py": file.read_text(encoding="utf-8")}, f"zm_{name}"))
    for package in PACKAGES:
        source = Path(sysconfig.get_path("purelib")) / package
        if source.is_dir():
            targets += _package(source)
    folder.mkdir(parents=True, exist_ok=True)
    return targets


def _package(source: Path) -> list[tuple[dict[str, str], str]]:
    name = source.name
    files = {}
    for file in sorted(source.rglob("*.py")):
        text = file.read_text(encoding="utf-8", errors="replace")
        files[f"zp_{name}/{file.relative_to(source)}"] = re.sub(
            rf"(?m)^(\s*(?:from|import) ){name}\b", rf"\1zp_{name}", text
        )
    modules = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in files]
    return [
        (files, module)
        for (path, text), module in zip(files.items(), modules, strict=True)
        if "__main__" not in path and text.count("def ") > 1
    ]


def run(count: int, seed: int, tally: Tally) -> None:
    """Try this many edits, and add them up."""
    with tempfile.TemporaryDirectory() as name:
        targets = find_targets(Path(name))
        for number in range(count):
            chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - repeatable
            files, module = chance.choice(targets)
            folder = Path(name) / str(number)
            _try((folder, files, module), chance, tally, f"{seed}:{number}")
            shutil.rmtree(folder, ignore_errors=True)


def _try(target: tuple[Path, dict[str, str], str], chance: random.Random, tally: Tally, title: str) -> None:
    folder, files, module = target
    path = next(path for path in files if _name(path) == module)
    texts, kinds = [files[path]], []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        with contextlib.suppress(SyntaxError):
            kind, text = Editor(texts[-1], chance).edit()
            kinds.append(kind)
            texts.append(text)
    if len(texts) == 1 or texts[-1] == texts[0]:
        tally.skipped += 1
        return
    outcome = try_edit(folder, files, module, texts[1:])
    tally.kinds.update(kinds)
    if outcome.differences:
        tally.wrong.append(f"{title} {module} {kinds} {outcome.verdicts}: {outcome.differences[:3]}")
    if outcome.is_unimportable:
        tally.skipped += 1
    elif outcome.is_reloaded:
        tally.reloaded += 1
        tally.reasons[
            re.sub(r"^\S+: |\b[\w.<>]*[a-z_][\w.<>]*\(\)|line \d+", "", outcome.verdicts[-1].removeprefix("reload "))
        ] += 1
    else:
        is_kept = all(verdict == "keep" for verdict in outcome.verdicts)
        tally.kept += is_kept
        tally.patched += not is_kept


def _name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def main() -> int:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ["PYTHONHASHSEED"] = "0"
    tally = Tally()
    run(args.count, args.seed, tally)
    if args.json:
        print(json.dumps({**vars(tally), "reasons": tally.reasons.most_common(), "kinds": tally.kinds.most_common()}))
        return bool(tally.wrong)
    print(
        f"kept {tally.kept}  patched {tally.patched}  reloaded {tally.reloaded}  "
        f"skipped {tally.skipped}  wrong {len(tally.wrong)}"
    )
    for reason, times in tally.reasons.most_common(40):
        print(f"{times:5} {reason}")
    for wrong in tally.wrong:
        print(wrong)
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())

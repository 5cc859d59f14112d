"""Edits real modules at random, and compares each patched module with a fresh import.

Modules of the standard library, and packages that are installed here, are copied to a folder.
Each edit is one to three saves. Printed are how many were patched and why the others were not;
the exit code is 1 if a patched module differs from the fresh one in anything.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from scripts.tally import Tally
from tests.support.edits import Editor, try_edit

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
    "wave",
    "weakref",
    "zipfile",
    "zipapp",
]
PACKAGES = ("click", "rich", "markdown_it", "coverage", "pathspec", "blessed")


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
        tally.unusable += 1
        return
    outcome = try_edit(folder, files, module, texts[1:])
    tally.count(f"{title} {module} {kinds}", outcome)


def _name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def main() -> int:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.environ["PYTHONHASHSEED"] = "0"
    tally = Tally()
    run(args.count, args.seed, tally)
    tally.show()
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())

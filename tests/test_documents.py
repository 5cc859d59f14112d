"""README.md and docs/ hang together: links lead somewhere, and what is made from the code is up to date."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_zygote
from pytest_zygote import hookspecs
from pytest_zygote.core.cli.options import OPTIONS
from pytest_zygote.parallel import xdist_plugin
from scripts import benchmark, reference, terminal_picture
from scripts.reason_table import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
MOST_LINES = 150

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)", re.MULTILINE)

OPTION = re.compile(r"(?<![\w-])--(?:daemon|affected|shard|watch|stop|on-p|on-f|fork-w|retry-k|max-worker-m)[a-z-]*")
ENVIRON = re.compile(r"\bPYTEST_(?:DAEMON|ZYGOTE)_[A-Z_]+")
INI = re.compile(r"(?<![\w./])zygote_[a-z_]+")
TARGET = re.compile(r"^\$ make ([a-z-]+)|`make ([a-z-]+)", re.MULTILINE)
SCRIPT = re.compile(r"\bpython -m scripts\.(\w+)")
REASON = re.compile(r"(?<=\[)[a-z]+(?:-[a-z]+)+(?=\])(?!\]\()")
FILE = re.compile(r"`((?:pytest_zygote|scripts|tests|docs)/[\w./-]+)`")
BLOCK = re.compile(r"^```(python|json|toml|ini)\n(.*?)^```", re.DOTALL | re.MULTILINE)
READERS: dict[str, Callable[[str], object]] = {
    "python": ast.parse,
    "json": json.loads,
    "toml": tomllib.loads,
    "ini": lambda text: configparser.ConfigParser().read_string(text),
}
PLUGIN_NAMES = {"zygote_run", "zygote_around"}
"""What ``--trace-config`` shows of us."""


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return where in a page links may lead, as GitHub and MyST name it."""
    headings = (heading.lower() for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Return the links of a page to files that do not exist, or to headings that they do not have."""
    found = []
    for link in LINK.findall(prose(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not link.startswith("http") and (not target.exists() or (anchor and anchor not in anchors(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", [README, *(ROOT / ".github").glob("*.md"), *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that exists, and a heading in it."""
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A file that is missing, a heading that is missing; not what stands in code."""
    page = tmp_path / "page.md"
    page.write_text("# `pz merge`\n[a](#pz-merge) [b](#other) [c](gone.md)\n```\n[d](x.md)\n```\n", encoding="utf-8")

    assert broken(page) == ["#other", "gone.md"]


def test_all_pages_are_in_the_index() -> None:
    """Sphinx makes the menu of it."""
    lines = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines()

    assert {page.stem for page in PAGES} - {"index"} == {line for line in lines if re.fullmatch(r"[a-z-]+", line)}


def test_the_readme_leads_to_all_pages() -> None:
    """It is the map of the documents, and short."""
    text = README.read_text(encoding="utf-8")
    expected = {f"docs/{page.name}" for page in PAGES} - {"docs/index.md", "docs/changelog.md"}

    assert expected <= set(LINK.findall(text))
    assert len(text.splitlines()) <= MOST_LINES


def test_the_figures_of_the_readme_are_those_of_the_benchmark() -> None:
    """``python -m scripts.benchmark --write-page`` writes both."""
    figures = benchmark.headline(benchmark.PAGE.read_text(encoding="utf-8"))

    assert f"<!-- figures -->\n{figures}\n<!-- /figures -->" in README.read_text(encoding="utf-8")


def test_the_reference_is_made_from_the_code() -> None:
    """``python -m scripts.reference`` writes it."""
    page = reference.DOCUMENT.read_text(encoding="utf-8")

    assert page == "".join(reference.render()), "run `python -m scripts.reference`"


def test_the_reference_names_all_that_users_may_write() -> None:
    """Options, ini keys, environment keys, hooks and names of the package."""
    text = reference.DOCUMENT.read_text(encoding="utf-8")
    names = [name for option in OPTIONS for name in (option.flag, option.environ, option.ini) if name]
    names += [flag for flag in xdist_plugin.OURS if flag.startswith("-")]
    names += [name for name in vars(hookspecs) if name.startswith("pytest_")]
    names += [f"pytest_zygote.{name}" for name in pytest_zygote.__all__]

    assert [name for name in names if name not in text] == []


def test_who_cites_names_this_version() -> None:
    """It stands in three files."""
    version = f"version: {pytest_zygote.__version__}\n"

    assert version in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_workflows_run_targets_that_exist(workflow: Path) -> None:
    """And nothing that the Makefile does not say, so that it can be tried anywhere."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"run: make ([a-z-]+)", workflow.read_text(encoding="utf-8"))

    assert targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def mentioned(pattern: re.Pattern[str]) -> set[str]:
    """Return what matches in the README and in all pages that are written by hand, also in code."""
    pages = [README, *(page for page in PAGES if page != reference.DOCUMENT)]
    return {name for page in pages for found in pattern.findall(page.read_text("utf-8")) for name in [*_words(found)]}


def _words(found: str | tuple[str, ...]) -> Iterator[str]:
    yield from (word for word in ((found,) if isinstance(found, str) else found) if word)


@pytest.mark.parametrize("pattern", [OPTION, ENVIRON, INI], ids=["options", "environment", "ini keys"])
def test_settings_that_pages_mention_exist(pattern: re.Pattern[str]) -> None:
    """They are in the reference, which is made from the code."""
    known = set(pattern.findall(reference.DOCUMENT.read_text(encoding="utf-8"))) | PLUGIN_NAMES

    assert mentioned(pattern) - known == set()


def test_commands_that_pages_mention_exist() -> None:
    """Targets of the Makefile, and scripts."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert mentioned(TARGET) - targets == set()
    assert [name for name in mentioned(SCRIPT) if not (ROOT / "scripts" / f"{name}.py").exists()] == []


def test_files_that_pages_mention_exist() -> None:
    """A file that was moved is found where a page says."""
    names = mentioned(FILE)

    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_examples_are_what_they_claim_to_be(page: Path) -> None:
    """Python that compiles, settings and data that can be read."""
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        READERS[kind](text)


def test_codes_that_pages_show_exist() -> None:
    """What outputs in the pages have in brackets is a reason."""
    shown = mentioned(REASON)

    assert shown >= {"import-differs", "modules-learned"}
    assert shown - set(CODES) == set()


def test_sections_of_docstrings_become_lists() -> None:
    """As Markdown knows them."""
    docstring = "Do ``this``.\n\nArgs:\n    one: the first,\n        explained.\n    *more: the rest."

    assert reference.as_markdown(docstring) == (
        "Do `this`.\n\nArgs:\n\n* `one`: the first,\n  explained.\n* `more`: the rest.\n"
    )


def test_the_picture_of_a_terminal_is_drawn_from_its_text() -> None:
    """``python -m scripts.terminal_picture`` draws it."""
    text = terminal_picture.TEXT.read_text(encoding="utf-8")

    assert terminal_picture.PICTURE.read_text(encoding="utf-8") == terminal_picture.draw(text)

"""Every reason has a code that is documented, caused somewhere, and caused by a test."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from pytest_zygote.core.reasons import QUIET, Reason, cold_run
from scripts import reasons as page
from scripts.reason_table import CODES

ROOT = Path(__file__).parent.parent.parent
CODE = re.compile(r'["\[]([a-z]+(?:-[a-z]+)+)["\]]')


@cache
def quoted(folder: str) -> frozenset[str]:
    """Return all that looks like a code in the texts of a folder, but for the files that list codes."""
    files = (file for file in (ROOT / folder).rglob("*.py") if file not in (Path(__file__), page.MODULE))
    return frozenset(found for file in files for found in CODE.findall(file.read_text(encoding="utf-8")))


def test_the_codes_are_those_of_the_table() -> None:
    """``python -m scripts.reasons`` writes them."""
    source = page.MODULE.read_text(encoding="utf-8")
    assert page.LIST.search(source)
    assert page.with_codes(source) == source


def test_codes_are_in_kebab_case() -> None:
    """Of two words at least, so that a search finds nothing else."""
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", code) for code in CODES)


def test_the_page_is_made_of_the_table() -> None:
    """``python -m scripts.reasons`` writes it."""
    assert page.DOCUMENT.read_text(encoding="utf-8") == "".join(page.render())


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_literal_where_it_is_caused(code: str) -> None:
    """Searching for it leads there."""
    assert code in quoted("pytest_zygote")


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_caused_by_a_test(code: str) -> None:
    """A reason that no test causes may never be given, or be given for something else."""
    assert code in quoted("tests")


def test_quiet_codes_are_codes() -> None:
    """What is not printed is declared as well."""
    assert set(CODES) >= QUIET


def test_a_reason_is_shown_with_its_code() -> None:
    """In brackets, before the text."""
    reason = Reason("no-daemon", "no daemon is running")

    assert str(reason) == "[no-daemon] no daemon is running"
    assert cold_run(reason) == "cold run [no-daemon]: no daemon is running"


def test_more_text_keeps_the_code() -> None:
    """The reason is the same, told at greater length."""
    assert Reason("no-daemon", "none").add(", again") == Reason("no-daemon", "none, again")

"""Failed tests once more from fresh imports: when, and what is said about it."""

from __future__ import annotations

import pytest

from pytest_zygote.daemon.fresh_rerun import AGAIN, recheck_of, second_request
from tests.daemon.fakes import request

PATCHES = {"/project/app.py": "patched f", "/project/other.py": "nothing that matters changed"}
FACTS = {"recheck": "1", "rootdir": "/project"}


def test_failed_run_with_patches_is_run_again() -> None:
    """The user reads which modules were patched."""
    recheck = recheck_of(1, PATCHES, FACTS)
    assert recheck is not None
    assert recheck.status == 1
    assert "since modules were patched (app.py: patched f)" in recheck.announcement


@pytest.mark.parametrize(
    ("status", "patches", "facts"),
    [(0, PATCHES, FACTS), (2, PATCHES, FACTS), (1, {}, FACTS), (1, PATCHES, {}), (1, {"a": "kept"}, FACTS)],
)
def test_nothing_else_is_run_again(status: int, patches: dict[str, str], facts: dict[str, str]) -> None:
    """Only tests that failed, in modules that were patched, where the project asks for it."""
    assert recheck_of(status, patches, facts) is None


def test_tests_that_pass_fresh_are_a_fault_of_ours() -> None:
    """Those that fail again are the project's."""
    recheck = recheck_of(1, PATCHES, FACTS)
    assert recheck is not None
    assert "FAILED WARM, PASSED FRESH" in recheck.verdict(0)
    assert recheck.verdict(1) == ""


def test_second_run_is_of_the_last_failed() -> None:
    """The same command otherwise."""
    assert second_request(request("/project", "-q", seen="header")) == request("/project", "-q", *AGAIN)

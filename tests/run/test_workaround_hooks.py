"""Failures of workarounds are printed for the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.run.workaround_hooks import print_failures

if TYPE_CHECKING:
    import pytest


def test_each_failure_is_printed_with_our_name(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, a line each."""
    print_failures(None, ["one failed", "two failed"])

    assert capsys.readouterr().err == "zygote: one failed\nzygote: two failed\n"


def test_nothing_is_printed_without_a_failure(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Capturing is not touched."""
    print_failures(pytestconfig, [])

    assert capsys.readouterr() == ("", "")

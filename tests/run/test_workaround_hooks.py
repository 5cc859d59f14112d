"""Failures of workarounds are printed for the user."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.run import workaround_hooks
from pytest_zygote.run.workaround_hooks import print_failures

if TYPE_CHECKING:
    from collections.abc import Callable


def test_each_failure_is_printed_with_our_name(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, a line each."""
    print_failures(None, ["one failed", "two failed"])

    assert capsys.readouterr().err == "zygote: one failed\nzygote: two failed\n"


def test_nothing_is_printed_without_a_failure(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Capturing is not touched."""
    print_failures(pytestconfig, [])

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "leave", [lambda: pytest.skip("no redis"), lambda: sys.exit(3), lambda: 1 / 0], ids=["skip", "exit", "error"]
)
def test_module_that_leaves_is_reported(
    leave: Callable[[], object], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pytest.importorskip`, `sys.exit` and errors cost the module's workarounds, not the run."""
    printed: list[str] = []
    monkeypatch.setattr(workaround_hooks, "print_failures", lambda _config, failures: printed.extend(failures))
    workaround_hooks._attempt(pytestconfig, "importing ours", leave)  # noqa: SLF001 - the smallest part that decides
    assert printed[0].startswith("importing ours failed:\n")


def test_interrupt_while_workarounds_are_imported_ends_the_run(pytestconfig: pytest.Config) -> None:
    """It is the user's."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workaround_hooks._attempt(pytestconfig, "importing ours", interrupt)  # noqa: SLF001 - as above

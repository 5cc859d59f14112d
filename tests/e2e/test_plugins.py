"""Plugins that many people have installed; `make plugins` tries all of docs/plugins-and-libraries.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scripts.plugin_cases import CASES
from scripts.plugins import examine, install

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOME = ("pytest-mock", "pytest-asyncio", "pytest-rerunfailures", "pytest-timeout")


def test_runs_with_plugins_are_as_plain_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm runs with them are as plain ones: in one environment, as people have them."""
    monkeypatch.delenv("CI", raising=False)
    cases = [replace(case, commands=case.commands[:1]) for case in CASES if case.name in SOME]
    scripts = install(tmp_path, *cases)
    for case in cases:
        row = examine(case, scripts)
        assert not row.problems, "\n".join(row.problems)
        assert set(row.served) == {"warm"}, row.served
        assert row.tests
    assert len(cases) == len(SOME)

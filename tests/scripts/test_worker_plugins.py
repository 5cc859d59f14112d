"""The table of plugins with workers."""

from __future__ import annotations

from scripts.plugin_cases import Case
from scripts.worker_plugin_cases import ALL, SENTENCES
from scripts.worker_plugins import Row


def test_a_row_says_whether_a_plugin_differs() -> None:
    """And how: by its sentence, or by what was found."""
    row = Row(Case("pytest-some", {}), "1.0", tests=4)
    assert row.line == "| pytest-some 1.0 | 2 | 4 | equal |"
    row.problems.append("`-n 2`: exit code: - 0; + 1")
    assert row.line == "| pytest-some 1.0 | 2 | 4 | differs: `-n 2`: exit code: - 0; + 1 |"


def test_each_plugin_is_tried_once() -> None:
    """What is said of one belongs to one that is tried."""
    keys = [(case.name, case.key) for case in ALL]
    assert len(keys) == len(set(keys))
    assert SENTENCES.keys() <= {name for name, _ in keys}

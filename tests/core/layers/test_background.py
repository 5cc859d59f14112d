"""What the daemon may execute before somebody asks for a run."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.background import ALL, NEVER, SAVES, has_moved, is_silent, why_denied


@pytest.mark.parametrize(
    ("now", "moves", "expected"),
    [
        (b"main", (), False),
        (b"main", ("commit", "commit (amend)"), False),
        (b"theirs", ("checkout",), True),
        (b"main", ("pull",), True),
        (b"main", ("checkout", "commit"), True),
        (b"main", ("rewritten",), True),
        (b"theirs", (), True),
    ],
)
def test_every_move_of_head_but_a_commit_brings_files_of_others(
    now: bytes,
    moves: tuple[str, ...],
    expected: bool,  # noqa: FBT001 - a row of a table
) -> None:
    """A commit leaves the files as they are; where git keeps no log, HEAD itself tells."""
    assert has_moved(b"main", now, moves) is expected


@pytest.mark.parametrize(
    ("mode", "is_foreign", "expected"),
    [(SAVES, False, ""), (SAVES, True, "another user"), (NEVER, False, "never"), (ALL, True, ""), (ALL, False, "")],
)
def test_projects_of_others_are_not_executed_ahead(mode: str, is_foreign: bool, expected: str) -> None:  # noqa: FBT001
    """Nor is anything where the user wants nothing."""
    assert is_silent(mode, is_foreign=is_foreign) is bool(expected)
    if expected:
        assert expected in why_denied(mode, is_foreign=is_foreign)


def test_reason_names_git_where_it_moved_head() -> None:
    """The log says so."""
    assert why_denied(SAVES, is_foreign=False) == "git has moved HEAD"

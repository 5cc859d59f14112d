"""What the doctor finds in each set-up, and what it says to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_zygote.core.cli.set_up import REMEDIES, DaemonFacts, SetUp, findings, lines, status
from pytest_zygote.core.reasons import Reason

DAEMON = DaemonFacts("1.0", "3.12.1", "watching /project")
GOOD = SetUp(
    version="1.0",
    python=(3, 12, 1),
    implementation="CPython",
    pytest="9.2.0",
    ini_file="pytest.ini",
    named_in="addopts of pytest.ini",
    watches=500_000,
    daemon=DAEMON,
)
FOLDER = Reason("runtime-folder", "the runtime folder is open to others")


def test_nothing_is_wrong() -> None:
    """Then that is the last line, and the exit code is 0."""
    assert {finding.kind for finding in findings(GOOD)} == {"ok"}
    assert list(lines(GOOD))[-1] == "Nothing is wrong: runs here are warm."
    assert status(GOOD) == 0


@pytest.mark.parametrize(
    ("found", "text", "remedy"),
    [
        (replace(GOOD, implementation="PyPy"), "PyPy is not supported", "use CPython"),
        (replace(GOOD, pytest="7.4.4"), "pytest 7.4.4 is too old", "install pytest 8 or newer"),
        (replace(GOOD, named_in=""), "`pytest` does not load this plugin", "addopts in pytest.ini"),
        (replace(GOOD, named_in="", ini_file=""), "`pytest` does not load this plugin", "a new file pytest.ini"),
        (replace(GOOD, cold=Reason("ci-machine", "CI is set")), "[ci-machine] CI is set", "unset CI"),
        (replace(GOOD, cold=Reason("plain-option", "help")), "[plain-option] help", "docs/reasons.md"),
        (replace(GOOD, folder=FOLDER, daemon=None), str(FOLDER), "set XDG_RUNTIME_DIR"),
        (replace(GOOD, daemon=None, starts=False), "no daemon runs, and runs start none", "zygote_start"),
        (
            replace(GOOD, daemon=None, silent=Reason("daemon-suspended", "the daemon is stopped")),
            "[daemon-suspended] the daemon is stopped",
            "kill -CONT",
        ),
    ],
)
def test_a_problem_has_a_remedy(found: SetUp, text: str, remedy: str) -> None:
    """The exit code is 1, and the last line counts them."""
    (problem,) = (finding for finding in findings(found) if finding.kind == "problem")

    assert problem.text.startswith(text)
    assert remedy in problem.remedy
    assert status(found) == 1
    assert list(lines(found))[-1] == "1 problem to mend"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (replace(GOOD, python=(3, 16, 0)), "Python 3.16.0 is newer than what was tried (3.15)"),
        (replace(GOOD, foreign={"pz": ""}), "the shell finds no command pz"),
        (replace(GOOD, foreign={"pytest": "/usr/bin/pytest"}), "the command pytest is /usr/bin/pytest, of another"),
        (replace(GOOD, watches=100), "the system lets you watch 100 folders"),
        (replace(GOOD, plugins=("pytest_randomly",)), "no tests are collected ahead while pytest_randomly is loaded"),
        (replace(GOOD, daemon=None), "no daemon runs for this project"),
        (replace(GOOD, daemon=replace(DAEMON, version="0.9")), "the daemon is version 0.9 on Python 3.12.1"),
        (replace(GOOD, daemon=replace(DAEMON, watching="looking at all files")), "the daemon is looking at all files"),
        (replace(GOOD, daemon=replace(DAEMON, cold=("[a] old", "[b] new"))), "the last run that was cold: [b] new"),
        (replace(GOOD, daemon=replace(DAEMON, session_unused="[c] why")), "the last run was not from tests"),
        (replace(GOOD, daemon=replace(DAEMON, rejected={"app": "forks"})), "app is imported by each run: forks"),
    ],
)
def test_what_is_only_slower_is_a_note(found: SetUp, text: str) -> None:
    """It does not count as wrong."""
    notes = [finding.text for finding in findings(found) if finding.kind == "note"]

    assert any(note.startswith(text) for note in notes), notes
    assert status(found) == 0


def test_without_a_daemon_that_is_needed_nothing_is_missing() -> None:
    """The reason why runs are cold has been given."""
    found = replace(GOOD, daemon=None, cold=Reason("ci-machine", "CI is set"))

    assert list(findings(found))[-1].text == "no daemon runs, as none is needed"


def test_a_long_list_is_cut() -> None:
    """The status has all of it."""
    found = replace(GOOD, daemon=replace(DAEMON, rejected={f"m{n}": "why" for n in range(12)}, is_building=True))
    texts = [finding.text for finding in findings(found)]

    assert texts[-1] == "so are 2 modules more: `pytest --daemon-status`"
    assert "the daemon answers: 0 warm runs so far, layers are being built" in texts


def test_remedies_are_whole_sentences_without_a_stop() -> None:
    """They stand behind an arrow."""
    assert all(text and not text.endswith(".") for text in REMEDIES.values())

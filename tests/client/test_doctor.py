"""What the doctor looks at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system.rendezvous import Rendezvous
from pytest_zygote.client import doctor
from pytest_zygote.core.cli.settings import Settings
from pytest_zygote.core.protocol.errors import Unavailable
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from pathlib import Path

STATUS = {
    "version": "1.0",
    "python": "3.12.1",
    "watching": "watching /project",
    "runs_served": 3,
    "layers": [{"phase": "building"}],
    "cold": [{"reason": "[a] b"}],
    "rejected": {"app": "forks"},
    "session_unused": "",
}


@pytest.mark.parametrize(
    ("added", "environ", "place"),
    [
        (["-p", "pytest_zygote"], {}, "addopts of pytest.ini"),
        (["-q", "-ppytest_zygote"], {"PYTEST_ADDOPTS": "-q"}, "addopts of pytest.ini"),
        (["-p", "pytest_zygote"], {"PYTEST_ADDOPTS": "-p pytest_zygote"}, "PYTEST_ADDOPTS"),
        (["-p", "other"], {}, ""),
        ([], {}, ""),
    ],
)
def test_who_names_the_plugin_is_known(added: list[str], environ: dict[str, str], place: str) -> None:
    """The ini-file, the environment, or nothing."""
    assert doctor.named_in(added, environ, "pytest.ini") == place


def test_programs_of_other_environments_are_known(tmp_path: Path) -> None:
    """Those that the shell does not find, too."""
    found = {"pytest": str(tmp_path.parent / "pytest")}

    assert doctor.foreign_programs(tmp_path, found.get) == {**found, "pz": ""}
    assert doctor.foreign_programs(tmp_path, lambda name: str(tmp_path / name)) == {}


def test_the_status_of_an_older_daemon_may_lack_parts() -> None:
    """What there is of it is shown."""
    facts = doctor.daemon_facts(STATUS)
    older = doctor.daemon_facts({"version": "0.1", "watching": "watching /project"})

    assert (facts.runs, facts.cold, facts.is_building) == (3, ("[a] b",), True)
    assert facts.rejected == {"app": "forks"}
    assert (older.python, older.runs, older.cold, older.is_building) == ("unknown", 0, (), False)


class TestExamine:
    """The whole look."""

    def test_a_daemon_that_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it says is part of what was found."""
        monkeypatch.setattr(doctor, "ask", lambda *_: json.dumps(STATUS))
        monkeypatch.setattr(Rendezvous, "ensure_folder", lambda _: None)
        settings = Settings(["-p", "pytest_zygote", "-q"], {})
        found = doctor.examine(Rendezvous("/project"), settings, ["-q"], "pytest.ini")

        assert found.daemon is not None
        assert found.daemon.runs == 3
        assert found.named_in == "addopts of pytest.ini"
        assert "pytest" in doctor.title(found, "/project")
        assert found.silent is None

    def test_a_daemon_that_is_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The reason is kept."""
        reason = Reason("daemon-suspended", "it is stopped")

        def ask(*_: object) -> str:
            raise Unavailable(reason)

        monkeypatch.setattr(doctor, "ask", ask)
        monkeypatch.setattr(Rendezvous, "ensure_folder", lambda _: None)
        found = doctor.examine(Rendezvous("/project"), Settings([], {}), [], "")

        assert (found.daemon, found.silent, found.named_in) == (None, reason, "")

    def test_a_folder_that_cannot_be_used_is_asked_for_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody can listen there."""
        place = Rendezvous("/project")
        place.folder = "/proc/none"
        monkeypatch.setattr(doctor, "ask", lambda *_: pytest.fail("asked"))
        found = doctor.examine(place, Settings([], {}), [], "")

        assert found.folder is not None
        assert found.folder.code == "runtime-folder"

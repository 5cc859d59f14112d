"""Reading coverage's settings, beside one that measures the process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from coverage import CoverageException

from pytest_zygote.adapters import coverage_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As coverage finds and reads it; none without a file, an error for one that is missing."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath(".coveragerc").write_text("[run]\nsource = app, lib\ndata_file = there\nunknown = 1\n")
    assert coverage_settings.read(".coveragerc").source == ["app", "lib"]
    tmp_path.joinpath(".coveragerc").unlink()
    tmp_path.joinpath("setup.cfg").write_text("[coverage:run]\ndata_file = there\n")
    assert coverage_settings.read(".coveragerc").data_file == "there"
    assert coverage_settings.read("").source is None
    with pytest.raises(CoverageException, match="elsewhere"):
        coverage_settings.read("elsewhere")


@pytest.mark.integration
def test_a_measured_process_still_saves_its_data(tmp_path: Path) -> None:
    """Any `coverage.Coverage` that is made would have it end without."""
    tmp_path.joinpath("rc").write_text("[run]\n")
    others = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    subprocess.run(
        [sys.executable, "-c", "from pytest_zygote.adapters import coverage_settings as c; c.read('.coveragerc')"],
        cwd=tmp_path,
        env={**others, "COVERAGE_PROCESS_START": str(tmp_path / "rc"), "COVERAGE_FILE": str(tmp_path / "data")},
        check=True,
    )
    assert tmp_path.joinpath("data").exists()

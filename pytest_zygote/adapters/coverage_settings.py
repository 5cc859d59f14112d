"""What coverage's configuration file says, without a part in what is measured.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coverage.config import CoverageConfig


def read(file: str) -> CoverageConfig:
    """Return the settings, as ``coverage.Coverage(config_file=file)`` would have them.

    Not by `coverage.Coverage`: each that is made tells the one that measures this process, started by
    ``COVERAGE_PROCESS_START`` or ``patch = subprocess``, not to save its data.

    Args:
        file: its path; "": none; ".coveragerc": what coverage looks for, which is not that file alone.

    Raises:
        coverage.CoverageException: it is missing, or not a configuration.
    """
    from coverage.config import read_coverage_config

    return read_coverage_config(file, warn=_ignore)


def _ignore(_warning: str) -> None:
    """Say nothing: pytest-cov reads the same file, and warns."""

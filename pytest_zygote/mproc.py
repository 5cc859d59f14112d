"""The names of pytest-mproc: put ``pytest_zygote.mproc`` where ``pytest_mproc`` stood.

Other machines are not served, nor is what was about them.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from pytest_zygote.fixtures.declare import fixture, global_fixture, node_fixture, shared
from pytest_zygote.parallel.mproc_marks import (
    DEFAULT_PRIORITY,
    GroupTag,
    TestError,
    TestExecutionConstraint,
    group,
    priority,
)

__all__ = (
    "DEFAULT_PRIORITY",
    "GroupTag",
    "TestError",
    "TestExecutionConstraint",
    "fixture",
    "global_fixture",
    "group",
    "node_fixture",
    "priority",
    "shared",
)

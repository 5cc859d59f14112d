"""Only names: what pytest-mproc has in its module of this name."""

from __future__ import annotations

from pytest_zygote.parallel.mproc_marks import DEFAULT_PRIORITY, GroupTag, TestExecutionConstraint

__all__ = ("DEFAULT_PRIORITY", "GroupTag", "TestExecutionConstraint")

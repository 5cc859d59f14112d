"""Only names: what pytest-mproc has in its module of this name."""

from __future__ import annotations

from pytest_zygote.fixtures.declare import fixture, global_fixture, node_fixture

__all__ = ("fixture", "global_fixture", "node_fixture")

"""The names of pytest-mproc: put ``pytest_zygote.mproc`` where ``pytest_mproc`` stood.

Other machines are not served, nor is what was about them.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from pytest_zygote.fixtures.declare import fixture, global_fixture, node_fixture, shared
from pytest_zygote.mproc import constants, data, fixtures
from pytest_zygote.mproc.addresses import find_free_port, get_ip_addr, set_user_defined_port_alloc
from pytest_zygote.parallel.mproc_marks import (
    DEFAULT_PRIORITY,
    FatalError,
    GroupTag,
    TestError,
    TestExecutionConstraint,
    group,
    priority,
)

__all__ = (
    "DEFAULT_PRIORITY",
    "FatalError",
    "GroupTag",
    "TestError",
    "TestExecutionConstraint",
    "constants",
    "data",
    "find_free_port",
    "fixture",
    "fixtures",
    "get_ip_addr",
    "global_fixture",
    "group",
    "node_fixture",
    "priority",
    "set_user_defined_port_alloc",
    "shared",
)

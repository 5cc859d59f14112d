"""How the process of a cold run ends after its workers.

An interpreter that ends walks over all live objects several times, and frees them one by one. After thousands of tests
that takes a good part of the time in which two workers run them, and no test has run in this process. So the kernel
frees the memory, as in warm runs.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import atexit
import gc
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import start_state
from pytest_zygote.adapters.system import stdio

if TYPE_CHECKING:
    import pytest


def free_no_memory(config: pytest.Config) -> None:
    """Free no memory at the end of this process if it is pytest's own; a program that calls pytest may continue."""
    if not config.pluginmanager.has_plugin("zygote_run") and start_state.is_pytest():
        atexit.register(_leave_memory)


def _leave_memory() -> None:
    stdio.flush_abandoned()
    gc.freeze()

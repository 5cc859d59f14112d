"""All that is relied on of pytest and pluggy, in one table.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from pytest_zygote.adapters.pytest.private import assertion, configuration, fixtures, plain, running, terminal

INTERNALS = (
    *assertion.INTERNALS,
    *fixtures.INTERNALS,
    *running.INTERNALS,
    *configuration.INTERNALS,
    *terminal.INTERNALS,
    *plain.INTERNALS,
)

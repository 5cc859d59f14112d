"""Asks whether this interpreter and this pytest are what the package relies on: once in a layer, for all its forks.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools

from pytest_zygote.adapters.interpreter.private import checks as interpreter_checks
from pytest_zygote.adapters.pytest.private import assertion
from pytest_zygote.core.internals import Feature, Internal, loss


@functools.cache
def why_lost(feature: Feature) -> str:
    """Return why a feature cannot be offered in this process and its forks; '' if it can."""
    return loss(internals(everything=feature is not Feature.LAYERS), feature)


def internals(*, everything: bool = True) -> tuple[Internal, ...]:
    """Return what is relied on of this interpreter and this pytest.

    Args:
        everything: whether modules of pytest may be imported that nobody needs before a layer is built: it would hold
            them without a record of their imports.
    """
    if not everything:
        return (*interpreter_checks.INTERNALS, *assertion.INTERNALS)
    from pytest_zygote.adapters.pytest.private import checks as pytest_checks

    return (*interpreter_checks.INTERNALS, *pytest_checks.INTERNALS)

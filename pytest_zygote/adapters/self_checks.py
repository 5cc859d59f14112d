"""Asks whether this interpreter and this pytest are what the package relies on: once in a layer, for all its forks.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import functools

from pytest_zygote.adapters.interpreter.private import checks as interpreter_checks
from pytest_zygote.adapters.pytest.private import assertion
from pytest_zygote.core.internals import Feature, Internal, loss
from pytest_zygote.core.reasons import Reason


@functools.cache
def why_lost(feature: Feature) -> str:
    """Return why a feature cannot be offered in this process and its forks; '' if it can."""
    try:
        relied_on = internals(everything=feature is not Feature.LAYERS)
    except ImportError as error:
        return f"{error}: {feature.value}"
    return loss(relied_on, feature)


def lost_reason(feature: Feature) -> Reason | None:
    """Return the same as a reason with a code; None if the feature can be offered."""
    lost = why_lost(feature)
    return Reason("internals-changed", lost) if lost else None


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

"""pytest's command line, entered where the console script ``pytest`` enters it."""

from __future__ import annotations

import os
import sys

from pytest_zygote.adapters.pytest.private.plain import console_main
from pytest_zygote.core.layers.layer_inputs import MAIN_MODULES, SCRIPTS

__all__ = ["console_main", "is_the_program"]


def is_the_program() -> bool:
    """Return whether this process was started to be pytest; a program that calls pytest may go on afterwards."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name in MAIN_MODULES
    return os.path.basename(str(getattr(main, "__file__", ""))) in SCRIPTS

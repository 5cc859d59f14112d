"""pytest's command line, entered where the console script ``pytest`` enters it."""

from __future__ import annotations

import os
import sys

from _pytest import config

from pytest_zygote.core.layers.layer_inputs import MAIN_MODULES

SCRIPTS = ("pytest", "py.test", "pz", "pytest.exe", "pz.exe")


def is_the_program() -> bool:
    """Tell whether this process was started to be pytest; a program that calls pytest may go on afterwards."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name in MAIN_MODULES
    return os.path.basename(str(getattr(main, "__file__", ""))) in SCRIPTS


def console_main() -> int:
    """Run pytest on `sys.argv` and return its exit code; a closed pipe is no error.

    pytest 9.1 deprecated the public name for programs and made its own script call another.
    """
    entry = getattr(config, "_console_main", None) or config.console_main
    return int(entry())

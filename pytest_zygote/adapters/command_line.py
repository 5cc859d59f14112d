"""pytest's command line, entered where the console script ``pytest`` enters it."""

from __future__ import annotations

from _pytest import config


def console_main() -> int:
    """Run pytest on `sys.argv` and return its exit code; a closed pipe is no error.

    pytest 9.1 deprecated the public name for programs and made its own script call another.
    """
    entry = getattr(config, "_console_main", None) or config.console_main
    return int(entry())

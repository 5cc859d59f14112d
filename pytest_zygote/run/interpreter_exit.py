"""Runs pytest as the interpreter runs a console script, and ends as the interpreter does."""

from __future__ import annotations

import signal
import sys

from pytest_zygote.adapters.interpreter.private import ending
from pytest_zygote.adapters.pytest.private.plain import console_main
from pytest_zygote.adapters.system import signals, stdio


def pytest_status() -> int:
    """Run pytest; return the exit code, or the negative number of the signal that ends an interpreter."""
    try:
        return _exit_code(console_main())
    except SystemExit as leaving:
        return _exit_code(leaving.code)
    except BaseException as error:  # noqa: BLE001 - shown as the interpreter shows it
        # The first frame is ours; behind it begins what the console script would have called.
        behind = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(behind), behind)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def wind_up(status: int) -> int:
    """Do what an interpreter does at its end, short of freeing memory (``Py_RunMain``)."""
    try:
        ending.wait_for_threads()
    except KeyboardInterrupt as error:
        sys.excepthook(type(error), error, error.__traceback__)
    ending.run_exit_functions()
    if not stdio.flush_streams():
        return 120
    if status < 0:
        signals.die_of(-status)
    return status

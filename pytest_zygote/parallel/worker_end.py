"""How a worker ends: as a process of pytest's own, whose controller learns what it would have printed.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import io
import traceback
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter.private import ending
from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.adapters.system import stdio
from pytest_zygote.core.parallel.events import WorkerFinished
from pytest_zygote.parallel import messages, places
from pytest_zygote.parallel.worker_channel import ControllerGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_zygote.parallel.worker_channel import WorkerChannel


def guarded(channel: WorkerChannel, run: Callable[[], None]) -> bool:
    """Run something; send the parent what ended it; return whether all went well."""
    try:
        run()
    except ControllerGone:
        raise
    except pytest.exit.Exception as error:
        channel.send(messages.ExitRaised(str(error.msg), error.returncode))
    except KeyboardInterrupt as error:
        channel.send(messages.InterruptRaised(places.places_of(error)))
    except BaseException as error:  # noqa: BLE001 - an internal error, also of a plugin
        text = str(pytest.ExceptionInfo.from_exception(error).getrepr(style="native", chain=True))
        channel.send(messages.InternalErrorRaised(text))
    else:
        return True
    return False


def clean_up(config: pytest.Config, channel: WorkerChannel) -> None:
    """Do what pytest does after a session; send what it would print then."""
    printed = io.StringIO()
    is_failed = False
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
        try:
            configuration.run_cleanups(config)
        except BaseException:  # noqa: BLE001 - of a plugin or a test; warnings may be errors
            is_failed = True
            traceback.print_exc()
    if printed.getvalue():
        channel.send(messages.EndReported(printed.getvalue(), is_failed))


def leave(channel: WorkerChannel, number: int) -> None:
    """Do what an interpreter does at its end, and report that."""
    channel.send(WorkerFinished(number))
    channel.flush()
    ending.wait_for_threads()
    ending.run_exit_functions()
    stdio.flush_streams()
    channel.leave()

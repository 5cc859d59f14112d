"""Makes the copy of a zygote look like the program that the user started."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import time
import types
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import numpy_random
from pytest_zygote.adapters.interpreter.private.state import renew_native_id
from pytest_zygote.adapters.system.titles import set_command_line, set_thread_title
from pytest_zygote.core.runner_code import CHILD_MARK

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_zygote.core.protocol.client_messages import RunRequest


def adopt_environment(request: RunRequest) -> None:
    """Have the client's environment, time zone, folder and umask."""
    os.environ.clear()
    os.environ.update(request.environ)
    os.environ[CHILD_MARK] = "1"
    time.tzset()
    os.chdir(request.cwd)
    os.umask(request.umask)


def adopt_identity(request: RunRequest) -> None:
    """Look like the program that the user started: to tests, and to processes that multiprocessing spawns."""
    name, file = request.main
    sys.argv[:] = [request.argv0, *request.args]
    sys.executable = request.interpreter[0]
    sys.orig_argv[:] = [sys.executable, *(("-m", name.removesuffix(".__main__")) if name else (file,)), *request.args]
    sys.path[:] = request.path
    main = types.ModuleType("__main__")
    main.__file__ = file
    main.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    if sys.version_info < (3, 15):
        main.__dict__["__cached__"] = None
    main.__loader__ = importlib.machinery.SourceFileLoader(name or "__main__", file)
    if name:
        main.__spec__ = importlib.util.spec_from_file_location(name, file, loader=main.__loader__)
        main.__package__ = name.rpartition(".")[0]
        if sys.version_info < (3, 15):
            main.__dict__["__cached__"] = main.__spec__ and main.__spec__.cached
    sys.modules["__main__"] = main


def adopt_name(request: RunRequest) -> None:
    """Have the name that ps, top and psutil show for the program that the user started."""
    renew_native_id()
    set_command_line(sys.orig_argv)
    # The kernel names a process after the file that was executed: a script, or the interpreter.
    set_thread_title(os.path.basename(sys.executable if request.main[0] else request.argv0))


def reseed(inherited: Container[str]) -> None:
    """Draw new seeds where a fresh interpreter would; `random` does so by itself after a fork.

    Args:
        inherited: modules that were imported before the fork.
    """
    if numpy_random.NAME in inherited:
        numpy_random.renew()

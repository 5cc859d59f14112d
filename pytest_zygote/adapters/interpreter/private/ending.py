"""How an interpreter ends, and what a fork must not end of its parent's."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING

from pytest_zygote.core.internals import Feature, Internal

if TYPE_CHECKING:
    import weakref

clear_exit_handlers = atexit._clear
"""Forget all exit handlers, as multiprocessing does in its forks."""


def wait_for_threads() -> None:
    """Wait for the threads that are no daemons."""
    threading._shutdown()  # type: ignore[attr-defined]


def run_exit_functions() -> None:
    """Call the exit handlers."""
    atexit._run_exitfuncs()


def disarm_finalizers() -> None:
    """Have no `weakref.finalize` of now called when this process ends; those that are made later are."""
    finalize: type[weakref.finalize] = sys.modules["weakref"].finalize  # type: ignore[type-arg]
    for finalizer in list(finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    if finalize._registered_with_atexit:  # type: ignore[attr-defined]
        atexit.register(finalize._exitfunc)  # type: ignore[attr-defined]


def count_of_finalizers() -> int:
    """Return how many `weakref.finalize` are waiting for the end of something."""
    return len(sys.modules["weakref"].finalize._registry)


def forget_children() -> None:
    """Have multiprocessing in this fork know nothing of the parent's children: it would end them."""
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes._children.clear()


def count_of_processes() -> str:
    """Return a text that changes when multiprocessing makes a process: that raises no audit event."""
    return str(getattr(sys.modules.get("multiprocessing.process"), "_process_counter", "count(1)"))


def target_of(thread: threading.Thread) -> object:
    """Return the function that a thread was made for; None for none, and once it has ended."""
    return getattr(thread, "_target", None)


def _is_finalize_known() -> bool:
    finalize = sys.modules["weakref"].finalize
    return (
        isinstance(finalize._registry, dict)
        and callable(finalize._exitfunc)
        and hasattr(finalize, "_registered_with_atexit")
    )


def _is_multiprocessing_known() -> bool:
    processes = sys.modules.get("multiprocessing.process")
    return processes is None or isinstance(processes._children, set)


INTERNALS = (
    Internal(
        "atexit._clear",
        ("clear_exit_handlers",),
        Feature.LAYERS,
        "a fork does not run the exit handlers of the process that it was forked from",
        lambda: callable(clear_exit_handlers),
    ),
    Internal(
        "atexit._run_exitfuncs",
        ("run_exit_functions",),
        Feature.LAYERS,
        "a run calls its exit handlers, and does not free the memory of its layer",
        lambda: callable(atexit._run_exitfuncs),
    ),
    Internal(
        "threading._shutdown",
        ("wait_for_threads",),
        Feature.LAYERS,
        "a run waits for its threads before it ends",
        lambda: callable(threading._shutdown),  # type: ignore[attr-defined]
    ),
    Internal(
        "weakref.finalize._registry",
        ("disarm_finalizers", "count_of_finalizers"),
        Feature.LAYERS,
        "a run does not finalize objects of its layer, like a temporary folder that all runs share",
        _is_finalize_known,
    ),
    Internal(
        "multiprocessing.process._children",
        ("forget_children",),
        Feature.WORKERS,
        "a worker does not end the processes of the run that it was forked from",
        _is_multiprocessing_known,
    ),
    Internal(
        "multiprocessing.process._process_counter",
        ("count_of_processes",),
        Feature.NOTHING,
        "a test that makes a process is known to have done so; without it, by the memory that its children used",
        lambda: True,
    ),
    Internal(
        "threading.Thread._target",
        ("target_of",),
        Feature.NOTHING,
        "threads of a plugin that prepares workers are known as its own; without it, such a run has no workers",
        lambda: threading.Thread(target=print)._target is print,  # type: ignore[attr-defined]
    ),
)

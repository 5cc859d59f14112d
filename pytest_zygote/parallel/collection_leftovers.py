"""What configuring and collecting leaves in this process that its forks would share, or would not have.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.own_calls import OwnCalls
from pytest_zygote.adapters.interpreter.private.ending import target_of
from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.adapters.system import cpu_count, procfs
from pytest_zygote.core.parallel import leftovers
from pytest_zygote.core.parallel.leftovers import CollectionFacts, NativeThreads, OpenFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_zygote.core.reasons import Reason

NAME = "zygote_collection_leftovers"
COUNTS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment keys that tell libraries for arithmetic how many threads to start."""


class CollectionLeftovers:
    """Compares what there is before conftest files are imported with what there is after collection.

    Attributes:
        reason: why a fork of the process that has collected is not exact; None if it is. It is found in that process:
            runs that are forked from a collected session have opened more by the time they start workers.
        seed: the state of `random` if collection has seeded it; None if not: then each worker draws other numbers.
    """

    def __init__(self) -> None:
        """Note what is there now, and watch what is asked for."""
        self._files = self._unconfigured = _open_files()
        self._children = set(procfs.children(os.getpid()))
        self._shared_maps = procfs.count_shared_maps()
        self._native = procfs.thread_links()
        self.reason: Reason | None = None
        self._vectors = _unseeded_vectors()
        self.seed: tuple[object, ...] | None = None
        self._calls = OwnCalls(code_origin.is_own)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Watch no longer: tests may ask for what they like."""
        self._calls.stop(_parameters(session.items))
        self.reason = self._why_inexact(session.config)
        state = random.getstate()
        self.seed = None if state[1][:-1] in self._vectors else state

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        """Note what is open before plugins are configured."""
        self._unconfigured = _open_files()

    def on_configured(self, config: pytest.Config) -> None:
        """Leave out what plugins have opened that prepare workers: it is for the controller, as with pytest-xdist."""
        if foreign_plugins(config):
            self._files |= _open_files() - self._unconfigured

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """Watch no longer: perhaps nothing was collected."""
        self._calls.stop()

    def _why_inexact(self, config: pytest.Config) -> Reason | None:
        captured = set(configuration.capture_files(config))
        known = {link for _, link in self._files}  # pytest duplicates the standard streams
        files = {file for file in _open_files() - self._files if file[0] not in captured and file[1] not in known}
        facts = CollectionFacts(
            threads=tuple(foreign_threads(config)),
            native=self._native_threads(),
            files=tuple(OpenFile(link, _is_read(number)) for number, link in sorted(files)),
            children=len(set(procfs.children(os.getpid())) - self._children),
            shared_maps=max(procfs.count_shared_maps() - self._shared_maps, 0),
            asked=tuple(self._calls.found),
        )
        return leftovers.why_inexact(facts)

    def _native_threads(self) -> NativeThreads:
        if procfs.thread_links() <= self._native:
            return NativeThreads()
        given = next((value for key in COUNTS if (value := os.environ.get(key, "")).isdecimal()), "")
        return NativeThreads(
            names=tuple(procfs.thread_names()),
            python=threading.active_count(),
            libraries=tuple(sorted(procfs.loaded_libraries())),
            each=int(given) if given else cpu_count.usable(logical=True),
        )


def _unseeded_vectors() -> tuple[object, ...]:
    """Return the numbers that the generator holds now, and those that it holds once it has drawn all of these.

    Only a seed makes others; the position in them, which is the last number of a state, is left out.
    """
    copy = random.Random()  # noqa: S311 - nothing secret is drawn
    copy.setstate(random.getstate())
    vectors = []
    for _ in range(2):
        *vector, _ = copy.getstate()[1]
        vectors.append(tuple(vector))
        copy.setstate((3, (*vector, len(vector)), None))
        copy.random()
    return tuple(vectors)


def _parameters(items: Iterable[pytest.Item]) -> Iterator[dict[str, object]]:
    for item in items:
        spec = getattr(item, "callspec", None)
        if spec is not None:
            yield spec.params


def foreign_plugins(config: pytest.Config) -> set[str]:
    """Return the modules of plugins that prepare workers, as they do for those of pytest-xdist."""
    return {hook.function.__module__ for hook in config.hook.pytest_configure_node.get_hookimpls()}


def foreign_threads(config: pytest.Config) -> list[str]:
    """Return the names of threads that workers may need, and would not have.

    A plugin that prepares its workers (pytest-rerunfailures does) starts its threads for the controller of
    pytest-xdist, and that is this process.
    """
    known = foreign_plugins(config)
    return [
        thread.name
        for thread in threading.enumerate()
        if thread not in {threading.main_thread(), threading.current_thread()}
        and getattr(target_of(thread), "__module__", "") not in known
    ]


def _open_files() -> set[tuple[int, str]]:
    return set(procfs.open_files_if_known().items())


def _is_read(descriptor: int) -> bool:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY
    except OSError:  # closed meanwhile
        return False

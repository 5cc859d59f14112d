"""Whether a fork of the process that has collected the tests is exact, by what collection has left in that process."""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS = {
    "socket:": "a socket",
    "pipe:": "a pipe",
    "anon_inode:[eventpoll]": "an event loop",
    "anon_inode:": "a handle of the kernel's",
    "/memfd:": "shared memory",
}
"""How what is open is named → what it is; the first that fits counts."""
_OPENMP = ("libgomp", "libomp", "libiomp")
_BLAS = "openblas"
_FORKABLE = frozenset({"jemalloc_bg_thd"})
"""Threads that their library ends before a fork, and starts again in both processes."""


class OpenFile(Record):
    """A descriptor that has come with collection.

    Attributes:
        link: path or kind of what is open.
        is_read: whether it has a position for what is read.
    """

    link: str
    is_read: bool


class NativeThreads(Record):
    """The threads of this process that are not Python's.

    Attributes:
        names: of all threads, those of Python too, as the kernel has them.
        python: how many of them are Python's.
        libraries: paths of what is loaded into the process.
        each: how many threads such a library starts for arithmetic.
    """

    names: tuple[str, ...] = ()
    python: int = 1
    libraries: tuple[str, ...] = ()
    each: int = 1


class CollectionFacts(Record):
    """What has come with collection.

    Attributes:
        threads: names of Python's threads that workers may need.
        native: the other threads.
        files: what is open.
        children: how many processes were started, and run.
        shared_maps: how many areas of memory a fork shares for writing.
        asked: what the project's code has asked this process for.
    """

    threads: tuple[str, ...] = ()
    native: NativeThreads = NativeThreads()
    files: tuple[OpenFile, ...] = ()
    children: int = 0
    shared_maps: int = 0
    asked: tuple[str, ...] = ()


def why_inexact(facts: CollectionFacts) -> Reason | None:
    """Return why a fork of the process that has collected would not be exact; None if it is."""
    threads = ", ".join(facts.threads) or native_threads(facts.native)
    if threads:
        return Reason("threads-running", f"a fork would not have this process's threads: {threads}")
    left = list(dict.fromkeys(kind for file in facts.files if (kind := kind_of(file))))
    left += ["a process"] * bool(facts.children) + ["shared memory"] * bool(facts.shared_maps)
    if left:
        text = f"workers would share what importing the tests has opened: {', '.join(dict.fromkeys(left))}"
        return Reason("opened-in-collection", text)
    if facts.asked:
        what = ", ".join(dict.fromkeys(facts.asked))
        return Reason(
            "asked-in-collection", f"importing the tests has asked for what is another one in a worker: {what}"
        )
    return None


def kind_of(file: OpenFile) -> str:
    """Return what an open file is that forks must not share; '' if they may: a log, a device, a file of a measurement.

    What is only written goes to the end of the same file, from whichever process.
    """
    for prefix, kind in _KINDS.items():
        if file.link.startswith(prefix):
            return kind
    if not file.is_read or file.link.startswith("/dev/") or "/.coverage" in file.link:
        return ""
    return "a file that is read"


def native_threads(found: NativeThreads) -> str:
    """Return whose threads would be missing in a fork; '' if there are none, or their libraries know of forks.

    OpenBLAS starts its threads when it is loaded, and anew after a fork. Those of OpenMP come with the first loop that
    runs in parallel, have the same name, and are waited for in a fork for ever.
    """
    main, *others = found.names or ("",)
    named = sorted({name for name in others if name != main} - _FORKABLE)
    if named:
        return ", ".join(named)
    arithmetic = sum(_has(path, (_BLAS,)) for path in found.libraries) * max(found.each - 1, 0)
    if len(others) + 1 - found.python > arithmetic and any(_has(path, _OPENMP) for path in found.libraries):
        return "OpenMP"
    return ""


def _has(path: str, names: Iterable[str]) -> bool:
    base = path.rpartition("/")[2]
    return any(name in base for name in names)

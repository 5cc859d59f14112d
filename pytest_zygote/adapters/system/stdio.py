"""Descriptors 0, 1 and 2, and the text streams on them, as the interpreter makes them at its start.

A run gets its client's descriptors, so the streams of its zygote (a log, and nothing to read)
must be replaced by what a fresh interpreter would have made of these descriptors.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import gc
import io
import locale
import os
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

STREAMS = 3
STDIN, STDOUT, STDERR = range(STREAMS)
NAMES = ("<stdin>", "<stdout>", "<stderr>")

OUT_OF_THE_WAY = 200

BUFFERING = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
"""Kinds of files that write what they have when they are freed."""

LENIENT_LOCALES = ("C", "POSIX", "C.UTF-8", "C.utf8", "UTF-8")
"""Locales in which the encoding is a guess (PEP 538), so that undecodable bytes pass through."""


def adopt_descriptors(descriptors: list[int], closed: Collection[int]) -> None:
    """Put descriptors onto 0, 1 and 2; leave those in `closed` closed, as they are at the client."""
    for target, descriptor in enumerate(descriptors):
        if target in closed:
            with contextlib.suppress(OSError):
                os.close(target)
        else:
            os.dup2(descriptor, target)
        os.close(descriptor)


def pass_on(descriptors: Mapping[int, int]) -> int | None:
    """Give descriptors the numbers that they have at the client, for programs that the run starts too.

    Args:
        descriptors: number at the client → number here.

    Returns:
        a number that is in use here; None if all could be had. Then nothing was changed but the numbers here.
    """
    aside = {number: move_away(descriptor) for number, descriptor in descriptors.items()}
    in_use = next((number for number in aside if is_open(number)), None)
    for number, descriptor in aside.items():
        if in_use is None:
            os.dup2(descriptor, number)
        os.close(descriptor)
    return in_use


def is_open(descriptor: int) -> bool:
    """Return whether a number is an open descriptor of this process."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def move_away(descriptor: int) -> int:
    """Give a descriptor of ours a high number: what a test opens gets the numbers that it gets in plain pytest."""
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    except OSError:  # the limit is lower
        return descriptor
    os.close(descriptor)
    return moved


@contextlib.contextmanager
def opening_out_of_the_way() -> Iterator[None]:
    """Give what is opened meanwhile high numbers, for libraries that keep a file of theirs and know its number.

    From libffi 3.4 on, its first closure keeps the library open, as a rule: when `ctypes` is imported. All numbers that
    a test gets would be other ones than in plain pytest.
    """
    low: list[int] = []
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 2 * OUT_OF_THE_WAY:
        while not low or low[-1] < OUT_OF_THE_WAY:
            low.append(os.dup(STDIN))
    try:
        yield
    finally:
        for descriptor in low:
            os.close(descriptor)


def identity(descriptor: int) -> tuple[int, int]:
    """Return what tells two open files apart, though they have the same number one after the other."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def make_streams(closed: Collection[int], environ: Mapping[str, str]) -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr`; a closed descriptor has None."""
    encoding, errors = _encoding(environ)
    is_unbuffered = bool(environ.get("PYTHONUNBUFFERED"))
    stdin, stdout, stderr = (
        None if number in closed else _stream(number, encoding, errors, is_unbuffered=is_unbuffered)
        for number in (STDIN, STDOUT, STDERR)
    )
    sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]


def _encoding(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return encoding and error handler (``config_init_stdio_encoding`` in CPython's initconfig.c)."""
    name, _, handler = environ.get("PYTHONIOENCODING", "").partition(":")
    is_lenient = sys.flags.utf8_mode or locale.setlocale(locale.LC_CTYPE) in LENIENT_LOCALES
    default = "surrogateescape" if is_lenient and not name else "strict"
    return codecs.lookup(name or locale.getpreferredencoding(do_setlocale=False)).name, handler or default


def _stream(number: int, encoding: str, errors: str, *, is_unbuffered: bool) -> io.TextIOWrapper:
    """Make one stream (``create_stdio`` in CPython's pylifecycle.c)."""
    mode = "r" if number == STDIN else "w"
    # A reader is always buffered: io.TextIOWrapper needs its read1().
    buffering = 0 if is_unbuffered and mode == "w" else -1
    binary = open(number, f"{mode}b", buffering=buffering, closefd=False)  # noqa: SIM115 - it stays open
    raw: io.FileIO = getattr(binary, "raw", binary)  # type: ignore[arg-type]  # an unbuffered file is raw itself
    raw.name = NAMES[number]
    stream = io.TextIOWrapper(
        binary,
        encoding=encoding,
        errors="backslashreplace" if number == STDERR else errors,
        newline="\n",
        line_buffering=not is_unbuffered and (number == STDERR or raw.isatty()),
        write_through=is_unbuffered,
    )
    stream.mode = mode  # type: ignore[misc]
    return stream


def flush_streams() -> bool:
    """Flush standard output and error as the interpreter does at its end; tell whether that worked."""
    is_flushed = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception as error:  # noqa: BLE001 - a test may have put anything in the stream's place
            is_flushed = False
            if stream is sys.stdout and sys.stderr is not None:
                with contextlib.suppress(Exception):
                    sys.stderr.write(f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}\n")
    return is_flushed


def flush_abandoned() -> None:
    """Write what is buffered in files that nobody has closed: an interpreter does so when it frees them."""
    for found in gc.get_objects():
        if type(found) in BUFFERING:
            with contextlib.suppress(OSError, ValueError):
                found.flush()

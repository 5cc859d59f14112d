"""Whether a fork of the process that has collected the tests is exact."""

from __future__ import annotations

import pytest

from pytest_zygote.core.parallel.leftovers import (
    CollectionFacts,
    NativeThreads,
    OpenFile,
    kind_of,
    native_threads,
    why_inexact,
)

BLAS = "/site-packages/numpy.libs/libscipy_openblas64_-8fb3d286.so"
OPENMP = "/site-packages/scikit_learn.libs/libgomp-a34b3233.so.1.0.0"


@pytest.mark.parametrize(
    ("link", "is_read", "kind"),
    [
        ("socket:[12]", True, "a socket"),
        ("anon_inode:[eventpoll]", True, "an event loop"),
        ("anon_inode:[timerfd]", True, "a handle of the kernel's"),
        ("pipe:[7]", False, "a pipe"),
        ("/memfd:block (deleted)", True, "shared memory"),
        ("/tmp/a.db", True, "a file that is read"),  # noqa: S108 - only a name
        ("/tmp/a.log", False, ""),  # noqa: S108 - only a name
        ("/dev/urandom", True, ""),
        ("/project/.coverage.host.12", True, ""),
    ],
)
def test_what_forks_must_not_share(link: str, kind: str, *, is_read: bool) -> None:
    """It has one position, or one stream, for all of them."""
    assert kind_of(OpenFile(link, is_read)) == kind


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (NativeThreads(), ""),
        (NativeThreads(("python", "python"), 1, (BLAS,), each=2), ""),
        (NativeThreads(("python", "python"), 1, (BLAS, OPENMP), each=2), ""),
        (NativeThreads(("python", "python", "python"), 1, (BLAS, OPENMP), each=2), "OpenMP"),
        (NativeThreads(("python", "python"), 2, (OPENMP,), each=1), ""),
        (NativeThreads(("python", "polars-0", "jemalloc_bg_thd"), 1), "polars-0"),
    ],
    ids=["none", "blas", "openmp-idle", "openmp", "python", "named"],
)
def test_threads_of_libraries_that_know_of_forks_do_no_harm(found: NativeThreads, expected: str) -> None:
    """Those of others are waited for in a fork for ever."""
    assert native_threads(found) == expected


@pytest.mark.parametrize(
    ("facts", "code", "text"),
    [
        (CollectionFacts(threads=("beat",), children=1), "threads-running", "threads: beat"),
        (CollectionFacts(children=2, shared_maps=1), "opened-in-collection", "opened: a process, shared memory"),
        (CollectionFacts(asked=("a port", "a port")), "asked-in-collection", "in a worker: a port"),
    ],
)
def test_the_first_kind_that_was_found_is_the_reason(facts: CollectionFacts, code: str, text: str) -> None:
    """What is of one kind is named once."""
    reason = why_inexact(facts)
    assert reason is not None
    assert (reason.code, reason.text.endswith(text)) == (code, True)


def test_nothing_is_wrong_where_nothing_was_left() -> None:
    """The fork is exact."""
    assert why_inexact(CollectionFacts(files=(OpenFile("/dev/null", is_read=True),))) is None

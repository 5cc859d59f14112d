"""What a layer read, compared with what holds now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_zygote.core.layers.layer_inputs import (
    MISSING,
    WHOLE,
    all_written,
    describe_paths,
    environ_differences,
    native_differences,
    path_differences,
    supplied_names,
)


def test_keys_that_were_read() -> None:
    """A key counts if it was read and would be read differently; a missing one is a value."""
    reads = {"A": "1", "B": MISSING}
    assert environ_differences(reads, {}, {"A": "1", "C": "1"}) == ()
    assert environ_differences(reads, {}, {"A": "2", "B": ""}) == ("A", "B")
    assert environ_differences(reads, {}, {}) == ("A",)


def test_the_whole_environment() -> None:
    """Code that read all keys is touched by each, except those that shells and pytest change all the time."""
    before = {"A": "1", "PWD": "/x"}
    assert environ_differences({WHOLE: ""}, before, {"A": "1", "PWD": "/y", "PYTEST_VERSION": "9"}) == ()
    assert environ_differences({WHOLE: ""}, before, {"B": "1"}) == ("A", "B")


@given(st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["", "1", "=2"])), st.sampled_from(["", "1", "x=y"]))
def test_who_reads_all_keys_sees_those_that_modules_have_written(written: dict[str, str], value: str) -> None:
    """A run that has them, too, is no other; one without them is."""
    built = {"A": value, "D": "1"}
    now = {**written, "D": "1"}
    seen = {WHOLE: all_written("ABC", built, now)}

    assert environ_differences(seen, built, now) == ()
    different = {key for key in "ABC" if built.get(key) != now.get(key)}
    assert set(environ_differences(seen, built, built)) == different


def test_keys_that_native_code_reads_count_unseen() -> None:
    """Keys that C code reads by itself count without being seen; those a run follows by itself do not."""
    assert native_differences({"OMP_NUM_THREADS": "1"}, {}) == ("OMP_NUM_THREADS",)
    assert native_differences({}, {"PYTHONPATH": "x", "A": "1"}) == ()


def test_a_name_in_a_folder_counts_if_the_layer_wanted_it() -> None:
    """A name in a folder counts if the layer loaded it or looked for it in vain."""
    wanted = frozenset({"app.core", "app._speedups"})
    before = ["core.py"]
    assert supplied_names("app.", before, [*before, "_speedups.so", "other.py"], wanted) == ("app._speedups",)
    assert supplied_names("app.", before, [], wanted) == ("app.core",)
    assert supplied_names("app.", before, [*before, "core.cpython-312.so"], wanted) == ("app.core",)
    assert supplied_names("app.core.", [], ["__init__.py"], wanted) == ("app.core",)


def test_users_read_names_relative_to_the_project() -> None:
    """The user reads names relative to the project, and not too many."""
    assert describe_paths(["/p/a.py"], "/p") == "a.py changed"
    assert describe_paths(["/p/b.py", "/p/a.py"], "/p") == "a.py and b.py changed"
    assert describe_paths(["/p/b.py", "/p/a.py", "/q/c.py"], "/p") == "a.py and 2 more changed"


@pytest.mark.parametrize(
    ("before", "now", "different"),
    [
        (("/a", "/b"), ("/a", "/b"), ()),
        (("/a", "/b"), ("/b", "/a"), ("/a", "/b")),
        (("/a", "/b"), ("/a", "/ide", "/b"), ()),
        (("/ide", "/a"), ("/a",), ()),
        (("/a",), ("/app", "/a"), ("/app",)),
        (("/a", "/b"), ("/a", "/b", "/a"), ()),
        (("/app", "/a"), ("/a",), ("/app",)),
        (("/a",), ("/a", "/ide.zip"), ("/ide.zip",)),
    ],
)
def test_only_folders_that_hold_wanted_modules_make_a_path_differ(
    before: tuple[str, ...], now: tuple[str, ...], different: tuple[str, ...]
) -> None:
    """An IDE adds folders of its own; what lies in an archive nobody looks up."""
    assert path_differences(before, now, lambda entry: entry.startswith("/ide")) == different

"""What must be sent so that a host has this tree."""

from __future__ import annotations

from pytest_zygote.core.hosts.tree import TreeFile, change, decides_environment, is_carried, listing


def test_only_what_differs_is_sent() -> None:
    """By content and mode; what is not here any more goes."""
    here = {"a.py": TreeFile("1", 0o644), "b.py": TreeFile("2", 0o755), "new.py": TreeFile("3", 0o644)}
    there = {"a.py": TreeFile("1", 0o644), "b.py": TreeFile("2", 0o644), "old.py": TreeFile("4", 0o644)}
    found = change(here, there)
    assert found.lacking == ("b.py", "new.py")
    assert found.superfluous == ("old.py",)


def test_equal_trees() -> None:
    """Nothing is sent, and nothing is touched."""
    tree = listing([("a.py", "1", 0o644), ("link", "a.py", 0)])
    assert change(tree, dict(tree)).values() == ((), ())


def test_caches_stay_where_they_are() -> None:
    """In every folder."""
    assert is_carried("tests/data/git")
    assert not is_carried("pkg/__pycache__/a.pyc")
    assert not is_carried(".git/config")


def test_an_environment_depends_on_lock_files() -> None:
    """By whatever tool, and on what a project says of itself."""
    names = ["uv.lock", "poetry.lock", "requirements-dev.txt", "pyproject.toml", "pylock.toml"]
    assert all(map(decides_environment, names))
    assert not decides_environment("README.md")

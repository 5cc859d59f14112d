"""Run pytest in a fork of a process that has already imported everything.

Enable it with ``-p pytest_zygote`` (for example in ``addopts`` of pytest.ini).

This package imports nothing by itself: ``pz`` starts in a few milliseconds because
neither pytest nor any plugin machinery is loaded on its way.

PYTEST_DONT_REWRITE: a run finds this package already imported, and pytest would warn
that it comes too late to rewrite its assertions. There are none.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.affected.declarations import depends_on
    from pytest_zygote.fixtures.declare import fixture, global_fixture, node_fixture, shared
    from pytest_zygote.parallel.mproc_marks import GroupTag, TestError, group, priority

pytest_plugins = ("pytest_zygote.plugin",)

__version__ = "0.1.0"

__all__ = (
    "GroupTag",
    "TestError",
    "depends_on",
    "fixture",
    "global_fixture",
    "group",
    "node_fixture",
    "priority",
    "shared",
)


def __getattr__(name: str) -> object:
    """Import what conftest files and tests use when they use it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    home = "pytest_zygote.affected.declarations" if name == "depends_on" else "pytest_zygote.mproc"
    return getattr(importlib.import_module(home), name)

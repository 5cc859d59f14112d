"""Run pytest in a fork of a process that has already imported everything.

Enable it with ``-p pytest_zygote`` (for example in ``addopts`` of pytest.ini).

This package imports nothing by itself: ``pz`` starts in a few milliseconds because
neither pytest nor any plugin machinery is loaded on its way.

PYTEST_DONT_REWRITE: a run finds this package already imported, and pytest would warn
that it comes too late to rewrite its assertions. There are none.
"""

pytest_plugins = ("pytest_zygote.plugin",)

__version__ = "0.1.0"

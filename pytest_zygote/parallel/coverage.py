"""Coverage in workers, as pytest-cov measures it in those of pytest-xdist.

pytest-cov starts its part for workers when a session begins; ours began before the fork. What
was measured until the fork stays with the parent, the fork measures anew.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private.configuration import is_coverage_disabled

if TYPE_CHECKING:
    import pytest


def start(config: pytest.Config) -> None:
    """Measure anew, if coverage is measured."""
    plugin = config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)
    if plugin is None or controller is None or is_coverage_disabled(plugin):
        return
    from pytest_cov import engine
    from pytest_cov.plugin import TestContextPlugin

    controller.cov.stop()
    plugin.start(engine.DistWorker, config, config.workerinput["workerid"])  # type: ignore[attr-defined]
    if config.pluginmanager.unregister(name="_cov_contexts") is not None:
        config.pluginmanager.register(TestContextPlugin(plugin.cov_controller), "_cov_contexts")


def finish(config: pytest.Config) -> None:
    """Write what was measured, and note for the parent that it is there."""
    plugin = config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)
    if plugin is not None and controller is not None and not is_coverage_disabled(plugin):
        controller.finish()

"""What programs read of a run: events in the place of pytest's terminal (`plugin`), and a timeline (`trace`).

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_zygote.core.output.events import Event


def begin(config: pytest.Config, served: Event) -> None:
    """Take part in a run, as its options say.

    Args:
        config: of the run.
        served: how the run is served.

    Raises:
        pytest.UsageError: an option is not understood.
    """
    options = config.known_args_namespace
    if options.zygote_output:
        from pytest_zygote.output import plugin

        plugin.begin(config, options.zygote_output, served)
    if options.zygote_trace:
        from pytest_zygote.output import trace

        trace.begin(config, options.zygote_trace, served)

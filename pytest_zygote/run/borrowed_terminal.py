"""The terminal of watch mode, as the input of a debugger in one of its runs.

A run of watch mode has no input: the keys are watch mode's. It lends its terminal for as long as a connection is open,
and reads no keys meanwhile. The connection ends with the process at the latest, whatever becomes of the debugger.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import sockets, stdio
from pytest_zygote.core.protocol.client_messages import LENT

if TYPE_CHECKING:
    from typing import Never

    from pytest_zygote.adapters.system.sockets import Channel
    from pytest_zygote.core.protocol.client_messages import TerminalLent

PLUGIN = "zygote_borrowed_terminal"


class BorrowedTerminal:
    """What a debugger reads instead of nothing, until it is left."""

    def __init__(self, channel: Channel[TerminalLent, Never], terminal: int) -> None:
        """Have descriptor 0 lead to the terminal."""
        self._channel = channel
        self._input = stdio.move_away(os.dup(0))
        os.dup2(terminal, 0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_leave_pdb(self, config: pytest.Config) -> None:
        """Give it back."""
        config.pluginmanager.unregister(self)
        os.dup2(self._input, 0)
        os.close(self._input)
        self._channel.close()


def borrow(config: pytest.Config, path: str) -> None:
    """Have the terminal that is lent at a socket as input; do nothing if this has it, or watch mode is gone."""
    channel: Channel[TerminalLent, Never] | None = None
    with contextlib.suppress(OSError):
        channel = None if config.pluginmanager.hasplugin(PLUGIN) else sockets.connect(path, LENT)
    if channel is None:
        return
    channel.receive()  # waits until no keys are read any more
    received = channel.adopt_descriptors()
    if not received:
        channel.close()
        return
    config.pluginmanager.register(BorrowedTerminal(channel, received[0]), PLUGIN)
    os.close(received[0])

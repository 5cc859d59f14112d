"""debugpy: how a run joins the debug session of the command that asked for it.

An IDE's button debugs the user's command, and from there on the processes that it starts. A run is
none of these: a zygote has forked it. So it connects to the same debug adapter by itself, and says for which
process it stands (``debugpy.connect(…, parent_session_pid=…)``, debugpy's documentation of `connect`); the
adapter then has the IDE attach to it as to a child of the command.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def lend() -> tuple[str, ...]:
    """Return how a run can join the debug session of this process; () if there is none, or it cannot.

    It cannot if the IDE was told to follow no other process (``"subProcess": false``), if debugpy is too old, or
    if it is no debugpy.
    """
    debugpy, pydevd = sys.modules.get("debugpy"), sys.modules.get("pydevd")
    setup = getattr(getattr(pydevd, "SetupHolder", None), "setup", None) or {}
    if debugpy is None or not setup.get("multiprocess") or not setup.get("port"):
        return ()
    import inspect

    if "parent_session_pid" not in inspect.signature(debugpy.connect).parameters:
        return ()
    folder = os.path.dirname(os.path.dirname(str(debugpy.__file__)))
    return (folder, str(setup["client"]), str(setup["port"]), str(setup.get("client-access-token") or ""))


def join(session: Sequence[str], pid: int) -> None:
    """Have this process debugged, in the session of a client; return when breakpoints are set.

    Args:
        session: what `lend` returned at the client.
        pid: of the client.

    Raises:
        ImportError: debugpy is not where the client has it.
        OSError: the debug session has ended.
    """
    folder, host, port, token = session
    sys.path.insert(0, folder)
    try:
        import importlib  # the client, which asks only whether there is a debugger, must not pay for it

        debugpy = importlib.import_module("debugpy")
    finally:
        sys.path.remove(folder)
    debugpy.connect((host, int(port)), access_token=token or None, parent_session_pid=pid)

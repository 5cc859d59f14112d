"""What the process of a run reports to the daemon."""

from __future__ import annotations

from pytest_zygote.core.protocol.framing import Route
from pytest_zygote.core.protocol.layer_messages import Forked
from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from pytest_zygote.core.reasons import Reason


class Learned(Record):
    """Modules that a run imported and its layer did not have, in the order of their import.

    Attributes:
        modules: rows of (name, origin, 'first' or 'third' party, 'rewritten' or '').
        leaves: name → file of the test modules and conftest files that are loaded.
        path: `sys.path` when collection had ended.
        context: environment keys that conftest files or plugins set or changed, with the values.
        facts: options of this run, as `core.layers.layer_fit` compares them.
        cache: pytest's cache directory, '' without one.
    """

    modules: tuple[tuple[str, str, str, str], ...]
    leaves: dict[str, str]
    path: tuple[str, ...]
    context: dict[str, str]
    facts: dict[str, str]
    cache: str


class Begun(Record):
    """This process is the client's in all that matters, and calls pytest now.

    What it prints from here on is the session's, and how it ends is what pytest, or a test, has decided. A run that
    ends without this message has run nothing, whatever its exit code says.
    """


class LayerIneligible(Record):
    """The layer is not exact for this run.

    Attributes:
        depth: 'project', 'base' or 'cold': where the run starts again, which has ended before its first test; '' if
            tests have begun: only the next run can start from another layer.
        modules: those that must not be in the layer for runs like this one.
        seen: what the user has seen of pytest's output.
    """

    depth: str
    reason: Reason
    modules: tuple[str, ...]
    seen: str = ""


class Ended(Record):
    """The run is over and has given back its descriptors; freeing its memory is all that is left.

    Sent by the run itself: to tear down a large one takes the kernel 10 ms and more, for which nobody needs to wait.
    """

    status: int


FromRun: TypeAlias = Forked | Begun | Learned | LayerIneligible | Ended
FROM_RUN: Route[FromRun] = Route("run", "daemon", FromRun)

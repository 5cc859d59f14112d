"""Failed tests of a run from a patched layer, once more from fresh imports (``zygote_recheck``).

A patch is proved before it is used; what cannot be proved is that nobody looked at the old code without running it. A
test that fails with the patched modules and passes with freshly imported ones found such a case: a fault of ours.

The second run is the same command with ``--last-failed``; the exit code stays that of the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_zygote.core.protocol.client_messages import RunRequest

TESTS_FAILED = 1
"""pytest's exit code."""

AGAIN = ("--last-failed", "--last-failed-no-failures=none")
WHY = "failed tests run again from fresh imports"


class FreshRerun(NamedTuple):
    """What a second run is compared with.

    Attributes:
        status: of the first.
        patches: what was done to the modules that the first ran with, in words.
    """

    status: int
    patches: str

    @property
    def announcement(self) -> str:
        """What the user reads before the second run."""
        return f"{WHY}, since modules were patched ({self.patches})"

    def verdict(self, status: int) -> str:
        """Return what the user must know of the second run; '' if there is nothing to say."""
        if status != 0:
            return ""
        return (
            f"FAILED WARM, PASSED FRESH: all tests that failed pass with freshly imported modules. This is a fault of "
            f"pytest_zygote, please report it with this patch: {self.patches}. Until it is mended, "
            f"zygote_always_reload makes exceptions"
        )


def recheck_of(status: int, patches: Mapping[str, str], facts: Mapping[str, str]) -> FreshRerun | None:
    """Return what to compare a second run with; None if no second run is due.

    Args:
        status: of the run that has ended.
        patches: file → what was done to it, of the layer that the run was forked from.
        facts: options of the project.
    """
    changed = {path: verdict for path, verdict in patches.items() if verdict.startswith("patched")}
    if status != TESTS_FAILED or not changed or facts.get("recheck") != "1":
        return None
    root = facts.get("rootdir", "")
    lines = (f"{path.removeprefix(f'{root}/')}: {verdict}" for path, verdict in sorted(changed.items()))
    return FreshRerun(status, "; ".join(lines))


def second_request(request: RunRequest) -> RunRequest:
    """Return the request of the second run."""
    return request.replaced(args=(*request.args, *AGAIN), seen="")

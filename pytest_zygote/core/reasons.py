"""Reasons: why a run was cold, a layer stale, a session ineligible, an edit reloaded, a selection widened.

A reason is a code and a text. The code is what programs and people search for: it stands in brackets wherever a
reason is printed (``zygote: cold run [no-daemon]: …``), once in `Code`, and as a literal where it is caused. The text
says what happened this time. What each code means, what to do and what it costs stands in
`scripts.reason_table`, from which docs/reasons.md is made.

A new reason takes a line in `Code`, a row in the table, and a test that causes it.

Neither `enum` nor `dataclasses`, since the client ``pz`` imports this: type checkers hold the codes.
"""

from __future__ import annotations

from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Code: TypeAlias = Literal[
        # The client serves the run itself, whatever the daemon is.
        "switched-off",
        "ci-machine",
        "nested-run",
        "plain-option",
        "no-fork",
        "coverage-started",
        "debugger-attached",
        "tracer-active",
        "plugin-objects",
        # No daemon can be had.
        "no-daemon",
        "daemon-start-failed",
        "daemon-unreachable",
        "daemon-suspended",
        "daemon-lost",
        "daemon-stopping",
        "runtime-folder",
        # The daemon cannot serve this client.
        "daemon-version",
        "daemon-interpreter",
        "descriptors-missing",
        "descriptors-exhausted",
        "python-flags",
        "resource-limits",
        "interpreter-prepared",
        "kernel-context",
        "descriptor-in-use",
        # No layer is exact for the run.
        "assert-mode",
        "import-warning",
        "coverage-of-imports",
        "affected-imports",
        "options-differ",
        "shadowed-package",
        "module-moved",
        "imported-too-early",
        "environment-read",
        "process-asked",
        "import-hook",
        "file-rewritten",
        "django-settings",
        # A layer or a run cannot be made.
        "fork-failed",
        "zygote-died",
        "run-lost",
        "import-failed",
        "layer-broken",
        "internals-changed",
        "inputs-unstable",
        # A persistent fixture is set up anew.
        "keeper-lost",
        # A layer is built, or built anew.
        "first-start",
        "file-changed",
        "file-appeared",
        "environment-changed",
        "environment-learned",
        "path-changed",
        "process-gone",
        "modules-learned",
        "modules-rejected",
        "import-retried",
        "patches-piled-up",
        "recheck-requested",
        "reload-requested",
        # No run is forked from a collected session.
        "session-ineligible",
        "terminal-unusual",
        "session-unlike",
        "session-collecting",
        "session-evicted",
        "layer-replaced",
        "memory-full",
        # More tests are affected than the changes reach.
        "foreign-workers",
        "functions-unreported",
        # Tests run in one process, though workers are asked for.
        "order-matters",
        "debugger-without-terminal",
        "opened-in-collection",
        "threads-running",
        "plugin-ends-sessions",
        "scheduler-replaced",
        # An edit is reloaded.
        "reload-asked",
        "many-files",
        "file-relinked",
        "does-not-compile",
        "text-unknown",
        "module-replaced",
        "process-started",
        "file-examined",
        "import-warns",
        "lines-examined",
        "import-differs",
        "ran-at-import",
        "signature-differs",
        "addition-visible",
        "addition-fails",
        "docstring-examined",
        "annotations-examined",
        "function-ambiguous",
        "patch-failed",
    ]

QUIET = frozenset({"switched-off", "ci-machine", "nested-run", "plain-option"})
"""Codes of what the user has asked for, and need not be told."""


class Reason(Record):
    """Why something was not done as usual.

    Attributes:
        code: for programs, and to look it up in docs/reasons.md.
        text: for the user: what it was this time.
    """

    code: Code
    text: str

    def __str__(self) -> str:
        """Return ``[code] text``, as logs and the status show it."""
        return f"[{self.code}] {self.text}"

    @property
    def is_quiet(self) -> bool:
        """Whether nobody needs to read it."""
        return self.code in QUIET

    def add(self, rest: str) -> Reason:
        """Return this reason with more text behind its own."""
        return self.replaced(text=f"{self.text}{rest}")


def cold_run(reason: Reason) -> str:
    """Return the line that says why a run is plain pytest."""
    return f"cold run [{reason.code}]: {reason.text}"

"""Reasons: why a run was cold, a layer stale, a session ineligible, an edit reloaded, a selection widened.

A reason is a code and a text. The code is what programs and people search for: it stands in brackets wherever a
reason is printed (``zygote: cold run [no-daemon]: …``), once in `Code`, and as a literal where it is caused. The text
says what happened this time. What each code means, what to do and what it costs stands in `scripts.reason_table`, of
which ``python -m scripts.reasons`` makes `Code` and docs/reasons.md.

A new reason takes a row in that table, and a test that causes it.

Neither `enum` nor `dataclasses`, since the client ``pz`` imports this: type checkers hold the codes.
"""

from __future__ import annotations

from pytest_zygote.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Code: TypeAlias = Literal[
        # begin codes: made by `python -m scripts.reasons`
        "switched-off",
        "ci-machine",
        "nested-run",
        "plain-option",
        "no-fork",
        "free-threaded",
        "coverage-started",
        "debugger-attached",
        "tracer-active",
        "plugin-objects",
        "no-daemon",
        "daemon-start-failed",
        "daemon-unreachable",
        "daemon-suspended",
        "daemon-lost",
        "daemon-stopping",
        "runtime-folder",
        "daemon-version",
        "daemon-interpreter",
        "descriptors-missing",
        "descriptors-exhausted",
        "python-flags",
        "resource-limits",
        "interpreter-prepared",
        "kernel-context",
        "descriptor-in-use",
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
        "fork-failed",
        "zygote-died",
        "run-lost",
        "import-failed",
        "layer-broken",
        "internals-changed",
        "inputs-unstable",
        "layers-not-ready",
        "keeper-lost",
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
        "session-option",
        "session-debugged",
        "session-without-layer",
        "session-plugin",
        "session-side-effect",
        "session-failed",
        "session-recollection",
        "terminal-unusual",
        "session-unlike",
        "session-collecting",
        "session-evicted",
        "layer-replaced",
        "memory-full",
        "foreign-workers",
        "functions-unreported",
        "options-unknown",
        "tests-in-one-process",
        "coverage-incomplete",
        "results-remembered",
        "plugin-imported-first",
        "order-matters",
        "debugger-without-terminal",
        "opened-in-collection",
        "asked-in-collection",
        "threads-running",
        "plugin-ends-sessions",
        "scheduler-replaced",
        "worker-lost",
        "few-descriptors",
        "outside-root",
        "host-unusable",
        "host-lost",
        "hosts-gone",
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
        # end codes
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

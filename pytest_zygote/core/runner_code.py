"""By what the code that runs the tests is known: nobody's own packages, the ways to start pytest, our own marks."""

from __future__ import annotations

RUNNER = frozenset({"_pytest", "pytest", "pluggy", "pytest_zygote"})
"""The top-level names of pytest and of this package: what they do, each run does again itself.

Each user of this list adds what besides is not the user's code for its purpose, and says why.
"""

OBSERVERS = RUNNER | {"coverage"}
"""`RUNNER`, and who only measures: no test sees what these read of files, or of the process that they are in."""

MAIN_MODULES = ("pytest.__main__", "pytest_zygote.__main__")
"""What runs as `__main__` where Python was started with ``-m``."""

SCRIPTS = ("pytest", "py.test", "pz", "pytest.exe", "pz.exe")
"""Names of scripts that are pytest, and do nothing before it."""

CHILD_MARK = "PYTEST_ZYGOTE_CHILD"
"""Set in the environment of every run: pytest inside a test must not come back to the daemon."""

TERMINAL = "PYTEST_ZYGOTE_TERMINAL"
"""Set in the environment of the runs of watch mode: the socket at which a debugger asks for the terminal."""

UNDER_DEBUGGER = "debugger"
"""In place of what prepared an interpreter in which a debugger runs: nothing more is known of it."""

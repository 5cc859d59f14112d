"""Whose code is nobody's own: the packages that run the tests, wherever they are installed."""

from __future__ import annotations

RUNNER = frozenset({"_pytest", "pytest", "pluggy", "pytest_zygote"})
"""The top-level names of pytest and of this package: what they do, each run does again itself.

Each user of this list adds what besides is not the user's code for its purpose, and says why.
"""

OBSERVERS = RUNNER | {"coverage"}
"""`RUNNER`, and who only measures: no test sees what these read of files, or of the process that they are in."""

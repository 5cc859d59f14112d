"""All that the package reaches of pytest and pluggy without a public name.

Each module has typed functions or aliases for one part of pytest, and beside them the self-checks of what they rely
on. What differs between the versions of pytest differs here, and nowhere else.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

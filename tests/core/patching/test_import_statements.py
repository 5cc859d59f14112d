"""Where an import stands."""

from __future__ import annotations

import pytest

from pytest_zygote.core.patching.import_statements import import_line

TEXT = b'''"""Doc."""
def later():
    import lib
try:
    import other, library
finally:
    pass
class Of:
    from lib.sub import thing
import lib
'''


@pytest.mark.parametrize(
    ("text", "wanted", "line"),
    [
        (TEXT, "lib", 9),
        (TEXT, "lib.sub", 9),
        (TEXT, "library", 5),
        (TEXT, "lib.other", 0),
        (b"import a.b.c\n", "a.b", 1),
        (b"x = 1\nfrom . import lib\n", "pack.age.lib", 2),
        (b"x = 1\nfrom .. import lib\n", "pack.lib", 2),
        (b"from ..lib import (\n    x,\n    y)\n", "pack.lib", 1),
        (b"from .lib import x\n", "lib", 0),
    ],
)
def test_the_first_import_that_runs_with_the_module_counts(text: bytes, wanted: str, line: int) -> None:
    """The first that runs with the module, in any form."""
    assert import_line(text, "pack.age.module", "pack.age", wanted) == line


def test_without_a_package() -> None:
    """A module at the top."""
    assert import_line(b"import os\nfrom lib import x\n", "module", "", "lib") == 2

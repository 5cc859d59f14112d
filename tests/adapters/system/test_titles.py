"""Names of processes, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.daemon import UNIT_S

pytestmark = pytest.mark.integration

PROGRAM = """
import sys
from pytest_zygote.adapters.system.titles import set_thread_title, set_title
set_title(eval(sys.argv[1]))
set_thread_title(eval(sys.argv[1]))
print(open("/proc/self/cmdline").read().rstrip("\\0"), open("/proc/self/comm").read().strip())
"""


@pytest.mark.parametrize(
    ("title", "shown"),
    [("tests in é", "tests in é"), (os.fsdecode(b"n\xff\xe9"), "n??"), ("a\0b", "a?b")],
    ids=["UTF-8", "not UTF-8", "zero"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_title_never_fails(title: str, shown: str) -> None:
    """What cannot be shown is replaced."""
    ended = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PROGRAM, ascii(title)],
        capture_output=True,
        timeout=4 * UNIT_S,
        check=False,
    )

    assert ended.stdout.decode() == f"{shown} {shown}\n", ended.stderr

"""Pools of processes and of interpreters, by whatever way they start, work in a warm run as they do in a plain one."""

from __future__ import annotations

import multiprocessing
import re
import sys
from typing import TYPE_CHECKING

from tests.support.daemon import BIN

if TYPE_CHECKING:
    from tests.support.daemon import Project

HELPER = "def double(n): return n {operator} 2\n"

TESTS = """
import concurrent.futures
import multiprocessing
import pathlib

import pytest
import helper

@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes(method):
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool, concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        assert [*pool.map(helper.double, [3]), *executor.map(helper.double, [3])] == [6, 6]

def test_default_method():
    print("started by", multiprocessing.get_start_method())
"""

INTERPRETERS = """
from concurrent import interpreters

def test_interpreters():
    interpreter = interpreters.create()
    queue = interpreters.create_queue()
    interpreter.prepare_main(queue=queue, folder=str(pathlib.Path(__file__).parent))
    interpreter.exec("import sys; sys.path.insert(0, folder); import helper; queue.put([helper.double(3)] * 2)")
    assert queue.get() == [6, 6]
    interpreter.close()
    with concurrent.futures.InterpreterPoolExecutor(1) as executor:
        assert list(executor.map(int, ["6"])) == [6]
"""
"""They came with 3.14."""


def _shown(output: str) -> str:
    return re.sub(r"pid=\d+", "pid", output).rpartition(" in ")[0]


def test_pools_execute_the_code_as_it_is_now(project: Project) -> None:
    """Also after an edit: what a new interpreter imports is read from the file."""
    has_interpreters = sys.version_info >= (3, 14)
    project.write("helper.py", HELPER.format(operator="*"))
    project.write("test_it.py", TESTS + INTERPRETERS * has_interpreters)
    plain = project.run([str(BIN / "pytest"), "-q", "-s"], {"PYTEST_DAEMON_DISABLE": "1"})
    warm = project.warm_up("-q", "-s")

    assert plain.returncode == warm.returncode == 0, plain.stdout + warm.stdout
    assert warm.was_warm
    assert _shown(warm.stdout) == _shown(plain.stdout)

    project.write("helper.py", HELPER.format(operator="+"))
    edited = project.pytest("-q")

    assert edited.was_warm
    failed = re.findall(r"^FAILED .* - assert \[5, 5\] == \[6, 6\]$", edited.stdout, re.MULTILINE)
    assert len(failed) == len(multiprocessing.get_all_start_methods()) + has_interpreters

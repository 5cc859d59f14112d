"""Options, hooks, fixtures and marks of pytest-xdist, served by forks of the run process.

Registered under the name ``xdist``: pytest then leaves the real plugin out, and plugins that
look for it find this one. Everything about other machines is left to the real one.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.pytest.private import configuration
from pytest_zygote.adapters.system import cpu_count
from pytest_zygote.core.cli.settings import FALSE, TRUE
from pytest_zygote.parallel import configured_twice

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "xdist"
OURS = (
    "-n",
    "--numprocesses",
    "--dist",
    "--maxprocesses",
    "--max-worker-restart",
    "--testrunuid",
    "-d",
    "--replay",
    "--cores",
    "--disable-mproc",
)
FOREIGN = ("--tx", "--px", "--rsyncdir", "--rsyncignore", "-f", "--looponfail", "xdist.plugin")
MODES = ("each", "load", "loadscope", "loadfile", "loadgroup", "worksteal", "fixed", "no")
GROUP_MARK = "xdist_group(name): tests of one group run in the same worker, one after the other."


def register_in_place(pluginmanager: pytest.PytestPluginManager, args: Iterable[str]) -> None:
    """Register this module as pytest-xdist if that is not installed, or if forks can do what it is asked for."""
    words = tuple(args)
    flags = {word.partition("=")[0] for word in words}
    wants_each = any(word in {"--dist=each", "each"} for word in words)
    if pluginmanager.is_blocked(NAME) or pluginmanager.hasplugin(NAME):
        return
    is_installed = importlib.util.find_spec("xdist") is not None
    asked = any(flag in OURS or (flag.startswith("-n") and flag[:3] != "-no") for flag in flags)
    if is_installed and (not asked or wants_each or not flags.isdisjoint(FOREIGN) or not hasattr(os, "fork")):
        return
    pluginmanager.register(sys.modules[__name__], NAME)


def _processes(text: str) -> int | str:
    return text if text in {"auto", "logical"} else int(text)


def _cores(text: str) -> int:
    word, sign, factor = text.partition("/" if "/" in text else "*")
    number = cpu_count.usable(logical=False) if word == "auto" else int(word)
    if not sign:
        return number
    return max(1, number * int(factor) if sign == "*" else number // int(factor))


def _truth(text: str) -> bool:
    if text.lower() not in {*TRUE, *FALSE}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false: write --disable-mproc=true {text}")
    return text.lower() in TRUE


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options of pytest-xdist that are about this machine."""
    group = parser.getgroup("xdist", "parallel runs, by forks of one process that has collected the tests")
    add = configuration.short_options(group)  # as pytest-xdist does: a plugin may not define lower-case short options
    add("-n", "--numprocesses", dest="numprocesses", metavar="N", type=_processes, help="workers: N, auto or logical")
    add("--maxprocesses", dest="maxprocesses", metavar="N", type=int, help="not more workers than this with auto")
    add("--max-worker-restart", dest="maxworkerrestart", metavar="N", help="dead workers that are replaced (4 each)")
    add("--dist", dest="dist", metavar="MODE", choices=MODES, default="no", help="load, loadfile, loadscope, …")
    add("-d", dest="distload", action="store_true", default=False, help="short for --dist=load")
    add("--testrunuid", dest="testrunuid", metavar="ID", help="what the fixture testrun_uid returns")
    add("--replay", dest="zygote_replay", metavar="gwN", help="run what this worker of the last run ran, in its order")
    add("--maxschedchunk", dest="maxschedchunk", metavar="N", type=int, help="accepted: nothing is bound beforehand")
    if importlib.util.find_spec("pytest_mproc") is None:
        add("--cores", dest="cores", metavar="N", type=_cores, help="the -n of pytest-mproc: N, auto, auto*2, auto/2")
        add(
            "--disable-mproc",
            dest="disable_mproc",
            metavar="true",
            type=_truth,
            nargs="?",
            const=True,
            default=False,
            help="run the tests in one process",
        )
    reorder = {"dest": "loadscopereorder", "default": True}
    add("--loadscope-reorder", action="store_true", help="accepted: long ones go first", **reorder)
    add("--no-loadscope-reorder", action="store_false", help="accepted", **reorder)
    parser.addini("rsyncdirs", "accepted", type="paths")
    parser.addini("rsyncignore", "accepted", type="paths")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks of pytest-xdist."""
    from pytest_zygote.parallel import xdist_hookspecs

    pluginmanager.add_hookspecs(xdist_hookspecs)


@pytest.hookimpl(trylast=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many workers ``-n auto`` means."""
    given = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", "")
    if given.isdecimal():
        return int(given)
    return cpu_count.usable(logical=config.option.numprocesses == "logical")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Resolve the options: `numprocesses` is a number afterwards, and `dist` is 'no' if nothing is parallel."""
    option = config.option
    if getattr(option, "cores", None) is not None and option.numprocesses is None:
        option.numprocesses = option.cores
    if getattr(option, "disable_mproc", False):
        option.numprocesses = 0
    if option.distload:
        option.dist = "load"
    if option.numprocesses in {"auto", "logical"}:
        is_debugged = config.getoption("usepdb", default=False)
        option.numprocesses = 0 if is_debugged else config.hook.pytest_xdist_auto_num_workers(config=config)
    option.tx = []
    if option.numprocesses:
        config.pluginmanager.register(configured_twice.Registrations(), configured_twice.NAME)
        option.dist = "load" if option.dist == "no" else option.dist
        wanted = min(option.numprocesses, option.maxprocesses or option.numprocesses)
        option.tx = ["popen"] * wanted
    elif option.numprocesses == 0:
        option.dist = "no"
    if option.dist == "each":
        raise pytest.UsageError("--dist=each is about several machines: use pytest-xdist, with --no-zygote-workers")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Run tests by workers, if that is asked for."""
    config.addinivalue_line("markers", GROUP_MARK)
    if config.option.zygote_replay:
        from pytest_zygote.parallel.plugin import WorkerReplay

        config.pluginmanager.register(WorkerReplay(config), "zygote_replay")
        return
    if config.option.dist == "no" or not config.option.tx or config.option.collectonly:
        return
    from pytest_zygote.parallel.plugin import ParallelPlugin

    config.pluginmanager.register(ParallelPlugin(config), "dsession")
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.showfspath = False


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """Return the id of the worker ('gw0', 'gw1' …), 'master' where there are none."""
    given = getattr(request.config, "workerinput", None)
    return "master" if given is None else str(given["workerid"])


@pytest.fixture(scope="session")
def testrun_uid(request: pytest.FixtureRequest) -> str:
    """Return the name of this run, the same in all workers."""
    given = getattr(request.config, "workerinput", None)
    return uuid.uuid4().hex if given is None else str(given["testrunuid"])

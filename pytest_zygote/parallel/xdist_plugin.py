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
from pytest_zygote.core.parallel import fork_point
from pytest_zygote.parallel import configured_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    "--hosts",
    fork_point.OPTION,
)
FOREIGN = ("--tx", "--px", "--rsyncdir", "--rsyncignore", "-f", "--looponfail", "xdist.plugin")
UNDIVIDED = "what is not divided: files (loadfile, fixed), modules and classes (loadscope), else only groups"
MODES = ("each", "load", "loadscope", "loadfile", "loadgroup", "worksteal", "fixed", "no")
GROUP_MARK = "xdist_group(name): tests of one group run in the same worker, one after the other."


def register_in_place(pluginmanager: pytest.PytestPluginManager, args: Iterable[str]) -> bool:
    """Register this module as pytest-xdist if that is not installed, or if forks can do what it is asked for.

    Returns:
        Whether there may be workers that are forked by this module's.
    """
    if pluginmanager.is_blocked(NAME) or pluginmanager.hasplugin(NAME):
        return False
    words = tuple(args)
    wants_workers = _wants_workers({word.partition("=")[0] for word in words})
    is_installed = importlib.util.find_spec("xdist") is not None
    if is_installed and (not wants_workers or _wants_machines(words) or not hasattr(os, "fork")):
        return False
    pluginmanager.register(sys.modules[__name__], NAME)
    return wants_workers and hasattr(os, "fork")


def _wants_workers(flags: Iterable[str]) -> bool:
    return any(flag in OURS or (flag.startswith("-n") and flag[:3] != "-no") for flag in flags)


def _wants_machines(words: Iterable[str]) -> bool:
    """Return whether options are about other machines, or about each of several interpreters."""
    return any(word in {"--dist=each", "each"} or word.partition("=")[0] in FOREIGN for word in words)


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
    add("--dist", dest="dist", metavar="MODE", choices=MODES, default="no", help=UNDIVIDED)
    add("-d", dest="distload", action="store_true", default=False, help="short for --dist=load")
    add("--testrunuid", dest="testrunuid", metavar="ID", help="what the fixture testrun_uid returns")
    add("--replay", dest="zygote_replay", metavar="gwN", help="run what this worker of the last run ran, in its order")
    add(
        fork_point.OPTION,
        dest="fork_workers",
        metavar="WHERE",
        choices=fork_point.CHOICES,
        default=fork_point.AUTO,
        help="collected: fork workers once tests are collected; configured: each worker collects them; auto: as exact",
    )
    add("--maxschedchunk", dest="maxschedchunk", metavar="N", type=int, help="accepted: nothing is bound beforehand")
    if importlib.util.find_spec("pytest_mproc") is None:
        _add_mproc_options(add)
    reorder = {"dest": "loadscopereorder", "default": True}
    add("--loadscope-reorder", action="store_true", help="accepted: long ones go first", **reorder)
    add("--no-loadscope-reorder", action="store_false", help="accepted", **reorder)
    parser.addini("rsyncdirs", "accepted", type="paths")
    parser.addini("rsyncignore", "accepted", type="paths")


def _add_mproc_options(add: Callable[..., None]) -> None:  # type: ignore[explicit-any]  # what argparse takes
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
    has_hosts = bool(getattr(option, "hosts", None))
    if option.numprocesses == "auto" and has_hosts:
        option.numprocesses = None
    option.numprocesses = _number_of_processes(config)
    if option.distload:
        option.dist = "load"
    option.tx = []
    if has_hosts and not option.hosts_serve:  # they have the workers
        option.dist = "load" if option.dist == "no" else option.dist
    elif option.numprocesses:
        _have_workers(config)
    elif option.numprocesses == 0:
        option.dist = "no"
    if option.dist == "each":
        raise pytest.UsageError("--dist=each is about several machines: use pytest-xdist, with --no-zygote-workers")


def _have_workers(config: pytest.Config) -> None:
    option = config.option
    config.pluginmanager.register(configured_twice.Registrations(), configured_twice.NAME)
    option.dist = "load" if option.dist == "no" else option.dist
    wanted = min(option.numprocesses, option.maxprocesses or option.numprocesses)
    option.tx = ["popen"] * wanted


def _number_of_processes(config: pytest.Config) -> int | None:
    """Return how many workers were asked for; None if nothing was said about them."""
    option = config.option
    if getattr(option, "disable_mproc", False):
        return 0
    wanted: int | str | None = option.numprocesses
    if wanted is None:
        wanted = getattr(option, "cores", None)
    if wanted not in {"auto", "logical"}:
        return None if wanted is None else int(wanted)
    option.numprocesses = wanted
    if config.getoption("usepdb", default=False):
        return 0
    return int(config.hook.pytest_xdist_auto_num_workers(config=config))


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

"""``pz doctor``: looks at the set-up of a project, and says what is wrong and how to mend it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_zygote
from pytest_zygote.client.commands import ask, say
from pytest_zygote.client.request import ineligible
from pytest_zygote.core.cli.set_up import DaemonFacts, SetUp, lines, status
from pytest_zygote.core.protocol.client_messages import StatusRequest
from pytest_zygote.core.protocol.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_zygote.adapters.system.rendezvous import Rendezvous
    from pytest_zygote.core.cli.settings import Settings
    from pytest_zygote.core.reasons import Reason

WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")


def report(config: pytest.Config, settings: Settings, place: Rendezvous) -> int:
    """Print what was found; return the exit code."""
    given = tuple(str(arg) for arg in config.invocation_params.args)
    ini_file = "" if config.inipath is None else os.path.relpath(config.inipath, place.root)
    found = examine(place, settings, given, ini_file)
    say("\n".join([title(found, place.root), "", *lines(found)]))
    return status(found)


def title(found: SetUp, root: str) -> str:
    """Return what a report of a bug must say of the machine, in two lines."""
    versions = (
        f"pytest_zygote {found.version}, pytest {found.pytest}, {found.implementation} {platform.python_version()}"
    )
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{versions}, {system}\nproject: {root} (ini-file: {found.ini_file or 'none'})"


def examine(place: Rendezvous, settings: Settings, given: Sequence[str], ini_file: str) -> SetUp:
    """Look at everything.

    Args:
        place: of the project's daemon.
        settings: what holds here.
        given: the command line, without what ini-file and environment add.
        ini_file: which pytest reads; '' for none.
    """
    daemon: DaemonFacts | None = None
    silent: Reason | None = None
    folder = _folder_problem(place)
    if folder is None:
        try:
            answer = ask(place, StatusRequest("json"))
            daemon = daemon_facts(json.loads(answer)) if answer else None
        except Unavailable as error:
            silent = error.reason
    return SetUp(
        version=pytest_zygote.__version__,
        python=sys.version_info[:3],
        implementation=platform.python_implementation(),
        pytest=pytest.__version__,
        ini_file=ini_file,
        named_in=named_in(settings.args[: len(settings.args) - len(given)], os.environ, ini_file),
        cold=ineligible(settings, tuple(given), os.environ),
        starts=settings.switch("--daemon-start-if-needed"),
        folder=folder,
        watches=_watches(),
        foreign=foreign_programs(Path(sys.executable).parent, shutil.which),
        plugins=tuple(entry.value.partition(":")[0] for entry in metadata.entry_points(group="pytest11")),
        daemon=daemon,
        silent=silent,
    )


def daemon_facts(answer: Mapping[str, object]) -> DaemonFacts:
    """Return what matters here of a daemon's status; one of an older version may lack parts of it."""
    layers, cold, rejected = answer.get("layers"), answer.get("cold"), answer.get("rejected")
    phases = [layer["phase"] for layer in layers] if isinstance(layers, list) else []
    return DaemonFacts(
        version=str(answer.get("version")),
        python=str(answer.get("python", "unknown")),
        watching=str(answer.get("watching")),
        is_building="building" in phases,
        runs=int(str(answer.get("runs_served", 0))),
        cold=tuple(str(entry["reason"]) for entry in cold) if isinstance(cold, list) else (),
        session_unused=str(answer.get("session_unused", "")),
        rejected={str(name): str(why) for name, why in rejected.items()} if isinstance(rejected, dict) else {},
    )


def named_in(added: Sequence[str], environ: Mapping[str, str], ini_file: str) -> str:
    """Return what names the plugin for each command of this project; '' if nothing does.

    Args:
        added: the words that ini-file and environment add to each command line.
        environ: of this process.
        ini_file: of the project.
    """
    is_named = "-p pytest_zygote" in " ".join(added) or "-ppytest_zygote" in added
    if not is_named:
        return ""
    return "PYTEST_ADDOPTS" if "pytest_zygote" in environ.get("PYTEST_ADDOPTS", "") else f"addopts of {ini_file}"


def foreign_programs(folder: Path, which: Callable[[str], str | None]) -> dict[str, str]:
    """Return the programs that a shell would not take from this folder, each with the path that it would take."""
    found = {name: which(name) or "" for name in ("pytest", "pz")}
    return {name: path for name, path in found.items() if not path or not Path(path).parent.samefile(folder)}


def _folder_problem(place: Rendezvous) -> Reason | None:
    try:
        place.ensure_folder()
    except Unavailable as error:
        return error.reason
    return None


def _watches() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(WATCHES.read_text(encoding="ascii"))
    return 0

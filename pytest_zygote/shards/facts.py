"""What a result says about where it was run, and how it is to be repeated."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.affected.fingerprints import checksum
from pytest_zygote.core.cli.options import OPTIONS, without_commands
from pytest_zygote.core.output.rerun import without_last
from pytest_zygote.core.shards.result import ShardResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_zygote.shards.selector import Share

DISPLAY = {
    "reportchars": "-r{}",
    "tbstyle": "--tb={}",
    "showcapture": "--show-capture={}",
    "durations": "--durations={}",
    "junitprefix": "--junit-prefix={}",
    "durations_min": "--durations-min={}",
    "no_header": "--no-header",
    "no_summary": "--no-summary",
    "disable_warnings": "--disable-warnings",
    "continue_on_collection_errors": "--continue-on-collection-errors",
}
"""Options that decide how results are shown, by their names in `config.option` → as they are given."""
DISPLAY_INI = (
    *("console_output_style", "cache_dir", "junit_family", "junit_suite_name", "junit_logging"),
    *("junit_log_passing_tests", "junit_duration_report"),
)

SEEDS = {"randomly_seed": "--randomly-seed", "random_order_seed": "--random-order-seed"}
"""Values in `config.option` that a plugin draws anew for each run → the option that sets them."""

ENVIRON = ("PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONUTF8", "PYTHONDEVMODE", "TZ", "LANG", "LC_ALL")
"""Environment keys that are kept with their values: they change how an interpreter behaves, and hold no secret."""

SHARD_FLAGS = tuple(option.flag for option in OPTIONS if option.flag.startswith("--shard"))


def facts_of(config: pytest.Config, share: Share, items: Iterable[pytest.Item], wanted_coverage: float) -> ShardResult:
    """Return what a run says of itself before its first test."""
    option = config.option
    args = without_commands(map(str, config.invocation_params.args), *SHARD_FLAGS)
    paths = tuple(map(str, config.args)) if config.args_source is config.ArgsSource.ARGS else ()
    return ShardResult(
        number=share.position.number,
        total=share.position.total,
        plan=share.plan.digest,
        durations=share.durations,
        collected=share.collected,
        share=tuple(nodeid for nodeid in share.collected if share.plan.shards[nodeid] == share.position.number),
        selected=tuple(item.nodeid for item in items),
        left_out=share.left_out,
        args=tuple(without_last(args, paths)),
        paths=paths,
        folder=os.path.relpath(config.invocation_params.dir, config.rootpath),
        root=str(config.rootpath),
        seeds={flag: str(getattr(option, name)) for name, flag in SEEDS.items() if hasattr(option, name)},
        environ={key: os.environ[key] for key in ENVIRON if key in os.environ},
        surroundings=surroundings(),
        packages=packages(),
        files=checksums(config.rootpath, _files(config, items)),
        wanted_coverage=wanted_coverage,
        display=display_of(config),
    )


def display_of(config: pytest.Config) -> tuple[str, ...]:
    """Return options that show results elsewhere as this run shows them."""
    values = vars(config.option)
    level = values.get("verbose", 0)
    volume = [("v" if level > 0 else "q") * abs(level)] if level else []
    words = [text.format(values[name]) for name, text in DISPLAY.items() if values.get(name)]
    settings = (word for name in DISPLAY_INI for word in _setting(config, name))
    return (*(f"-{letters}" for letters in volume), *words, *settings)


def _setting(config: pytest.Config, name: str) -> tuple[str, ...]:
    try:
        return ("-o", f"{name}={config.getini(name)}")
    except ValueError:  # its plugin is switched off, as by `-p no:cacheprovider`
        return ()


def surroundings() -> dict[str, str]:
    """Return the versions that results depend on, by names for people."""
    return {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "pytest": pytest.__version__,
        "prefix is a virtual environment": str(sys.prefix != sys.base_prefix),
    }


def packages() -> dict[str, str]:
    """Return the versions of all installed distributions."""
    found = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    return {str(name).lower().replace("_", "-"): str(version) for name, version in found if name}


def checksums(root: Path, files: Iterable[str]) -> dict[str, str]:
    """Return path → checksum of files of a project; one that is not there is left out."""
    found = {}
    for name in sorted(set(files)):
        try:
            found[name] = checksum((root / name).read_bytes()).hex()
        except OSError:
            continue
    return found


def _files(config: pytest.Config, items: Iterable[pytest.Item]) -> Iterable[str]:
    """Return the files that the tests stand in, and those that configure them, relative to rootdir."""
    paths = {item.path for item in items}
    plugins = (getattr(plugin, "__file__", None) or "" for plugin in config.pluginmanager.get_plugins())
    paths |= {Path(name) for name in plugins if name.endswith("conftest.py")}
    if config.inipath is not None:
        paths.add(config.inipath)
    return (path.relative_to(config.rootpath).as_posix() for path in paths if path.is_relative_to(config.rootpath))

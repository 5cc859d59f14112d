"""What all tests of a run have in common: interpreter, installed packages, options, ini-file.

Each combination, the *surroundings*, has rows of its own: after going back to another interpreter, or to
last week's versions, the rows of that time are found again. Options that only choose tests, or only shape the
output, do not count; all others do, those of plugins too.
"""

from __future__ import annotations

import os
import platform
import sys
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter.private import light
from pytest_zygote.affected.file_state import PYTHON
from pytest_zygote.affected.project_files import recorded_files
from pytest_zygote.core.affected.fingerprints import checksum
from pytest_zygote.core.cli.options import OPTIONS
from pytest_zygote.core.layers.layer_inputs import NATIVE_PREFIXES, OWN_PYTHON_KEYS, VOLATILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_zygote.affected.current_tree import CurrentTree

SILENT_FLAGS = frozenset({"dont_write_bytecode", "verbose", "quiet", "interactive", "inspect"})

SILENT_X = frozenset({"frozen_modules", "importtime", "showrefcount", "faulthandler", "tracemalloc", "pycache_prefix"})
"""Options by ``-X`` that code cannot notice, or that debuggers set."""

_CHOICE = (
    "file_or_dir keyword markexpr deselect ignore ignore_glob lf lastfailed failedfirst newfirst"
    " last_failed_no_failures stepwise stepwise_skip stepwise_reset maxfail exitfirst args pyargs keepduplicates"
    " collect_in_virtualenv continue_on_collection_errors random_order_seed randomly_seed numprocesses"
    " maxprocesses dist distload tx looponfail loopfail collectonly setuponly setupshow setupplan showfixtures"
    " show_fixtures_per_test markers deadline max_worker_memory retry_killed"
)
_OUTPUT = (
    "verbose quiet no_header no_summary no_fold_skipped reportchars tbstyle fulltrace color code_highlight"
    " disable_warnings showlocals showcapture show_capture xfail_tb force_short_summary durations durations_min"
    " pastebin junitprefix xmlpath htmlpath report_log logfile log_file log_file_mode version help debug traceconfig"
    " cacheclear cacheshow capture usepdb usepdb_cls trace basetemp"
)
_COVERAGE = (
    "cov_source cov_reset cov_report cov_config no_cov_on_fail no_cov cov_fail_under cov_append cov_branch"
    " cov_precision cov_context"
)
_ELSEWHERE = "rootdir inifilename override_ini plugins confcutdir"
"""Options that count in another form: see `parts_of`."""

NEUTRAL = frozenset(
    (
        *(name for names in (_CHOICE, _OUTPUT, _COVERAGE, _ELSEWHERE) for name in names.split()),
        *(option.flag.lstrip("-").replace("-", "_") for option in OPTIONS),
    )
)
"""Options that decide which tests run or how they are shown, by their names in `config.option`, and our own."""


def parts_of(config: pytest.Config, tree: CurrentTree, *, knows_environ: bool) -> dict[str, str]:
    """Return what rows must have in common, under the names that users know.

    Args:
        config: of the run.
        tree: gives checksums of files.
        knows_environ: whether the environment keys that tests read are known; if not, all keys count.
    """
    keys = [key for key in sorted(os.environ) if key not in VOLATILE]
    if knows_environ:
        keys = [key for key in keys if key.startswith(NATIVE_PREFIXES) and key not in OWN_PYTHON_KEYS]
    return {
        "the interpreter": f"{PYTHON} {sys.version} {platform.machine()} {_flags()} {sys.warnoptions}{_x_options()}",
        "the folder": os.path.relpath(config.invocation_params.dir, config.rootpath),
        "the installed packages": _packages(tree),
        "the ini-file": _ini(config),
        "options": _options(config),
        "the environment": "\n".join(f"{key}={os.environ[key]}" for key in keys),
    }


def digest_of(parts: Mapping[str, str]) -> bytes:
    """Return a checksum of all parts."""
    return checksum(*(f"{name}={parts[name]}".encode("utf-8", "surrogateescape") for name in sorted(parts)))


def digests_of(parts: Mapping[str, str]) -> dict[str, str]:
    """Return a checksum of each part: what is stored holds no value of the environment."""
    return {name: checksum(text.encode("utf-8", "surrogateescape")).hex() for name, text in parts.items()}


def _flags() -> str:
    """Return the flags of the interpreter that code may notice."""
    names = (name for name in dir(sys.flags) if name.islower() and name[0] != "_" and name not in ("count", "index"))
    return " ".join(f"{name}={getattr(sys.flags, name)}" for name in names if name not in SILENT_FLAGS)


def _x_options() -> str:
    """Return the options by ``-X`` that are not among the flags; '' for none."""
    found = sorted(f" {name}={value}" for name, value in light.x_options().items() if name not in SILENT_X)
    return "".join(found)


def _packages(tree: CurrentTree) -> str:
    """Return the installed packages, each with what its record says of its files."""
    found: set[str] = set()
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")):
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            for name in names:
                if name.endswith((".dist-info", ".egg-info", ".pth")):
                    record = os.path.join(folder, name, *(("RECORD",) if name.endswith(".dist-info") else ()))
                    found.add(f"{name} {tree.digest_of_part(record, recorded_files).hex()}")
    return "\n".join(sorted(found))


def _ini(config: pytest.Config) -> str:
    """Return what the ini-file says to pytest."""
    path = config.inipath
    if path is None:
        return ""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    return settings_in(text, path.name)


def settings_in(text: str, name: str) -> str:
    """Return what a file with this name says to pytest."""
    return _section(text) if name == "pyproject.toml" else text


def _section(text: str) -> str:
    """Return pytest's tables of a file whose other tables change more often."""
    lines = []
    is_ours = False
    for line in text.splitlines():
        if line.startswith("["):
            is_ours = line.startswith(("[tool.pytest]", "[tool.pytest."))
        if is_ours:
            lines.append(line)
    return "\n".join(lines) or text


def _options(config: pytest.Config) -> str:
    found = [f"{name}={_plain(value)}" for name, value in _counting(config)]
    overrides = getattr(config.option, "override_ini", None) or ()
    plugins = getattr(config.option, "plugins", None) or ()
    found += [f"-o {override}" for override in overrides]
    found += [f"-p {plugin}" for plugin in plugins if plugin != "pytest_zygote"]
    cut = getattr(config.option, "confcutdir", None)
    if cut is not None:
        found.append(f"confcutdir={os.path.relpath(cut, config.rootpath)}")
    return "\n".join(found)


def _counting(config: pytest.Config) -> list[tuple[str, object]]:
    return [(name, value) for name, value in sorted(vars(config.option).items()) if name not in NEUTRAL]


def unknown_options(config: pytest.Config) -> str:
    """Return the options whose values cannot be compared with those of another run; '' for none."""
    names = (name for name, value in _counting(config) if " at 0x" in _plain(value))
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _plain(value: object) -> str:
    """Return a value as text that is the same in each process, or holds an address."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_plain, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_plain(key)}: {_plain(item)}' for key, item in value.items())}}}"
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)

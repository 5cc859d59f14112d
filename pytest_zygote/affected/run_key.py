"""What all tests of a run have in common: interpreter, installed packages, options, ini-file.

Each combination, the *surroundings*, has rows of its own: after going back to another interpreter, or to
last week's versions, the rows of that time are found again. Options that only choose tests, or only shape the
output, do not count; all others do, those of plugins too.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

from pytest_zygote.affected.file_state import PYTHON
from pytest_zygote.core.affected.fingerprints import checksum
from pytest_zygote.core.layers.layer_inputs import NATIVE_PREFIXES, OWN_PYTHON_KEYS, is_volatile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

NEUTRAL = frozenset(
    (
        *("file_or_dir", "keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "lastfailed", "failedfirst"),
        *("newfirst", "last_failed_no_failures", "stepwise", "stepwise_skip", "stepwise_reset", "maxfail", "args"),
        *(
            "verbose",
            "quiet",
            "no_header",
            "no_summary",
            "no_fold_skipped",
            "reportchars",
            "tbstyle",
            "fulltrace",
            "color",
        ),
        *("code_highlight", "disable_warnings", "showlocals", "showcapture", "xfail_tb", "force_short_summary"),
        *("durations", "durations_min", "pastebin", "junitprefix", "xmlpath", "htmlpath", "report_log", "logfile"),
        *(
            "usepdb",
            "usepdb_cls",
            "trace",
            "capture",
            "collectonly",
            "setuponly",
            "setupshow",
            "setupplan",
            "showfixtures",
        ),
        *("show_fixtures_per_test", "markers", "version", "help", "debug", "traceconfig", "cacheclear", "cacheshow"),
        *("basetemp", "confcutdir", "rootdir", "inifilename", "pyargs", "keepduplicates", "collect_in_virtualenv"),
        *(
            "numprocesses",
            "maxprocesses",
            "dist",
            "distload",
            "tx",
            "looponfail",
            "loopfail",
            "exitfirst",
            "override_ini",
        ),
        *("continue_on_collection_errors", "plugins", "show_capture", "random_order_seed", "randomly_seed"),
    )
)
"""Options that decide which tests run or how they are shown, by their names in `config.option`."""

NEUTRAL_PREFIXES = ("affected", "daemon", "watch", "zygote", "cov", "no_cov", "benchmark_", "log_cli", "log_file")


def parts_of(config: pytest.Config, *, knows_environ: bool) -> dict[str, str]:
    """Return what rows must have in common, under the names that users know.

    Args:
        config: of the run.
        knows_environ: whether the environment keys that tests read are known; if not, all keys count.
    """
    keys = [key for key in sorted(os.environ) if not is_volatile(key)]
    if knows_environ:
        keys = [key for key in keys if key.startswith(NATIVE_PREFIXES) and key not in OWN_PYTHON_KEYS]
    return {
        "the interpreter": f"{PYTHON} {sys.version} {platform.machine()} {sys.flags.utf8_mode}",
        "the installed packages": _packages(),
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


def _packages() -> str:
    found: set[str] = set()
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")):
            try:
                found.update(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info", ".pth")))
            except OSError:
                continue
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
    return _section(text) if path.name == "pyproject.toml" else text


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
    found = []
    for name, value in sorted(vars(config.option).items()):
        if name not in NEUTRAL and not name.startswith(NEUTRAL_PREFIXES):
            found.append(f"{name}={_plain(value)}")
    overrides = getattr(config.option, "override_ini", None) or ()
    plugins = getattr(config.option, "plugins", None) or ()
    found += [f"-o {override}" for override in overrides]
    found += [f"-p {plugin}" for plugin in plugins if plugin != "pytest_zygote"]
    return "\n".join(found)


def _plain(value: object) -> str:
    """Return a value as text that is the same in each process."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_plain(item) for item in value)}]"
    return type(value).__qualname__

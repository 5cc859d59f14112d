"""What a layer read while it was built, compared with what holds now.

Each comparison returns sentences for the user: "app.py changed", "DATABASE_URL changed".
"""

from __future__ import annotations

from pytest_zygote.core.runner_code import CHILD_MARK, TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MISSING = "\0"
"""Stands for an environment key that was not set; no real value contains it."""

WHOLE = "*"
"""Stands for all keys, when code read the environment as a whole."""

WORKER_KEYS = frozenset({"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"})
"""Keys that are set in workers before they import anything: each has values of its own."""

OURS = WORKER_KEYS | {"PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_ZYGOTE_REPORTS", CHILD_MARK, TERMINAL}
"""Keys that pytest or this package sets in the process of a run."""

VOLATILE = OURS | {
    *("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_DAEMON_DISABLE"),
    *(
        "PYTEST_DAEMON_PATIENT",
        "PYTEST_DAEMON_FORCE_SESSIONS",
        "PYTEST_DAEMON_START_IF_NEEDED",
        "PYTEST_DAEMON_TIMEOUT",
        "PYTEST_DAEMON_PORT",
    ),
    *("_", "OLDPWD", "PWD", "SHLVL", "COLUMNS", "LINES", "STY", "TMUX", "TMUX_PANE", "GPG_TTY", "WINDOW"),
    *("SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "XDG_SESSION_ID", "XDG_VTNR"),
    *("WINDOWID", "TERM_SESSION_ID", "ITERM_SESSION_ID", "WT_SESSION", "KITTY_WINDOW_ID", "KITTY_PID", "WEZTERM_PANE"),
    *("ALACRITTY_WINDOW_ID", "ALACRITTY_SOCKET", "VSCODE_IPC_HOOK_CLI", "INVOCATION_ID", "JOURNAL_STREAM"),
}
"""Keys that differ from command to command, or from terminal to terminal; code that reads all keys does not depend on
them, code that asks for one of them does."""

_THREADS = ("OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_", "GFORTRAN_")
_LIBRARIES = ("POLARS_", "RUST_", "RAYON_", "GRPC_", "NPY_", "ARROW_", "_RJEM_", "CUDA_", "TF_", "TORCH_", "PYTORCH_")
_SYSTEM = ("MALLOC_", "GLIBC_", "LD_", "DYLD_", "OPENSSL_", "SSL_CERT_", "FAKETIME", "RES_OPTIONS", "LOCALDOMAIN")
_NAMES = ("HOSTALIASES", "GCONV_PATH", "LOCPATH", "LC_", "LANG", "LANGUAGE", "TZ", "PYTHON")
NATIVE_PREFIXES = (*_THREADS, *_LIBRARIES, *_SYSTEM, *_NAMES)
"""Families that C code and the interpreter read by themselves, unseen by any recorder in Python.

Found with a shim of getenv under numpy, scipy, pandas, polars, grpc and pyarrow, and from the
manuals of OpenMP, CPython, OpenSSL (openssl-env(7)) and the GNU C library (environ(7), resolver(3))."""

OWN_PYTHON_KEYS = frozenset(
    {"PYTHONDONTWRITEBYTECODE", "PYTHONBREAKPOINT", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONIOENCODING"}
)
"""PYTHON… keys that each run obeys by itself (`sys.path` and the streams come from the client)."""


COERCED_LOCALES = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python sets LC_CTYPE to where there is no locale."""


def environ_differences(reads: Mapping[str, str], built: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys that were read and would be read differently now.

    Args:
        reads: key → value seen while importing; `WHOLE` for code that read all, with what `all_written` gave then.
        built: the environment in which the build began.
        now: the environment of a run.
    """
    asked = {key: seen for key, seen in reads.items() if key != WHOLE and key not in OURS}
    different = [key for key, seen in asked.items() if now.get(key, MISSING) != seen]
    if WHOLE in reads:
        written = (entry.partition("=") for entry in reads[WHOLE].split(MISSING) if entry)
        seen = {**dict.fromkeys(now, MISSING), **built}
        seen.update((key, value if equals else MISSING) for key, equals, value in written)
        different += [key for key in sorted(seen) if key not in VOLATILE and now.get(key, MISSING) != seen[key]]
    return tuple(dict.fromkeys(different))


def all_written(keys: Iterable[str], built: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return how an environment differs from the one in which the build began, as one text.

    Modules may have written to it before another reads all of it: a run in which they do the same is no other.

    Args:
        keys: those that were written.
        built: the environment in which the build began.
        now: as it is.
    """
    changed = (key for key in sorted(keys) if built.get(key) != now.get(key))
    return MISSING.join(f"{key}={now[key]}" if key in now else key for key in changed)


def native_differences(built: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of native families that differ."""
    keys = sorted(key for key in {*built, *now} if key.startswith(NATIVE_PREFIXES) and key not in OWN_PYTHON_KEYS)
    return tuple(key for key in keys if built.get(key) != now.get(key))


def at_start(environ: Mapping[str, str], *, is_utf8: bool) -> dict[str, str]:
    """Return the environment that an interpreter was started with, given the one it has.

    Where no locale is set (most containers), Python turns to UTF-8 and sets LC_CTYPE for its children
    (PEP 538). A zygote started with that key would be in a proper locale and so not in UTF-8 mode: no
    client would ever find the interpreter that it is itself.

    Args:
        environ: the environment of a running interpreter.
        is_utf8: whether it is in UTF-8 mode.
    """
    was_set = environ.get("LC_ALL") or "PYTHONUTF8" in environ
    is_coerced = is_utf8 and not was_set and environ.get("LC_CTYPE") in COERCED_LOCALES
    return {key: value for key, value in environ.items() if not (is_coerced and key == "LC_CTYPE")}


def supplied_names(prefix: str, before: Iterable[str], now: Iterable[str], wanted: frozenset[str]) -> tuple[str, ...]:
    """Return the modules that a folder would now supply, or no longer, to imports of a layer.

    Args:
        prefix: what stands before the folder's names, '' or 'package.'.
        before: the importable files and folders in the folder when the layer was built. Not only their names: an
            extension hides a module of its name, and a package both.
        now: those in it today.
        wanted: names of all modules that the layer loaded or looked for in vain.
    """
    changed = {entry.partition(".")[0] for entry in {*before} ^ {*now}}
    names = {(prefix + name).removesuffix(".__init__") for name in changed}
    return tuple(sorted(names & wanted))


def path_differences(
    before: Sequence[str], now: Sequence[str], is_irrelevant: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the entries of `sys.path` that could have a layer's modules found elsewhere now.

    An IDE finds tests by one command and runs them by another, and each adds folders with its own scripts: folders
    that hold no module which the layer loaded, or looked for in vain, decide nothing.

    Args:
        before: `sys.path` for the layer.
        now: that of a run.
        is_irrelevant: returns whether a folder holds no such module.
    """
    common = frozenset(before) & frozenset(now)
    different = (entry for entry in dict.fromkeys((*before, *now)) if entry not in common)
    matter = [entry for entry in different if entry.endswith((".zip", ".egg")) or not is_irrelevant(entry)]
    # An entry that comes again decides nothing.
    common_paths = {tuple(entry for entry in dict.fromkeys(path) if entry in common) for path in (before, now)}
    return (*matter, *(sorted(common) if len(common_paths) > 1 else ()))


def describe_paths(paths: Iterable[str], root: str) -> str:
    """Return 'app/models.py changed', 'a.py and b.py changed', 'a.py and 7 more changed'."""
    names = [path.removeprefix(f"{root}/") for path in sorted(paths)]
    if len(names) > 2:  # noqa: PLR2004 - two names still read well
        return f"{names[0]} and {len(names) - 1} more changed"
    return f"{' and '.join(names)} changed"

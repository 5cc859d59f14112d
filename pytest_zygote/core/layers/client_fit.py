"""Whether the kernel and Python treat a daemon's processes as they treat the command's own.

Pure: what either side is comes as values (`adapters.interpreter.start_state`, `adapters.system.kernel_context`).
"""

from __future__ import annotations

from pytest_zygote.core.reasons import Reason
from pytest_zygote.core.runner_code import UNDER_DEBUGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAG_SOURCES = {
    "utf8_mode": "PYTHONUTF8, -X utf8, or no locale: LANG, LC_ALL",
    "dont_write_bytecode": "PYTHONDONTWRITEBYTECODE or -B",
    "optimize": "PYTHONOPTIMIZE or -O",
    "dev_mode": "PYTHONDEVMODE or -X dev",
    "hash_randomization": "PYTHONHASHSEED or -R",
    "no_user_site": "PYTHONNOUSERSITE or -s",
    "safe_path": "PYTHONSAFEPATH or -P",
    "isolated": "-I",
    "lazy_imports": "PYTHON_LAZY_IMPORTS or -X lazy_imports",
    "ignore_environment": "-E or -I",
    "no_site": "-S",
    "verbose": "PYTHONVERBOSE or -v",
    "inspect": "PYTHONINSPECT or -i",
    "interactive": "-i",
    "bytes_warning": "-b",
    "debug": "PYTHONDEBUG or -d",
    "int_max_str_digits": "PYTHONINTMAXSTRDIGITS or -X int_max_str_digits",
    "warn_default_encoding": "PYTHONWARNDEFAULTENCODING or -X warn_default_encoding",
    "context_aware_warnings": "-X context_aware_warnings",
    "thread_inherit_context": "-X thread_inherit_context",
    "gil": "PYTHON_GIL or -X gil",
}
"""What sets a field of `sys.flags`: the command-line chapter of Python's documentation."""


def flags_difference(command: Sequence[str], daemon: Sequence[str]) -> Reason | None:
    """Return with which flags the command's interpreter was started that the daemon's was not; None if they are equal.

    Args:
        command: of the command: `sys.flags` as ``repr`` shows it, ``-X`` options, warning filters of ``-W``.
        daemon: those of the daemon.
    """
    known = _fields(daemon[0])
    differences = [
        f"{name}={value}, not {known.get(name, 'unknown')} (set by {FLAG_SOURCES.get(name, name)})"
        for name, value in _fields(command[0]).items()
        if known.get(name) != value
    ]
    for option, ours, theirs in zip(("-X", "-W"), command[1:], daemon[1:], strict=True):
        if ours != theirs:
            differences.append(f"{option} {ours or 'nothing'}, not {theirs or 'nothing'}")
    if not differences:
        return None
    return Reason("python-flags", f"python was started with other flags than the daemon: {'; '.join(differences)}")


def _fields(flags: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in flags.partition("(")[2].rstrip(")").split(", ") if "=" in field)


def start_difference(command: Sequence[str], daemon: Sequence[str]) -> Reason | None:
    """Return what was done to the command's interpreter before pytest and a run would lack; None if nothing."""
    if UNDER_DEBUGGER in (*command, *daemon):
        return None
    more, less = sorted({*command} - {*daemon}), sorted({*daemon} - {*command})
    if not more and not less:
        return None
    whose = "pytest was started in an interpreter with" if more else "the daemon was started in an interpreter with"
    names = more or less
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - three names still read well
    return Reason("interpreter-prepared", f"{whose} {', '.join(names[:3])}{rest}")


def context_difference(command: Mapping[str, str], daemon: Mapping[str, str]) -> Reason | None:
    """Return how the kernel would treat a run differently from the command; None if it would not."""
    different = [name for name in {**daemon, **command} if command.get(name) != daemon.get(name)]
    if not different:
        return None
    text = f"the daemon has another {different[0]} than this command"
    return Reason("kernel-context", f"{text} (pytest --stop-daemon lets the next one start here)")


RESERVED_DESCRIPTORS = 20
"""How many a daemon keeps for its layers, and for the files that it reads."""


def descriptor_shortage(highest: int, limit: int, *, waiting: int = 0) -> Reason | None:
    """Return why a daemon that is short of descriptors refuses a client; None if it can serve it.

    Active runs must not lose their exit codes because of one more.

    Args:
        highest: the highest of the descriptors that came last: each had the lowest number that was free.
        limit: how many this process may have.
        waiting: clients whose runs have yet to be forked, for which each takes another.
    """
    if highest + waiting < limit - RESERVED_DESCRIPTORS:
        return None
    text = f"the daemon may have {limit} files open, and has hardly one left (see ulimit -n)"
    return Reason("descriptors-exhausted", text)

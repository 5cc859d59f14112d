"""Programs that read nothing of a project but the files that their arguments name.

A process may read anything, so a test that starts one depends on all files of the project. But many suites start only a
pager, ``cat`` or ``true``. The programs listed here read their standard input and their operands, start nothing, and
have no settings file in the project (POSIX.1-2017, "Utilities"; the manuals of GNU coreutils, sed and less). Only
options without values, and numbers, are known: with any other option a program counts as one that may read anything.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SILENT = frozenset(
    (
        *("basename", "dirname", "echo", "expr", "false", "nproc", "printf", "seq", "sleep", "true"),
        *("uname", "whoami", "yes"),
    )
)
"""Programs that read no file at all: their arguments are texts."""

READERS = {
    "base64": "di",
    "cat": "AbeEnstTuv",
    "cmp": "bls",
    "head": "cnqvz",
    "less": "aABCEFGIJKMNQRSUWXceimnqrsuw",
    "md5sum": "bctz",
    "more": "cdflpsu",
    "sed": "nErsuz",
    "sha256sum": "bctz",
    "sort": "bcdfghimMnrRsuVz",
    "tail": "cnqvz",
    "tr": "cCdst",
    "uniq": "cdDiuz",
    "wc": "cLlmw",
}
"""Programs that read only the files they are given, with their options that have no value."""

DIGITS = "0123456789"

PREPROCESSOR = "LESSOPEN"
"""Names a program that `less` has read its files (its manual, "Input preprocessor")."""

SHELLS = frozenset({"sh"})
_MEANING = frozenset("|&;<>()$`\\\"'*?[]#~={}!\n")
"""Characters that a shell does not pass on unchanged."""


def files_read(program: str, args: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the arguments that name files which a program reads; None if it may read others.

    Args:
        program: its bare name.
        args: what follows the name.
        environ: its environment.
    """
    if program in SILENT:
        return ()
    if program not in READERS:
        return None
    options = [arg for arg in args if _is_option(arg)]
    operands = tuple(arg for arg in args if not arg.startswith("-"))
    if program == "sed":
        script, operands = "".join(operands[:1]), operands[1:]
        if not _is_substitution(script):
            return None
        options = [option for option in options if not _edits_in_place(option)]
    is_known = _are_flags(options, READERS[program]) and not _runs_others(program, operands, environ)
    return operands if is_known else None


def _is_option(arg: str) -> bool:
    """Return whether an argument is an option: ``-`` alone stands for the standard input."""
    return arg.startswith("-") and arg != "-"


def _are_flags(options: Iterable[str], known: str) -> bool:
    """Return whether options consist of known letters, and numbers."""
    return all(set(option[1:].rstrip(DIGITS)) <= set(known) for option in options)


def _runs_others(program: str, operands: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether operands or environment may have the program start another: as in `less +!COMMAND`."""
    if any(operand.startswith("+") for operand in operands):
        return True
    return program == "less" and bool(operands) and bool(environ.get(PREPROCESSOR))


def _edits_in_place(option: str) -> bool:
    """Return whether this is sed's ``-i``, with or without a suffix for a backup."""
    return option.startswith("-i") and "/" not in option and "*" not in option


def _is_substitution(script: str) -> bool:
    """Return whether a script of sed's is one ``s/this/that/g``: other commands read and write files."""
    if len(script) < len("s///") or script[0] != "s" or script[1].isalnum() or script[1] in "\\\n":
        return False
    _, *parts = script.split(script[1])
    return "\\" not in script and parts[2:] in ([""], ["g"])


def script_commands(text: str) -> list[tuple[str, ...]] | None:
    """Return the commands of a shell script that does nothing but run them; None if it may do more."""
    found = []
    for line in text.split("\n"):
        words = shell_words(("-c", line)) if line.strip() and not line.startswith("#") else ()
        if words is None:
            return None
        found += [words] if words else []
    return found


def shell_words(args: Sequence[str]) -> tuple[str, ...] | None:
    """Return the command that ``sh -c TEXT`` runs, if the shell does nothing to it; None if it may."""
    if len(args) != len(("-c", "text")) or args[0] != "-c" or not _MEANING.isdisjoint(args[1]):
        return None
    return tuple(args[1].split()) or None

"""By which words code asks for something of its process that every run has its own of: arguments, terminal, modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.bytecode import Kind, Step, steps, texts_of, why_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from types import CodeType

ARGUMENTS = frozenset({"argv", "orig_argv"})
TERMINAL = frozenset({"isatty", "get_terminal_size"})
STREAMS = frozenset({"stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"})
MAIN = "__main__"
MODULES = "modules"
RECURSION = "getrecursionlimit"
SYS, PATH = "sys", "path"

ENTROPY = frozenset(
    {"getrandbits", "randbytes", "urandom", "getrandom", "SystemRandom", "uuid1", "uuid4", "token_bytes", "token_hex"}
)
"""By these names code draws what is to be another in each process."""

WORDS = ARGUMENTS | TERMINAL | STREAMS | {MAIN, MODULES, RECURSION}
"""Code that has none of these for names asks for nothing but the import path, perhaps."""

_ADDING = frozenset({"insert", "append", "extend"})
"""What is called on the import path to add to it, which a layer records."""


class Questions(NamedTuple):
    """What a piece of code may ask for.

    Attributes:
        unanswered: what a layer cannot answer as a run would, in words; '' for nothing.
        of_terminal: whether it asks if there is a terminal.
        of_path: whether it reads the import path for more than to add to it.
        modules: names that may be those of modules of which it asks whether they are loaded.
    """

    unanswered: str = ""
    of_terminal: bool = False
    of_path: bool = False
    modules: tuple[str, ...] = ()


def may_ask(code: CodeType) -> bool:
    """Return whether a code has a word for anything that could be asked for."""
    names = code.co_names
    return not WORDS.isdisjoint(names) or (PATH in names and SYS in names)


def draws_at_import(code: CodeType) -> bool:
    """Return whether the code of a module, apart from its functions, draws what is to be another in each process."""
    return not ENTROPY.isdisjoint(code.co_names)


def questions_of(code: CodeType, *, is_library: bool = False) -> Questions:
    """Return what code may ask for, apart from what it does only as the program that is run.

    Args:
        code: what starts to run.
        is_library: whether it is no code of the project's. Such code asks for the recursion limit to guard itself
            (`inspect.unwrap`, and so each dataclass): what it returns does not depend on it. A stream that it
            keeps is found by other means, and so is what it looks for on the import path.
    """
    found = [] if why_unknown() else _without_main(steps(code))
    names, texts = _words(code, found)
    modules = (
        [text for text in texts if all(part.isidentifier() for part in text.split("."))] if MODULES in names else []
    )
    return Questions(
        _unanswered(names, modules, is_library=is_library),
        bool(names & TERMINAL),
        not is_library and {SYS, PATH} <= {*code.co_names} and (not found or _reads_path(found)),
        tuple(dict.fromkeys(modules)),
    )


def _unanswered(names: AbstractSet[str], modules: list[str], *, is_library: bool) -> str:
    if names & ARGUMENTS:
        return "reads the command line"
    if MAIN in names or MAIN in modules:
        return "looks at the program that is running"
    if is_library:
        return ""
    if names & STREAMS:
        return "uses a standard stream"
    return "reads the recursion limit" if RECURSION in names else ""


def _reads_path(found: list[Step]) -> bool:
    """Return whether code reads `sys.path` for more than to add to it.

    Who asks whether an entry is there, and adds to the path as well, asks so as not to add it twice.
    """
    uses = {str(after.value) if after.value in _ADDING else after.opname for after in _after_path(found)}
    return bool(uses - _ADDING - ({"CONTAINS_OP"} if uses & _ADDING else set()))


def _after_path(found: list[Step]) -> Iterator[Step]:
    """Give the instructions that follow where `sys.path` is loaded, by whatever name the module is known."""
    imported, names = "", {SYS}
    for before, step, after in zip(found, found[1:], found[2:], strict=False):
        if before.kind is Kind.IMPORT:
            imported = str(before.value)
            names |= {str(step.value)} if imported == SYS and step.kind is Kind.WRITE else set()
        is_attribute = step.kind is Kind.ATTRIBUTE and before.value in names
        if step.value == PATH and (is_attribute or (step.kind is Kind.MEMBER and imported == SYS)):
            yield after


def _words(code: CodeType, found: list[Step]) -> tuple[AbstractSet[str], list[str]]:
    """Return the names and the texts in a code; all that there are if its bytecode is not known."""
    if not found:
        return set(code.co_names), texts_of(code.co_consts)
    found = _without_terminals(found)
    names = {str(step.value) for step in found if step.kind not in (Kind.CONSTANT, Kind.OTHER)}
    return names & set(code.co_names), texts_of(step.value for step in found if step.kind is Kind.CONSTANT)


def _without_terminals(found: list[Step]) -> list[Step]:
    """Return instructions, but for the stream in ``sys.stdout.isatty()``: that is a question with an answer."""
    following = [*(step.value for step in found[1:]), None]
    return [
        step for step, after in zip(found, following, strict=True) if not (step.value in STREAMS and after in TERMINAL)
    ]


def _without_main(found: Iterable[Step]) -> list[Step]:
    """Return instructions, but for what stands under ``if __name__ == "__main__":``, and that condition itself."""
    remaining: list[Step] = []
    resumes_at = -1
    for step in found:
        if step.offset < resumes_at:
            continue
        remaining.append(step)
        condition = [before.value for before in remaining[-_CONDITION:]]
        if step.kind is Kind.BRANCH and "__name__" in condition and MAIN in condition and isinstance(step.value, int):
            resumes_at = step.value
            del remaining[-_CONDITION:]
    return remaining


_CONDITION = 5
"""At most so many instructions compare the name and jump."""

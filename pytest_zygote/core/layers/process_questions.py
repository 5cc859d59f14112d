"""By which words code asks for something of its process that every run has its own of: arguments, terminal, modules."""

from __future__ import annotations

import dis
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

ARGUMENTS = frozenset({"argv", "orig_argv"})
TERMINAL = frozenset({"isatty", "get_terminal_size"})
MAIN = "__main__"
MODULES = "modules"
RECURSION = "getrecursionlimit"

WORDS = ARGUMENTS | TERMINAL | {MAIN, MODULES, RECURSION}
"""Code that has none of these for names asks for nothing."""


class Questions(NamedTuple):
    """What a piece of code may ask for.

    Attributes:
        unanswered: what a layer cannot answer as a run would, in words; '' for nothing.
        of_terminal: whether it asks if there is a terminal.
        modules: names that may be those of modules of which it asks whether they are loaded.
    """

    unanswered: str = ""
    of_terminal: bool = False
    modules: tuple[str, ...] = ()


def questions_of(code: CodeType, *, is_library: bool = False) -> Questions:
    """Return what code may ask for, apart from what it does only as the program that is run.

    Args:
        code: what starts to run.
        is_library: whether it is no code of the project's. Such code asks for the recursion limit to guard itself
            (`inspect.unwrap`, and so each dataclass): what it returns does not depend on it.
    """
    names: set[str] = set()
    texts: list[str] = []
    for instruction in _instructions(code):
        if instruction.opcode in dis.hasname:
            names.add(str(instruction.argval))
        elif instruction.opcode in dis.hasconst:
            texts += _texts(instruction.argval)
    asks_for_modules = MODULES in names
    unanswered = ""
    if names & ARGUMENTS:
        unanswered = "reads the command line"
    elif MAIN in names or (asks_for_modules and MAIN in texts):
        unanswered = "looks at the program that is running"
    elif RECURSION in names and not is_library:
        unanswered = "reads the recursion limit"
    modules = [text for text in texts if all(part.isidentifier() for part in text.split("."))]
    return Questions(unanswered, bool(names & TERMINAL), tuple(dict.fromkeys(modules)) if asks_for_modules else ())


def _texts(constant: object) -> list[str]:
    if isinstance(constant, (tuple, frozenset)):
        return [text for text in constant if type(text) is str]
    return [constant] if isinstance(constant, str) else []


def _instructions(code: CodeType) -> Iterator[dis.Instruction]:  # type: ignore[explicit-any]  # its arguments
    """Give the instructions, but for what stands under ``if __name__ == "__main__":``, and that condition itself."""
    waiting: list[dis.Instruction] = []  # type: ignore[explicit-any]  # see above
    resumes_at = -1
    for instruction in dis.get_instructions(code):
        if instruction.offset < resumes_at:
            continue
        waiting.append(instruction)
        if instruction.opname.startswith("POP_JUMP") and "IF_FALSE" in instruction.opname:
            last = [found.argval for found in waiting[-_CONDITION:]]
            if "__name__" in last and MAIN in last:
                resumes_at = int(instruction.argval)
                del waiting[-_CONDITION:]
    yield from waiting


_CONDITION = 5
"""At most so many instructions compare the name and jump."""

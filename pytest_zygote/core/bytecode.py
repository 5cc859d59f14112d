"""What bytecode says, in terms that all known versions of Python share.

Each version has instructions of its own: 3.14 loads small numbers, and 3.15 `None`, by others than ``LOAD_CONST``;
since 3.15 the argument of an import says, too, whether it is lazy. All that this package reads of bytecode it reads
here, as `dis` of the running interpreter shows it, and `why_unknown` tries this out on a specimen. Where that fails, or
the version is none of those that were looked at, nothing that is read here may be relied on: edits are reloaded, and
tests are selected by files.
"""

from __future__ import annotations

import dis
from enum import Enum, auto
from functools import cache
from importlib.util import MAGIC_NUMBER
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KNOWN = frozenset({3495, 3531, 3571, 3627, 3666})
"""Numbers of the bytecode of Python 3.11 to 3.15; from its release candidates on, a version keeps its number."""

OPTIMIZED = 0x01
"""Flag of code that has fast locals: functions have it, modules and class bodies have not."""

ANNOTATE = "__annotate__"
"""Name of code that makes annotations once somebody asks for them."""

HAS_LAZY_ANNOTATIONS = any(
    isinstance(constant, CodeType) and constant.co_name == ANNOTATE
    for constant in compile("def function(parameter: 1): pass", "", "exec", dont_inherit=True).co_consts
)
"""Whether annotations are such code, texts as well: from 3.14 on. Before, the scope around it evaluates them."""

MASKED = frozenset({"__firstlineno__", "__static_attributes__"})
"""What a class body stores, from 3.13 on, that does not affect what it does: its line, what its methods assign."""


class Kind(Enum):
    """What an instruction does."""

    CONSTANT = auto()  # loads it
    NAME = auto()  # loads what a name stands for that is not local
    ATTRIBUTE = auto()  # loads it
    WRITE = auto()  # binds or unbinds a name or an attribute
    IMPORT = auto()  # imports a module; two constants are loaded before: the level, and the names that are wanted
    MEMBER = auto()  # loads a name from an imported module
    BRANCH = auto()  # jumps if something is false; the value is the offset to jump to
    OTHER = auto()


class Step(NamedTuple):
    """An instruction; its value is what its argument stands for."""

    kind: Kind
    opname: str
    value: object
    offset: int


class Import(NamedTuple):
    """What an import statement asks for."""

    module: str
    level: int
    names: tuple[str, ...]


_KINDS = {
    **dict.fromkeys(
        ("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "RETURN_CONST", "KW_NAMES"),
        Kind.CONSTANT,
    ),
    **dict.fromkeys(
        (
            *("LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF"),
            *("LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FROM_DICT_OR_DEREF"),
        ),
        Kind.NAME,
    ),
    **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"), Kind.ATTRIBUTE),
    "IMPORT_NAME": Kind.IMPORT,
    "IMPORT_FROM": Kind.MEMBER,
}


def _kind(opname: str) -> Kind:
    if opname.startswith(("STORE_", "DELETE_")):
        return Kind.WRITE
    if opname.startswith("POP_JUMP") and "IF_FALSE" in opname:
        return Kind.BRANCH
    return _KINDS.get(opname, Kind.OTHER)


def steps(code: CodeType) -> list[Step]:
    """Return the instructions of a code."""
    return [
        Step(_kind(found.opname), found.opname, found.argval, found.offset)
        for found in dis.get_instructions(code)
        if found.opname != "EXTENDED_ARG"
    ]


def words_of(code: CodeType) -> set[str]:
    """Return all names and texts in a code, with those of the functions and classes in it."""
    words = {*code.co_names, *texts_of(code.co_consts)}
    return words.union(*(words_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)))


def texts_of(constants: Iterable[object]) -> list[str]:
    """Return the texts among constants, and those in tuples."""
    found: list[str] = []
    for constant in constants:
        items = constant if isinstance(constant, (tuple, frozenset)) else (constant,)
        found += [item for item in items if type(item) is str]
    return found


def is_class_body(code: CodeType) -> bool:
    """Return whether a code is a class body that stores what is `MASKED`."""
    return "__firstlineno__" in code.co_names and not code.co_flags & OPTIMIZED


def masked_steps(code: CodeType) -> list[tuple[str, object]]:
    """Return what a class body does, each instruction with its value, without what is `MASKED`.

    Its line is a constant, and may even share a place among the constants with another one.
    """
    found = [(step.opname, step.value) for step in steps(code)]
    for at, (opname, name) in enumerate(found):
        if opname == "STORE_NAME" and name in MASKED:
            found[at - 1] = ("LOAD_CONST", name)
    return found


def stored(code: CodeType) -> dict[str, object]:
    """Return the constants that a scope stores under names, such as `__doc__` (the last of each)."""
    found = steps(code)
    return {
        str(step.value): before.value
        for before, step in pairwise(found)
        if step.opname == "STORE_NAME" and before.kind is Kind.CONSTANT
    }


# Import statements. `dis` takes some milliseconds for a module, and these are read of all modules: so they are read
# from the bytes, two for each instruction.

_IMPORT = dis.opmap.get("IMPORT_NAME", -1)
_EXTENDED = dis.opmap.get("EXTENDED_ARG", -1)
_CONSTANT = dis.opmap.get("LOAD_CONST", -1)
_SMALL = dis.opmap.get("LOAD_SMALL_INT", -1)


def imports(code: CodeType) -> Iterator[Import]:
    """Give the import statements of a code, without those of the codes in it."""
    text = code.co_code
    if _IMPORT not in text[::2]:
        return
    shift = _import_shift()
    level = names = (-1, 0)
    extended = 0
    for operation, low in zip(text[::2], text[1::2], strict=True):
        argument = low | extended
        extended = argument << 8 if operation == _EXTENDED else 0
        if operation == _IMPORT:
            yield Import(code.co_names[argument >> shift], *_wanted(_loaded(code, *level), _loaded(code, *names)))
        elif operation != _EXTENDED:
            level, names = names, (operation, argument)


def imports_at(code: CodeType, offset: int) -> bool:
    """Return whether the instruction at this offset is that of an import statement."""
    return code.co_code[offset] == _IMPORT


def _loaded(code: CodeType, operation: int, argument: int) -> object:
    if operation == _SMALL:
        return argument
    return code.co_consts[argument] if operation == _CONSTANT else None


def _wanted(level: object, names: object) -> tuple[int, tuple[str, ...]]:
    return (level if isinstance(level, int) else 0, names if isinstance(names, tuple) else ())


@cache
def _import_shift() -> int:
    """Return how many bits of an import's argument stand below the number of its name: how lazy it is, from 3.15 on."""
    code = compile("import a, b", "", "exec", dont_inherit=True)
    second = max(step.arg or 0 for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME")
    return second.bit_length() - 1


# Whether all of this is as it is known


@cache
def why_unknown() -> str:
    """Return why nothing that is read here may be relied on; '' if it may."""
    number = int.from_bytes(MAGIC_NUMBER[:2], "little")
    if number not in KNOWN:
        return f"bytecode of number {number} is not known"
    for name, check in _CHECKS.items():
        try:
            is_right = check()
        except Exception:  # noqa: BLE001 - what is not known may do anything
            is_right = False
        if not is_right:
            return f"bytecode is not as it is known: {name}"
    return ""


_SPECIMEN = """\
import first.part as renamed, second
from .third import member, other as another
def function():
    from ... import fourth
    return second.attribute
class Body:
    size = 1
    large = 1000
    nothing = None
    text = "some text"
    def method(self):
        self.assigned = 1
if __name__ == "__main__":
    function()
"""


def _specimen(text: str = _SPECIMEN) -> dict[str, CodeType]:
    module = compile(text, "", "exec", dont_inherit=True)
    return {code.co_name: code for code in (module, *module.co_consts) if isinstance(code, CodeType)}


def _are_imports_known() -> bool:
    many = "\n".join(f"x{number} = {number}.5" for number in range(300))
    found = list(imports(_specimen(f"{many}\n{_SPECIMEN}")["<module>"]))
    found += imports(_specimen()["function"])
    return found == [
        Import("first.part", 0, ()),
        Import("second", 0, ()),
        Import("third", 1, ("member", "other")),
        Import("", 3, ("fourth",)),
    ]


def _are_class_bodies_known() -> bool:
    body, moved = _specimen()["Body"], _specimen("\n" * 300 + _SPECIMEN)["Body"]
    other = _specimen(_SPECIMEN.replace("size = 1", "size = 2"))["Body"]
    names = stored(moved)
    expected = {"__qualname__": "Body", "size": 1, "large": 1000, "nothing": None, "text": "some text"}
    if any(name not in names or names[name] != value for name, value in expected.items()):
        return False
    if is_class_body(moved) and names["__firstlineno__"] != moved.co_firstlineno:
        return False
    return not is_class_body(moved) or _comparable(other) != _comparable(body) == _comparable(moved)


def _comparable(code: CodeType) -> list[tuple[str, object]]:
    return [(opname, None if isinstance(value, CodeType) else value) for opname, value in masked_steps(code)]


def _are_names_known() -> bool:
    found = [(step.kind, step.value) for step in steps(_specimen()["function"]) if step.kind is not Kind.OTHER]
    at = found.index((Kind.NAME, "second"))
    return found[at + 1] == (Kind.ATTRIBUTE, "attribute") and (Kind.MEMBER, "fourth") in found


def _are_branches_known() -> bool:
    found = steps(_specimen()["<module>"])
    branches = [step for step in found if step.kind is Kind.BRANCH]
    guarded = [step for step in found if step.kind is Kind.NAME and step.value == "function"]
    return len(branches) == len(guarded) == 1 and branches[0].offset < guarded[0].offset < int(str(branches[0].value))


_CHECKS = {
    "import statements": _are_imports_known,
    "class bodies": _are_class_bodies_known,
    "names": _are_names_known,
    "branches": _are_branches_known,
}

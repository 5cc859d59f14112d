"""Decides about statements that an edit added: which may be executed now instead of at import.

An added function or import changes what a name means. That is safe only if no code asked for the
name before: neither the module while it was executed, nor others (``hasattr(m, "g")``,
``from m import *``, a loop over ``vars(m)``). Whether others did is found in their text (`introspection`).
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.annotations import code_of_annotations, has_annotations
from pytest_zygote.core.patching.bindings import FUNCTIONS, bound_names
from pytest_zygote.core.patching.introspection import DYNAMIC, FINDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import CodeType

    from pytest_zygote.core.patching.annotations import Function
    from pytest_zygote.core.patching.bindings import Import
    from pytest_zygote.core.patching.definitions import Addition, Alignment
    from pytest_zygote.core.reasons import Reason

BUILTINS = frozenset(dir(builtins))
FUTURE_ANNOTATIONS = 0x1000000
QUIET = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.Load)
"""Parts of annotations whose evaluation leaves nothing behind."""


@dataclass(frozen=True)
class ClassFacts:
    """A live class.

    Attributes:
        is_plain: no code was called when it was made: its type is `type`, no base has `__init_subclass__`.
        is_ours: all bases are the project's, or builtins.
        attributes: names that it or a base has.
    """

    is_plain: bool
    is_ours: bool
    has_subclasses: bool
    attributes: frozenset[str]


@dataclass(frozen=True)
class Module:
    """What is known about a live module.

    Attributes:
        label: its file for users, such as 'app/models.py'.
        last_name: the last part of its name.
        ran: (name, first line) of all code in it that ran while the project was imported.
        bound: names in its namespace.
        never_patched: reasons why it must not be patched at all.
        classes: returns the facts of the class with a qualified name; None if there is none.
        is_mentioned: returns whether other modules may have asked an owner (a module's last name, or
            a class) for a name.
        are_docs_read: returns whether other code may have read the docstring of something with one of these names.
        is_dataclass: returns whether a name, perhaps dotted, stands for the standard library's `dataclass` in it.
        is_importable: returns whether importing the module (and taking the name from it) would execute nothing.
    """

    label: str
    last_name: str
    ran: frozenset[tuple[str, int]]
    bound: frozenset[str]
    never_patched: tuple[Reason, ...]
    classes: Callable[[str], ClassFacts | None]
    is_mentioned: Callable[[str, str], bool]
    are_docs_read: Callable[[frozenset[str]], bool]
    is_dataclass: Callable[[str], bool]
    is_importable: Callable[[str, str], bool]


@dataclass(frozen=True)
class Added:
    """A statement to execute in the live module.

    Attributes:
        scope: names of the classes around it.
        node: the statement alone.
        code: the code of an added function in the compilation of the whole file; None for an import.
        annotate: the code there that makes its annotations, from Python 3.14 on, if it has some.
        above: names that statements above it in its scope may bind.
        below: names that only statements below it may bind.
    """

    scope: tuple[str, ...]
    name: str
    node: Function | Import
    code: CodeType | None
    annotate: CodeType | None
    above: frozenset[str]
    below: frozenset[str]

    @property
    def title(self) -> str:
        """Its name for users."""
        return ".".join((*self.scope, self.name))


Answer: TypeAlias = "tuple[Added | None, str]"


def check_addition(
    addition: Addition, alignment: Alignment, whole: CodeType, module: Module, asked: set[str]
) -> Answer:
    """Return what to execute for an addition, or None and why it cannot be done.

    Args:
        addition: the statement.
        alignment: where it comes from.
        whole: the new module's code.
        module: the live module.
        asked: names and texts in what was executed of the old module.
    """
    node = addition.node
    code, annotate = _codes_of(whole, addition) if isinstance(node, FUNCTIONS) else (None, None)
    why_not = _why_not_name(addition, module, asked)
    if isinstance(node, FUNCTIONS):
        why_not = why_not or _why_not_function(node, code, alignment.names, module)
        why_not = why_not or _why_not_in_class(addition, annotate, module, asked)
    else:
        why_not = why_not or _why_not_import(addition, node, module)
    if why_not:
        return None, why_not
    above, below = _bound_by(addition.siblings[: addition.at]), _bound_by(addition.siblings[addition.at + 1 :])
    return Added(addition.scope, addition.name, node, code, annotate, above, below - above), ""


def _bound_by(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that any of these statements may bind in its scope."""
    return frozenset(name for statement in statements for name in bound_names(statement))


def place(names: Sequence[str], added: Added) -> int | None:
    """Return where a fresh import would have put the name of an addition: namespaces are ordered.

    Args:
        names: those that the namespace has, in order.
        added: the addition.
    """
    first = max((at + 1 for at, name in enumerate(names) if name in added.above or _is_implicit(name)), default=0)
    last = min((at for at, name in enumerate(names) if name in added.below), default=len(names))
    return first if first == last else None


def _is_implicit(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _why_not_name(addition: Addition, module: Module, asked: set[str]) -> str:
    name = addition.name
    title = ".".join((*addition.scope, name))
    owner = addition.scope[-1] if addition.scope else module.last_name
    if name.startswith("__"):
        return f"{title} is new, a name that Python itself looks for"
    if name in asked or (not addition.scope and name in module.bound | BUILTINS):
        return f"{title} is new, but the module knew the name when it was imported"
    if _looks_names_up(module, asked):
        return f"{title} is new, and the module looks names up by itself"
    if module.is_mentioned(owner, name):
        return f"{title} is new, and other modules may have looked for it"
    return ""


def _looks_names_up(module: Module, asked: set[str]) -> bool:
    """Return whether a module may ask itself for any name."""
    finds_itself = asked & FINDERS and asked & DYNAMIC
    return bool("__getattr__" in module.bound or asked & {"globals", "locals", "vars", "dir"} or finds_itself)


def _why_not_import(addition: Addition, node: Import, module: Module) -> str:
    alias = node.names[0]
    name = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
    attribute = alias.name if isinstance(node, ast.ImportFrom) else ""
    if addition.scope or attribute == "*" or name == "__future__":
        return f"line {node.lineno} imports {name} in a way that changes more than one name"
    if (isinstance(node, ast.ImportFrom) and node.level) or not module.is_importable(name, attribute):
        return f"it imports {'.' * getattr(node, 'level', 0)}{name} anew"
    return ""


def _why_not_function(node: Function, code: CodeType | None, names: dict[str, int], module: Module) -> str:
    """Return what executing the ``def`` statement could do besides making a function; '' if nothing."""
    if code is None or code.co_freevars:
        return f"{node.name}() is new, and uses super or variables around it"
    if node.decorator_list or getattr(node, "type_params", []):
        return f"{node.name}() is new, and decorated or generic"
    if not all(map(_is_constant, _defaults(node))):
        return f"{node.name}() is new, and has defaults that are computed"
    if any(argument.arg.startswith("__") for argument in _arguments(node)):
        return f"{node.name}() is new, and has private parameters"
    if not code.co_flags & FUTURE_ANNOTATIONS and not _are_annotations_quiet(node, names, module):
        return f"{node.name}() is new, and has annotations that are computed"
    return ""


def _defaults(node: Function) -> list[ast.expr]:
    """Return the defaults of all parameters that have one."""
    return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]


def _arguments(node: Function) -> Iterator[ast.arg]:
    arguments = node.args
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple):
        return all(_is_constant(item) for item in node.elts)
    return isinstance(node, ast.Constant)


def _are_annotations_quiet(node: Function, names: dict[str, int], module: Module) -> bool:
    """Return whether the annotations mean now what they would have meant at import.

    Each name must be a builtin, or have been bound once, above, in the module.
    """
    annotations = [argument.annotation for argument in _arguments(node)] + [node.returns]
    for part in (part for annotation in annotations if annotation for part in ast.walk(annotation)):
        if not isinstance(part, QUIET):
            return False
        if isinstance(part, ast.Name):
            line = names.get(part.id)
            is_known = part.id in BUILTINS - module.bound if line is None else 0 < line < node.lineno
            if not is_known:
                return False
    return True


def _why_not_in_class(addition: Addition, annotate: CodeType | None, module: Module, asked: set[str]) -> str:
    """Return what the class around a function would have made of it; '' if nothing, or if there is no class."""
    if annotate is not None and annotate.co_freevars:
        return f"{addition.name}() is new, and has annotations that are looked up in its class"
    return _why_not_method(addition, module, asked) if addition.scope else ""


def _why_not_method(addition: Addition, module: Module, asked: set[str]) -> str:
    title = ".".join((*addition.scope, addition.name))
    facts = module.classes(".".join(addition.scope))
    class_name = addition.scope[-1]
    if facts is None or not facts.is_plain:
        return f"{title} is new, and its class is made in a way of its own"
    if facts.has_subclasses or not facts.is_ours:
        return f"{title} is new, and its class has subclasses or a base of others"
    if not all(module.is_dataclass(ast.unparse(_called(decorator))) for decorator in addition.decorators):
        return f"{title} is new, and a decorator of its class may have looked at all methods"
    if addition.name in facts.attributes:
        return f"{title} is new, and hides an attribute"
    if class_name in asked:
        return f"{title} is new, and its class was used while the module was imported"
    return ""


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _codes_of(whole: CodeType, addition: Addition) -> tuple[CodeType | None, CodeType | None]:
    """Return the code of an added function, if no other has its name, and that of its annotations."""
    path = tuple((name, 0) for name in (*addition.scope, addition.name))
    namesakes = (*path[:-1], (addition.name, 1))
    found = dict(code_compare.walk(whole))
    if namesakes in found or path not in found:
        return None, None
    names = (*addition.scope, addition.name)
    return found[path], code_of_annotations(whole, names) if has_annotations(addition.node) else None

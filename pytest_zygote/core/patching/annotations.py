"""Changed annotations of a function, where an import does not evaluate them.

With ``from __future__ import annotations`` an import only stores the texts. So new texts can be stored later, in
functions whose annotations no code has looked at: `adapters.patching` can prove that.

From 3.14 on annotations are code of their own, texts as well, which may be replaced like any other if it never ran.
There, an import only shows whether a function has annotations at all: those that come or go are set here.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from pytest_zygote.core.bytecode import ANNOTATE, HAS_LAZY_ANNOTATIONS
from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.bindings import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, FunctionType

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"

TEXTS = 0x1000000
"""Flag of code that was compiled with ``from __future__ import annotations``."""


@dataclass(frozen=True)
class Annotated:
    """A function that has other annotations.

    Attributes:
        title: its name for users.
        place: name and first line of its old code.
        old: its annotations before; `new` are those of now.
        is_decorated: whether the function that its name stands for may be another one.
        code: makes those of now, where annotations are code.
    """

    title: str
    place: tuple[str, int]
    old: dict[str, str]
    new: dict[str, str]
    is_decorated: bool
    code: CodeType | None = None


def are_texts(tree: ast.Module) -> bool:
    """Return whether the annotations of a module are texts, and no code."""
    return not HAS_LAZY_ANNOTATIONS and any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


def strip(old: Function, new: Function, path: tuple[str, ...]) -> Annotated | None:
    """Remove the annotations of a function from both trees, and return how they differ; None if they do not.

    Equal ones are removed, too: on other lines than before, they make the compiler leave other gaps.

    Args:
        old: the function before.
        new: the function now.
        path: names of the classes around it.
    """
    names = [[parameter.arg for parameter in _parameters(node)] for node in (old, new)]
    if getattr(old, "type_params", None) or names[0] != names[1]:
        return None
    is_same = all(map(_is_same, _written(old), _written(new)))
    before, after = ({}, {}) if is_same else (_texts(old, path), _texts(new, path))
    for parameter in (*_parameters(old), *_parameters(new)):
        parameter.annotation = None
    old.returns = new.returns = None
    if before == after:
        return None
    line = min([old.lineno, *(decorator.lineno for decorator in old.decorator_list)])
    return Annotated(".".join((*path, new.name)), (old.name, line), before, after, bool(old.decorator_list))


def come_or_go(old: Function, new: Function) -> bool:
    """Return whether a function has its first annotations, or its last are gone, where annotations are code."""
    return HAS_LAZY_ANNOTATIONS and has_annotations(old) != has_annotations(new)


def code_of_annotations(whole: CodeType, names: Sequence[str]) -> CodeType | None:
    """Return the code that makes the annotations of a function: it stands just before that of the function.

    Args:
        whole: the module's.
        names: of the classes around the function, and its own.
    """
    path = tuple((name, 0) for name in names)
    found = dict(code_compare.walk(whole))
    before = [inner for inner in found if len(inner) == len(path) and inner[:-1] == path[:-1]]
    if path not in found or before[0] == path:
        return None
    above = found[before[before.index(path) - 1]]
    return above if above.co_name == ANNOTATE else None


def without_lazy(old: Function, new: Function) -> tuple[Function, Function]:
    """Return two functions without the annotations that are code of their own in both of them."""
    if not HAS_LAZY_ANNOTATIONS or not (has_annotations(old) and has_annotations(new)):
        return old, new
    return _unannotated(old), _unannotated(new)


def has_annotations(node: ast.stmt) -> bool:
    """Return whether a statement is a function with annotations."""
    return isinstance(node, FUNCTIONS) and any(written is not None for written in _written(node))


def _unannotated(node: Function) -> Function:
    bare = copy.copy(node)
    bare.args = copy.deepcopy(node.args)
    for parameter in _parameters(bare):
        parameter.annotation = None
    bare.returns = None
    return bare


def _parameters(node: Function) -> Iterator[ast.arg]:
    given = node.args
    for parameter in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg):
        if parameter is not None:
            yield parameter


def _written(node: Function) -> list[ast.expr | None]:
    return [*(parameter.annotation for parameter in _parameters(node)), node.returns]


def _is_same(one: ast.expr | None, other: ast.expr | None) -> bool:
    return one is other or (one is not None and other is not None and ast.dump(one) == ast.dump(other))


def _texts(node: Function, path: tuple[str, ...]) -> dict[str, str]:
    """Return the texts that the interpreter stores for a function's annotations; `ast.unparse` differs for some.

    Names of parameters depend on the class around: they may be private.
    """
    bare = copy.copy(node)
    bare.args = copy.copy(node.args)
    bare.args.defaults, bare.args.kw_defaults = [], [None] * len(node.args.kwonlyargs)
    bare.name, bare.body, bare.decorator_list = "f", [_at(ast.Pass(), node)], []
    owner = cast("ast.ClassDef", ast.parse(f"class {path[-1] if path else 'C'}: pass").body[0])
    owner.body = [bare]
    namespace: dict[str, object] = {"__name__": ""}
    tree: list[ast.stmt] = [owner] if path else [bare]
    exec(compile(ast.Module(tree, []), "", "exec", TEXTS, dont_inherit=True), namespace)  # noqa: S102 - makes a function, and evaluates nothing
    found = vars(namespace[owner.name])["f"] if path else namespace["f"]
    return cast("dict[str, str]", cast("FunctionType", found).__annotations__)


def _at(statement: ast.stmt, node: ast.stmt) -> ast.stmt:
    return ast.copy_location(statement, node)

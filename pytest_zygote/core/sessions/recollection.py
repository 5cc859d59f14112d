"""Whether one test module's text can be replaced in a session that was collected.

After one file was saved, a session that has collected 10,000 tests is still exact for the other 9,990, and a
run may collect that file again by itself. The result is that of a fresh collection if the old text has left
nothing behind but its own module, and the new text would have found then what it finds now. So both must be
*plain*: their import only imports, defines functions and classes, and binds literal values. And both must
import the same, in the same order, since an import may do anything. Whether another file uses the module is
checked elsewhere (`words`).
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pytest_zygote.core.protocol.errors import ZygoteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORD = re.compile(rb"\w+")

_VALUES = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.keyword,
    ast.Load,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)
"""Expressions that only make values, if those inside do."""

_TYPES = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.Load)
"""Expressions that may be annotations: they look up names, and what that does must be the same before and after."""

_FACTS = frozenset({"sys.platform", "sys.version_info", "os.name"})
_MAKERS = frozenset({"pytest.param", "pytest.fixture"})
_MARKS = "pytest.mark."
_METHODS = frozenset({"staticmethod", "classmethod"})


class NotPlainError(ZygoteError):
    """Something in a text may do more than define."""


def difference(old: bytes, new: bytes) -> str:
    """Return why the new text of a module cannot take the place of the old one; '' if it can."""
    try:
        before, after = _Outline(old), _Outline(new)
    except (NotPlainError, SyntaxError, ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return "" if before.effects == after.effects else "it imports something else"


def words(text: bytes) -> frozenset[bytes]:
    """Return all words of a text: code that uses a module must have a word for it."""
    return frozenset(_WORD.findall(text))


class _Outline:
    """What importing a plain text does, apart from defining.

    Attributes:
        effects: its imports in their order, and what its annotations look up.
    """

    def __init__(self, text: bytes) -> None:
        tree = ast.parse(text)
        self._named: set[str] = set()
        self._imported: dict[str, str] = {}
        self._imports: list[str] = []
        self._lookups: set[str] = set()
        self._pair_all(tree.body)
        is_lazy = self._imported.get("annotations") == "__future__.annotations"
        self.effects = (tuple(self._imports), frozenset() if is_lazy else frozenset(self._lookups))

    def _pair_all(self, statements: Iterable[ast.stmt], *, is_class: bool = False) -> None:
        for statement in statements:
            self._read(statement, is_class=is_class)

    def _read(self, statement: ast.stmt, *, is_class: bool) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom() if not is_class:
                self._import(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(statement, is_class=is_class)
            case ast.ClassDef(bases=[], keywords=[]):
                self._decorators(statement.decorator_list)
                self._define(statement)
                outside = set(self._named)
                self._pair_all(statement.body, is_class=True)
                self._named = outside
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(statement, name, value)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                self._annotations([annotation])
                self._assign(statement, name, value)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]) if self._knows("typing.TYPE_CHECKING"):
                pass
            case _:
                raise _not_plain(statement)

    def _knows(self, name: str) -> bool:
        return self._imported.get(name.rpartition(".")[2]) == name

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        origin = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            bound = alias.asname or (alias.name if origin else alias.name.partition(".")[0])
            if bound == "*" or bound in self._named or self._is_hook(bound):
                raise _not_plain(statement)
            self._imported[bound] = f"{origin}{alias.name if alias.asname or origin else bound}"
        self._imports.append(ast.dump(statement))

    @staticmethod
    def _is_hook(name: str) -> bool:
        """Return whether pytest or the interpreter looks for this name at once, and may call what it finds."""
        return name.startswith(("pytest_", "__")) or name in {"collect_ignore", "collect_ignore_glob"}

    def _define(self, statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        name = statement.name
        is_generic = bool(getattr(statement, "type_params", ()))
        if self._is_hook(name) or name in self._imported or is_generic:
            raise _not_plain(statement)
        self._named.discard(name)

    def _function(self, function: ast.FunctionDef | ast.AsyncFunctionDef, *, is_class: bool) -> None:
        self._decorators(function.decorator_list, allowed=_METHODS if is_class else frozenset())
        self._define(function)
        arguments = function.args
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self._value(default)
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [argument.annotation for argument in named if argument is not None]
        self._annotations(filter(None, [*annotations, function.returns]))

    def _decorators(self, decorators: Iterable[ast.expr], allowed: frozenset[str] = frozenset()) -> None:
        for decorator in decorators:
            if not (isinstance(decorator, ast.Name) and decorator.id in allowed - self._imported.keys() - self._named):
                self._value(decorator)

    def _assign(self, statement: ast.stmt, name: str, value: ast.expr | None) -> None:
        if name in self._imported or (self._is_hook(name) and name != "__all__"):
            raise _not_plain(statement)
        if value is not None:
            self._value(value)
            self._named.add(name)

    def _annotations(self, annotations: Iterable[ast.expr]) -> None:
        for annotation in annotations:
            for node in ast.walk(annotation):
                if not isinstance(node, _TYPES):
                    raise _not_plain(annotation)
                if isinstance(node, (ast.Attribute, ast.Subscript, ast.BinOp)):
                    self._lookups.add(ast.dump(node))

    def _value(self, expression: ast.expr) -> None:
        """Check that an expression is made of literals, or is one of pytest's marks or fixtures."""
        for node in self._parts(expression):
            if not isinstance(node, _VALUES) and not (isinstance(node, ast.Name) and node.id in self._named):
                raise _not_plain(expression)

    def _parts(self, expression: ast.AST) -> Iterator[ast.AST]:
        """Give the parts of an expression; a known dotted name has none."""
        if isinstance(expression, ast.Call) and self._is_maker(_dotted(expression.func)):
            for part in (*expression.args, *expression.keywords):
                yield from self._parts(part)
            return
        name = _dotted(expression)
        if name in _FACTS or self._is_maker(name):
            if not self._knows(name.partition(".")[0]):
                yield expression
            return
        yield expression
        for part in ast.iter_child_nodes(expression):
            yield from self._parts(part)

    def _is_maker(self, name: str) -> bool:
        is_known = name in _MAKERS or (name.startswith(_MARKS) and name.count(".") == _MARKS.count("."))
        return is_known and self._knows("pytest")


def _dotted(expression: ast.AST) -> str:
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute):
        return f"{_dotted(expression.value)}.{expression.attr}"
    return "?"


def _not_plain(node: ast.stmt | ast.expr) -> NotPlainError:
    return NotPlainError(f"line {node.lineno} may do more than define")

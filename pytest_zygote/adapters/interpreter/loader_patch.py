"""Has the loaders of importlib and of pytest ask for each module's code what is to be executed in its place.

Whoever wraps a loader, or puts a function in the place of `exec`, is on the stack while a module is executed, and
in each traceback through an import. So the two functions that execute modules get other code: their own text,
with a call around the code that they execute, at the same lines and columns. The call returns before the module
begins. The text is that of Python 3.10 and 3.11, and of the pytest that is installed: if nothing like
``exec(code, …)`` is in it, or more than one, nothing is changed.
"""

from __future__ import annotations

import ast
import importlib._bootstrap_external as importlib_loaders
import inspect
import linecache
from types import FunctionType
from typing import TYPE_CHECKING

from _pytest.assertion import rewrite

from pytest_zygote.core.patching.code_compare import walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType

ASK = "pytest_zygote_asks"
"""A global of both modules as long as somebody watches."""


class Executed:
    """Code of modules that is about to be executed."""

    def __init__(self, replace: Callable[[CodeType, ModuleType], CodeType]) -> None:
        """Change nothing yet; `replace` takes a module and its code, and returns what is executed in it."""
        self._replace = replace
        self._own: list[tuple[FunctionType, CodeType]] = []

    def start(self) -> None:
        """Be asked from now on.

        Raises:
            LookupError: a loader's text is not there, or is another one than is known.
        """
        methods: tuple[tuple[object, str], ...] = (
            (importlib_loaders.SourceLoader.exec_module, importlib_loaders.__file__),
            (rewrite.AssertionRewritingHook.exec_module, rewrite.__file__),
        )
        asking = [(method, _asking(method, path)) for method, path in methods if isinstance(method, FunctionType)]
        for function, code in asking:
            self._own.append((function, function.__code__))
            function.__globals__[ASK] = self._replace
            function.__code__ = code

    def stop(self) -> None:
        """Be asked no more."""
        for function, code in self._own:
            function.__code__ = code
            function.__globals__.pop(ASK, None)
        self._own.clear()


def _asking(function: FunctionType, path: str) -> CodeType:
    """Return the code of a method whose ``exec(code, …)`` has become ``exec(ASK(code, module), …)``."""
    first = function.__code__.co_firstlineno
    owner, name = function.__qualname__.split(".")
    block = inspect.getblock(linecache.getlines(path)[first - 1 :])
    asking = _Asking()
    try:
        tree: ast.AST = ast.parse(f"class {owner}:\n{''.join(block)}")
    except SyntaxError:
        tree = ast.Module([], [])
    asked = ast.increment_lineno(ast.fix_missing_locations(asking.visit(tree)), first - 2)
    if asking.count != 1:
        message = f"{path} does not execute modules as it is known to"
        raise LookupError(message)
    compiled = compile(asked, function.__code__.co_filename, "exec", dont_inherit=True)
    return next(code for _, code in walk(compiled) if code.co_name == name)


class _Asking(ast.NodeTransformer):
    """Puts the call in.

    Attributes:
        count: into how many places.
    """

    def __init__(self) -> None:
        """Find none yet."""
        self.count = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Change ``exec(code, …)`` and ``somebody(exec, code, …)``."""
        places = [place + 1 for place, called in enumerate((node.func, *node.args)) if _is_exec(called)]
        for place in places:
            code = node.args[place - 1]
            call = ast.Call(ast.Name(ASK, ast.Load()), [code, ast.Name("module", ast.Load())], [])
            node.args[place - 1] = ast.copy_location(call, code)
            self.count += 1
        return self.generic_visit(node)


def _is_exec(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "exec"

"""Compiles a module as its import would."""

from __future__ import annotations

import ast
import linecache
import typing
import warnings
from typing import TYPE_CHECKING

from pytest_zygote.adapters.pytest.private.assertion import AssertionRewritingHook, rewrite_asserts
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

    from pytest_zygote.core.patching.patch_plan import Compiler


def make_compiler(module: ModuleType, path: str, texts: tuple[bytes, bytes]) -> Compiler:
    """Return a function that compiles as an import of this module does, and fails where that would warn."""
    loader = module.__loader__
    done: dict[bytes, CodeType] = {}

    def compile_one(text: bytes | ast.Module) -> CodeType:
        if isinstance(text, bytes) and text in done:
            return done[text]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if isinstance(loader, AssertionRewritingHook):
                tree = ast.parse(text, filename=path) if isinstance(text, bytes) else text
                rewrite_asserts(tree, text if isinstance(text, bytes) else texts[1], path, loader.config)
                code: CodeType = compile(tree, path, "exec", dont_inherit=True)
            else:
                code = compile(text, path, "exec", dont_inherit=True)
        if isinstance(text, bytes):
            done[text] = code
        return code

    return compile_one


def never_patched(path: str) -> Iterator[Reason]:
    """Give reasons why the module of a file must not be patched at all."""
    if path in linecache.cache:
        yield Reason("file-examined", "its text was read while it was imported")
    if typing.TYPE_CHECKING:
        yield Reason("import-differs", "typing.TYPE_CHECKING is true")

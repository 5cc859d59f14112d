"""Matches the plan with the live functions: which code replaces which, and whether it can."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.patching.classes import find_class
from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.errors import NotPatchable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, FunctionType, ModuleType

    from pytest_zygote.adapters.patching.referrers import Referrers
    from pytest_zygote.core.patching.patch_plan import Docs, PatchPlan


def match(plan: PatchPlan, live: Sequence[Referrers]) -> list[tuple[Referrers, CodeType]]:
    """Return for each live code the one that takes its place.

    Raises:
        NotPatchable: a live code is not that of the old text, or cannot be told from others.
    """
    pairs: dict[tuple[str, int], list[tuple[CodeType, CodeType]]] = {}
    for pair in (*plan.moved, *plan.changed):
        pairs.setdefault((pair.old.co_name, pair.old.co_firstlineno), []).append((pair.old, pair.new))
    swaps = []
    for holders in live:
        code = holders.code
        swaps.append((holders, _successor(code, pairs.get((code.co_name, code.co_firstlineno), ()))))
        if holders.excess:
            raise NotPatchable(
                "function-ambiguous", f"something besides the function keeps the code of {code.co_name}()"
            )
    replaced = {id(new) for _, new in swaps}
    for pair in plan.changed:
        if id(pair.new) not in replaced:
            raise NotPatchable("function-ambiguous", f"{pair.title} is not to be found among the live functions")
        _check_function_docs([holders for holders, new in swaps if new is pair.new], pair.new)
    return swaps


def _successor(code: CodeType, pairs: Sequence[tuple[CodeType, CodeType]]) -> CodeType:
    """Return what takes the place of a live code.

    Args:
        code: of a live function.
        pairs: old and new codes with its name and line.
    """
    news = [new for old, new in pairs if code_compare.identical(old, code)]
    if not news or any(not code_compare.identical(news[0], other) for other in news):
        raise NotPatchable(
            "function-ambiguous", f"the live {code.co_name}() is not the one in the old text, or there are several"
        )
    return news[0]


def _check_function_docs(found: list[Referrers], new: CodeType) -> None:
    """Make sure that nobody has copied a docstring that changes, as `functools.wraps` does."""
    for holders in found:
        old = code_compare.doc(holders.code)
        if old is None or old == code_compare.doc(new):
            continue
        held_by_one = _doc_references(_documented().__code__)
        if any(function.__doc__ is not old for function in holders.functions) or _doc_references(
            holders.code
        ) > held_by_one + len(holders.functions):
            raise NotPatchable("docstring-examined", f"the docstring of {new.co_name}() may have been copied")


def _documented() -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    exec("def f():\n    'a docstring that nobody else has'\n", namespace)  # noqa: S102 - a fresh function
    return namespace["f"]


def _doc_references(code: CodeType) -> int:
    return sys.getrefcount(code_compare.doc(code))


def check_doc_holders(module: ModuleType, title: str, old: str | None) -> None:
    """Make sure that a module or class still has the docstring that changes."""
    target = find_class(module, title) if title else module
    if target is None or target.__doc__ != old:
        raise NotPatchable(
            "docstring-examined", f"the docstring of {title or 'the module'} is not the one in the old text"
        )


def set_docs(holders: Referrers, new: CodeType) -> None:
    """Give functions the docstring of their new code."""
    if code_compare.doc(holders.code) != (now := code_compare.doc(new)):
        for function in holders.functions:
            function.__doc__ = now


def set_scope_docs(module: ModuleType, changed: Iterable[Docs]) -> None:
    """Give a module, and its classes, their new docstrings."""
    for docs in changed:
        (find_class(module, docs.title) if docs.title else module).__doc__ = docs.new


def translated(plan: PatchPlan, ran: frozenset[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Return what ran while the module was imported, at the lines of the new text."""
    return frozenset(
        (pair.new.co_name, pair.new.co_firstlineno)
        for pair in (*plan.moved, *plan.changed, *plan.scopes)
        if (pair.old.co_name, pair.old.co_firstlineno) in ran
    )

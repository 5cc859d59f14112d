"""Decides what an edit of a loaded module costs: keep, patch, or reload with a reason.

Theory of operation. A patch is right if the process is then what a fresh import of the new text
would have made. No test ever ran in a zygote, so all state is the state of imports, and so:

* what an import executes (the *scopes*, see `code_compare`) must do the same as before: otherwise it has
  left values, registrations and defaults behind that cannot be found again → reload;
* the body of a definition may change if it never ran: then it has had no effect;
* all else has only moved: new line tables, same behaviour.

Additions are one exception: an import of a loaded third-party module, and a function that no code
can have asked for, are executed late (`additions`). Docstrings are the other one: they are values
that any code may have copied, so they change only where none had a reason to.

Things that do not work: comparing syntax trees (two trees can differ where the code does not, and
a file of 300 functions takes 400 ms); asking what a function's name is bound to now
(decorators keep functions in places of their own); patching a function that ran "but only harmlessly".

The selection of tests has a second verdict on an edit, by fingerprints of definitions (`core.affected`): it asks which
tests may see a change, and this asks what the process must do. Both could read one `patch_plan`, which is the seam.

What this cannot see, and `zygote_always_reload` is for: code that looks at functions during import
without running them and without keeping source, code object or docstring; a subprocess that ran them.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.bytecode import ANNOTATE, HAS_LAZY_ANNOTATIONS
from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.additions import Added, check_addition
from pytest_zygote.core.patching.bindings import FUNCTIONS
from pytest_zygote.core.patching.definitions import align
from pytest_zygote.core.patching.errors import NotPatchable
from pytest_zygote.core.patching.introspection import kinds_in, line_words, words
from pytest_zygote.core.patching.patch_plan import Pair, PatchPlan, compare, compare_aligned, compiled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType

    from pytest_zygote.core.patching.additions import Module
    from pytest_zygote.core.patching.definitions import Alignment
    from pytest_zygote.core.patching.patch_plan import Compiler
    from pytest_zygote.core.reasons import Reason


PIN = re.compile(rb"#\s*zygote:\s*reload\b")
MAX_FILES = 40
"""If more files changed at once, all are imported: that is not slower than comparing them."""

PIN_LINES = 10
"""How many of a file's first lines may hold the mark."""


@dataclass(frozen=True)
class Keep:
    """Nothing that matters changed; what moved must still move in the process."""

    plan: PatchPlan


@dataclass(frozen=True)
class Patch:
    """These definitions get new code, or are new."""

    names: tuple[str, ...]
    plan: PatchPlan


@dataclass(frozen=True)
class Reload:
    """Only a fresh import is right, for this reason."""

    reason: Reason


Verdict: TypeAlias = "Keep | Patch | Reload"


def decide(old: bytes, new: bytes, module: Module, compiler: Compiler) -> Verdict:
    """Return the verdict on an edit.

    Args:
        old: the text that the live module was made of.
        new: the text of its file now.
        module: what is known about the live module.
        compiler: compiles a text or tree as an import of this module would. Raises SyntaxError for warnings,
            too: a fresh import would warn.
    """
    try:
        return _decide(old, new, module, compiler)
    except NotPatchable as found:
        return Reload(found.reason_for(module.label))


def _decide(old: bytes, new: bytes, module: Module, compiler: Compiler) -> Verdict:
    if is_pinned(old) or is_pinned(new):
        raise NotPatchable("reload-asked", "the file asks for it (# zygote: reload)")
    for reason in module.never_patched:
        raise NotPatchable(reason.code, reason.text)
    whole_old, whole_new = compiled(compiler, old, "the old text"), compiled(compiler, new, "the file")
    if "lines" in kinds_in(old) and words(executed_or_ran(whole_old, module.ran)).named & line_words(old):
        raise NotPatchable("lines-examined", "it looks at lines or bytecode while it is imported")
    plan, unequal = compare(whole_old, whole_new)
    if unequal:
        alignment = align(old, new)
        plan = compare_aligned(alignment, compiler, (whole_old, whole_new))
        asked = _asked_for(whole_old, module)
        plan.added = [
            _check_addition(addition, alignment, whole_new, module, asked) for addition in alignment.additions
        ]
    for pair in plan.changed:
        _check_change(pair, module)
    _check_first_annotations(plan, module, whole_old)
    _check_docs(plan, new, module, whole_old)
    names = _titles(plan)
    return Patch(names, plan) if names else Keep(plan)


def _titles(plan: PatchPlan) -> tuple[str, ...]:
    """Return what a plan changes, as users name it."""
    return (
        *dict.fromkeys([pair.title for pair in plan.changed] + [added.title for added in plan.added]),
        *(f"{docs.title or 'module'}.__doc__" for docs in plan.docs),
        *(f"{change.title}.__annotations__" for change in plan.annotated),
    )


def _has_run(code: CodeType, ran: frozenset[tuple[str, int]]) -> bool:
    return (code.co_name, code.co_firstlineno) in ran


def _check_change(pair: Pair, module: Module) -> None:
    if _has_run(pair.old, module.ran) and pair.old.co_name == ANNOTATE:
        raise NotPatchable("annotations-examined", f"{pair.title} has changed, and somebody has asked for annotations")
    if _has_run(pair.old, module.ran):
        raise NotPatchable("ran-at-import", f"{pair.title} ran while the project was imported")
    if pair.old.co_freevars != pair.new.co_freevars:
        raise NotPatchable("signature-differs", f"{pair.title} uses other variables of the scopes around it (or super)")
    if code_compare.parameters(pair.old) != code_compare.parameters(pair.new):
        raise NotPatchable("signature-differs", f"{pair.title} has other parameters, or is of another kind")


def executed_or_ran(whole: CodeType, ran: frozenset[tuple[str, int]]) -> list[CodeType]:
    """Return what an import of a module executes, and those functions in it that ran meanwhile."""
    others = (code for _, code in code_compare.walk(whole) if _has_run(code, ran))
    return [*code_compare.executed(whole), *others]


def _asked_for(old: CodeType, module: Module) -> set[str]:
    """Return all names and texts in what was executed of the old module."""
    asked = words(executed_or_ran(old, module.ran))
    return {*asked.read, *asked.imported}


def _check_addition(addition: object, alignment: Alignment, whole: CodeType, module: Module, asked: set[str]) -> Added:
    added, why = check_addition(addition, alignment, whole, module, asked)  # type: ignore[arg-type]
    if added is None:
        raise NotPatchable("addition-visible", why)
    return added


def _check_docs(plan: PatchPlan, new: bytes, module: Module, old: CodeType) -> None:
    """Check that no code had a reason to look at a docstring that changes."""
    pairs = [pair for pair in plan.changed if code_compare.doc(pair.old) != code_compare.doc(pair.new)]
    if not pairs and not plan.docs:
        return
    asked = _asked_for(old, module)
    decorated = _decorated(new)
    for pair in pairs:
        _check_docs_of_function(pair, module, decorated, asked)
    for docs in plan.docs:
        _check_docs_of_scope(docs.title, module, decorated, asked)


def _check_docs_of_function(pair: Pair, module: Module, decorated: set[tuple[str, int]], asked: set[str]) -> None:
    """Check that no code had a reason to look at the docstring of a function."""
    if (pair.new.co_name, pair.new.co_firstlineno) in decorated or pair.old.co_name in asked:
        raise NotPatchable(
            "docstring-examined", f"{pair.title} has another docstring, which its decorator or the module may have read"
        )
    if module.are_docs_read(frozenset(pair.title.split("."))):
        raise NotPatchable(
            "docstring-examined", f"{pair.title} has another docstring, which another module may have read"
        )
    _check_classes_around(pair.title.split(".")[:-1], module, decorated, asked)


def _check_docs_of_scope(title: str, module: Module, decorated: set[tuple[str, int]], asked: set[str]) -> None:
    """Check that no code had a reason to look at the docstring of a class, or of the module, whose title is ''."""
    if not title and ("__doc__" in asked or module.is_mentioned(module.last_name, "__doc__")):
        raise NotPatchable("docstring-examined", "its docstring changed, which is read when it is imported")
    names = title.split(".") if title else []
    _check_classes_around(names, module, decorated, asked)
    if module.are_docs_read(frozenset(names)):
        raise NotPatchable(
            "docstring-examined",
            f"the docstring of {title or 'the module'} changed, which another module may have read",
        )


def _check_first_annotations(plan: PatchPlan, module: Module, old: CodeType) -> None:
    """Check that no code had a reason to copy a function that had no annotations: the copy would not get them.

    A copy of a function that had some is noticed by `adapters.patching`: it does not have the same tuple. Where
    annotations are code, it leaves no mark either to ask whether there are any.
    """
    for change in plan.annotated:
        if HAS_LAZY_ANNOTATIONS or not change.old:
            asked = _asked_for(old, module)
            name = change.place[0]
            if name in asked or (HAS_LAZY_ANNOTATIONS and module.is_mentioned(name, ANNOTATE)):
                raise NotPatchable(
                    "annotations-examined", f"{change.title}() has other annotations, and its name was asked for"
                )
            _check_classes_around(change.title.split(".")[:-1], module, set(), asked)


def _check_classes_around(
    names: Sequence[str], module: Module, decorated: set[tuple[str, int]], asked: set[str]
) -> None:
    for at, name in enumerate(names):
        facts = module.classes(".".join(names[: at + 1]))
        is_decorated = any(name == other for other, _ in decorated)
        if facts is None or not facts.is_plain or is_decorated or name in asked:
            raise NotPatchable("docstring-examined", f"a docstring of class {name} changed, which others may have read")


def _decorated(source: bytes) -> set[tuple[str, int]]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.decorator_list:
            found.add((node.name, min(decorator.lineno for decorator in node.decorator_list)))
    return found


# Decided without looking at the code


def is_pinned(source: bytes) -> bool:
    """Return whether a file's first lines ask for reloads."""
    return any(PIN.search(line) for line in source.split(b"\n", PIN_LINES)[:PIN_LINES])


def is_always_reloaded(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a path, relative to the project's root, matches one of the user's globs.

    A pattern without a slash is compared with the file's name; ``*`` goes across folders.
    """
    name = path.rpartition("/")[2]
    return any(
        fnmatch.fnmatchcase(path if "/" in pattern else name, pattern.removeprefix("./")) for pattern in patterns
    )


def reload_reason(verdicts: Mapping[str, Verdict]) -> Reason | None:
    """Return why all files of a batch must be reloaded; None if each can be kept or patched."""
    reasons = [verdict.reason for verdict in verdicts.values() if isinstance(verdict, Reload)]
    more = f" (and {len(reasons) - 1} more files)" if len(reasons) > 1 else ""
    return reasons[0].add(more) if reasons else None

"""What an edit changes in the code of a module: each definition and scope as it was and as it is now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_zygote.core.bytecode import HAS_LAZY_ANNOTATIONS, OPTIMIZED, stored
from pytest_zygote.core.patching import code_compare
from pytest_zygote.core.patching.annotations import code_of_annotations
from pytest_zygote.core.patching.errors import NotPatchable

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator
    from types import CodeType

    from pytest_zygote.core.patching.additions import Added
    from pytest_zygote.core.patching.annotations import Annotated
    from pytest_zygote.core.patching.code_compare import Path
    from pytest_zygote.core.patching.definitions import Alignment

    Compiler: TypeAlias = Callable[[bytes | ast.Module], CodeType]


@dataclass(frozen=True)
class Pair:
    """A definition or scope before and after the edit."""

    path: Path
    old: CodeType
    new: CodeType

    @property
    def title(self) -> str:
        """Its name for users."""
        return code_compare.title(self.path)


@dataclass(frozen=True)
class Docs:
    """A docstring that changed: of the module (title ''), or of the class with this title."""

    title: str
    old: str | None
    new: str | None


@dataclass
class PatchPlan:
    """What to do to the live module.

    Attributes:
        moved: definitions that do the same, perhaps at other lines.
        changed: definitions with another body, that never ran.
        scopes: the module's code and all class bodies.
        docs: docstrings of the module and of classes.
        added: in the order of the text.
        annotated: functions that have other annotations.
    """

    moved: list[Pair] = field(default_factory=list)
    changed: list[Pair] = field(default_factory=list)
    scopes: list[Pair] = field(default_factory=list)
    docs: list[Docs] = field(default_factory=list)
    added: list[Added] = field(default_factory=list)
    annotated: list[Annotated] = field(default_factory=list)


def compiled(compiler: Compiler, text: bytes | ast.Module, what: str) -> CodeType:
    """Return the code of a text; `what` names the text in the reason.

    Raises:
        NotPatchable: it does not compile, or not without a warning.
    """
    try:
        return compiler(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise NotPatchable(
            "does-not-compile", f"{what} does not compile cleanly: {getattr(error, 'msg', None) or error}{where}"
        ) from None


def compare(old: CodeType, new: CodeType) -> tuple[PatchPlan, str]:
    """Return the matching parts of two codes of a module, and the name of a scope that differs ('' if none does)."""
    plan = PatchPlan()
    return plan, _compare_scopes(plan, Pair((), old, new))


def _compare_scopes(plan: PatchPlan, scope: Pair) -> str:
    if not code_compare.is_shell_alike(scope.old, scope.new):
        return scope.title
    plan.scopes.append(scope)
    unequal = ""
    for (path, old), (_, new) in zip(
        code_compare.children(scope.old, scope.path), code_compare.children(scope.new), strict=True
    ):
        pair = Pair(path, old, new)
        if code_compare.is_scope(old) or code_compare.is_scope(new):
            unequal = unequal or _compare_scopes(plan, pair)
        elif code_compare.alike(old, new):
            _pair_alike(plan, pair)
        else:
            plan.changed.append(pair)
    return unequal


def _pair_alike(plan: PatchPlan, pair: Pair) -> None:
    for (path, old), (_, new) in zip(code_compare.walk(pair.old, pair.path), code_compare.walk(pair.new), strict=True):
        (plan.scopes if not old.co_flags & OPTIMIZED else plan.moved).append(Pair(path, old, new))


def compare_aligned(alignment: Alignment, compiler: Compiler, whole: tuple[CodeType, CodeType]) -> PatchPlan:
    """Return what differs without the additions, with the codes of the whole files.

    Those may differ from the codes without the additions: since 3.12 the compiler treats ``x.y()``
    differently if ``x`` is imported anywhere at module level.
    """
    if alignment.difference:
        raise NotPatchable("import-differs", alignment.difference)
    old = compiled(compiler, alignment.old, "the old text")
    new = compiled(compiler, alignment.new, "the new text")
    plan, unequal = compare(old, new)
    if unequal:
        raise NotPatchable("import-differs", f"{unequal} does something else when it is imported")
    olds, news = _Places(old, whole[0]), _Places(new, whole[1])
    for pairs in (plan.moved, plan.changed, plan.scopes):
        pairs[:] = [Pair(pair.path, olds.find(pair.old), news.find(pair.new)) for pair in pairs]
    plan.annotated = [_with_code(change, whole[1]) for change in alignment.annotated]
    plan.docs = [docs for pair in plan.scopes for docs in _changed_docs(pair)]
    return plan


def _with_code(change: Annotated, whole: CodeType) -> Annotated:
    if not HAS_LAZY_ANNOTATIONS or not change.new:
        return change
    code = code_of_annotations(whole, change.title.split("."))
    if code is None:
        raise NotPatchable("function-ambiguous", f"{change.title}() has annotations now, and there are several")
    if code.co_freevars:
        raise NotPatchable("import-differs", f"{change.title}() has annotations now, which its scope looks up")
    return replace(change, code=code)


class _Places:
    """Finds the code of a part in the compilation of the whole, by its place."""

    def __init__(self, part: CodeType, whole: CodeType) -> None:
        self._parts, self._wholes = _index(part), _index(whole)

    def find(self, code: CodeType) -> CodeType:
        if code.co_name == "<module>":
            return self._wholes["<module>", 0][0]
        place = (code.co_name, code.co_firstlineno)
        parts, wholes = self._parts[place], self._wholes.get(place, [])
        if len(parts) != len(wholes):
            raise NotPatchable("function-ambiguous", f"{code.co_name} cannot be told from others on its line")
        number = next(number for number, part in enumerate(parts) if part is code)
        return wholes[number]


def _index(code: CodeType) -> dict[tuple[str, int], list[CodeType]]:
    found: dict[tuple[str, int], list[CodeType]] = {("<module>", 0): [code]}
    for _, inner in code_compare.walk(code):
        found.setdefault((inner.co_name, inner.co_firstlineno), []).append(inner)
    return found


def _changed_docs(pair: Pair) -> Iterator[Docs]:
    old, new = stored(pair.old).get("__doc__"), stored(pair.new).get("__doc__")
    if old != new:
        title = "" if not pair.path else pair.title
        yield Docs(title, old if isinstance(old, str) else None, new if isinstance(new, str) else None)


# What may be patched

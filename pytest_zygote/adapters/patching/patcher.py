"""Decides, applies and verifies: the whole of a patch, for the modules of this process."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from pytest_zygote.adapters.patching.apply_additions import annotate_of, bind, check_places, imported, make
from pytest_zygote.adapters.patching.apply_annotations import Annotator
from pytest_zygote.adapters.patching.asked_names import AskedNames
from pytest_zygote.adapters.patching.classes import facts_of, is_dataclass, move_classes
from pytest_zygote.adapters.patching.codefind import new_registry
from pytest_zygote.adapters.patching.compiling import make_compiler, never_patched
from pytest_zygote.adapters.patching.errors import PatchError
from pytest_zygote.adapters.patching.inventory import Inventory, file_of
from pytest_zygote.adapters.patching.live_match import check_doc_holders, match, set_docs, set_scope_docs, translated
from pytest_zygote.adapters.patching.referrers import Referrers, account, conforms, held
from pytest_zygote.adapters.patching.sources import Sources
from pytest_zygote.core.patching.additions import Module
from pytest_zygote.core.patching.errors import NotPatchable
from pytest_zygote.core.patching.patch_plan import PatchPlan
from pytest_zygote.core.patching.verdict import MAX_FILES, Reload, Verdict, decide
from pytest_zygote.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType, FunctionType

    from pytest_zygote.core.patching.additions import Added
    from pytest_zygote.core.patching.annotations import Annotated


class Starts(Protocol):
    """Knows which code ran (`adapters.interpreter.executed_code`)."""

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return (name, first line) of all code of a file that ran, or may have."""

    def seen_by_others(self, kind: str) -> frozenset[str] | None:
        """Return the files at which somebody may have looked; None if that cannot be known."""


@dataclass
class _Work:
    """What will be done for one file."""

    module: ModuleType
    source: bytes
    plan: PatchPlan
    ran: frozenset[tuple[str, int]]
    swaps: list[tuple[Referrers, CodeType]]
    objects: list[tuple[Added, object]] = field(default_factory=list)
    annotated: list[tuple[Annotated, FunctionType]] = field(default_factory=list)


class Patcher:
    """Patches the modules of the process it lives in.

    A zygote makes one when it builds its layer; a fork of the zygote, the *candidate*, decides,
    applies and verifies. If anything fails there, the candidate ends, and nothing has happened.
    """

    def __init__(
        self,
        root: str,
        starts: Starts,
        is_ours: Callable[[str], bool],
        is_quiet: Callable[[str], bool] = lambda _name: True,
        always: Mapping[str, Reason] | None = None,
    ) -> None:
        """Start with no modules.

        Args:
            root: the project's folder, for shorter names in sentences.
            starts: tells which functions ran.
            is_ours: tells whether a file is the project's.
            is_quiet: tells whether importing a loaded module by name leaves no traits behind.
            always: module name → why it must never be patched ('warned when it was imported').
        """
        self._root = root
        self._starts = starts
        self._is_ours = is_ours
        self._is_quiet = is_quiet
        self._never = dict(always or {})
        self._memory: dict[str, Sources] = {}
        self._others = AskedNames(self._memory, self._ran, starts.seen_by_others)
        self._never_any: Reason | None = None
        self._work: dict[str, _Work] = {}
        self._stock = Inventory()
        self._annotator = Annotator()
        self._registry = new_registry()

    def remember(self, name: str, path: str, source: bytes) -> None:
        """Keep the text that a module was made of, at about a quarter of its size.

        Args:
            name: the module's.
            path: as its code objects have it.
            source: must be what was imported: read it when the file's identity is still that of
                the import, and look at the identity again afterwards.
        """
        self._memory[path] = Sources.of(name, source)

    def scan(self) -> None:
        """Look at all functions once, so that no patch has to; nothing but patches may be executed afterwards."""
        modules = {path: sys.modules.get(memory.name) for path, memory in self._memory.items()}
        self._stock.scan({path: vars(module) for path, module in modules.items() if type(module) is ModuleType})

    def distrust_stock(self) -> None:
        """Look for functions again with each patch: something was executed."""
        self._stock.distrust()
        self._annotator.forget()

    def forbid(self, name: str, reason: Reason) -> None:
        """Never patch this module."""
        self._never[name] = reason

    def forbid_all(self, reason: Reason) -> None:
        """Patch nothing at all from now on."""
        self._never_any = reason

    # Deciding

    def decide(self, changed: Mapping[str, bytes]) -> dict[str, Verdict]:
        """Return the verdicts on edits of loaded files; stops at the first that is a reload.

        Args:
            changed: path → the text now.
        """
        self._work.clear()
        if len(changed) > MAX_FILES:
            return {next(iter(changed)): Reload(Reason("many-files", f"{len(changed)} files changed at once"))}
        verdicts: dict[str, Verdict] = {}
        found = self._find_functions(changed)
        for holders in found.values():
            account(holders)
        for path, source in changed.items():
            try:
                verdicts[path] = self._decide(path, source, found)
            except NotPatchable as error:
                verdicts[path] = Reload(error.reason_for(self._label(path)))
            if isinstance(verdicts[path], Reload):
                break
        return verdicts

    def _label(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def _decide(self, path: str, source: bytes, found: dict[str, list[Referrers]]) -> Verdict:
        module = self._module(path)
        memory = self._memory[path]
        old = memory.source
        compiler = make_compiler(module, path, (old, source))
        live = found.get(path, [])
        ran = memory.ran | self._starts.ran(path, compiler(old), [holders.code for holders in live])
        verdict = decide(old, source, self._facts(module, path, ran), compiler)
        if isinstance(verdict, Reload):
            return verdict
        annotated = [(change, self._annotator.find(change, live, ran)) for change in verdict.plan.annotated]
        work = _Work(module, source, verdict.plan, ran, match(verdict.plan, _without_gone(live, annotated)))
        for docs in verdict.plan.docs:
            check_doc_holders(module, docs.title, docs.old)
        check_places(module, verdict.plan.added)
        work.annotated = annotated
        work.objects = [(added, make(module, path, added)) for added in verdict.plan.added]
        self._work[path] = work
        # Without the plan: what keeps it would keep the codes, and seem to be a holder next time.
        return replace(verdict, plan=PatchPlan())

    def _module(self, path: str) -> ModuleType:
        memory = self._memory.get(path)
        if memory is None:
            raise NotPatchable("text-unknown", "its text at import is not known")
        module = sys.modules.get(memory.name)
        if type(module) is not ModuleType:
            raise NotPatchable("module-replaced", "the module is not an ordinary one")
        same = self._stock.names(path)
        if same != [memory.name]:
            raise NotPatchable(
                "module-replaced", f"it was imported as {' and '.join(sorted(same)) or 'something else'}"
            )
        never = self._never.get(module.__name__, self._never_any)
        if never is not None:
            raise NotPatchable(never.code, never.text)
        return module

    def _facts(self, module: ModuleType, path: str, ran: frozenset[tuple[str, int]]) -> Module:
        return Module(
            label=self._label(path),
            last_name=module.__name__.rpartition(".")[2],
            ran=ran,
            bound=frozenset(vars(module)),
            never_patched=tuple(self._never_patched(path)),
            classes=lambda title: facts_of(module, title, self._is_ours),
            is_mentioned=lambda owner, name: self._others.ask_for(path, owner, name),
            are_docs_read=lambda names: self._others.read_docs(path, names),
            is_dataclass=lambda name: is_dataclass(module, name),
            is_importable=self._is_importable,
        )

    def _never_patched(self, path: str) -> Iterator[Reason]:
        yield from never_patched(path)
        if self._stock.is_elsewhere(path):
            yield Reason("module-replaced", "its file was executed a second time while the project was imported")
        examined = self._others.lines_examined(path)
        if examined:
            yield Reason("lines-examined", examined)

    def _ran(self, path: str, whole: CodeType) -> frozenset[tuple[str, int]]:
        live = self._find_functions([path])[path]
        return self._starts.ran(path, whole, [holders.code for holders in live])

    def _is_importable(self, name: str, attribute: str) -> bool:
        parts = name.split(".")
        for prefix in (".".join(parts[: end + 1]) for end in range(len(parts))):
            module = sys.modules.get(prefix)
            if module is None or self._is_ours(file_of(module)) or not self._is_quiet(prefix):
                return False
        return not attribute or attribute in vars(sys.modules[name])

    # Finding

    def _find_functions(self, paths: Iterable[str]) -> dict[str, list[Referrers]]:
        """Return the functions of these files by their code."""
        modules = [sys.modules.get(self._memory[path].name) for path in paths if path in self._memory]
        namespaces = [vars(module) for module in modules if type(module) is ModuleType]
        functions = self._stock.functions(namespaces)
        return {path: held(functions, path) for path in paths}

    # Doing

    def apply(self) -> dict[str, frozenset[str]]:
        """Do what was decided; return module → what it imports now besides.

        Raises:
            PatchError: an object would not be changed. The process must not be used.
        """
        imports: dict[str, frozenset[str]] = {}
        for path, work in self._work.items():
            try:
                self._apply(work)
            except Exception as error:  # whatever it is, nobody must use this process
                raise PatchError(f"{self._label(path)}: {type(error).__name__}: {error}") from error
            memory = self._memory[path]
            memory.renew(work.source, translated(work.plan, work.ran))
            linecache.checkcache(path)
            imports[memory.name] = frozenset(name for added in work.plan.added for name in imported(added.node))
        return imports

    def _apply(self, work: _Work) -> None:
        self._registry.found = {id(holders.code): holders for holders, _ in work.swaps}
        for holders, new in work.swaps:
            set_docs(holders, new)
            self._registry.conform(holders.code, new)
        set_scope_docs(work.module, work.plan.docs)
        for change, function in work.annotated:
            self._stock.remove(annotate_of(function))
            self._stock.add(self._annotator.set(function, change))
        move_classes(work.module, work.plan)
        for added, made in work.objects:
            bind(work.module, added, made, self._stock.functions([vars(work.module)]))
            self._stock.add((made, *annotate_of(made)))
        if any(holders.conforming or conforms(holders.functions) for holders, _ in work.swaps):
            self._stock.distrust()
        self._registry.found = {}

    def verify(self) -> None:
        """Prove that every function of the files has the code of a fresh import.

        Raises:
            PatchError: one has not. The process must not be used.
        """
        for path, work in self._work.items():
            self._verify_functions(path, work)
            account([holders for holders, _ in work.swaps], is_after=True)
            for holders, _ in work.swaps:
                if holders.excess and not (holders.conforming or conforms(holders.functions)):
                    raise PatchError(f"{self._label(path)}: the old code of {holders.code.co_name}() is still held")
        self._annotator.verify()
        self._work.clear()

    def _verify_functions(self, path: str, work: _Work) -> None:
        new = {id(code) for _, code in work.swaps}
        new |= {id(code) for added, _ in work.objects for code in (added.code, added.annotate)}
        new |= {id(change.code) for change, _ in work.annotated}
        for holders in self._find_functions([path])[path]:
            if id(holders.code) not in new and not conforms(holders.functions):
                raise PatchError(f"{self._label(path)}: {holders.code.co_name}() still has other code")


def _without_gone(live: list[Referrers], annotated: Iterable[tuple[Annotated, FunctionType]]) -> list[Referrers]:
    """Return what has a successor: all but the functions that made annotations, where a function has none any more."""
    gone = {annotate.__code__ for change, function in annotated if not change.new for annotate in annotate_of(function)}
    return [holders for holders in live if holders.code not in gone]

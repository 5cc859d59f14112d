"""Replaces the code of live functions: jurigged's engine, made exact and quick.

jurigged (its part `codefind`) finds what holds a code object and *conforms* it to a new one,
honouring the ``__conform__`` protocol. That part is used as it is. What was measured to be wrong
or slow is not: `codefind` scans the heap once for each function (7 s for one line inserted above
300 functions; here one scan serves all), and `jurigged` compiles each function by itself (which
loses name mangling, ``super()``, type parameters, class-scope defaults, decorators' lines; here all
codes come from one compilation of the whole file) and takes 0.5 s to align a file of 300 functions.

Every decision, compilation and new object is made before the first function changes (`Patcher.decide`).
`apply` swaps. `verify` proves that it was complete: the old code objects must have no holders left.
The same count, before the swap, finds what a scan cannot: a code object that something else than
a function keeps (numba, a suspended generator, a function copied into another namespace).

Frozen objects are invisible to the scan, so all is done inside `thawed`.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import linecache
import os
import sys
import typing
import warnings
import zlib
from dataclasses import dataclass, field, replace
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Protocol, cast

from _pytest.assertion.rewrite import AssertionRewritingHook, rewrite_asserts

from pytest_zygote.core import codes
from pytest_zygote.core.additions import FUTURE_ANNOTATIONS, ClassFacts, Module, mentions, place
from pytest_zygote.core.errors import ZygoteError
from pytest_zygote.core.verdict import Plan, Reload, Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType

    from pytest_zygote.core.additions import Added
    from pytest_zygote.core.verdict import Compiler

MAX_FILES = 40
"""More files than this in one batch: importing them is not slower than comparing them."""


class PatchError(ZygoteError):
    """A patch did not do what it should; the process that tried must not be used."""


class Starts(Protocol):
    """Knows which code ran (`adapters.starts`)."""

    def ran(self, filename: str, module: CodeType, live: Iterable[CodeType]) -> frozenset[tuple[str, int]]:
        """Return (name, first line) of all code of a file that ran, or may have."""


@contextlib.contextmanager
def thawed() -> Iterator[None]:
    """Make frozen objects visible to the collector's functions, and freeze all again."""
    is_enabled = gc.isenabled()
    gc.disable()
    gc.unfreeze()
    try:
        yield
    finally:
        gc.freeze()
        if is_enabled:
            gc.enable()


@dataclass
class Holders:
    """The functions that have one code object.

    Attributes:
        conforming: other objects that keep it, and have ``__conform__``.
        excess: how many references nobody accounts for.
    """

    code: CodeType
    functions: list[FunctionType] = field(default_factory=list)
    conforming: list[object] = field(default_factory=list)
    excess: int = 0


@dataclass
class _Work:
    """What will be done for one file."""

    module: ModuleType
    source: bytes
    plan: Plan
    ran: frozenset[tuple[str, int]]
    swaps: list[tuple[Holders, CodeType]]
    objects: list[tuple[Added, object]] = field(default_factory=list)


@dataclass
class _Memory:
    """What is known of a module since it was imported.

    Attributes:
        packed: its text, compressed.
        ran: what ran while it was imported, at today's lines; None until it is first asked for.
    """

    name: str
    packed: bytes
    ran: frozenset[tuple[str, int]] | None = None


class _Refusal(Exception):  # noqa: N818 - not an error: a way to say no
    pass


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
        always: Mapping[str, str] | None = None,
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
        self._memory: dict[str, _Memory] = {}
        self._work: dict[str, _Work] = {}
        self._registry = _new_registry()

    def remember(self, name: str, path: str, source: bytes) -> None:
        """Keep the text that a module was made of, at about a quarter of its size.

        Args:
            name: the module's.
            path: as its code objects have it.
            source: must be what was imported: read it when the file's identity is still that of
                the import, and look at the identity again afterwards.
        """
        self._memory[path] = _Memory(name, zlib.compress(source, 1))

    def forbid(self, name: str, reason: str) -> None:
        """Never patch this module."""
        self._never[name] = reason

    # Deciding

    def decide(self, changed: Mapping[str, bytes]) -> dict[str, Verdict]:
        """Return the verdicts on edits of loaded files; stops at the first that is a reload.

        Args:
            changed: path → the text now.
        """
        self._work.clear()
        if len(changed) > MAX_FILES:
            return {next(iter(changed)): Reload(f"{len(changed)} files changed at once")}
        verdicts: dict[str, Verdict] = {}
        found = self._find_functions(changed)
        for holders in found.values():
            _account(holders)
        for path, source in changed.items():
            try:
                verdicts[path] = self._decide(path, source, found)
            except _Refusal as refusal:
                verdicts[path] = Reload(f"{self._label(path)}: {refusal}")
            if isinstance(verdicts[path], Reload):
                break
        return verdicts

    def _label(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def _decide(self, path: str, source: bytes, found: dict[str, list[Holders]]) -> Verdict:
        module = self._module(path)
        memory = self._memory[path]
        old = zlib.decompress(memory.packed)
        compiler = _compiler(module, path, (old, source))
        live = found.get(path, [])
        ran = memory.ran
        if ran is None:
            ran = self._starts.ran(path, compiler(old), [holders.code for holders in live])
        verdict = decide(old, source, self._facts(module, path, ran), compiler)
        if isinstance(verdict, Reload):
            return verdict
        work = _Work(module, source, verdict.plan, ran, _match(verdict.plan, live))
        for docs in verdict.plan.docs:
            _check_doc_holders(module, docs.title, docs.old)
        _check_places(module, verdict.plan.added)
        work.objects = [(added, _make(module, path, added)) for added in verdict.plan.added]
        self._work[path] = work
        # Without the plan: whoever kept it would keep the codes, and seem to be a holder next time.
        return replace(verdict, plan=Plan())

    def _module(self, path: str) -> ModuleType:
        memory = self._memory.get(path)
        if memory is None:
            raise _Refusal("its text at import is not known")
        module = sys.modules.get(memory.name)
        if type(module) is not ModuleType:
            raise _Refusal("the module is not an ordinary one")
        same = [name for name, other in sys.modules.items() if _file_of(other) == path]
        if same != [memory.name]:
            raise _Refusal(f"it was imported as {' and '.join(sorted(same)) or 'something else'}")
        if module.__name__ in self._never:
            raise _Refusal(self._never[module.__name__])
        return module

    def _facts(self, module: ModuleType, path: str, ran: frozenset[tuple[str, int]]) -> Module:
        return Module(
            label=self._label(path),
            last_name=module.__name__.rpartition(".")[2],
            ran=ran,
            bound=frozenset(vars(module)),
            objections=tuple(_objections(path)),
            classes=lambda title: self._class_facts(module, title),
            is_mentioned=lambda owner, name: self._is_mentioned(path, owner, name),
            is_importable=self._is_importable,
        )

    def _class_facts(self, module: ModuleType, title: str) -> ClassFacts | None:
        found = _find_class(module, title)
        if found is None:
            return None
        bases = found.__mro__[1:]
        files = {name: _file_of(sys.modules.get(name)) for name in {base.__module__ for base in bases}}
        return ClassFacts(
            is_plain=type(found) is type and not any("__init_subclass__" in vars(base) for base in bases[:-1]),
            is_ours=all(name == "builtins" or self._is_ours(file) for name, file in files.items()),
            has_subclasses=bool(_subclasses(found)),
            attributes=frozenset(dir(found)),
        )

    def _is_mentioned(self, path: str, owner: str, name: str) -> bool:
        others = (memory.packed for other, memory in self._memory.items() if other != path)
        return any(mentions(zlib.decompress(packed), owner, name) for packed in others)

    def _is_importable(self, name: str, attribute: str) -> bool:
        parts = name.split(".")
        for prefix in (".".join(parts[: end + 1]) for end in range(len(parts))):
            module = sys.modules.get(prefix)
            if module is None or self._is_ours(_file_of(module)) or not self._is_quiet(prefix):
                return False
        return not attribute or attribute in vars(sys.modules[name])

    # Finding

    def _find_functions(self, paths: Iterable[str]) -> dict[str, list[Holders]]:
        """Return the functions of these files by their code, found in one pass over the heap."""
        modules = [sys.modules.get(self._memory[path].name) for path in paths if path in self._memory]
        namespaces = [vars(module) for module in modules if type(module) is ModuleType]
        # Not isinstance: that asks lazy objects for their class, and wakes them.
        functions = [thing for thing in gc.get_referrers(*namespaces) if type(thing) is FunctionType]
        return {path: _held(functions, path) for path in paths}

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
            memory.packed = zlib.compress(work.source, 1)
            memory.ran = _translated(work.plan, work.ran)
            linecache.checkcache(path)
            imports[memory.name] = frozenset(name for added in work.plan.added for name in _imported(added.node))
        return imports

    def _apply(self, work: _Work) -> None:
        self._registry.found = {id(holders.code): holders for holders, _ in work.swaps}
        for holders, new in work.swaps:
            _set_docs(holders, new)
            self._registry.conform(holders.code, new)
        for docs in work.plan.docs:
            (_find_class(work.module, docs.title) if docs.title else work.module).__doc__ = docs.new
        _move_classes(work.module, work.plan)
        for added, made in work.objects:
            _bind(work.module, added, made)
        self._registry.found = {}

    def verify(self) -> None:
        """Prove that every function of the files has the code of a fresh import.

        Raises:
            PatchError: one has not. The process must not be used.
        """
        for path, work in self._work.items():
            new = {id(code) for _, code in work.swaps} | {id(added.code) for added, _ in work.objects}
            for holders in self._find_functions([path])[path]:
                if id(holders.code) not in new and not _conforms(holders.functions):
                    raise PatchError(f"{self._label(path)}: {holders.code.co_name}() still has other code")
            _account([holders for holders, _ in work.swaps], is_after=True)
            for holders, _ in work.swaps:
                if holders.excess and not (holders.conforming or _conforms(holders.functions)):
                    raise PatchError(f"{self._label(path)}: the old code of {holders.code.co_name}() is still held")
        self._work.clear()


# jurigged's engine


def _new_registry() -> Registry:
    """Return jurigged's registry, with our one scan of the heap in the place of its many.

    Importing `codefind` would collect all functions of the process (which wakes lazy objects;
    with Django it fails) and leave an audit hook behind for ever, 12 % of a trivial suite. Both
    come from functions of others, which are stubbed meanwhile. It is taken out of `sys.modules`
    again: a test that imports jurigged must find what it would find without us.
    """
    before = {name for name in sys.modules if name.partition(".")[0] == "codefind"}
    add_hook, get_objects = sys.addaudithook, gc.get_objects
    sys.addaudithook, gc.get_objects = (lambda _hook: None), (lambda *_: [])  # type: ignore[assignment]
    try:
        base: type = importlib.import_module("codefind.registry").CodeRegistry
    finally:
        sys.addaudithook, gc.get_objects = add_hook, get_objects
        for name in {name for name in sys.modules if name.partition(".")[0] == "codefind"} - before:
            del sys.modules[name]

    return cast("Registry", type("Registry", (_Lookup, base), {})())


class Registry(Protocol):
    """What is used of jurigged's registry."""

    found: dict[int, Holders]

    def conform(self, code: CodeType, new: CodeType) -> None:
        """Give the new code to all that holds the old one."""


class _Lookup:
    """Takes the place of the heap scans of jurigged's registry."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, Holders] = {}

    def get_functions(self, code: CodeType, use_cache: object = None) -> list[object]:
        """Return what holds a code object, as it was found in our scan."""
        del use_cache
        holders = self.found[id(code)]
        return [*holders.functions, *holders.conforming]

    def update_cache_entry(self, holder: object, old: CodeType, new: CodeType) -> None:
        """Keep nothing: a cache would keep every old code object alive."""


def _conforms(objects: Sequence[object]) -> bool:
    return all(hasattr(thing, "__conform__") for thing in objects)


# Counting who holds a code object


def _held(functions: Sequence[FunctionType], path: str) -> list[Holders]:
    found: dict[int, Holders] = {}
    for function in functions:
        if function.__code__.co_filename == path:
            found.setdefault(id(function.__code__), Holders(function.__code__)).functions.append(function)
    return list(found.values())


def _account(found: list[Holders], *, is_after: bool = False) -> None:
    """Find out for each code whether anything holds it besides its functions and the code around it."""
    around = _count_around(found)
    own = _references(Holders(compile("0", "", "exec")))
    for holders in found:
        expected = own + around.get(id(holders.code), 0) + (0 if is_after else len(holders.functions))
        holders.excess = _references(holders) - expected
        if holders.excess and not is_after:
            holders.conforming = _find_conforming(holders.code)
            holders.excess -= len(holders.conforming)


def _count_around(found: list[Holders]) -> dict[int, int]:
    """Return how often each code is a constant of another one, by its id."""
    around: dict[int, int] = {}
    seen: set[int] = set()
    for holders in found:
        for _, code in codes.walk(holders.code):
            if id(code) not in seen:
                seen.add(id(code))
                for _, inner in codes.children(code):
                    around[id(inner)] = around.get(id(inner), 0) + 1
    return around


def _references(holders: Holders) -> int:
    return sys.getrefcount(holders.code)


def _find_conforming(code: CodeType) -> list[object]:
    """Return the objects with ``__conform__`` that hold a code, themselves or in their namespace."""
    found: list[object] = []
    for referrer in gc.get_referrers(code):
        owners = gc.get_referrers(referrer) if type(referrer) is dict else [referrer]
        for owner in owners:
            is_owner = owner is referrer or getattr(owner, "__dict__", None) is referrer
            if is_owner and type(owner) is not FunctionType and hasattr(type(owner), "__conform__"):
                found.append(owner)
    return found


# From the plan to the live objects


def _match(plan: Plan, live: Sequence[Holders]) -> list[tuple[Holders, CodeType]]:
    """Return for each live code the one that takes its place.

    Raises:
        _Refusal: a live code is not that of the old text, or cannot be told from others.
    """
    pairs: dict[tuple[str, int], list[tuple[CodeType, CodeType]]] = {}
    for pair in (*plan.moved, *plan.changed):
        pairs.setdefault((pair.old.co_name, pair.old.co_firstlineno), []).append((pair.old, pair.new))
    swaps = []
    for holders in live:
        code = holders.code
        news = [new for old, new in pairs.get((code.co_name, code.co_firstlineno), ()) if codes.identical(old, code)]
        if not news or any(not codes.identical(news[0], other) for other in news):
            raise _Refusal(f"the live {code.co_name}() is not the one in the old text, or there are several")
        if holders.excess:
            raise _Refusal(f"something besides the function keeps the code of {code.co_name}()")
        swaps.append((holders, news[0]))
    replaced = {id(new) for _, new in swaps}
    for pair in plan.changed:
        if id(pair.new) not in replaced:
            raise _Refusal(f"{pair.title} is not to be found among the live functions")
        _check_function_docs([holders for holders, new in swaps if new is pair.new], pair.new)
    return swaps


def _check_function_docs(found: list[Holders], new: CodeType) -> None:
    """Make sure that nobody has copied a docstring that changes, as `functools.wraps` does."""
    for holders in found:
        old = codes.doc(holders.code)
        if old is None or old == codes.doc(new):
            continue
        held_by_one = _doc_references(_documented().__code__)
        if any(function.__doc__ is not old for function in holders.functions) or _doc_references(
            holders.code
        ) > held_by_one + len(holders.functions):
            raise _Refusal(f"the docstring of {new.co_name}() may have been copied")


def _documented() -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    exec("def f():\n    'a docstring that nobody else has'\n", namespace)  # noqa: S102 - a fresh function
    return namespace["f"]


def _doc_references(code: CodeType) -> int:
    return sys.getrefcount(codes.doc(code))


def _check_doc_holders(module: ModuleType, title: str, old: str | None) -> None:
    target = _find_class(module, title) if title else module
    if target is None or target.__doc__ != old:
        raise _Refusal(f"the docstring of {title or 'the module'} is not the one in the old text")


def _set_docs(holders: Holders, new: CodeType) -> None:
    if codes.doc(holders.code) != (now := codes.doc(new)):
        for function in holders.functions:
            function.__doc__ = now


def _translated(plan: Plan, ran: frozenset[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    return frozenset(
        (pair.new.co_name, pair.new.co_firstlineno)
        for pair in (*plan.moved, *plan.changed, *plan.scopes)
        if (pair.old.co_name, pair.old.co_firstlineno) in ran
    )


def _find_class(module: ModuleType, title: str) -> type | None:
    """Return the class of a module with a qualified name, if it is where its name says."""
    found: object = None
    namespace: Mapping[str, object] = vars(module)
    for name in title.split("."):
        found = namespace.get(name)
        if not isinstance(found, type) or found.__module__ != module.__name__:
            return None
        namespace = vars(found)
    return found if isinstance(found, type) and found.__qualname__ == title else None


def _move_classes(module: ModuleType, plan: Plan) -> None:
    """Since 3.13 a class knows its first line, and what its methods assign to `self`."""
    changes = {}
    for pair in plan.scopes if sys.version_info >= (3, 13) else ():
        old, new = codes.stored(pair.old), codes.stored(pair.new)
        if any(old.get(name) != new.get(name) for name in codes.MASKED):
            changes[old.get("__qualname__"), old.get("__firstlineno__")] = new
    for found in _classes() if changes else ():
        own = vars(found)
        new = changes.get((found.__qualname__, own.get("__firstlineno__")), {})
        if own.get("__module__") == module.__name__:
            for name in codes.MASKED & new.keys():
                type.__setattr__(found, name, new[name])


def _classes() -> Iterator[type]:
    """Give all classes of the process."""
    seen: set[int] = set()
    rest: list[type] = [object]
    while rest:
        found = rest.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            # Not found.__subclasses__(): that of a metaclass wants an argument, and others are overwritten.
            rest.extend(_subclasses(found))


_subclasses = cast("Callable[[type], list[type]]", type.__subclasses__)


# Additions


def _make(module: ModuleType, path: str, added: Added) -> object:
    """Execute an added statement, without binding its name yet."""
    tree = ast.Module([added.node], [])
    flags = added.code.co_flags & FUTURE_ANNOTATIONS if added.code is not None else 0
    before = set(sys.modules)
    namespace: dict[str, object] = {}
    try:
        exec(compile(tree, path, "exec", flags=flags, dont_inherit=True), vars(module), namespace)  # noqa: S102 - the user's own statement
    except Exception as error:  # noqa: BLE001 - the user's statement may raise anything
        raise _Refusal(f"line {added.node.lineno} fails: {type(error).__name__}: {error}") from None
    if set(sys.modules) != before:
        raise _Refusal(f"line {added.node.lineno} imports more than is loaded")
    made = namespace[added.name]
    if added.code is not None and isinstance(made, FunctionType):
        made.__code__ = added.code
        made.__qualname__ = added.title
    return made


def _imported(node: ast.stmt) -> Iterator[str]:
    """Give the names of the modules that executing a statement imports."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            full = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            parts = full.split(".")
            yield from (name for end in range(len(parts)) if (name := ".".join(parts[: end + 1])) in sys.modules)


def _check_places(module: ModuleType, additions: Sequence[Added]) -> None:
    """Make sure that the order of the names will be that of a fresh import."""
    orders: dict[tuple[str, ...], list[str]] = {}
    for added in additions:
        names = orders.setdefault(added.scope, _names(module, added.scope))
        at = place(names, added)
        if at is None:
            raise _Refusal(f"{added.title} is new, and its place among the names is not clear")
        names.insert(at, added.name)


def _names(module: ModuleType, scope: tuple[str, ...]) -> list[str]:
    if not scope:
        return list(vars(module))
    return [name for name in vars(_class_of(module, scope)) if not _is_special(name)]


def _class_of(module: ModuleType, scope: tuple[str, ...]) -> type:
    found = _find_class(module, ".".join(scope))
    if found is None:
        raise _Refusal(f"class {'.'.join(scope)} is not where its name says")
    return found


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _bind(module: ModuleType, added: Added, made: object) -> None:
    """Bind a name at its place: everything behind it is bound again."""
    names = _names(module, added.scope)
    behind = names[place(names, added) :]
    if added.scope:
        found = _class_of(module, added.scope)
        values = [(name, vars(found)[name]) for name in behind]
        for name in behind:
            type.__delattr__(found, name)
        for name, value in [(added.name, made), *values]:
            type.__setattr__(found, name, value)
    else:
        namespace = vars(module)
        namespace.update([(added.name, made), *[(name, namespace.pop(name)) for name in behind]])


# Compiling


def _compiler(module: ModuleType, path: str, texts: tuple[bytes, bytes]) -> Compiler:
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


def _objections(path: str) -> Iterator[str]:
    if path in linecache.cache:
        yield "its text was read while it was imported"
    if typing.TYPE_CHECKING:
        yield "typing.TYPE_CHECKING is true"


def _file_of(module: object) -> str:
    spec = getattr(module, "__spec__", None) if type(module) is ModuleType else None
    origin = getattr(spec, "origin", None)
    return os.fspath(origin) if isinstance(origin, str) else ""

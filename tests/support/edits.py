"""Edits of modules, and the proof that a patched module is what a fresh import would have made.

Each edit is tried in two forks of one small process: the first imports the old text and patches
it, the second imports the new text. Both describe everything that can be seen of the module.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib
import json
import os
import random
import re
import signal
import sys
import types
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from pytest_zygote.adapters.interpreter.executed_code import new_starts
from pytest_zygote.adapters.interpreter.private.bare_objects import class_namespace
from pytest_zygote.adapters.patching import Patcher, PatchError, thawed
from pytest_zygote.core.patching.verdict import Reload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

UNIMPORTABLE = "unimportable"
ADDRESS = re.compile(r"0x[0-9a-f]+|(?<=:)\d{12,}")  # pydantic writes them as decimal numbers


@dataclass
class Outcome:
    """How an edit ended.

    Attributes:
        verdicts: one for each text: 'keep', 'patch …' or 'reload …'.
        differences: between the patched module and a fresh import; empty after a reload.
    """

    verdicts: list[str]
    differences: list[str] = field(default_factory=list)

    @property
    def is_unimportable(self) -> bool:
        """Whether the old text cannot even be imported here, so that there is nothing to compare."""
        return self.verdicts[0].startswith(UNIMPORTABLE)

    @property
    def is_reloaded(self) -> bool:
        """Whether some step was a reload."""
        return any(verdict.startswith("reload") for verdict in self.verdicts)


def try_edit(  # noqa: PLR0913 - the last one is for coverage alone
    folder: Path,
    files: Mapping[str, str],
    module: str,
    texts: Sequence[str],
    probes: Mapping[str, str] | None = None,
    *,
    is_measured: bool = True,
) -> Outcome:
    """Import a module in a fork, patch it to each text in turn, and compare with a fresh import of the last.

    Args:
        folder: is made, and put first on the import path.
        files: path → text of all files before the edit.
        module: name of the module to edit.
        texts: what is saved, one after the other.
        probes: expressions over `m`, compared too.
        is_measured: whether the fork that patches counts for coverage.
    """
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    patched = in_fork(lambda: _patched(folder, files, module, texts, probes or {}), is_measured=is_measured)
    verdicts = cast("list[str]", patched["verdicts"])
    if "description" not in patched:
        return Outcome(verdicts, [str(patched["error"])] if "error" in patched else [])
    target(folder, module).write_text(texts[-1], encoding="utf-8")
    fresh = in_fork(lambda: _fresh(folder, files, module, probes or {}), is_measured=False)
    return Outcome(verdicts, list(compare("", fresh.get("description", fresh), patched["description"])))


def target(folder: Path, module: str) -> Path:
    """Return the file of a module."""
    path = folder / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def in_fork(work: Callable[[], dict[str, object]], *, is_measured: bool = True) -> dict[str, object]:
    """Return what a function returns in a fork of this process.

    Coverage takes a fork more than twice the time, and it saves all that its parent has seen, too.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # The clock by which pytest shows tests that hang is a thread. It does not matter to a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        if not is_measured:
            sys.settrace(None)
        try:
            os.close(reading)
            gc.disable()  # a collection would copy every page of the heap, and its moment is a matter of chance
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - the parent shows it
                result = {"error": f"{type(error).__name__}: {error}", "verdicts": ["failed"]}
            with os.fdopen(writing, "w", encoding="utf-8", errors="surrogatepass") as stream:
                json.dump(result, stream)
        finally:
            _leave(is_measured=is_measured)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="surrogatepass") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return cast("dict[str, object]", json.loads(text or '{"error": "the fork died", "verdicts": ["failed"]}'))


def _leave(*, is_measured: bool) -> NoReturn:
    """End a fork: nothing of it may come back. At `_exit`, coverage saves what it has."""
    if not is_measured:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(0)  # noqa: TID251 - see above


def _prepare(folder: Path) -> None:
    sys.dont_write_bytecode = True
    random.seed(0)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()


def _import(files: Mapping[str, str], module: str) -> types.ModuleType:
    found = importlib.import_module(module)
    for path in files:
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if "/" not in path:
            importlib.import_module(name)
    return found


def _patched(
    folder: Path, files: Mapping[str, str], name: str, texts: Sequence[str], probes: Mapping[str, str]
) -> dict[str, object]:
    _prepare(folder)

    def is_ours(path: str) -> bool:
        return path.startswith(str(folder))

    starts = new_starts(is_ours)
    patcher = Patcher(str(folder), starts, is_ours)
    starts.start()
    try:
        module = _import(files, name)
    except Exception as error:  # noqa: BLE001 - not for this system, or a half-made commit: nothing to edit
        return {"verdicts": [f"{UNIMPORTABLE} {type(error).__name__}: {error}"]}
    starts.stop()
    for other in list(sys.modules.values()):
        origin = getattr(getattr(other, "__spec__", None), "origin", None)
        if isinstance(origin, str) and is_ours(origin):
            patcher.remember(other.__name__, origin, Path(origin).read_bytes())
    patcher.scan()
    gc.freeze()
    path = target(folder, name)
    verdicts: list[str] = []
    for text in texts:
        path.write_text(text, encoding="utf-8")
        with thawed():
            verdict = patcher.decide({str(path): path.read_bytes()})[str(path)]
            if isinstance(verdict, Reload):
                return {"verdicts": [*verdicts, f"reload {verdict.reason.text}"]}
            verdicts.append(f"{type(verdict).__name__.lower()} {', '.join(getattr(verdict, 'names', ()))}".strip())
            try:
                patcher.apply()
                patcher.verify()
            except PatchError as error:
                return {"verdicts": [*verdicts, f"reload after all: {error}"]}
    return {"verdicts": verdicts, "description": describe(module, str(path), probes)}


def _fresh(folder: Path, files: Mapping[str, str], name: str, probes: Mapping[str, str]) -> dict[str, object]:
    _prepare(folder)
    module = _import(files, name)
    return {"description": describe(module, str(target(folder, name)), probes)}


# What can be seen of a module


def describe(module: types.ModuleType, path: str, probes: Mapping[str, str]) -> dict[str, object]:
    """Return everything that can be seen of a module, as JSON."""
    gc.unfreeze()
    functions: dict[str, list[object]] = {}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType and thing.__code__.co_filename == path:
            title = f"{thing.__module__}.{thing.__qualname__}:{thing.__code__.co_firstlineno}"
            functions.setdefault(title, []).append(_function(thing))
    values: dict[str, object] = {}
    for number, (title, expression) in enumerate(probes.items()):
        values[f"{number} {title}"] = _probe(module, expression)
    return cast(
        "dict[str, object]",
        json.loads(
            json.dumps(
                {
                    "names": list(vars(module)),
                    "values": {name: _value(value) for name, value in vars(module).items() if name != "__builtins__"},
                    "functions": {title: sorted(found, key=repr) for title, found in functions.items()},
                    "classes": {
                        f"{found.__qualname__}:{number}": _class(found)
                        for number, found in enumerate(_classes_of(module))
                    },
                    "probes": values,
                }
            )
        ),
    )


def _probe(module: types.ModuleType, expression: str) -> str:
    setup, _, probe = expression.rpartition("\n")
    namespace: dict[str, object] = {"m": module, "asyncio": asyncio}
    try:
        exec(setup, namespace)  # noqa: S102 - the case's own text
        return ADDRESS.sub("0x", repr(eval(probe, namespace)))  # noqa: S307 - ditto
    except Exception as error:  # noqa: BLE001 - compared like a value
        return f"{type(error).__name__}: {error}"


def _function(function: types.FunctionType) -> dict[str, object]:
    closure = [_cell(cell) for cell in function.__closure__ or ()]
    return {
        "code": _code(function.__code__),
        "defaults": _value(function.__defaults__),
        "kwdefaults": _value(function.__kwdefaults__),
        "annotations": _annotations(function),
        "doc": function.__doc__,
        "dict": sorted(vars(function)),
        "closure": closure,
        "name": function.__name__,
        "type_params": _value(getattr(function, "__type_params__", ())),
    }


def _annotations(function: types.FunctionType) -> str:
    """Return what asking for them shows: from Python 3.14 on that runs code, which may name what does not exist."""
    try:
        return _value(function.__annotations__)
    except Exception as error:  # noqa: BLE001 - compared like a value
        return f"{type(error).__name__}: {error}"


def _cell(cell: types.CellType) -> str:
    if not _is_full(cell):
        return "empty"
    content = cell.cell_contents
    # The order of a namespace is compared elsewhere; annotations have that of their class for a variable.
    return _value(sorted(content) if isinstance(content, dict) and "__module__" in content else content)


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises
    except ValueError:
        return False
    return True


def _code(code: types.CodeType) -> dict[str, object]:
    return {
        "name": code.co_name,
        "qualname": getattr(code, "co_qualname", ""),
        "line": code.co_firstlineno,
        "bytecode": code.co_code.hex(),
        "names": code.co_names,
        "varnames": code.co_varnames,
        "freevars": code.co_freevars,
        "cellvars": code.co_cellvars,
        "flags": code.co_flags,
        "lines": [list(entry) for entry in code.co_lines()],
        "linetable": code.co_linetable.hex(),
        "exceptions": getattr(code, "co_exceptiontable", b"").hex(),
        "constants": [
            _code(constant) if isinstance(constant, types.CodeType) else _constant(constant)
            for constant in code.co_consts
        ],
    }


def _constant(constant: object) -> str:
    if isinstance(constant, frozenset):
        return f"frozenset {sorted(map(repr, constant))}"
    return f"{type(constant).__name__} {constant!r}"


def _value(value: object) -> str:
    """Return what a value looks like, without what differs from process to process."""
    if isinstance(value, (types.ModuleType, types.FunctionType, type)):
        return f"{type(value).__name__} {getattr(value, '__qualname__', value.__name__)}"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} {sorted(map(_value, value))}"
    try:
        return f"{type(value).__name__} {ADDRESS.sub('0x', repr(value))[:2000]}"
    except Exception as error:  # noqa: BLE001 - a value may not be ready to be shown
        return f"{type(value).__name__} {type(error).__name__}"


def _classes_of(module: types.ModuleType) -> list[type]:
    found, rest, seen = [], [object], set()
    while rest:
        one = rest.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        rest.extend(type.__subclasses__(one))
        if class_namespace(one).get("__module__") == module.__name__:
            found.append(one)
    return sorted(found, key=lambda one: (one.__qualname__, repr(list(vars(one)))))


def _class(found: type) -> dict[str, object]:
    own = dict(vars(found))
    return {
        "order": [name for name in own if not name.startswith("__")],
        "names": sorted(own),
        "mro": [base.__qualname__ for base in found.__mro__],
        "values": {name: _value(value) for name, value in own.items() if name not in ("__dict__", "__weakref__")},
        "abstract": sorted(getattr(found, "__abstractmethods__", ())),
    }


def compare(where: str, fresh: object, patched: object) -> Iterator[str]:
    """Give the places where two descriptions differ."""
    if isinstance(fresh, dict) and isinstance(patched, dict):
        for key in {**fresh, **patched}:
            yield from compare(f"{where}/{key}", fresh.get(key, "(missing)"), patched.get(key, "(missing)"))
    elif isinstance(fresh, list) and isinstance(patched, list) and len(fresh) == len(patched):
        for number, (one, other) in enumerate(zip(fresh, patched, strict=True)):
            yield from compare(f"{where}/{number}", one, other)
    elif fresh != patched:
        yield f"{where}: fresh {fresh!r:.150} patched {patched!r:.150}"


# Random edits of real modules


class Editor:
    """Edits text as people do, at places that the syntax tree offers."""

    def __init__(self, text: str, chance: random.Random) -> None:
        """Edit this text."""
        self.lines = text.split("\n")
        self.chance = chance
        self.tree = ast.parse(text)

    def edit(self) -> tuple[str, str]:
        """Return the name of the edit and the new text; the text may be unchanged or broken."""
        kinds = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        kind = self.chance.choice(kinds)
        kind()
        return kind.__name__.removeprefix("do_"), "\n".join(self.lines)

    # Places

    def _functions(self) -> list[ast.FunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]

    def _function(self) -> ast.FunctionDef | None:
        found = self._functions()
        return self.chance.choice(found) if found else None

    def _class(self) -> ast.ClassDef | None:
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]
        return self.chance.choice(found) if found else None

    def _statement(self) -> ast.stmt | None:
        function = self._function()
        if function is None:
            return None
        found = [node for node in function.body if node.lineno > function.lineno]
        return self.chance.choice(found) if found else None

    def _insert(self, before: ast.stmt, *texts: str) -> None:
        line = min([before.lineno, *(one.lineno for one in getattr(before, "decorator_list", ()))])
        pad = " " * before.col_offset
        self.lines[line - 1 : line - 1] = [pad + text for text in texts]

    def _top(self) -> ast.stmt | None:
        found = [node for node in self.tree.body[1:] if node.col_offset == 0]
        return self.chance.choice(found) if found else None

    # Edits of bodies

    def do_insert_statement(self) -> None:
        """A statement in a function."""
        texts = (
            "zz = 1",
            "if zz_unknown: pass",
            "for zz in (): print(zz)",
            "zz = [y for y in range(3)]",
            "zz = lambda q: q",
        )
        if (node := self._statement()) is not None:
            self._insert(node, self.chance.choice(texts))

    def do_insert_odd_statement(self) -> None:
        """What changes the kind or the closure of a function."""
        texts = (
            "yield 1",
            "super().zz()",
            "self.__zz = 1",
            "return __class__",
            "global zz_g; zz_g = 1",
            "self.zz_attribute = 2",
        )
        if (node := self._statement()) is not None:
            self._insert(node, self.chance.choice(texts))

    def do_insert_nested(self) -> None:
        """A function in a function."""
        if (node := self._statement()) is not None:
            self._insert(node, "def zz_inner(a, b=1):", "    return a", "class ZzInner:", "    x = 1")

    def do_delete_statement(self) -> None:
        """A statement becomes `pass`."""
        node = self._statement()
        if node is not None and node.end_lineno:
            line = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            self.lines[line - 1 : node.end_lineno] = [" " * node.col_offset + "pass"]

    def do_change_constant(self) -> None:
        """A number or text anywhere."""
        found = [
            node for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and type(node.value) in (int, str) and node.lineno == node.end_lineno
        ]  # fmt: skip
        if found:
            node = self.chance.choice(found)
            self._replace(node, "987654" if isinstance(node.value, int) else "'zz changed'")

    def do_rename_local(self) -> None:
        """A local variable everywhere in its function."""
        function = self._function()
        names = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)] if function else []  # fmt: skip
        if function is not None and names:
            name = self.chance.choice(names)
            for at in range(function.lineno - 1, function.end_lineno or 0):
                self.lines[at] = re.sub(rf"(?<![.\w]){name}\b(?!=)", f"{name}_zz", self.lines[at])

    def _replace(self, node: ast.expr, text: str) -> None:
        line = self.lines[node.lineno - 1].encode()
        changed = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
        self.lines[node.lineno - 1] = changed.decode()

    # Edits that move or mean nothing

    def do_blank_lines(self) -> None:
        """Lines above a definition."""
        if (node := self._top()) is not None:
            self._insert(node, *[""] * self.chance.randint(1, 3))

    def do_comment(self) -> None:
        """A comment anywhere between statements of a function."""
        if (node := self._statement()) is not None:
            self._insert(node, "# a comment")

    def do_comment_in_class(self) -> None:
        """A comment under the head of a class."""
        node = self._class()
        if node is not None and node.body[0].lineno > node.lineno:
            self._insert(node.body[0], "# a comment")

    def do_main_guard(self) -> None:
        """What runs as a script only."""
        self.lines += [
            "",
            'if __name__ == "__main__":',
            "    def zz_main(): return lambda: 3",
            "    print(zz_main())",
            "",
        ]

    def do_type_checking(self) -> None:
        """Imports for type checkers only."""
        if (node := self._top()) is not None:
            self._insert(node, "from typing import TYPE_CHECKING", "if TYPE_CHECKING:", "    import zz_unknown")

    # Additions

    def do_add_function(self) -> None:
        """A function at module level."""
        heads = ("def zz_new(a, b=1, *c, d=-2, **e):", "def zz_new(a: int = 1) -> str:", "async def zz_new():", "def zz_new(a: Path):", "def open(a):", "@staticmethod\ndef zz_new():")  # fmt: skip
        if (node := self._top()) is not None:
            head = self.chance.choice(heads)
            self._insert(node, *head.split("\n"), '    """Do it."""', "    x = 1", "    return lambda: (x, a)", "")

    def do_add_method(self) -> None:
        """A method in a class."""
        heads = ("def zz_method(self, a=1):", "def zz_method(self) -> int:", "async def zz_method(self):", "def __zz(self):", "def __eq__(self, a):", "@property\ndef zz_method(self):")  # fmt: skip
        node = self._class()
        found = [one for one in node.body if one.lineno > node.lineno] if node else []
        if found:
            bodies = ("return self.zz_x", "self.zz_x = 1", "return super().zz()", "return [self for _ in ()]")
            head = self.chance.choice(heads)
            self._insert(self.chance.choice(found), *head.split("\n"), "    " + self.chance.choice(bodies), "")

    def do_add_import(self) -> None:
        """An import of what is loaded."""
        texts = ("import textwrap", "import json as zz_json", "from functools import partial, reduce as zz_reduce", "import os.path, re", "from collections import *")  # fmt: skip
        if (node := self._top()) is not None:
            self._insert(node, self.chance.choice(texts))

    # Edits that must not be patched, or only seldom

    def do_docstring(self) -> None:
        """Another docstring."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(node)]  # fmt: skip
        if found:
            first = self.chance.choice(found).body[0]
            pad = " " * first.col_offset
            self.lines[first.lineno - 1 : first.end_lineno] = [f'{pad}"""Another text, said', f'{pad}in two lines."""']

    def do_head(self) -> None:
        """Another parameter, default, decorator or annotation."""
        node = self._function()
        if node is not None:
            line = self.lines[node.lineno - 1]
            changed = (line.replace("(", "(zz=1, ", 1), line.replace("):", ", zz: int = 2):", 1), line.replace("def ", "async def ", 1))  # fmt: skip
            self.lines[node.lineno - 1] = self.chance.choice(changed)

    def do_annotate(self) -> None:
        """Another annotation, or a first one."""
        node = self._function()
        found = [one.annotation for one in node.args.args if one.annotation] if node is not None else []
        found += [node.returns] if node is not None and node.returns else []
        if found and self.chance.random() < 0.7:
            self._replace(self.chance.choice(found), self.chance.choice(("zz_Unknown[int, 'str']", "int", "'Zz'")))
        elif node is not None:
            line = self.lines[node.lineno - 1]
            changed = (line.replace("):", ") -> int:", 1), line.replace("self,", "self: object,", 1))
            self.lines[node.lineno - 1] = self.chance.choice(changed)

    def do_decorate(self) -> None:
        """Another decorator."""
        node = self.chance.choice(self.tree.body)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self._insert(node, "@(lambda it: it)")

    def do_top_statement(self) -> None:
        """A statement at module level, or in a class."""
        node = self._top() if self.chance.random() < 0.5 else ((found := self._class()) and found.body[-1])
        if node:
            self._insert(node, self.chance.choice(("zz_value = 1", "zz_list = [i for i in range(3)]", "print", "0")))

    def do_swap(self) -> None:
        """Two functions change places."""
        found = [node for node in self.tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]
        if len(found) > 1:
            at = self.chance.randrange(len(found) - 1)
            one, other = found[at], found[at + 1]
            texts = [self.lines[node.lineno - 1 : node.end_lineno] for node in (one, other)]
            between = self.lines[one.end_lineno : other.lineno - 1]
            self.lines[one.lineno - 1 : other.end_lineno] = [*texts[1], *between, *texts[0]]

    def do_rename_function(self) -> None:
        """Another name for a function."""
        node = self._function()
        if node is not None:
            self.lines[node.lineno - 1] = self.lines[node.lineno - 1].replace(f"def {node.name}", "def zz_renamed", 1)

    def do_again(self) -> None:
        """A second definition of the same name."""
        node = self.chance.choice(self.tree.body)
        if isinstance(node, ast.FunctionDef):
            self._insert(node, f"def {node.name}(): pass")

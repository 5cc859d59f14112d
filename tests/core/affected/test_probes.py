"""Code with a probe is the same code with a probe: shown on the standard library."""

from __future__ import annotations

import asyncio
import dis
import marshal
import sys
import sysconfig
import traceback
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.affected import probes
from pytest_zygote.core.patching import code_compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import TraceFunction

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on, the interpreter tells what starts")

FILES = [
    f"{sysconfig.get_path('stdlib')}/{name}.py"
    for name in (
        "_pydecimal",
        "argparse",
        "ast",
        "asyncio/tasks",
        "contextlib",
        "copy",
        "mimetypes",
        "tarfile",
        "typing",
    )
]


def probed(code: CodeType, slots: probes.Slots, told: list[CodeType]) -> CodeType:
    """Return a code with probes at all depths; take note of those that tell."""

    def number_of(code: CodeType) -> int:
        told.append(code)
        slots.append(0)
        return len(slots) - 1

    return probes.probed(code, slots, number_of)


def load(text: str) -> tuple[dict[str, FunctionType], probes.Slots, list[CodeType]]:
    """Execute a module whose functions have probes."""
    slots, told = probes.Slots(), list[CodeType]()
    namespace: dict[str, FunctionType] = {}
    exec(probed(compile(text, "module.py", "exec"), slots, told), namespace)  # noqa: S102 - that is the test
    return namespace, slots, told


def started(slots: probes.Slots, told: list[CodeType]) -> list[str]:
    """Return the names of the functions that have told."""
    return [code.co_name for code, slot in zip(told, slots, strict=True) if slot]


def steps(code: CodeType, skipped: int) -> list[tuple[str, object, int | None]]:
    """Return the instructions, what they mean, and their lines; jumps lead to numbers of instructions."""
    found = list(dis.get_instructions(code))
    numbers, number = {len(code.co_code): -1}, 0
    for step in found:
        numbers[step.offset] = number
        number += step.opname != "EXTENDED_ARG"
    lines = {at: line for start, end, line in code.co_lines() for at in range(start, end, 2)}
    plain = [step for step in found if step.opname != "EXTENDED_ARG"][skipped:]
    return [
        (step.opname, _meaning(step.opcode, step.argval, numbers, skipped), lines.get(step.offset)) for step in plain
    ]


def _meaning(operation: int, value: object, numbers: dict[int, int], skipped: int) -> object:
    if isinstance(value, int) and operation in (*dis.hasjabs, *dis.hasjrel):
        return numbers[value] - skipped
    return value.co_name if isinstance(value, CodeType) else repr(value)


@pytest.mark.parametrize("path", FILES)
def test_all_but_the_probe_is_as_before(path: str) -> None:
    """Instructions, what they jump to, lines, columns and handlers: in functions long and short."""
    module = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    slots, told = probes.Slots(), list[CodeType]()
    pairs = zip(code_compare.walk(module), code_compare.walk(probed(module, slots, told)), strict=True)
    count = 0
    for (_, before), (_, after) in pairs:
        skipped = 4 if probes.tells(before) else 0
        count += bool(skipped)
        assert steps(after, skipped) == steps(before, 0), before
        assert hash(after)
        if sys.version_info >= (3, 11):
            places, old = list(after.co_positions()), list(before.co_positions())
            gap = len(places) - len(old)
            assert places[gap:] == old
            assert set(places[:gap]) <= {(None, None, None, None)}
            assert _handlers(after, gap) == _handlers(before, 0)
    assert count == len(told) > 10


def _handlers(code: CodeType, gap: int) -> list[tuple[int, int, int, int, bool]]:
    entries = dis._parse_exception_table(code)  # type: ignore[attr-defined]  # noqa: SLF001 - what `dis` shows itself
    return [(e.start - 2 * gap, e.end - 2 * gap, e.target - 2 * gap, e.depth, e.lasti) for e in entries]


LONG = "def long(n):\n    for i in range(n):\n" + "        if n > 5: n -= 1\n" * 60 + "    return n\n"


def test_a_function_whose_jumps_get_longer() -> None:
    """In 3.10 a place beyond 255 takes another byte, which moves what comes after."""
    for length in range(1, 60):
        text = LONG.replace("        if n > 5: n -= 1\n" * 60, "        if n > 5: n -= 1\n" * length)
        plain: dict[str, FunctionType] = {}
        exec(text, plain)  # noqa: S102
        namespace, slots, told = load(text)

        assert [namespace["long"](n) for n in (3, 9, 70)] == [plain["long"](n) for n in (3, 9, 70)]
        assert started(slots, told) == ["long"]


def test_what_starts_and_what_does_not() -> None:
    """Functions in functions, lambdas, generators, coroutines; not what was never called, nor class bodies."""
    namespace, slots, told = load("""
class Class:
    def method(self): return super().__init__
    def unused(self): pass
def outer(x):
    def inner(): return [y + x for y in (1, 2)]
    return inner
shift = lambda x: x + 1
def generator():
    yield from (n for n in (1, 2))
async def coroutine(): return 4
def unused(): pass
""")
    assert started(slots, told) == []

    namespace["Class"]().method()
    assert started(slots, told) == ["method"]
    slots[:] = bytes(len(slots))

    assert namespace["outer"](1)() == [2, 3]
    assert namespace["shift"](1) == 2
    assert list(namespace["generator"]()) == [1, 2]
    assert asyncio.run(namespace["coroutine"]()) == 4
    assert started(slots, told) == ["inner", "outer", "<lambda>", "<genexpr>", "generator", "coroutine"]


def test_tracebacks_and_debuggers_see_no_probe() -> None:
    """The lines of a traceback, and those at which a debugger can stop, are those of the text."""
    text = "def fails(x):\n    try:\n        x += 1\n    finally:\n        1 / 0\n"
    plain: dict[str, FunctionType] = {}
    exec(compile(text, "module.py", "exec"), plain)  # noqa: S102
    namespace, _, _ = load(text)

    assert _lines_of(namespace["fails"]) == _lines_of(plain["fails"])


def _lines_of(function: FunctionType) -> tuple[list[tuple[str, int]], list[tuple[str, int | None]]]:
    events: list[tuple[str, int]] = []

    def trace(frame: FrameType, event: str, _arg: object) -> TraceFunction:
        if frame.f_code.co_filename == "module.py":
            events.append((event, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(ZeroDivisionError) as raised:
            function(1)
    finally:
        sys.settrace(before)
    return events, [(entry.name, entry.lineno) for entry in traceback.extract_tb(raised.tb)][1:]


def test_a_call() -> None:
    """What is called finds the frame above its own, with its arguments: of functions and of generators."""
    seen: list[tuple[str, object]] = []

    def see() -> None:
        frame = sys._getframe(1)  # noqa: SLF001
        seen.append((frame.f_code.co_name, frame.f_locals.get("key")))

    def plain(key: int) -> int:
        return key + 1

    def generator(key: int) -> Iterator[int]:
        yield key
        yield 2

    functions: tuple[object, ...] = (plain, generator)
    for function in functions:
        assert isinstance(function, FunctionType)
        function.__code__ = probes.calling(function.__code__, see)

    assert plain(1) == 2
    assert list(generator(5)) == [5, 2]
    assert seen == [("plain", 1), ("generator", 5)]


def test_a_call_that_has_no_place() -> None:
    """Where a line begins with the function itself, 3.11 has one entry for both."""
    code = compile("lambda: 0", "module.py", "eval").co_consts[0]
    if sys.version_info >= (3, 11) and code.co_linetable[0] & 7:
        with pytest.raises(ValueError, match="middle of a line"):
            probes.calling(code, list)
    else:
        assert eval(probes.calling(code, list)) == 0  # noqa: S307


def test_codes_that_are_written_to_disk_are_the_old_ones() -> None:
    """The old code is left as it is."""
    module = compile("def f(): pass", "module.py", "exec")
    before = marshal.dumps(module)
    probed(module, probes.Slots(), [])

    assert marshal.dumps(module) == before

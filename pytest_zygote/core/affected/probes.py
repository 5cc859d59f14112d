"""Code that tells when it starts, for Python 3.10 and 3.11, where the interpreter itself does not.

A *probe* is put before the first instruction of a compiled function: it sets a byte (`storing`), or calls a function
(`calling`). Nothing else of the code changes, and lines stay what they are: a probe has none, so debuggers and
coverage do not stop there. A generator's probe tells in 3.11 that it was made, not that it began.

Both versions are finished: their bytecode is as it will ever be. 3.11 jumps only by distances, so all that moves is
the tables beside the code (Objects/locations.md and exception_handling_notes.txt of its sources). 3.10 has jumps to
places (Objects/lnotab_notes.txt has its line table): they are written anew, and may take more room than before.
"""

from __future__ import annotations

import dis
from itertools import accumulate, groupby
from operator import is_not
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

from pytest_zygote.core.patching.code_compare import OPTIMIZED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

IN_PLACE = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Codes that run as a part of the one around them."""

_EXTENDED = dis.opmap["EXTENDED_ARG"]
_RESUME = dis.opmap.get("RESUME", -1)
_TO_PLACES, _BY_DISTANCE = frozenset(dis.hasjabs), frozenset(dis.hasjrel)
_CACHES = {"STORE_SUBSCR": 1, "PRECALL": 1, "CALL": 4} if _RESUME >= 0 else {}
"""Units that 3.11 wants after an instruction for what it learns."""

_DEPTH = 3
"""How many values a probe has on the stack."""

_NO_LINE, _LARGEST_STEP, _LONGEST_STRETCH = -128, 127, 254
_BYTE = 0xFF
_HAS_NO_PLACE = 0x80 | 15 << 3
_LONGEST = 8
"""Units that one entry of 3.11's table of places can be of."""

_MORE, _BITS = 0x40, 6


class Slots(bytearray):
    """The bytes that probes set.

    One is a constant of each code with a probe. So it has a hash: else code objects would have none.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # of what is the same only as itself


def tells(code: CodeType) -> bool:
    """Tell whether a code starts by itself: functions, lambdas and generators do, at whatever depth."""
    return bool(code.co_flags & OPTIMIZED) and code.co_name not in IN_PLACE


def probed(code: CodeType, slots: Slots, number_of: Callable[[CodeType], int]) -> CodeType:
    """Return a code in which all that tells has a probe, at any depth.

    Args:
        code: of a module.
        slots: where the probes store.
        number_of: called once with each code that tells, innermost first; returns its place in the slots.
    """
    constants = tuple(
        probed(constant, slots, number_of) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    inside = code.replace(co_consts=constants) if any(map(is_not, constants, code.co_consts)) else code
    return storing(inside, slots, number_of(code)) if tells(code) else inside


def storing(code: CodeType, slots: Slots, number: int) -> CodeType:
    """Return a code that first does ``slots[number] = True``."""
    first = len(code.co_consts)
    steps = (("LOAD_CONST", first), ("LOAD_CONST", first + 1), ("LOAD_CONST", first + 2), ("STORE_SUBSCR", 0))
    return _with_probe(code, steps, (True, slots, number), 0)


def calling(code: CodeType, function: Callable[[], object]) -> CodeType:
    """Return a code that first calls a function, which finds the code's frame above its own.

    Raises:
        ValueError: this code cannot have such a probe. Those of functions of several lines can.
    """
    load, pop = ("LOAD_CONST", len(code.co_consts)), ("POP_TOP", 0)
    if _RESUME < 0:
        return _with_probe(code, (load, ("CALL_FUNCTION", 0), pop), (function,), 0)
    visible = code.co_code[::2].index(_RESUME) + 1  # before that a frame is hidden
    return _with_probe(code, (("PUSH_NULL", 0), load, ("PRECALL", 0), ("CALL", 0), pop), (function,), visible)


def _with_probe(code: CodeType, steps: Iterable[tuple[str, int]], constants: tuple[object, ...], at: int) -> CodeType:
    """Return a code with these instructions and constants, so many units after its beginning."""
    probe = b"".join(
        _instruction(dis.opmap[name], argument) + bytes(2 * _CACHES.get(name, 0)) for name, argument in steps
    )
    common = code.replace(co_consts=(*code.co_consts, *constants), co_stacksize=code.co_stacksize + _DEPTH)
    if _RESUME < 0:
        text, lines = _after_probe(code, probe)
        return common.replace(co_code=text, co_linetable=lines)
    units = len(probe) // 2
    return common.replace(
        co_code=code.co_code[: 2 * at] + probe + code.co_code[2 * at :],
        co_linetable=_with_gap(code.co_linetable, at, units),
        co_exceptiontable=_moved(getattr(code, "co_exceptiontable", b""), units),
    )


def _instruction(operation: int, argument: int, units: int = 1) -> bytes:
    """Return an instruction that takes at least so many units."""
    parts = [operation, argument & _BYTE]
    while argument > _BYTE or len(parts) < 2 * units:
        argument >>= 8
        parts[:0] = [_EXTENDED, argument & _BYTE]
    return bytes(parts)


# Python 3.11: the tables


def _with_gap(table: bytes, at: int, units: int) -> bytes:
    """Return a table of places, in which there must be one that ends so many units on, with a part that has none."""
    end = passed = 0
    while passed < at:
        passed += 1 + (table[end] & _LONGEST - 1)
        end = next((place for place in range(end + 1, len(table)) if table[place] & 0x80), len(table))
    if passed > at:
        message = "the place for a probe is in the middle of a line"
        raise ValueError(message)
    lengths = [_LONGEST] * (units // _LONGEST) + [units % _LONGEST] * (units % _LONGEST > 0)
    return table[:end] + bytes(_HAS_NO_PLACE | length - 1 for length in lengths) + table[end:]


def _moved(table: bytes, units: int) -> bytes:
    """Return a table of exception handlers whose code has moved by so many units.

    Each entry is four numbers, of which the first and the third are places.
    """
    numbers = list(_numbers(table))
    return b"".join(
        _number(number + (units if place % 4 in (0, 2) else 0), is_first=place % 4 == 0)
        for place, number in enumerate(numbers)
    )


def _numbers(table: bytes) -> Iterator[int]:
    number = 0
    for byte in table:
        number = number << _BITS | byte & _MORE - 1
        if not byte & _MORE:
            yield number
            number = 0


def _number(number: int, *, is_first: bool) -> bytes:
    parts = [number & _MORE - 1]
    while number := number >> _BITS:
        parts.insert(0, number & _MORE - 1 | _MORE)
    parts[0] |= 0x80 * is_first
    return bytes(parts)


# Python 3.10: jumps to places


class _Step(NamedTuple):
    """An instruction: its offset, in units with what extends its argument, and what it jumps to, which may be none."""

    offset: int
    units: int
    operation: int
    argument: int
    target: int | None


def _after_probe(code: CodeType, probe: bytes) -> tuple[bytes, bytes]:
    """Return the code after a probe, and its table of lines."""
    text, units = code.co_code, len(probe) // 2
    if len(text) // 2 + units > _BYTE or _EXTENDED in text[::2]:
        return _relocated(code, probe)
    moved = bytearray(text)  # most functions are so short: no jump needs more room
    for at in range(0, len(text), 2):
        if text[at] in _TO_PLACES:
            moved[at + 1] += units
    return probe + moved, bytes((2 * units, _NO_LINE & _BYTE)) + code.co_linetable


def _relocated(code: CodeType, probe: bytes) -> tuple[bytes, bytes]:
    """Return the same where instructions may grow, and what they jump over with them."""
    steps = list(_steps(code.co_code))
    index = {step.offset: number for number, step in enumerate(steps)}
    units = [step.units for step in steps]
    while True:
        places = list(accumulate(units, initial=len(probe) // 2))
        arguments = [_argument(step, index, places, number) for number, step in enumerate(steps)]
        needed = [max(old, _units_for(argument)) for old, argument in zip(units, arguments, strict=True)]
        if needed == units:
            break
        units = needed
    parts = zip(steps, arguments, units, strict=True)
    text = probe + b"".join(_instruction(step.operation, argument, size) for step, argument, size in parts)
    index[len(code.co_code) // 2] = len(steps)
    moved = [(places[index[end // 2]] - places[index[start // 2]], line) for start, end, line in _lines(code)]
    return text, _line_table([(len(probe) // 2, None), *moved], code.co_firstlineno)


def _lines(code: CodeType) -> Iterator[tuple[int, int, int | None]]:
    """Give start, end and line of stretches; the table has long ones in pieces, which may part an instruction."""
    for line, pieces in groupby(code.co_lines(), key=lambda piece: piece[2]):
        starts, ends, _ = zip(*pieces, strict=True)
        yield starts[0], ends[-1], line


def _steps(text: bytes) -> Iterator[_Step]:
    start = argument = 0
    for offset in range(0, len(text), 2):
        operation, argument = text[offset], argument << 8 | text[offset + 1]
        if operation == _EXTENDED:
            continue
        after = offset // 2 + 1
        target = argument if operation in _TO_PLACES else after + argument if operation in _BY_DISTANCE else None
        yield _Step(start, after - start, operation, argument, target)
        start, argument = after, 0


def _argument(step: _Step, index: Mapping[int, int], places: Sequence[int], number: int) -> int:
    if step.target is None:
        return step.argument
    target = places[index[step.target]]
    return target if step.operation in _TO_PLACES else target - places[number + 1]


def _units_for(argument: int) -> int:
    return max(1, (argument.bit_length() + 7) // 8)


def _line_table(lengths: Iterable[tuple[int, int | None]], line: int) -> bytes:
    """Return the table for stretches of so many units and their lines; `line` is that of the definition."""
    table = bytearray()
    for units, there in lengths:
        step, left = (_NO_LINE if there is None else there - line), 2 * units
        while there is not None and abs(step) > _LARGEST_STEP:
            part = _LARGEST_STEP if step > 0 else -_LARGEST_STEP
            table += bytes((0, part & _BYTE))
            step -= part
        while left > _LONGEST_STRETCH:
            table += bytes((_LONGEST_STRETCH, step & _BYTE))
            step, left = (_NO_LINE if there is None else 0), left - _LONGEST_STRETCH
        table += bytes((left, step & _BYTE))
        line = line if there is None else there
    return bytes(table)

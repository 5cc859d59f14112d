"""As much of JSON Schema as docs/output.schema.json needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
KNOWN = {"$schema", "title", "description", "type", "const", "enum", "properties", "required", "items"}
KNOWN |= {"additionalProperties", "oneOf"}


def problems(value: object, schema: Mapping[str, object], place: str = "$") -> Iterator[str]:
    """Give where a value is not as a schema says."""
    assert schema.keys() <= KNOWN, "a keyword that is not known here"
    if "oneOf" in schema:
        yield from _of_choice(value, schema["oneOf"], place)
        return
    kinds = schema.get("type", list(TYPES))
    allowed = tuple(kind for name in ([kinds] if isinstance(kinds, str) else _list(kinds)) for kind in TYPES[str(name)])
    values = _list(schema.get("enum", [schema.get("const", value)]))
    if not isinstance(value, allowed):
        yield f"{place} is {value!r}, not {kinds}"
    elif value not in values:
        yield f"{place} is {value!r}, not one of {values}"
    elif isinstance(value, dict):
        yield from _of_table(value, schema, place)
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from problems(item, _table(schema["items"]), f"{place}[{number}]")


def _of_choice(value: object, choices: object, place: str) -> Iterator[str]:
    found = [[*problems(value, _table(choice), place)] for choice in _list(choices)]
    if [] not in found:
        yield min(found, key=lambda texts: ("$report_type" in "".join(texts), len(texts)))[0]


def _of_table(value: Mapping[str, object], schema: Mapping[str, object], place: str) -> Iterator[str]:
    known, others = _table(schema.get("properties", {})), schema.get("additionalProperties", True)
    yield from (f"{place} has no {name}" for name in _list(schema.get("required", [])) if name not in value)
    for name, inner in value.items():
        if name in known:
            yield from problems(inner, _table(known[name]), f"{place}.{name}")
        elif isinstance(others, dict):
            yield from problems(inner, others, f"{place}.{name}")
        elif not others:
            yield f"{place} has {name}"


def _table(found: object) -> dict[str, object]:
    assert isinstance(found, dict)
    return found


def _list(found: object) -> list[object]:
    assert isinstance(found, list)
    return found

"""Hypothesis strategies for what this package's processes say to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from pytest_zygote.core.protocol import client_messages, layer_messages, run_messages
from pytest_zygote.core.protocol.framing import Route
from pytest_zygote.core.reasons import Reason
from scripts.reason_table import CODES

if TYPE_CHECKING:
    from pytest_zygote.core.record import Record

MODULES = (client_messages, layer_messages, run_messages)

ROUTES: tuple[Route[Record], ...] = tuple(
    route for module in MODULES for route in vars(module).values() if isinstance(route, Route)
)

REGISTRY: dict[str, type[Record]] = {name: kind for route in ROUTES for name, kind in route.kinds.items()}
"""All messages, by their names on the wire."""

# Lone surrogates included: file names that are no UTF-8 arrive as those.
texts = st.text(st.characters(), max_size=8)
numbers = st.integers(-(2**63), 2**64)

SHAPES: dict[str, st.SearchStrategy[object]] = {
    "str": texts,
    "int": numbers,
    "Reason": st.builds(Reason, st.sampled_from(CODES), texts),
    "bytes": st.binary(max_size=20),
    "tuple[str, ...]": st.lists(texts, max_size=3).map(tuple),
    "tuple[int, ...]": st.lists(numbers, max_size=3).map(tuple),
    "tuple[str, str]": st.tuples(texts, texts),
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    "tuple[tuple[str, int], ...]": st.lists(st.tuples(texts, numbers), max_size=3).map(tuple),
    "tuple[tuple[str, tuple[int, ...]], ...]": st.lists(
        st.tuples(texts, st.lists(numbers, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
    "tuple[tuple[str, int, int, int], ...]": st.lists(st.tuples(texts, numbers, numbers, numbers), max_size=3).map(
        tuple
    ),
    "tuple[tuple[str, str, str, str], ...]": st.lists(st.tuples(texts, texts, texts, texts), max_size=3).map(tuple),
    "dict[str, bytes]": st.dictionaries(texts, st.binary(max_size=20), max_size=3),
    "dict[str, str]": st.dictionaries(texts, texts, max_size=3),
    "dict[str, tuple[int, ...]]": st.dictionaries(texts, st.lists(numbers, max_size=3).map(tuple), max_size=3),
}
"""What a field of each annotation may hold."""


def messages_of(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Give messages of one kind."""
    fields = [SHAPES[kind.__annotations__[name]] for name in kind.field_names]
    return st.tuples(*fields).map(lambda values: kind(*values))


def example_of(kind: type[Record]) -> Record:
    """Return a message of one kind whose fields hold the least."""
    least = {"str": "", "int": 0, "Reason": Reason("no-daemon", ""), "bytes": b"", "tuple[str, str]": ("", "")}
    empty: dict[str, object] = {shape: {} if shape.startswith("dict") else () for shape in SHAPES}
    return kind(*({**empty, **least}[kind.__annotations__[name]] for name in kind.field_names))


ANY: Route[Record] = Route("peer", "reader", None)
"""A route for messages of all kinds."""
ANY.kinds.update(REGISTRY)

messages = st.sampled_from(sorted(REGISTRY)).flatmap(lambda name: messages_of(REGISTRY[name]))
"""Messages of all kinds."""

_leaves = texts | numbers | st.binary(max_size=8)

values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(_leaves, inner, max_size=3),
    max_leaves=12,
)
"""What the wire can carry, of any shape: most of it is no message."""

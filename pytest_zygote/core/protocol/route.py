"""The closed set of messages that one kind of process sends to another."""

from __future__ import annotations

from pytest_zygote.core.record import Record
from pytest_zygote.core.type_hints import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import UnionType
    from typing import Never

MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes. A layer of 20,000 modules reports itself in about 4 MiB; more than this is not ours."""

Received_co = TypeVar("Received_co", bound=Record, covariant=True)


class Route(Generic[Received_co]):
    """One direction of one kind of connection.

    A reader of frames that is given a route accepts the messages of its union and no others, so that what it
    returns can be matched to the end: ``case _: assert_never(message)``.

    Attributes:
        sender: the kind of process that sends on it, for people.
        receiver: the kind that receives.
        kinds: name on the wire → message.
        max_payload: how many bytes a message may have; a longer one is an error.
    """

    def __init__(
        self, sender: str, receiver: str, union: UnionType | type[Record] | None, *, max_payload: int = MAX_PAYLOAD
    ) -> None:
        """Allow the members of a union, none for None; annotate the variable with ``Route[<that union>]``."""
        self.sender = sender
        self.receiver = receiver
        self.max_payload = max_payload
        alone = () if union is None else (union,)
        members: tuple[type[Received_co], ...]
        members = getattr(union, "__args__", alone)  # type: ignore[arg-type]  # a class stands for itself
        self.kinds = {kind.__name__: kind for kind in members}

    def kind(self, name: str) -> type[Received_co]:
        """Return the message of a name.

        Raises:
            ValueError: there is none on this route.
        """
        if name not in self.kinds:
            message = f"no {self.sender} sends {name!r} to a {self.receiver}"
            raise ValueError(message)
        return self.kinds[name]


SILENT: Route[Never] = Route("peer", "process that only sends", None)
"""Where nothing may be received."""

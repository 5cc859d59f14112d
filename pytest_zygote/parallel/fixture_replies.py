"""The value of a shared fixture between controller and worker: as a message, and back.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import pickle

from pytest_zygote.fixtures import transfer
from pytest_zygote.parallel.messages import FixtureReply, FixtureUnavailable


def fixture_reply(value: object) -> FixtureReply | FixtureUnavailable:
    """Return the reply to a worker that waits for the value of a shared fixture, or for why it has none."""
    if isinstance(value, transfer.NotTransferable):
        return FixtureUnavailable(value.reason)
    try:
        return FixtureReply(pickle.dumps(value, protocol=5))
    except Exception as error:  # noqa: BLE001 - __reduce__ of a foreign class may raise anything
        return FixtureUnavailable(f"it cannot be sent to another process ({error})")


def fixture_value(reply: FixtureReply | FixtureUnavailable) -> object:
    """Return the value that a reply carries, or why there is none, as `fixtures.shared` has it."""
    if isinstance(reply, FixtureUnavailable):
        return transfer.NotTransferable(reply.reason)
    value: object = pickle.loads(reply.payload)  # noqa: S301 - our own parent wrote it
    return value

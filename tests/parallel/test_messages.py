"""Messages between workers and the controller."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from pytest_zygote.core.parallel.events import ItemFinished, ItemStarted, QueueEmpty, WorkerFinished, WorkerOutgrown
from pytest_zygote.core.protocol.errors import RemoteProtocolError
from pytest_zygote.fixtures.transfer import NotTransferable
from pytest_zygote.parallel import fixture_replies, messages

EXAMPLES: tuple[messages.WorkerMessage | messages.ControllerMessage, ...] = (
    ItemStarted(3, 1),
    ItemFinished(3, 1, 0.25, 0.5),
    QueueEmpty(3, 1),
    WorkerFinished(3),
    WorkerOutgrown(3, "a.py::b", "has 3G of memory, more than 2G"),
    messages.ReportDelta("call", "passed", 0.25, 1.0, 2.0, ("a.py::b", ("a.py", None, "b"), {"b": 1})),
    messages.FullReport(b"report", ""),
    messages.LogStart("a.py::b", ("a.py", 1, "b")),
    messages.LogFinish("a.py::b", ("a.py", 1, "b")),
    messages.WarningRecorded(b"warning", "runtest", "a.py::b", None),
    messages.SessionStopped("", "stop"),
    messages.ExitRaised("bye", None),
    messages.InterruptRaised(),
    messages.JunitPropertyRecorded(messages.JunitTarget.CASE, "a.py::x", "own", "1"),
    messages.InternalErrorRaised("Traceback …"),
    messages.EndReported("a warning", is_failed=False),
    messages.OutputReturned(b"output"),
    messages.Collected(("a.py::b",), ""),
    messages.FixtureRequested(1, "database"),
    messages.TerminalRequested(),
    messages.TerminalReleased(),
    messages.WorkerOver(),
    messages.FixtureReply(b"value"),
    messages.FixtureUnavailable("it is a generator"),
    messages.TerminalReply(is_granted=True),
    messages.CollectionReply(is_accepted=True),
)
FROM_WORKER = [message for message in EXAMPLES if isinstance(message, messages.WORKER_MESSAGES)]
FROM_CONTROLLER = [message for message in EXAMPLES if isinstance(message, messages.CONTROLLER_MESSAGES)]


def test_every_message_has_an_example() -> None:
    """A message that is added is tested."""
    kinds = {*get_args(messages.WorkerMessage), *get_args(messages.ControllerMessage)}
    assert {type(message) for message in EXAMPLES} == kinds


def test_messages_arrive_as_they_were_sent() -> None:
    """With their classes, and in order; equal tuples of other classes are other messages."""
    received = messages.decode_from_worker(memoryview(messages.encode(FROM_WORKER)))
    replies = messages.decode_from_controller(messages.encode(FROM_CONTROLLER))
    assert [(type(message), message) for message in (*received, *replies)] == [
        (type(message), message) for message in (*FROM_WORKER, *FROM_CONTROLLER)
    ]


@pytest.mark.parametrize("decode", [messages.decode_from_worker, messages.decode_from_controller])
def test_an_unknown_message_is_an_error_that_names_it(decode: object) -> None:
    """It is not left out: what it says may decide about the run."""
    assert callable(decode)
    with pytest.raises(RemoteProtocolError, match=r"no known kind between worker and controller: \(99, 'what'\)"):
        decode(pickle.dumps([(99, "what")]))


def test_the_value_of_a_fixture_travels() -> None:
    """So does why there is none."""
    assert fixture_replies.fixture_value(fixture_replies.fixture_reply({"port": 80})) == {"port": 80}
    unavailable = fixture_replies.fixture_value(fixture_replies.fixture_reply(NotTransferable("it raised")))
    assert isinstance(unavailable, NotTransferable)
    assert unavailable.reason == "it raised"


def test_a_fixture_that_cannot_be_pickled_is_unavailable() -> None:
    """The worker learns why."""
    reply = fixture_replies.fixture_reply(lambda: None)
    assert isinstance(reply, messages.FixtureUnavailable)
    assert reply.reason.startswith("it cannot be sent to another process (")

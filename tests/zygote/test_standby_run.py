"""A standby run gets its order over a connection of its own; here the test holds the other end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.adapters.system import processes, sockets
from pytest_zygote.core.protocol import layer_messages
from pytest_zygote.zygote import standby_run
from pytest_zygote.zygote.standby_run import StandbyRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    StandbyEnd: TypeAlias = sockets.Channel[layer_messages.ToStandby, layer_messages.FromStandby]

ORDER = layer_messages.Fork(7, b"request")


def nothing() -> None:
    """Leave nothing."""


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandbyEnd]:
    """Provide the end of the connection that the standby run would read."""
    ours: sockets.Channel[layer_messages.FromStandby, layer_messages.ToStandby]
    ours, theirs = sockets.pair(layer_messages.FROM_STANDBY)
    copy: StandbyEnd = sockets.adopt(os.dup(theirs), layer_messages.TO_STANDBY)
    monkeypatch.setattr(sockets, "pair", lambda _route, send_timeout_s: (ours, theirs))  # noqa: ARG005 - a keyword
    monkeypatch.setattr(processes, "fork_here", lambda: 50)
    monkeypatch.setattr(processes, "new_group", lambda: 49)
    monkeypatch.setattr(processes, "join_group", lambda *_: None)
    yield copy
    copy.close()
    ours.close()


def test_it_is_activated_with_an_order_and_descriptors(end: StandbyEnd) -> None:
    """Once: then it is a run, and none stands by."""
    standby = StandbyRun()
    assert standby.fork(nothing) is None
    assert standby.pid == 50
    end.send(layer_messages.Alive())

    with open(os.devnull) as file:  # noqa: PTH123 - a descriptor is wanted
        assert standby.activate(ORDER, [file.fileno()])

    assert end.receive() == [layer_messages.Probe(), ORDER]
    (descriptor,) = end.adopt_descriptors()
    os.close(descriptor)
    assert standby.pid == 0
    assert not standby.activate(ORDER, [])


@pytest.mark.parametrize(
    ("leads_group", "spare", "joined"),
    [(0, 49, [(50, 49)]), (1, 49, [(50, 49), (50, 0)]), (0, 0, [(50, 0), (50, 0)])],
)
def test_it_leads_its_group_if_the_client_does(
    end: StandbyEnd,
    monkeypatch: pytest.MonkeyPatch,
    leads_group: int,
    spare: int,
    joined: list[tuple[int, int]],
) -> None:
    """Or if no group could be made for it, for that of its zygote must get no signals of the run's."""
    groups: list[tuple[int, int]] = []
    monkeypatch.setattr(processes, "new_group", lambda: spare)
    monkeypatch.setattr(processes, "join_group", lambda *group: groups.append(group))
    standby = StandbyRun()
    standby.fork(nothing)
    end.send(layer_messages.Alive())

    assert standby.activate(ORDER.replaced(leads_group=leads_group), [])
    assert groups == joined


def test_one_that_has_died_does_not_get_its_order(end: StandbyEnd) -> None:
    """The run is forked instead."""
    standby = StandbyRun()
    standby.fork(nothing)
    end.close()

    assert not standby.activate(ORDER, [])


def test_one_that_does_not_answer_gets_no_order(end: StandbyEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped, frozen or hangs: its client would wait for ever, without a word."""
    monkeypatch.setattr(standby_run, "ALIVE_MS", 0)
    standby = StandbyRun()
    standby.fork(nothing)

    assert not standby.activate(ORDER, [])
    assert end.receive() == [layer_messages.Probe()]


def test_one_that_is_dropped_reads_the_end(end: StandbyEnd) -> None:
    """And leaves."""
    standby = StandbyRun()
    standby.fork(nothing)

    standby.drop()

    assert standby.pid == 0
    assert end.receive() is None


def test_there_is_none_where_there_can_be_no_process(end: StandbyEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is closed."""

    def fail() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(processes, "fork_here", fail)
    standby = StandbyRun()

    assert standby.fork(nothing) is None
    assert standby.pid == 0
    assert end.receive() is None

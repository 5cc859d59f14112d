"""Which hosts the user has named."""

from __future__ import annotations

import pytest

from pytest_zygote.core.hosts.specs import AUTO, HostSpec, parse_hosts, shared_out
from pytest_zygote.core.protocol.errors import UsageError


def test_names_users_workers_and_interpreters() -> None:
    """Each host by commas, with what it is to have."""
    assert parse_hosts("alpha, me@beta*4,carol//python=/opt/py//port=2222") == [
        HostSpec("alpha", ("alpha",), AUTO),
        HostSpec("beta", ("me@beta",), 4),
        HostSpec("carol", ("-p", "2222", "carol"), AUTO, "/opt/py"),
    ]


def test_a_host_that_is_named_twice_gets_a_number() -> None:
    """No two hosts of a run have the same name."""
    assert [spec.name for spec in parse_hosts("alpha,alpha*2,you@alpha")] == ["alpha", "alpha#2", "alpha#3"]


@pytest.mark.parametrize("text", ["", ",", "alpha*", "alpha*0", "-oProxyCommand=x", "a b", "alpha//tcp=1", "*2"])
def test_what_is_no_host(text: str) -> None:
    """Nor can a host be an option of ssh."""
    with pytest.raises(UsageError, match="is no host"):
        parse_hosts(text)


@pytest.mark.parametrize(
    ("wanted", "cores", "expected"),
    [(0, [4, 2], [4, 2]), (9, [4, 2], [4, 2]), (3, [4, 2], [2, 1]), (2, [4, 4, 4], [1, 1, 0]), (1, [1, 7], [0, 1])],
)
def test_workers_are_shared_out_by_cores(wanted: int, cores: list[int], expected: list[int]) -> None:
    """As many as are wanted, and no more than there are cores."""
    assert shared_out(wanted, cores) == expected

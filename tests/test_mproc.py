"""The names of pytest-mproc, where its documentation imports them from."""

from __future__ import annotations

import importlib
import socket
from functools import partial

import pytest

from pytest_zygote import mproc
from pytest_zygote.mproc import addresses


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("fixtures", ("fixture", "global_fixture", "node_fixture")),
        ("data", ("DEFAULT_PRIORITY", "GroupTag", "TestExecutionConstraint")),
        ("constants", ("DEFAULT_PRIORITY",)),
    ],
)
def test_modules_have_the_names_of_the_package(module: str, names: tuple[str, ...]) -> None:
    """The same objects."""
    found = importlib.import_module(f"pytest_zygote.mproc.{module}")
    assert getattr(mproc, module) is found, "as the documentation of pytest-mproc reaches it"
    assert [getattr(found, name) for name in names] == [getattr(mproc, name) for name in names]


def test_errors_take_the_arguments_of_pytest_mproc() -> None:
    """By position and by name."""
    assert mproc.TestError("no network", False).retry is False  # noqa: FBT003
    assert str(mproc.TestError(msg="no network")) == "no network"


def test_a_fatal_error_lets_no_other_test_begin() -> None:
    """And its test is not tried again."""
    error = mproc.FatalError("no disk")
    assert (error.fatal, error.retry, str(error)) == (True, False, "no disk")


def test_nobody_listens_on_a_free_port() -> None:
    """A server can."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", mproc.find_free_port()))


def test_ports_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the last function that was set."""
    monkeypatch.setattr(addresses, "_ALLOCATORS", [])
    for port in (7, 8):
        mproc.set_user_defined_port_alloc(partial(int, port))
    assert mproc.find_free_port() == 8


def test_this_machine_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its name is unknown."""
    socket.inet_aton(mproc.get_ip_addr())

    def fail(name: str) -> str:
        raise OSError(name)

    monkeypatch.setattr(socket, "gethostbyname", fail)
    assert mproc.get_ip_addr() == "127.0.0.1"

"""A worker as plugins written for pytest-xdist see it."""

from __future__ import annotations

from pytest_zygote.parallel.xdist_node import Node
from tests.parallel.fakes import make_config


def test_a_node_has_what_plugins_written_for_pytest_xdist_look_for() -> None:
    """Ids, counts and the environment of its worker."""
    node = Node(make_config(), "gw1", 3, "uid")
    assert node.workerinput["workerid"] == "gw1"
    assert node.workerinput["workercount"] == 3
    assert node.environ["PYTEST_XDIST_WORKER"] == "gw1"
    assert node.gateway.spec.popen
    assert node.nodemanager.specs == [node.gateway.spec]
    assert repr(node) == "<Node gw1>"
    assert not hasattr(node, "workeroutput")

"""What tests write into the junit file themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.junitxml import LogXML

from pytest_zygote.parallel.junit import JunitProperties, send_properties
from pytest_zygote.parallel.messages import JunitPropertyRecorded, JunitTarget
from tests.parallel.fakes import make_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> LogXML:
    """A junit file."""
    return LogXML(str(tmp_path / "it.xml"), None)


def test_what_is_written_in_a_worker_is_sent(file: LogXML) -> None:
    """Each kind with what it is of."""
    sent: list[JunitPropertyRecorded] = []
    send_properties(make_config(file), sent.append)
    file.add_global_property("arch", "PPC")
    file.node_reporter("a.py::x").add_property("own", 1)
    file.node_reporter("a.py::x").add_attribute("requirement", 12)
    assert sent == [
        JunitPropertyRecorded(JunitTarget.SUITE, "", "arch", "PPC"),
        JunitPropertyRecorded(JunitTarget.CASE, "a.py::x", "own", "1"),
        JunitPropertyRecorded(JunitTarget.ATTRIBUTE, "a.py::x", "requirement", "12"),
    ]


def test_a_name_that_is_no_text_is_an_error_in_the_test(file: LogXML) -> None:
    """As without workers; nothing is sent then."""
    sent: list[JunitPropertyRecorded] = []
    send_properties(make_config(file), sent.append)
    with pytest.raises(TypeError):
        file.add_global_property(1, "x")  # type: ignore[arg-type]
    assert sent == []


def test_what_workers_have_sent_is_written(file: LogXML) -> None:
    """A case is the one of the worker that runs the test."""
    properties = JunitProperties(make_config(file))
    node = object()
    properties.write(node, JunitPropertyRecorded(JunitTarget.CASE, "a.py::x", "own", "1"))
    properties.write(node, JunitPropertyRecorded(JunitTarget.ATTRIBUTE, "a.py::x", "requirement", "12"))
    report = pytest.TestReport("a.py::x", ("a.py", 1, "x"), {}, "passed", None, "call")
    vars(report)["node"] = node
    case = file.node_reporter(report)
    assert (case.properties, case.attrs) == ([("own", "1")], {"requirement": "12"})


def test_a_property_of_the_suite_is_written_for_the_first_worker_that_sends_it(file: LogXML) -> None:
    """A session fixture writes it in each; a test that writes it twice means it."""
    properties = JunitProperties(make_config(file))
    first, second = object(), object()
    for node in (first, second, first):
        properties.write(node, JunitPropertyRecorded(JunitTarget.SUITE, "", "arch", "PPC"))
    assert file.global_properties == [("arch", "PPC"), ("arch", "PPC")]

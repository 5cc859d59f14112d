"""What tests write into the junit file themselves: properties of the suite and of cases, attributes of cases.

They do so while they run, through pytest's own object for the file. In a worker that is a copy: what is written there
is sent, and written once more in the run process.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_zygote.parallel.messages import JunitPropertyRecorded, JunitTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.junitxml import LogXML


def files_of(config: pytest.Config) -> list[LogXML]:
    """Return the junit files of a session: pytest makes one at the most, if it is asked to."""
    plugins = config.pluginmanager.get_plugins()
    return [plugin for plugin in plugins if type(plugin).__module__ == "_pytest.junitxml"]


def send_properties(config: pytest.Config, send: Callable[[JunitPropertyRecorded], None]) -> None:
    """Send what is written in this process from now on."""
    for file in files_of(config):
        _send_of_suite(file, send)
        _send_of_cases(file, send)


def _send_of_suite(file: LogXML, send: Callable[[JunitPropertyRecorded], None]) -> None:
    add = file.add_global_property

    def add_and_send(name: str, value: object) -> None:
        __tracebackhide__ = True
        add(name, value)  # which raises if the name is no text
        send(JunitPropertyRecorded(JunitTarget.SUITE, "", name, str(value)))

    vars(file)["add_global_property"] = add_and_send


def _send_of_cases(file: LogXML, send: Callable[[JunitPropertyRecorded], None]) -> None:
    reporter_of = file.node_reporter

    def sending_reporter_of(report: pytest.TestReport | str) -> object:
        nodeid = str(getattr(report, "nodeid", report))
        reporter_of(report)

        def add_property(name: str, value: object) -> None:
            send(JunitPropertyRecorded(JunitTarget.CASE, nodeid, str(name), str(value)))

        def add_attribute(name: str, value: object) -> None:
            send(JunitPropertyRecorded(JunitTarget.ATTRIBUTE, nodeid, str(name), str(value)))

        return SimpleNamespace(add_property=add_property, add_attribute=add_attribute)

    vars(file)["node_reporter"] = sending_reporter_of


class JunitProperties:
    """Writes in the run process what workers have sent.

    A fixture of the session writes the same in each worker, and once without workers: a property of the suite is
    written for the first worker that sends it.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Write into the junit files of this session."""
        self._files = files_of(config)
        self._senders: dict[tuple[str, str], object] = {}

    def write(self, node: object, sent: JunitPropertyRecorded) -> None:
        """Write what a worker has sent."""
        for file in self._files:
            if sent.target is JunitTarget.SUITE:
                if self._senders.setdefault((sent.name, sent.value), node) is node:
                    file.add_global_property(sent.name, sent.value)
                continue
            case = file.node_reporter(_report_of(sent.nodeid, node))
            add = case.add_property if sent.target is JunitTarget.CASE else case.add_attribute
            add(sent.name, sent.value)


def _report_of(nodeid: str, node: object) -> pytest.TestReport:
    """Return a report of a test, for which pytest has the same case as for those that the worker sends of it."""
    report = pytest.TestReport(nodeid, ("", None, ""), {}, "passed", None, "call")
    vars(report)["node"] = node
    return report

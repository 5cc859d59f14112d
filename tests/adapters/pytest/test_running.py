"""How tests run: reports that come from other processes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, cast

import pytest
from _pytest import unittest

from pytest_zygote.adapters.pytest.private.running import report_from

if TYPE_CHECKING:
    from collections.abc import Iterator

subtests = pytest.importorskip("_pytest.subtests", reason="subtests came with pytest 9")


@pytest.fixture(name="sent")
def _sent() -> dict[str, object]:
    """Return the serialized report of a subtest that failed."""
    report = pytest.TestReport("test_it.py::test", ("test_it.py", 0, "test"), {}, "failed", "no", "call")
    context = subtests.SubtestContext(msg=None, kwargs={"n": 1})
    made = subtests.SubtestReport._new(  # noqa: SLF001 - as pytest makes it
        report, context, captured_output=None, captured_logs=None
    )
    return cast("dict[str, object]", made._to_json())  # noqa: SLF001 - as pytest sends it


@pytest.fixture(name="config")
def _config(request: pytest.FixtureRequest) -> Iterator[pytest.Config]:
    """Return a configuration that has counted no subtest."""
    stash, key = request.config.stash, subtests.failed_subtests_key
    before, stash[key] = stash[key], defaultdict(int)
    yield request.config
    stash[key] = before


def test_parameters_of_subtests_are_shown_as_they_were(
    config: pytest.Config, request: pytest.FixtureRequest, sent: dict[str, object]
) -> None:
    """Without that, pytest would take the text for the value: ``n='1'``."""
    report = report_from(config, request.node, sent)
    assert report.head_line == "test (n=1)"


def test_failed_subtests_are_counted_for_their_test(
    config: pytest.Config, request: pytest.FixtureRequest, sent: dict[str, object]
) -> None:
    """The test fails when its report is shown; that of a TestCase has passed, as in plain pytest."""
    counts = config.stash[subtests.failed_subtests_key]
    report_from(config, object.__new__(unittest.TestCaseFunction), sent)
    report_from(config, None, sent)
    assert not counts
    report_from(config, request.node, sent)
    assert list(counts.values()) == [1]

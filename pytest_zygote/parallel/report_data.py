"""Reports of tests as bytes, for the run process: what cannot be sent becomes text, and the outcome is kept.

PYTEST_DONT_REWRITE: a run finds this module already imported.
"""

from __future__ import annotations

import pytest

from pytest_zygote.adapters.pytest.private.running import report_from
from pytest_zygote.fixtures import transfer

_OUTCOME = ("nodeid", "location", "outcome", "when", "duration", "start", "stop", "wasxfail")
_SERIALIZE, _RESTORE = "the report cannot be serialised", "the report cannot be made again in the run process"
_PLAIN = "zygote_outcome"
"""Key of what is sent of a report that cannot be serialised."""


def dump_report(config: pytest.Config, report: pytest.TestReport) -> tuple[bytes, str]:
    """Return a report as bytes, and what of it is lost; '' for nothing."""
    try:
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
    except Exception as error:  # noqa: BLE001 - of a plugin, or of an object that a test has put there
        why = f"{_SERIALIZE} ({_described(error)})"
        fields = {name: getattr(report, name) for name in _OUTCOME if hasattr(report, name)}
        return transfer.dump({_PLAIN: {**fields, "longrepr": _text_of(report), "why": why}}), why
    dumped, replaced = transfer.dump_and_name(data)
    return dumped, f"what cannot be sent to another process is text now: {', '.join(replaced)}" if replaced else ""


def load_report(config: pytest.Config, item: pytest.Item | None, data: bytes) -> tuple[pytest.TestReport, str]:
    """Return a test's report from what `dump_report` has made of it, and what was lost on the way; '' for nothing."""
    loaded = transfer.load(data)
    assert isinstance(loaded, dict)  # noqa: S101 - see `dump_report`
    if _PLAIN in loaded:
        return _outcome_of(loaded[_PLAIN], loaded[_PLAIN]["why"]), ""
    try:
        report = report_from(config, item, loaded)
    except Exception as error:  # noqa: BLE001 - see above
        why = f"{_RESTORE} ({_described(error)})"
        return _outcome_of(loaded, why), why
    return report, ""


def _outcome_of(fields: dict[str, object], why: str) -> pytest.TestReport:
    """Return a report with the outcome of another one, and in place of its text why there is no more."""
    known = {name: fields[name] for name in _OUTCOME if name in fields}
    location = fields["location"]
    longrepr: object = None
    if fields["outcome"] == "failed":
        longrepr = f"{fields.get('longrepr')}\n{why}"
    elif fields["outcome"] == "skipped" and isinstance(location, (tuple, list)):
        longrepr = (str(location[0]), location[1] or 0, f"Skipped: {why}")
    return pytest.TestReport(**known, keywords={}, longrepr=longrepr)  # type: ignore[arg-type]  # see `_OUTCOME`


def _text_of(report: pytest.TestReport) -> str:
    try:
        return report.longreprtext
    except Exception as error:  # noqa: BLE001 - see above
        return _described(error)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

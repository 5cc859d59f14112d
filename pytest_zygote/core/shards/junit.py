"""Junit files of shards: durations from one, and one file from several.

The files are pytest's own (``junit_family`` xunit1 or xunit2): a case is found by its class and name, which pytest
makes of the node id (`_pytest.junitxml.mangle_test_address`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from pytest_zygote.core.shards.errors import ShardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COUNTS = ("errors", "failures", "skipped", "tests")


class CaseKey(NamedTuple):
    """How a junit file names a test.

    Attributes:
        classname: module and classes, with dots.
        name: of the function, with parameters.
    """

    classname: str
    name: str


def key_of(nodeid: str) -> CaseKey:
    """Return how a junit file names a test, unless ``--junit-prefix`` adds something in front."""
    path, bracket, parameters = nodeid.partition("[")
    names = [name for name in path.split("::") if name != "()"]
    names[0] = names[0].replace("/", ".").removesuffix(".py")
    names[-1] += bracket + parameters
    return CaseKey(".".join(names[:-1]), names[-1])


def durations_in(text: str, ids: Iterable[str]) -> dict[str, float]:
    """Return the seconds of the tests that a junit file has; several cases of one test are added.

    Raises:
        ShardError: it is no XML.
    """
    seconds: dict[CaseKey, float] = {}
    for case in _parse(text).iter("testcase"):
        key = _key(case)
        seconds[key] = seconds.get(key, 0.0) + _number(case.get("time"))
    return {nodeid: seconds[key] for nodeid in ids if (key := key_of(nodeid)) in seconds}


def merged(texts: Sequence[str], ids: Sequence[str]) -> str:
    """Return one junit file with the cases of several, in the order of these tests.

    Raises:
        ShardError: one of them is no XML, or has no suite.
    """
    order = {key_of(nodeid): at for at, nodeid in enumerate(ids)}
    suites = [_suite(text) for text in texts]
    whole = ET.Element("testsuite", dict(suites[0].attrib) | _sums(suites))
    properties = _properties(suites)
    if properties:
        ET.SubElement(whole, "properties").extend(properties)
    cases = [case for suite in suites for case in suite.iter("testcase")]
    met = {_key(case): case for case in cases if _is_of_collection(case)}  # by all shards
    repeated = [case for case in cases if _is_of_collection(case) and met[_key(case)] is not case]
    _subtract(whole, repeated)
    whole.extend(sorted((case for case in cases if case not in repeated), key=lambda case: _place(order, case)))
    root = ET.Element("testsuites", {"name": "pytest tests"})
    root.append(whole)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _parse(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)  # noqa: S314 - a file that the user names; expat since 2.4 limits expansion
    except ET.ParseError as error:
        message = f"it is no XML ({error})"
        raise ShardError(message) from error


def _suite(text: str) -> ET.Element:
    root = _parse(text)
    suite = next(root.iter("testsuite"), None)
    if suite is None:
        message = "it is no junit file: it has no <testsuite>"
        raise ShardError(message)
    return suite


def _sums(suites: Sequence[ET.Element]) -> dict[str, str]:
    counts = {name: str(sum(int(_number(suite.get(name))) for suite in suites)) for name in COUNTS}
    started = min((suite.get("timestamp", "") for suite in suites), default="")
    return {**counts, "time": f"{sum(_number(suite.get('time')) for suite in suites):.3f}", "timestamp": started}


def _is_of_collection(case: ET.Element) -> bool:
    return any(part.get("message", "") in ("collection failure", "collection skipped") for part in case)


def _subtract(suite: ET.Element, cases: Iterable[ET.Element]) -> None:
    for case in cases:
        for name, tag in (("tests", "*"), ("errors", "error"), ("skipped", "skipped")):
            if case.find(tag) is not None:
                suite.set(name, str(int(_number(suite.get(name))) - 1))


def _properties(suites: Iterable[ET.Element]) -> list[ET.Element]:
    """Return the properties of the suites: a fixture of the session writes the same in each."""
    found: dict[tuple[str, str], ET.Element] = {}
    for suite in suites:
        for one in suite.iterfind("properties/property"):
            found.setdefault((one.get("name", ""), one.get("value", "")), one)
    return list(found.values())


def _place(order: Mapping[CaseKey, int], case: ET.Element) -> int:
    return order.get(_key(case), len(order))


def _key(case: ET.Element) -> CaseKey:
    return CaseKey(case.get("classname", ""), case.get("name", ""))


def _number(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0

"""The report as JUnit XML: a suite for each table, a case for each check; what CI systems show as tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from expectations.reports.values import Report, UnitCase
from expectations.result import CheckResult, SuiteResult

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """Returns the XML.

    A blocking failure is a `failure`, a check that could not be judged an `error`; a warning passes and says its words in
    `system-out`. Tables that were left because of another one are `skipped`.
    """
    root = Element("testsuites", {"name": _clean(f"{report.run.project} checks".strip())})
    for one in report.tables:
        _suite(root, one.model, one.seconds, report, (_case(result, one) for result in one.results))
    for table in report.unbuilt:
        case = Element("testcase", {"classname": _clean(table.name), "name": "it is built", "time": "0.000"})
        if table.path:
            case.set("file", _clean(table.path))
        SubElement(case, "skipped" if table.skipped else "error", {"message": _clean(table.message)})
        _suite(root, table.name, 0.0, report, [case])
    for model in dict.fromkeys(one.model for one in report.unit_tests):
        cases = [_unit(one) for one in report.unit_tests if one.model == model]
        seconds = sum(one.seconds for one in report.unit_tests if one.model == model)
        _suite(root, f"unit tests of {model}", seconds, report, cases)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{report.run.seconds:.3f}")
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, seconds: float, report: Report, cases: Iterable[Element]) -> None:
    suite = SubElement(root, "testsuite", {"name": _clean(name)})
    suite.extend(cases)
    suite.set("tests", str(len(suite)))
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(sum(case.find(tag) is not None for case in suite)))
    suite.set("time", f"{seconds:.3f}")
    if report.run.finished_at is not None:
        suite.set("timestamp", f"{report.run.finished_at:%Y-%m-%dT%H:%M:%S}")


def _case(result: CheckResult, table: SuiteResult) -> Element:
    case = Element(
        "testcase", {"classname": _clean(table.model), "name": _clean(result.title), "time": f"{result.seconds:.3f}"}
    )
    _place(case, result.expectation.place)
    if result.status == "pass":
        return case
    words = [result.message, *(f"Cause: {result.cause}." for _ in [0] if result.cause), *result.evidence]
    words += [f"Where: {result.slice}."] if result.slice else []
    words += [f"What to do: {result.what_to_do}"] if result.what_to_do else []
    words += [result.expectation.place] if result.expectation.place else []
    text = _clean("\n".join(dict.fromkeys(words)))
    if not result.blocking:
        SubElement(case, "system-out").text = f"warning: {text}"
        return case
    judged = result.engine != "none" and result.observed != "could not be judged"
    said = f"{result.message} {result.cause}".strip() if judged else result.message
    found = SubElement(
        case, "failure" if judged else "error", {"type": _clean(result.cause or result.type), "message": _clean(said)}
    )
    found.text = text
    return case


def _unit(one: UnitCase) -> Element:
    case = Element("testcase", {"classname": _clean(one.model), "name": _clean(one.name), "time": f"{one.seconds:.3f}"})
    _place(case, one.place)
    if not one.passed:
        first = next(iter(one.message.splitlines()), "it fails")
        SubElement(case, "failure", {"type": "unit test", "message": _clean(first)}).text = _clean(one.message)
    return case


def _place(case: Element, place: str) -> None:
    file, _, line = place.rpartition(":")
    if file and line.isdigit():
        case.set("file", _clean(file))
        case.set("line", line)


def _clean(text: str) -> str:
    """Returns a text without the characters that XML 1.0 cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)

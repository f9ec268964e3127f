"""The verdict in one sentence, and the causes that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.definition import Level
from expectations.diagnosis.verdict import Verdict, verdict
from expectations.reports.values import Report
from expectations.result import SuiteResult
from expectations.words import count

_NAMED = 3  # names in the sentence; all of them stand below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The whole report in one sentence.

    Attributes:
        status: fail, warn or pass.
        text: the sentence, e.g. "1 of 44 tables was not published: clv".
        more: what else to know, e.g. "Readers still see its last good version. 43 tables passed."
    """

    status: Level
    text: str
    more: str


def headline(report: Report) -> Headline:
    """Returns the report's first sentence."""
    failed = [one for one in report.tables if one.status == "fail"]
    broken = [one.name for one in report.unbuilt if not one.skipped]
    units = [one for one in report.unit_tests if not one.passed]
    text, more = _failed(report, failed) if failed else _passed(report)
    if broken:
        built = f"{_tables(len(broken))} could not be judged: {named(broken)}"
        text, more = (text, f"{more} {built}.") if failed else (built, f"{text}. {more}")
    if units:
        said = f"{count(len(units))} of {count(len(report.unit_tests))} unit tests {_fail(len(units))}"
        text, more = (text, f"{more} {said}.") if failed or broken else (said, more)
    elif report.unit_tests:
        more = f"{more} {count(len(report.unit_tests))} unit tests passed."
    held = sum(one.status != "fail" and one.model in report.run.withheld for one in report.tables)
    if held:
        more += f" {_tables(held)} that passed {'was' if held == 1 else 'were'} not published either: this run publishes all or nothing."
    if skipped := [one.name for one in report.unbuilt if one.skipped]:
        more += f" {_tables(len(skipped))} below {'was' if len(skipped) == 1 else 'were'} left as {'it was' if len(skipped) == 1 else 'they were'}."
    bad = bool(failed or broken or units)
    warned = any(one.status == "warn" for one in report.tables)
    return Headline(status="fail" if bad else "warn" if warned else "pass", text=text, more=more.strip())


def _passed(report: Report) -> tuple[str, str]:
    tables = report.tables
    if not tables:
        if report.unit_tests:
            return f"All {count(len(report.unit_tests))} unit tests passed", "No table was checked."
        return "Nothing was checked", "No selected table has a check."
    warned = [one for one in tables if one.status == "warn"]
    whole = "The one table passed" if len(tables) == 1 else f"All {count(len(tables))} tables passed"
    if warned:
        whole += f", {_tables(len(warned))} with warnings" if len(warned) < len(tables) else ", with warnings"
    return whole, f"{_checks(tables)} in all."


def _failed(report: Report, failed: Sequence[SuiteResult]) -> tuple[str, str]:
    tables, one = report.tables, len(failed) == 1
    held = [table for table in failed if table.model in report.run.withheld]
    names = named([table.model for table in failed])
    of = f"{count(len(failed))} of {count(len(tables))} tables" if len(tables) > 1 else "The one table"
    if len(held) == len(failed):
        text = f"{of} {'was' if one else 'were'} not published: {names}"
        more = f"Readers still see {'its' if one else 'their'} last good version."
    else:
        text = f"{of} {_fail(len(failed))}: {names}"
        more = (
            f"{_tables(len(held))} not published; the others are what readers see."
            if held
            else "Readers see what failed: it was published before."
        )
    passed = len(tables) - len(failed)
    warned = sum(table.status == "warn" for table in tables)
    said = f" {_tables(passed)} passed{f', {count(warned)} of them with warnings' if warned else ''}." if passed else ""
    return text, f"{more}{said} {_checks(tables)} in all."


def causes(report: Report) -> list[tuple[str, str]]:
    """Returns each failing table with its cause and where it is, as "values packed into a narrow band, where os = iOS"."""
    found = []
    for one in report.tables:
        if one.status == "fail":
            said = verdict(one)
            cause = cause_of(said)
            found.append((one.model, f"{cause}, where {said.slice}" if said.slice else cause))
    return found


def cause_of(found: Verdict) -> str:
    """Returns the cause in a few words; what the check says where it names none."""
    return found.cause or found.message.rstrip(".")


def named(names: Sequence[str]) -> str:
    """Returns a list of names for a sentence: "a, b and c", "a, b, c and 4 more"."""
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {count(len(names) - _NAMED)} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _fail(number: int) -> str:
    return "fails" if number == 1 else "fail"


def _tables(number: int) -> str:
    return f"{count(number)} table{'' if number == 1 else 's'}"


def _checks(tables: Sequence[SuiteResult]) -> str:
    number = sum(len(one.results) for one in tables)
    return f"{count(number)} check{'' if number == 1 else 's'}"

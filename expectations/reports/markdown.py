"""The report as Markdown: a comment for a pull request, short enough for one."""

from __future__ import annotations

import re

from expectations.diagnosis.verdict import Verdict, verdict
from expectations.reports.across import age_of, crossings, differences, in_short, shown
from expectations.reports.headline import cause_of, headline
from expectations.reports.tables import cell, rows_table
from expectations.reports.values import Report
from expectations.result import CheckResult, SuiteResult
from expectations.words import count

LONGEST = 60_000  # characters; the usual hosts refuse a comment of more than 65,536
_MARKS = {"fail": "❌", "warn": "⚠️", "pass": "✅"}
_ROWS, _COLUMNS = 3, 6  # of failing rows that are shown


def as_markdown(report: Report) -> str:
    """Returns the verdict, a table of what failed, and details that fold; tables that do not fit are counted."""
    first = headline(report)
    lines = [f"### {_MARKS[first.status]} {_text(first.text)}", "", _text(first.more), ""]
    failed = [one for one in report.tables if one.status == "fail"]
    if failed:
        lines += ["| table | cause | where | owner |", "|---|---|---|---|"]
        lines += [_row(report, one, verdict(one)) for one in failed]
        lines.append("")
    parts = [_details(report, one) for one in failed]
    if broken := [f"- **{_text(one.name)}**: {_text(one.message)}" for one in report.unbuilt if not one.skipped]:
        parts.append("\n".join(["**Could not be judged**", "", *broken, ""]))
    if units := [
        f"- **{_text(one.model)}: {_text(one.name)}**\n\n{_fenced(one.message)}"
        for one in report.unit_tests
        if not one.passed
    ]:
        parts.append("\n".join(["**Unit tests that fail**", "", *units, ""]))
    if warned := [one for one in report.tables if one.status == "warn"]:
        said = [f"- **{_text(one.model)}**: {_text(verdict(one).message)}" for one in warned]
        parts.append(
            "\n".join(
                [f"<details><summary>{_tables(len(warned))} with warnings</summary>", "", *said, "", "</details>", ""]
            )
        )
    if across := _across(report):
        parts.append(across)
    text = "\n".join(lines)
    for number, part in enumerate(parts):
        if len(text) + len(part) > LONGEST:
            text += f"\n{count(len(parts) - number)} more parts are in the report's page.\n"
            break
        text += "\n" + part
    run = report.run
    return f"{text.rstrip()}\n\n<sub>{_text(run.command or 'run')}, target {_text(run.target)}, run {_text(run.run_id)}</sub>\n"


def _across(report: Report) -> str:
    """Returns what folds open to the landed tables and the comparisons of stores; empty where there are none."""
    told, crossed = in_short(report), crossings(report)
    if not told and not crossed:
        return ""
    lines = [f"<details><summary>{_text(told or 'Stores against each other')}</summary>", ""]
    if report.sources:
        lines += ["| landed table | store | rows | age | against its store |", "|---|---|--:|---|---|"]
        for one in report.sources:
            late = f" ({_MARKS[one.freshness]} {one.allowed})" if one.freshness in ("warn", "fail") else ""
            held = f"{_MARKS[one.compared.status]} {differences(one.compared)}" if one.compared else "not compared"
            rows = "" if one.rows is None else count(one.rows)
            cells = [one.table, one.store, rows, f"{age_of(one)}{late}", held]
            lines.append(f"| {' | '.join(_text(value) for value in cells)} |")
        lines.append("")
    if crossed:
        lines += ["| one store against the other | | | |", "|---|---|---|---|"]
        for each in crossed:
            sides = [f"{name}: {shown(value)}" for name, value in each.sides]
            cells = [f"{_MARKS[each.status]} {each.model}: {each.title}", *sides, each.differs]
            lines.append(f"| {' | '.join(_text(value) for value in cells)} |")
        lines.append("")
    return "\n".join([*lines, "</details>", ""])


def _row(report: Report, one: SuiteResult, found: Verdict) -> str:
    owner = report.context(one.model).owner
    cells = [one.model, cause_of(found), str(found.slice or "in no one slice"), owner.name if owner else ""]
    return f"| {' | '.join(_text(value) for value in cells)} |"


def _details(report: Report, one: SuiteResult) -> str:
    found = verdict(one)
    lines = [f"<details><summary><b>{_text(one.model)}</b>: {_text(found.message)}</summary>", ""]
    lines += [f"- {_text(line)}" for line in found.evidence]
    if found.what_to_do:
        lines += ["", f"**What to do:** {_text(found.what_to_do)}"]
    if readers := report.context(one.model).readers:
        lines += [
            "",
            f"**Reads it:** {_text(', '.join(reader.name for reader in readers[:12]))}{' …' if len(readers) > 12 else ''}",
        ]
    if found.lead is not None:
        lines += ["", f"**Check:** {_code(found.lead.title)} {_text(found.lead.expectation.place)}", *_rows(found.lead)]
    if further := [*found.explained, *found.others]:
        lines += ["", "Also flagged:", "", *[f"- {_text(other.message)}" for other in further[:8]]]
        if len(further) > 8:
            lines.append(f"- and {count(len(further) - 8)} more")
    return "\n".join([*lines, "", "</details>", ""])


def _rows(result: CheckResult) -> list[str]:
    shown = rows_table(result)
    if not shown.rows:
        return []
    columns = shown.columns[:_COLUMNS]
    lines = ["", f"| {' | '.join(_text(name) for name in columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(_text(cell(value)) for value in row[:_COLUMNS])} |" for row in shown.rows[:_ROWS]]


def _tables(number: int) -> str:
    return f"{count(number)} table{'' if number == 1 else 's'}"


def _text(value: str) -> str:
    """Returns a text that Markdown and HTML both show as it is: no tag, no link, no table border, nobody's name called.

    By character references, since what stands in a `<summary>` is HTML and knows no backslashes.
    """
    flat = " ".join(value.split())
    return re.sub(r"[&<>@\\`*\[\]|~#]|\b_|_\b", lambda found: f"&#{ord(found[0])};", flat)


def _code(value: str) -> str:
    return f"`{' '.join(value.replace('`', chr(39)).split())}`".replace("|", "\\|")


def _fenced(text: str) -> str:
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    return f"{fence}\n{text.strip()}\n{fence}"

"""The validation report: one self-contained page, one JSON file, plain lines for a terminal."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from expectations.plot import NARROW, WIDE, axis_title, to_svg
from expectations.result import CheckResult, Plot, SuiteResult
from expectations.verdict import Verdict, verdict
from expectations.words import count, figure, measured, percent

_TEMPLATES = Path(__file__).with_name("templates")
_CELL = 120  # characters of a value that a table shows
_MARKS = {"fail": "FAIL", "warn": "WARN", "pass": "ok"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The run that a report is of.

    Attributes:
        run_id: its id, as artifacts name it.
        seconds: how long it took, checks included.
        withheld: models whose candidate was not published; failing ones that are not among them were published before.
        finished_at: in UTC; left out of the report where it is None.
    """

    run_id: str
    project: str = ""
    target: str = ""
    seconds: float = 0.0
    withheld: tuple[str, ...] = ()
    finished_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The whole report in one sentence.

    Attributes:
        status: fail, warn or pass.
        text: the sentence, e.g. "3 of 12 tables are withheld".
        more: what else to know, e.g. "9 passed, 2 of them with warnings".
    """

    status: str
    text: str
    more: str


def headline(results: Sequence[SuiteResult], run: RunInfo) -> Headline:
    """Returns the report's first sentence."""
    failed = [one for one in results if one.status == "fail"]
    warned = [one for one in results if one.status == "warn"]
    held = [one for one in failed if one.model in run.withheld]
    passed = len(results) - len(failed)
    checks = sum(len(one.results) for one in results)
    tail = f"{count(checks)} checks in all."
    if not results:
        return Headline(status="pass", text="Nothing was checked", more="No selected table has a suite.")
    if not failed:
        whole = "The one table passed" if len(results) == 1 else f"All {count(len(results))} tables passed"
        if not warned:
            return Headline(status="pass", text=whole, more=tail)
        return Headline(status="warn", text=f"{whole}, {_tables(len(warned))} with warnings", more=tail)
    named = ", ".join(one.model for one in failed[:3]) + (", …" if len(failed) > 3 else "")
    if len(held) == len(failed):
        text = f"{_tables(len(failed))} withheld: {named}"
        more = "Readers still see the last good version. "
    else:
        text = f"{_tables(len(failed))} {'fails' if len(failed) == 1 else 'fail'}: {named}"
        more = f"{_tables(len(held))} withheld; the others are what readers see. " if held else ""
    more += f"{_tables(passed)} passed{f', {len(warned)} with warnings' if warned else ''}. {tail}"
    return Headline(status="fail", text=text, more=more)


def _tables(number: int) -> str:
    return f"{count(number)} table{'' if number == 1 else 's'}"


def write_report(results: Sequence[SuiteResult], folder: Path, *, run: RunInfo) -> Path:
    """Writes `report.json` and `index.html` into the folder; returns the page's path.

    The page needs nothing but itself: no network, no script.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = as_document(results, run)
    (folder / "report.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = folder / "index.html"
    page.write_text(render_page(results, run), encoding="utf-8")
    return page


def as_document(results: Sequence[SuiteResult], run: RunInfo) -> dict[str, Any]:
    """Returns the report as JSON values: run, headline, and per table its verdict and results."""
    first = headline(results, run)
    return {
        "run": plain(run),
        "status": first.status,
        "headline": first.text,
        "tables": [
            {
                "model": one.model,
                "status": one.status,
                "withheld": one.model in run.withheld,
                "rows": one.rows,
                "seconds": round(one.seconds, 3),
                "jobs": one.jobs,
                "verdict": _verdict_document(verdict(one)),
                "results": [_result_document(result) for result in one.results],
            }
            for one in results
        ],
    }


def _verdict_document(found: Verdict) -> dict[str, Any] | None:
    if not found.cause:
        return None
    return {
        "cause": found.cause,
        "message": found.message,
        "evidence": list(found.evidence),
        "slice": plain(found.slice),
        "what_to_do": found.what_to_do,
        "check": found.lead.type if found.lead else None,
        "explains": [one.title for one in found.explained],
        "others": [one.title for one in found.others],
    }


def _result_document(result: CheckResult) -> dict[str, Any]:
    document: dict[str, Any] = plain(result)
    expectation = document.pop("expectation")
    return {
        "type": expectation["type"],
        "title": result.title,
        "severity": result.severity,
        "blocking": result.blocking,
        "column": result.column,
        "where": expectation["where"],
        "place": expectation["place"],
        "arguments": expectation["arguments"],
        "description": expectation["description"],
        **document,
    }


def plain(value: Any) -> Any:
    """Returns a value as JSON can hold it; what is no number there (infinity, NaN) becomes a text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if hasattr(value, "item"):  # a numpy scalar
        return plain(value.item())
    return str(value)


def render_terminal(results: Sequence[SuiteResult]) -> str:
    """Returns plain lines: each flagged table with its cause and checks, the whole story last; no colour."""
    lines: list[str] = []
    for one in results:
        found = verdict(one)
        if not found.cause:
            continue
        lines.append(f"{one.model}: {'fails' if one.status == 'fail' else 'warns'}: {found.cause}")
        if found.slice:
            lines.append(f"  where: {found.slice}")
        for result in one.flagged():
            check = f"{result.check} " if result.check else ""
            lines.append(f"  {_MARKS[result.status]}  {check}{result.message}")
        if found.what_to_do:
            lines.append(f"  do: {found.what_to_do}")
    statuses = [one.status for one in results]
    lines.append(
        f"{_tables(len(results))} checked: {statuses.count('pass')} passed, {statuses.count('warn')} warned, "
        f"{statuses.count('fail')} failed."
    )
    return "\n".join(lines) + "\n"


def render_page(results: Sequence[SuiteResult], run: RunInfo) -> str:
    """Returns the HTML page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "percent": percent, "figure": figure, "cell": cell}
    environment.globals |= {"measured": measured}
    flagged = [(one, verdict(one)) for one in results if one.status != "pass"]
    flagged.sort(key=lambda pair: (pair[0].status != "fail", results.index(pair[0])))
    return environment.get_template("report.html.jinja").render(
        run=run,
        headline=headline(results, run),
        results=results,
        flagged=flagged,
        anchors={one.model: number for number, (one, _) in enumerate(flagged, 1)},
        chart=chart,
        table=rows_table,
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )


def chart(plot: Plot) -> dict[str, Any]:
    """Returns what the page needs to show a distribution: two sizes of the drawing, a caption, the figures behind it."""
    from markupsafe import Markup

    box = plot.box
    caption = f"Distribution of {axis_title(plot)}, n = {count(plot.rows)}."
    below, above = plot.outside
    if below or above:
        caption += f" Not drawn: {count(below)} below and {count(above)} above the axis."
    quantiles = [
        ("least", box.least),
        ("5 %", box.p05),
        ("first quartile", box.q1),
        ("median", box.median),
        ("third quartile", box.q3),
        ("95 %", box.p95),
        ("greatest", box.most),
    ]
    shown = [(name, measured(value, plot.column)) for name, value in quantiles]
    groups = plot.group_counts or (None,) * len(plot.counts)
    bins = [
        (figure(low), figure(high), n, part)
        for low, high, n, part in zip(plot.edges[:-1], plot.edges[1:], plot.counts, groups, strict=True)
    ]
    spoken = f"{caption} Median {shown[3][1]}, 90 % between {shown[1][1]} and {shown[5][1]}."
    return {
        # The drawing is made by a library that escapes text; nothing else of the page is exempt from escaping.
        "wide": Markup(to_svg(plot, WIDE)),
        "narrow": Markup(to_svg(plot, NARROW)),
        "caption": caption,
        "spoken": spoken,
        "quantiles": shown,
        "bins": bins,
    }


def rows_table(result: CheckResult) -> dict[str, Any]:
    """Returns the failing rows as a table: the columns that the expectation names first."""
    rows = result.failing_rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    slices = [result.slice.column] if result.slice and result.slice.column else []
    first = [name for name in (*result.expectation.columns, *slices) if name in names]
    ordered = list(dict.fromkeys([*first, *names]))
    return {"columns": ordered, "rows": [[row.get(name) for name in ordered] for row in rows]}


def cell(value: Any) -> str:
    """Returns a value as a table shows it: null as such, long ones cut."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return figure(value) if math.isfinite(value) and abs(value) >= 1e-6 else str(value)
    if isinstance(value, Decimal):
        return f"{value:,}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dict, list, tuple)):
        text = json.dumps(plain(value), ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"

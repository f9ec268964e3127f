"""The page of a run: one file that needs nothing but itself, the verdict first; and the page over all runs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.diagnosis.verdict import Verdict, verdict
from expectations.reports import charts, lineage
from expectations.reports.across import age_of, crossings, differences, gap, in_short, shown
from expectations.reports.band import allowed_by, bands
from expectations.reports.figures import figure_of, title_of
from expectations.reports.headline import cause_of, causes, headline
from expectations.reports.runs import Summary
from expectations.reports.tables import cell, rows_table, written
from expectations.reports.values import Context, Observation, Report
from expectations.result import CheckResult, Plot, SuiteResult
from expectations.slower import cost, faster
from expectations.words import count, duration, figure, measured, percent

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")
_ORDER = {"fail": 0, "warn": 1, "pass": 2}
SLOW = 1.0  # seconds from which a check that was computed alone is marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart in two sizes, in words for those who do not see it, and as figures.

    Attributes:
        spoken: what it shows, in a sentence.
        columns, rows: the figures behind it.
    """

    wide: Markup
    narrow: Markup
    caption: str
    spoken: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A table that does not pass, with all that the page says of it."""

    table: SuiteResult
    found: Verdict
    context: Context
    is_withheld: bool
    plot: Plot | None
    distribution: Drawing | None
    quantiles: tuple[tuple[str, ...], ...]
    trend: Drawing | None
    lineage: Markup | None


def render_page(report: Report) -> str:
    """Returns the page of a run as HTML."""
    flagged = [_flagged(report, one) for one in report.tables if one.status != "pass"]
    return _render(
        "page.html.jinja",
        report=report,
        run=report.run,
        headline=headline(report),
        causes=causes(report),
        failed=[one for one in flagged if one.table.status == "fail"],
        warned=[one for one in flagged if one.table.status == "warn"],
        tables=sorted(report.tables, key=lambda one: (_ORDER[one.status], one.model)),
        anchors={one.table.model: number for number, one in enumerate(flagged, 1)},
        depths=lineage.depths,
        states=lineage.STATES,
        slow=SLOW,
    )


def render_runs(summaries: Sequence[Summary]) -> str:
    """Returns the page over runs as HTML.

    Args:
        summaries: newest first.
    """
    return _render("runs.html.jinja", runs=summaries)


def style() -> str:
    """Returns the style of all pages, the site's included: colours by the reader's scheme, type, tables, badges."""
    return (_TEMPLATES / "page.css").read_text(encoding="utf-8")


def _render(template: str, **values: Any) -> str:
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template(template).render(style=style(), script=script, digest=digest, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "count": count,
        "percent": percent,
        "figure": figure,
        "cell": cell,
        "duration": duration,
        "written": written,
        "breakable": breakable,
    }
    environment.filters |= filters
    environment.globals |= {
        "rows_table": rows_table,
        "cause_of": cause_of,
        "distribution_of": _distribution,
        "age_of": age_of,
        "cost_of": cost,
        "crossings_of": crossings,
        "differences_of": differences,
        "gap_of": gap,
        "in_short": in_short,
        "shown_figure": shown,
        "faster_than": faster,
    }
    return environment


def breakable(name: str) -> Markup:
    """Returns a name that may break after `_`, `.` and `(` where a line is too short for it."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_.(])(?=[^\W_])", name))


def _flagged(report: Report, one: SuiteResult) -> Flagged:
    from markupsafe import Markup

    found = verdict(one)
    context = report.context(one.model)
    held = one.model in report.run.withheld
    shown = [result for result in (found.lead, *found.explained) if result is not None and result.plot]
    plot = shown[0].plot if shown else None
    lead = found.lead
    points = report.trends.get(one.model, ())
    # Drawings escape the texts in them; nothing else of the page is exempt from escaping.
    drawn = lineage.drawn(one.model, context.readers, is_withheld=held) if one.status == "fail" else ""
    return Flagged(
        table=one,
        found=found,
        context=context,
        is_withheld=held,
        plot=plot,
        distribution=_distribution(plot) if plot else None,
        quantiles=_quantiles(plot) if plot else (),
        trend=_trend(lead, points, report, charts.NARROW if plot else charts.WIDE) if lead is not None else None,
        lineage=Markup(drawn) if drawn else None,
    )


def _distribution(plot: Plot) -> Drawing:
    from markupsafe import Markup

    before = plot.baseline
    caption = f"Distribution of {charts.axis_title(plot)}, n = {count(plot.rows)}"
    caption += f"; before, {before.label}: n = {count(before.rows)}." if before else "."
    below, above = plot.outside
    if below or above:
        caption += f" Not drawn: {count(below)} below and {count(above)} above the axis."
    spoken = f"{caption} Median {measured(plot.box.median, plot.column)}, 90 % between {measured(plot.box.p05, plot.column)} and {measured(plot.box.p95, plot.column)}."
    if before:
        spoken += f" The median was {measured(before.box.median, plot.column)}."
    unit = f" ({plot.unit})" if plot.unit else ""
    parts = [plot.counts, *([plot.group_counts] if plot.group_counts else []), *([before.counts] if before else [])]
    names = [
        f"from{unit}",
        f"to{unit}",
        "rows",
        *(["of the slice"] if plot.group_counts else []),
        *(["before"] if before else []),
    ]
    rows = [
        (figure(low), figure(high), *(count(part[index]) for part in parts))
        for index, (low, high) in enumerate(zip(plot.edges, plot.edges[1:], strict=False))
    ]
    return Drawing(
        wide=Markup(charts.distribution(plot, charts.WIDE)),
        narrow=Markup(charts.distribution(plot, charts.NARROW)),
        caption=caption,
        spoken=spoken,
        columns=tuple(names),
        rows=tuple(rows),
    )


def _quantiles(plot: Plot) -> tuple[tuple[str, ...], ...]:
    """Returns the figures of the box plots: name, now, and before where that is known."""
    names = ("least", "5 %", "first quartile", "median", "third quartile", "95 %", "greatest")
    boxes = [plot.box, *([plot.baseline.box] if plot.baseline else [])]
    columns = [(box.least, box.p05, box.q1, box.median, box.q3, box.p95, box.most) for box in boxes]
    return tuple(
        (name, *(measured(values[index], plot.column) for values in columns)) for index, name in enumerate(names)
    )


def _trend(lead: CheckResult, points: Sequence[Observation], report: Report, size: charts.Size) -> Drawing | None:
    """Returns the figure of the check that names the cause, run by run; None where no earlier run measured it.

    Args:
        size: of the drawing where there is room.
    """
    from markupsafe import Markup

    now = figure_of(lead)
    if now is None or not points:
        return None
    seen = [point for point in points if point.run_id != report.run.run_id]
    if not seen:
        return None
    at = report.run.finished_at or seen[-1].at
    expected, allowed = allowed_by(lead.numbers)
    last = Observation(
        run_id=report.run.run_id, at=at, value=now.value, status=lead.status, expected=expected, allowed=allowed
    )
    every = [*seen, last]
    words = {"pass": "passed", "warn": "warned", "fail": "failed"}
    usual, title = bands(lead, every), title_of(lead, now)
    caption = f"{title[0].upper()}{title[1:]}, as the check that names the cause measured it in the last {count(len(every))} runs."
    before = [point.value for point in seen]
    spoken = f"{caption} Before between {figure(min(before))} and {figure(max(before))}, now {now.shown}."
    if usual[-1] is not None:
        spoken += f" Usual now: {usual[-1].shown}."
    return Drawing(
        wide=Markup(charts.trend(every, size, title, usual)),
        narrow=Markup(charts.trend(every, charts.NARROW, title, usual)),
        caption=caption,
        spoken=spoken,
        columns=("run (UTC)", title, *(["usual"] if any(usual) else []), "result"),
        rows=tuple(
            (
                f"{one.at:%Y-%m-%d %H:%M}",
                figure(one.value),
                *([band.shown if band else ""] if any(usual) else []),
                words[one.status],
            )
            for one, band in reversed(list(zip(every, usual, strict=True)))
        ),
    )

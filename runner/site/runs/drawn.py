"""Runs as drawings: SVG without script or reference, colours from the style sheet, the figures in words beside each.

A lane of the timeline is as wide as its cell: places along it are shares of the width, so text and heights stay as they
are on a phone. All that moves with the time lies in an inner `<svg class="span">`, which a script may widen to zoom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from expectations.reports import charts
from expectations.reports.values import Observation
from expectations.words import duration, figure, size
from runner.site.runs.timeline import Bar, Timeline

if TYPE_CHECKING:
    from expectations.definition import Level
    from runner.site.runs.series import Point

_LEAST = 0.3  # percent of the width that even a moment is drawn with
_TICKS = 6
_SHAPES: Mapping[str, Level] = {"error": "fail", "fail": "fail", "withheld": "fail", "warn": "warn"}
_POINTS = 40  # runs that a chart over time shows
_RUNS = {660: 60, 320: 24}  # by width in CSS pixels: bars that fit
STAGES: Mapping[str, str] = {
    "compile": "compile: the template becomes SQL",
    "write": "write: Spark computes the rows and writes them where nobody reads them yet",
    "checks": "checks: the new rows are judged",
    "publish": "publish: they become what readers see",
    "other": "all else: reading the state, deciding, opening what it reads",
}


def lane(bar: Bar, timeline: Timeline, label: str) -> Markup:
    """Returns one node's line of the timeline: a thin line while it waited for a thread, then its stages."""
    words = [f"{part.name} {duration(part.seconds)}" for part in bar.parts]
    waited = f", waited {duration(bar.waited)} for a thread" if bar.waited >= 0.05 else ""
    spoken = f"{label}: ready after {duration(bar.ready)}{waited}, took {duration(bar.seconds)}: {', '.join(words)}"
    parts = []
    if bar.waited:
        parts.append(_rect("wait", bar.ready, bar.waited, timeline.seconds, y=8, height=2))
    parts += [
        _rect(f"stage {part.name}", part.start, part.seconds, timeline.seconds, y=3, height=12, title=text)
        for part, text in zip(bar.parts, words, strict=True)
    ]
    return Markup(
        f'<svg class="lane" width="100%" height="18" role="img" aria-label="{escape(spoken)}">'
        f'<svg class="span"><use href="#marks"/>{"".join(parts)}</svg></svg>'
    )


def _rect(kind: str, start: float, seconds: float, whole: float, *, y: int, height: int, title: str = "") -> str:
    left, width = 100 * start / (whole or 1.0), 100 * seconds / (whole or 1.0)
    inner = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{kind}" x="{min(left, 100 - _LEAST):.2f}%" y="{y}" width="{max(width, _LEAST):.2f}%" '
        f'height="{height}">{inner}</rect>'
    )


def axis(timeline: Timeline) -> Markup:
    """Returns the timeline's seconds, and the marks that every lane draws behind itself."""
    ticks = [tick for tick in charts.ticks_of(0.0, timeline.seconds or 1.0, _TICKS) if tick <= timeline.seconds]
    step = ticks[1] if len(ticks) > 1 else 1.0
    places = [(100 * tick / (timeline.seconds or 1.0), charts.plain_number(tick, step)) for tick in ticks]
    lines = "".join(f'<line class="grid" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="100%"/>' for x, _ in places)
    texts = "".join(
        f'<text x="{x:.2f}%" y="13" text-anchor="{"start" if x < 4 else "end" if x > 94 else "middle"}">{text} s</text>'
        for x, text in places
    )
    return Markup(
        f'<svg class="axis" width="100%" height="18" aria-hidden="true"><symbol id="marks">{lines}</symbol>'
        f'<svg class="span">{texts}</svg></svg>'
    )


def busy(timeline: Timeline) -> Markup:
    """Returns how many nodes were worked on at once, over the run's time."""
    moments = sorted([(bar.start, 1) for bar in timeline.bars] + [(bar.end, -1) for bar in timeline.bars])
    most = max(timeline.threads, 1)
    path, running = ["M0 1"], 0
    for at, change in moments:
        x = at / (timeline.seconds or 1.0)
        path.append(f"H{x:.4f}")
        running += change
        path.append(f"V{max(0.0, 1 - running / most):.3f}")
    spoken = f"Tables worked on at once, over time: {figure(timeline.mean_busy)} of {timeline.threads} on average"
    return Markup(
        f'<svg class="lane busy" width="100%" height="28" role="img" aria-label="{escape(spoken)}"><svg class="span">'
        f'<use href="#marks"/><svg viewBox="0 0 1 1" preserveAspectRatio="none">'
        f'<path d="{"".join(path)}H1V1Z"/></svg></svg></svg>'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBar:
    """A run as the chart of durations shows it.

    Attributes:
        status: pass, warn or fail.
    """

    at: datetime
    seconds: float
    status: Level


def durations(runs: Sequence[RunBar], width: int) -> Markup:
    """Returns how long runs took, oldest first: a bar each, with a mark over those that warned or failed.

    Args:
        width: of the drawing, in CSS pixels; the newest runs that fit are drawn.
    """
    shown = runs[-_RUNS[width] :]
    ticks = charts.ticks_of(0.0, max((run.seconds for run in shown), default=1.0) or 1.0, 4)
    step, high = ticks[1] - ticks[0], 150.0
    left, top = 8 + 6.7 * max(len(charts.plain_number(tick, step)) for tick in ticks), 30.0
    each = (width - left - 8) / max(len(shown), 12)
    parts = ['<text class="title" x="0" y="11">seconds</text>']
    for tick in ticks:
        y = top + high * (1 - tick / ticks[-1])
        parts.append(f'<path class="grid" d="M{left:.1f} {y:.1f}H{width - 8}"/>')
        parts.append(
            f'<text class="tick" x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{charts.plain_number(tick, step)}</text>'
        )
    for index, run in enumerate(shown):
        tall = max(high * run.seconds / ticks[-1], 1.5)
        x, y = left + index * each, top + high - tall
        parts.append(
            f'<rect class="run {run.status}" x="{x + each * 0.15:.1f}" y="{y:.1f}" width="{each * 0.7:.1f}" height="{tall:.1f}">'
            f"<title>{run.at:%Y-%m-%d %H:%M} UTC: {duration(run.seconds)}</title></rect>"
        )
        if run.status != "pass":
            middle = x + each / 2
            shape = (
                f"M{middle:.1f} {y - 12:.1f}l4.5 8h-9z"
                if run.status == "warn"
                else f"M{middle - 4:.1f} {y - 12:.1f}h8v8h-8z"
            )
            parts.append(f'<path class="at {run.status}" d="{shape}"/>')
    if shown:
        bottom = top + high + 18
        parts.append(f'<text class="tick" x="{left:.1f}" y="{bottom:.1f}">{shown[0].at:%Y-%m-%d %H:%M}</text>')
        end = max(left + len(shown) * each, left + 240)
        parts.append(
            f'<text class="tick" x="{min(end, width - 8):.1f}" y="{bottom:.1f}" text-anchor="end">{shown[-1].at:%Y-%m-%d %H:%M}</text>'
        )
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + high + 26:.0f}" width="{width}" '
        f'height="{top + high + 26:.0f}" focusable="false">{"".join(parts)}</svg>'
    )


def shares(parts: Sequence[tuple[str, float]]) -> Markup:
    """Returns a bar of shares, such as a run's nodes by outcome.

    Args:
        parts: class and size of each.
    """
    whole = sum(part for _, part in parts) or 1.0
    at, drawn = 0.0, []
    for kind, part in parts:
        drawn.append(
            f'<rect class="{kind}" x="{100 * at / whole:.2f}%" width="{100 * part / whole:.2f}%" height="100%"/>'
        )
        at += part
    return Markup(f'<svg class="shares" width="100%" height="10" aria-hidden="true">{"".join(drawn)}</svg>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure of a table over the runs.

    Attributes:
        spoken: what it shows, in a sentence.
        rows: when, the figure in words, and how the run ended.
    """

    drawing: Markup
    caption: str
    spoken: str
    rows: tuple[tuple[str, str, str], ...]


def over_time(points: Sequence[Point]) -> list[Chart]:
    """Returns a table's durations, rows and bytes over the kept runs as charts; of figures that nobody knows, none."""
    built = [one for one in points if one.work == "build"] or points
    what = "Seconds to build it" if built and built[0].work == "build" else "Seconds of its checks"
    largest = max((one.size for one in points if one.size is not None), default=0)
    unit, per = next(
        ((word, least) for word, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if largest >= least), ("B", 1.0)
    )
    found = [
        _chart(what, "seconds", [(one, one.seconds, duration(one.seconds)) for one in built]),
        _chart("Rows", "rows", [(one, one.rows, f"{one.rows:,}") for one in points if one.rows is not None]),
        _chart(
            "Size of its files",
            unit,
            [(one, one.size / per, size(one.size)) for one in points if one.size is not None],
        ),
    ]
    return [one for one in found if one is not None]


def _chart(what: str, unit: str, values: Sequence[tuple[Point, float, str]]) -> Chart | None:
    shown = values[-_POINTS:]
    if len(shown) < 2:
        return None
    points = [
        Observation(run_id=one.run_id, at=one.at, value=float(value), status=_SHAPES.get(one.status, "pass"))
        for one, value, _ in shown
    ]
    words = [text for _, _, text in shown]
    caption = f"{what} in the last {len(shown)} runs."
    return Chart(
        drawing=Markup(charts.trend(points, charts.NARROW, unit)),  # its texts are escaped there
        caption=caption,
        spoken=f"{caption} At first {words[0]}, now {words[-1]}.",
        rows=tuple((f"{one.at:%Y-%m-%d %H:%M}", text, one.status) for one, _, text in reversed(shown)),
    )

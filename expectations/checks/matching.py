"""D14: rows of one store have their match in the other; those that have none are cut off in time, or lost at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from expectations.causes import CHANGING, CUT_AND_MORE, CUT_OFF, GAP, NOTHING, RANDOM, UNDATED
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape
from expectations.stats.arrays import np
from expectations.stats.shape import sampling_distance
from expectations.words import count, figure, percent

_BUCKETS = 1_000
_LEAST = 5  # rows that a cut or a gap must hold
_CHANCE = 1e-6  # at which a run of rows without a match is no accident
_WORTH_SAYING = 20  # rows of a cut or a gap, where the loss is within what is allowed


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    matched, time = escape(arguments["matched"]), escape(arguments["time"])
    rows = f"SELECT coalesce(({matched}), FALSE) AS found, unix_micros(CAST(({time}) AS TIMESTAMP)) AS moment FROM {{this}}"
    bounds = (
        "SELECT min(moment) AS first, max(moment) AS last, min(moment) FILTER (WHERE found) AS first_found, "
        f"max(moment) FILTER (WHERE found) AS last_found FROM ({rows})"
    )
    place = f"floor({_BUCKETS}D * (moment - first) / greatest(last - first, 1))"
    bucket = f"if(moment IS NULL, NULL, least({_BUCKETS - 1}, {place}))"  # least() alone would skip the null
    return {
        "buckets": Query(
            sql=f"SELECT CAST({bucket} AS INT) AS bucket, count_if(found) AS found, count_if(NOT found) AS lost, "
            "min(moment) FILTER (WHERE NOT found) AS first_lost, max(moment) FILTER (WHERE NOT found) AS last_lost, "
            "min(first_found) AS first_found, max(last_found) AS last_found, "
            "count_if(NOT found AND moment > last_found) AS late, "
            "count_if(NOT found AND moment < first_found) AS early "
            f"FROM ({rows}) CROSS JOIN ({bounds}) GROUP BY 1 ORDER BY 1",
            where=table.where,
        )
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Rows in unbroken order of time of which none has a match.

    Attributes:
        first, last: moments of its first and last row, in microseconds since 1970.
        lost: its rows.
        buckets: where it lies.
    """

    first: int
    last: int
    lost: int
    buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """How the rows without a match lie in time.

    Attributes:
        late, early: those after the last and before the first match, if they are too many for chance.
        gaps: runs of them in between.
        rest: the others.
        distance: the Kolmogorov-Smirnov distance between the times of all rows with and all without a match.
        rest_distance, chance: the same without the runs, and what chance gives at most.
    """

    found: int
    lost: int
    late: _Run | None
    early: _Run | None
    gaps: tuple[_Run, ...]
    rest: int
    distance: float
    rest_distance: float
    chance: float

    @property
    def in_runs(self) -> int:
        """The rows in cuts and gaps."""
        return self.lost - self.rest

    @property
    def rest_share(self) -> float:
        """What share of the rows outside the runs has no match."""
        return self.rest / (self.rest + self.found) if self.rest + self.found else 0.0


def _distance(found: Sequence[int], lost: Sequence[int]) -> float:
    """Returns the Kolmogorov-Smirnov distance of two histograms over the same buckets."""
    one, other = np.cumsum(found), np.cumsum(lost)
    if not len(one) or not one[-1] or not other[-1]:
        return 0.0
    return float(np.max(np.abs(one / one[-1] - other / other[-1])))


def _picture(buckets: Sequence[Mapping[str, Any]]) -> _Picture:
    """Returns how the rows without a match lie in time; `buckets` are dated and in order, and some row has a match."""
    found, lost = [int(one["found"]) for one in buckets], [int(one["lost"]) for one in buckets]
    loss = sum(lost) / (sum(found) + sum(lost))

    def beyond_chance(rows: int, places: int = 1) -> bool:
        return rows >= _LEAST and places * loss**rows < _CHANCE

    late, early = sum(int(one["late"]) for one in buckets), sum(int(one["early"]) for one in buckets)
    last_lost = max((one["last_lost"] for one in buckets if one["lost"]), default=0)
    first_lost = min((one["first_lost"] for one in buckets if one["lost"]), default=0)
    gaps = tuple(run for run in _runs(buckets) if beyond_chance(run.lost, sum(lost)))
    inside = {index for run in gaps for index in run.buckets}
    after = _Run(first=buckets[0]["last_found"], last=last_lost, lost=late) if beyond_chance(late) else None
    before = _Run(first=first_lost, last=buckets[0]["first_found"], lost=early) if beyond_chance(early) else None
    outside = [index for index in range(len(buckets)) if index not in inside]
    rest = [
        lost[index] - (int(buckets[index]["late"]) if after else 0) - (int(buckets[index]["early"]) if before else 0)
        for index in outside
    ]
    return _Picture(
        found=sum(found),
        lost=sum(lost),
        late=after,
        early=before,
        gaps=gaps,
        rest=sum(rest),
        distance=_distance(found, lost),
        rest_distance=_distance([found[index] for index in outside], rest),
        chance=sampling_distance(sum(found), sum(rest)),
    )


def _runs(buckets: Sequence[Mapping[str, Any]]) -> list[_Run]:
    """Returns the runs of buckets between two matches in which only rows without one lie."""
    runs: list[_Run] = []
    run: list[int] = []
    seen = False
    for index, one in enumerate(buckets):
        if not one["found"]:
            if seen:
                run.append(index)
            continue
        if run:
            runs.append(
                _Run(
                    first=min(buckets[i]["first_lost"] for i in run),
                    last=max(buckets[i]["last_lost"] for i in run),
                    lost=sum(int(buckets[i]["lost"]) for i in run),
                    buckets=tuple(run),
                )
            )
        seen, run = True, []
    return runs


def _moment(micros: int) -> str:
    """Returns a moment in UTC, to the second."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _judge(arguments: Arguments, values: Values) -> Finding:
    what, match = arguments["what"], arguments["match"]
    everything = values["buckets"]
    buckets = [one for one in everything if one["bucket"] is not None]
    found, lost = (sum(int(one[key]) for one in everything) for key in ("found", "lost"))
    total = found + lost
    numbers: dict[str, Any] = {"rows": total, "matched": found, "unmatched": lost}
    said = f"{count(lost)} of {count(total)} {what} ({percent(lost / total if total else 0)}) have no {match}"
    within = lost <= (1 - arguments["mostly"]) * total
    dated = any(one["found"] for one in buckets) and any(one["lost"] for one in buckets)
    picture = _picture(buckets) if dated else None
    if not total or (within and not (picture and picture.in_runs >= _WORTH_SAYING)):
        passed = f"{count(found)} of {count(total)} {what} have {_a(match)}."
        return Finding(level="pass", observed=f"{count(lost)} without", message=passed, numbers=numbers)
    failing = f"NOT coalesce(({arguments['matched']}), FALSE)"
    if picture is None:
        return Finding(
            level="fail",
            observed=f"{count(lost)} of {count(total)}",
            message=f"{said}; their times are not known."
            if found
            else f"None of {count(total)} {what} has {_a(match)}.",
            cause=UNDATED if found else NOTHING,
            what_to_do=_ADVICE[UNDATED if found else NOTHING].format(what=what, match=match),
            numbers=numbers,
            failing=failing,
            failing_count=lost,
        )
    cause = _cause(picture, arguments["mostly"])
    numbers |= {
        "late": picture.late.lost if picture.late else 0,
        "early": picture.early.lost if picture.early else 0,
        "in_gaps": sum(run.lost for run in picture.gaps),
        "spread": picture.rest,
        "ks_distance": picture.distance,
        "ks_distance_of_rest": picture.rest_distance,
    }
    return Finding(
        level="warn" if within else "fail",
        observed=f"{count(lost)} of {count(total)} ({percent(lost / total)}): {cause}",
        message=f"{said}: {_where(picture, cause, match)}.",
        cause=cause,
        evidence=_evidence(picture, buckets, what, match),
        what_to_do=_ADVICE[cause].format(what=what, match=match),
        numbers=numbers,
        failing=failing,
        failing_count=lost,
    )


def _cause(picture: _Picture, mostly: float) -> str:
    runs = bool(picture.late or picture.early or picture.gaps)
    if runs and picture.rest_share > 1 - mostly:
        return CUT_AND_MORE
    if picture.late or picture.early:
        return CUT_OFF
    if picture.gaps:
        return GAP
    return RANDOM if picture.rest_distance <= picture.chance else CHANGING


def _where(picture: _Picture, cause: str, match: str) -> str:
    """Returns in words where in time the rows without a match lie."""
    parts: list[str] = []
    every = "all " if cause == CUT_OFF and picture.rest == 0 and not picture.gaps else ""
    if run := picture.late:
        parts.append(f"cut off, {every}{count(run.lost)} come after {_moment(run.first)} and no {match} does")
    if run := picture.early:
        parts.append(f"cut off, {every}{count(run.lost)} come before {_moment(run.last)} and no {match} does")
    for run in picture.gaps[:3]:
        parts.append(f"a gap, {count(run.lost)} from {_moment(run.first)} to {_moment(run.last)} and no {match} there")
    if len(picture.gaps) > 3:
        parts.append(f"{count(len(picture.gaps) - 3)} more gaps")
    if not parts:
        even = picture.rest_distance <= picture.chance
        return (
            "spread over the window, as random loss is"
            if even
            else "spread over the window, but more in one part of it than in another"
        )
    if picture.rest and cause == CUT_AND_MORE:
        even = picture.rest_distance <= picture.chance
        parts.append(
            f"the other {count(picture.rest)} are spread over the rest"
            + (", as random loss is" if even else ", more in one part of it than in another")
        )
    return "; ".join(parts)


def _evidence(picture: _Picture, buckets: Sequence[Mapping[str, Any]], what: str, match: str) -> tuple[str, ...]:
    dated = [one for one in buckets if one["lost"]]
    first, last = min(one["first_lost"] for one in dated), max(one["last_lost"] for one in dated)
    lines = [
        f"Those without: {_moment(first)} to {_moment(last)}; those with: {_moment(buckets[0]['first_found'])} to "
        f"{_moment(buckets[0]['last_found'])} (UTC).",
        f"Kolmogorov-Smirnov distance between the times of both: {figure(picture.distance)}.",
    ]
    if picture.late or picture.early or picture.gaps:
        outside = picture.found + picture.rest
        lines.append(
            f"Elsewhere {count(picture.rest)} of {count(outside)} {what} ({percent(picture.rest_share)}) have no {match}."
        )
    if picture.rest:
        lines.append(
            f"Of the spread ones the distance is {figure(picture.rest_distance)}; chance gives up to "
            f"{figure(picture.chance)}."
        )
    return tuple(lines)


def _a(match: str) -> str:
    return f"{'an' if match[:1].lower() in 'aeiou' else 'a'} {match}"


_ADVICE: Mapping[str, str] = {
    NOTHING: "Look at the keys on both sides: another form, another shop, or one side was never landed.",
    UNDATED: "Mend the times first: without them a cut cannot be told from random loss.",
    CUT_OFF: "Writing of each {match} stopped then, or it was landed before the {what}: land both stores at one moment, "
    "and if the gap stays, find what stopped.",
    GAP: "No {match} was kept for a time: find what failed then, and land those days again.",
    CUT_AND_MORE: "Two things at once: land both stores at one moment and find what stopped writing; then look at the "
    "spread ones, whose {match} was lost one by one.",
    RANDOM: "Each {match} was lost by itself: look for writes that fail, and in quarantine. (Where {what} were written in "
    "no order of time, a writer that stopped early looks the same.)",
    CHANGING: "Compare the share of {what} without by day, then by device and referrer: something made the loss grow.",
}


MATCHED = Definition(
    type="expect_rows_to_be_matched",
    check="D14",
    doc="""Each row (say, a converted session) has its match in the other store (an order), and where some have not, the
    verdict tells a cut in time from random loss.

    Fails where more than 1 - mostly (.005) of the rows have no match; warns where fewer have none but 20 of them lie in
    one cut or gap. Cut off: the k rows after the last match (or
    before the first) would all be without by chance with probability loss^k < 1e-6; a gap is the same between two
    matches, times the places where it could be. The others are random where the Kolmogorov-Smirnov distance of their
    times to those of matched rows is within what two samples of one law show (1 in 10,000), else the loss changes.""",
    arguments=(
        Argument(name="matched", kind="sql", required=True),
        Argument(name="time", kind="sql", required=True),
        Argument(name="what", kind="text", default="rows"),
        Argument(name="match", kind="text", default="match"),
        Argument(name="mostly", kind="share", default=0.995),
    ),
    needs=_needs,
    judge=_judge,
)

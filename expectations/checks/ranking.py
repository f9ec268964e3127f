"""D12: a ranking says something: its groups differ by more than chance makes them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.causes import NO_SIGNAL
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape, quoted
from expectations.words import count, figure, percent

_LEAST_EXPECTED = 5.0  # in a group, below which chi-square is no approximation


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    keys = [escape(quoted(column)) for column in arguments["groups"]]
    name = f"concat_ws(', ', {', '.join(f'CAST({key} AS STRING)' for key in keys)})"
    whole = escape(arguments["part_of"]) if arguments["part_of"] else "CAST(NULL AS DOUBLE)"
    return {
        "groups": Query(
            sql=f"SELECT {name} AS name, CAST({escape(arguments['count'])} AS DOUBLE) AS n, "
            f"CAST({whole} AS DOUBLE) AS whole FROM {{this}} GROUP BY {', '.join(keys)} ORDER BY n DESC, name",
            where=table.where,
        )
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    groups = [row for row in values["groups"] if row["name"] not in arguments["ignore"]]
    shares = arguments["part_of"] is not None
    what = " and ".join(arguments["groups"])
    found = _chi_square(groups, shares)
    total = sum(row["n"] or 0.0 for row in groups)
    numbers: dict[str, Any] = {"groups": len(groups), "total": total}
    if found is None or total < arguments["min_count"]:
        said = f"{count(total)} in {count(len(groups))} groups by {what} are too few to tell a ranking from chance."
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    statistic, degrees = found
    p = _tail(statistic, degrees)
    numbers |= {"chi_square": statistic, "degrees": degrees, "p": p}
    chance = f"chi-square {figure(statistic)} on {degrees} degree{'s' if degrees != 1 else ''} of freedom, {_p(p)}"
    if p <= arguments["warn_p"]:
        said = f"The {count(len(groups))} groups by {what} differ by more than chance: {chance}."
        return Finding(level="pass", observed=_p(p), message=said, numbers=numbers)
    ranked = sorted(groups, key=lambda row: -_rate(row, shares))
    first, last = ranked[0], ranked[-1]
    return Finding(
        level="warn",
        observed=_p(p),
        message=f"The ranking by {what} carries no signal: {_said(first, shares)} is first and {_said(last, shares)} "
        f"last of {count(len(groups))}, which chance alone gives ({chance}).",
        cause=NO_SIGNAL,
        evidence=(f"{count(total)} in {count(len(groups))} groups; p above {figure(arguments['warn_p'])}.",),
        what_to_do="Read no order into these groups; with other data of the same shop the order would be another.",
        numbers=numbers,
        rows=tuple(
            {what: row["name"], "n": row["n"]} | ({"of": row["whole"]} if shares else {}) for row in ranked[:10]
        ),
    )


def _chi_square(groups: Sequence[Mapping[str, Any]], shares: bool) -> tuple[float, int] | None:
    """Returns the statistic and its degrees of freedom; None where the groups are too few or too small for it.

    Counts are held against equal ones, shares against the share of all groups together.
    """
    counts = [row["n"] or 0.0 for row in groups]
    if len(groups) < 2 or sum(counts) <= 0:
        return None
    if not shares:
        expected = sum(counts) / len(counts)
        if expected < _LEAST_EXPECTED:
            return None
        return sum((n - expected) ** 2 / expected for n in counts), len(counts) - 1
    wholes = [row["whole"] or 0.0 for row in groups]
    rate = sum(counts) / sum(wholes) if sum(wholes) else 0.0
    if not 0 < rate < 1 or min(min(rate, 1 - rate) * whole for whole in wholes) < _LEAST_EXPECTED:
        return None
    pairs = zip(counts, wholes, strict=True)
    return sum((n - rate * whole) ** 2 / (rate * (1 - rate) * whole) for n, whole in pairs), len(counts) - 1


def _tail(statistic: float, degrees: int) -> float:
    """Returns the probability that chance gives such a chi-square or a greater one."""
    from scipy.special import chdtrc  # not at import: suites are read without it

    return float(chdtrc(degrees, statistic))


def _p(value: float) -> str:
    return f"p = {figure(value)}" if value >= 1e-6 else "p < 0.000001"


def _rate(row: Mapping[str, Any], shares: bool) -> float:
    return float((row["n"] or 0.0) / row["whole"] if shares else row["n"] or 0.0)


def _said(row: Mapping[str, Any], shares: bool) -> str:
    return f"{row['name']} ({percent(_rate(row, True)) if shares else count(row['n'])})"


SIGNAL = Definition(
    type="expect_ranking_to_have_signal",
    check="D12",
    doc="""The groups that a table ranks differ by more than chance.

    Chi-square of counts against equal ones, or, with `part_of`, of shares against the common one. Warns where p > .01
    although there was enough to see a difference (`min_count` in all, 5 expected in each group). What is counted must
    be independent of each other: users or sessions, not lines or units of one order.""",
    arguments=(
        Argument(name="groups", kind="columns", required=True),
        Argument(name="count", kind="sql", required=True),
        Argument(name="part_of", kind="sql"),
        Argument(name="ignore", kind="list", default=["unknown"]),
        Argument(name="warn_p", kind="share", default=0.01),
        Argument(name="min_count", kind="integer", default=1_000),
    ),
    needs=_needs,
    judge=_judge,
)

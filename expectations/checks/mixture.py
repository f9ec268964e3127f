"""D15: groups that are compared hold one population, or the same mixture of two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from expectations.causes import MIXED
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape, quoted
from expectations.words import count, figure, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    keys = [escape(quoted(column)) for column in arguments["groups"]]
    name = f"concat_ws(', ', {', '.join(f'CAST({key} AS STRING)' for key in keys)})"
    return {
        "cells": Query(
            sql=f"SELECT {name} AS name, CAST(({escape(arguments['population'])}) AS STRING) AS population, "
            f"CAST({escape(arguments['count'])} AS DOUBLE) AS n, CAST({escape(arguments['total'])} AS DOUBLE) AS total "
            f"FROM {{this}} GROUP BY {', '.join(keys)}, ({escape(arguments['population'])})",
            where=table.where,
        )
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    cells = [row for row in values["cells"] if row["population"] is not None and row["n"]]
    what = " and ".join(arguments["groups"])
    sizes: dict[str, float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    for row in cells:
        sizes[row["population"]] += row["n"]
        totals[row["population"]] += row["total"] or 0.0
    everything = sum(sizes.values())
    numbers: dict[str, Any] = {"rows": everything, "populations": len(sizes)}
    if len(sizes) != 2:
        said = f"{arguments['population']} tells {count(len(sizes))} population{'s' if len(sizes) != 1 else ''}."
        return Finding(level="pass", observed=f"{len(sizes)} populations", message=said, numbers=numbers)
    small, large = sorted(sizes, key=lambda name: sizes[name])
    share = sizes[small] / everything
    ratio = _mean(totals[small], sizes[small]) / mean if (mean := _mean(totals[large], sizes[large])) else float("inf")
    spread = _spread(cells, small)
    numbers |= {"share": share, "ratio": ratio, "share_spread": spread}
    known = (
        f"{arguments['population']} = {small} is {percent(share)} of {count(everything)} with a mean of "
        f"{figure(_mean(totals[small], sizes[small]))}, against {figure(mean)} of the others (ratio {figure(ratio)})"
    )
    if share <= arguments["warn_share"] or arguments["min_ratio"] <= ratio <= arguments["max_ratio"]:
        return Finding(level="pass", observed=f"ratio {figure(ratio)}", message=f"{known}.", numbers=numbers)
    mixed = _mixed(cells, small, arguments["warn_share"])
    if not mixed:
        said = f"{known}; no group by {what} mixes them."
        return Finding(level="pass", observed="kept apart", message=said, numbers=numbers)
    if spread <= arguments["warn_share"]:
        said = f"{known}; every group by {what} holds the same mixture."
        return Finding(level="pass", observed="the same mixture", message=said, numbers=numbers)
    return Finding(
        level="warn",
        observed=f"ratio {figure(ratio)}, share {percent(share)}",
        message=f"Groups by {what} mix two populations: {known}.",
        cause=MIXED,
        evidence=(
            f"Its share is from {percent(_shares(cells, small)[0][1])} ({_shares(cells, small)[0][0]}) to "
            f"{percent(_shares(cells, small)[-1][1])} ({_shares(cells, small)[-1][0]}), so groups differ by what they hold.",
        ),
        what_to_do=f"Compare groups by {what} within one population: group by {arguments['population']} as well.",
        numbers=numbers,
        rows=tuple({what: name, f"share of {small}": part} for name, part in _shares(cells, small)[:10]),
    )


def _mean(total: float, size: float) -> float:
    return total / size if size else 0.0


def _shares(cells: Sequence[Mapping[str, Any]], population: str) -> list[tuple[str, float]]:
    """Returns each group with the population's share of it, the lowest first."""
    sizes: dict[str, float] = defaultdict(float)
    parts: dict[str, float] = defaultdict(float)
    for row in cells:
        sizes[row["name"]] += row["n"]
        parts[row["name"]] += row["n"] if row["population"] == population else 0.0
    return sorted(((name, parts[name] / size) for name, size in sizes.items()), key=lambda pair: (pair[1], pair[0]))


def _spread(cells: Sequence[Mapping[str, Any]], population: str) -> float:
    shares = [share for _, share in _shares(cells, population)]
    return max(shares) - min(shares)


def _mixed(cells: Sequence[Mapping[str, Any]], population: str, least: float) -> bool:
    return any(least < share < 1 - least for _, share in _shares(cells, population))


APART = Definition(
    type="expect_populations_not_to_be_mixed",
    check="D15",
    doc="""Groups that are compared by a mean do not mix two populations in different proportions.

    Warns where the smaller population is more than warn_share (.05) of all, the ratio of both means is outside
    [.8, 1.25], some group holds more than warn_share of both, and the share differs by more than that between groups:
    then groups are compared by what they hold. Groups of one population each, and the same mixture everywhere, pass.""",
    arguments=(
        Argument(name="population", kind="sql", required=True),
        Argument(name="groups", kind="columns", required=True),
        Argument(name="total", kind="sql", required=True),
        Argument(name="count", kind="sql", default="count(*)"),
        Argument(name="warn_share", kind="share", default=0.05),
        Argument(name="min_ratio", kind="number", default=0.8),
        Argument(name="max_ratio", kind="number", default=1.25),
    ),
    needs=_needs,
    judge=_judge,
)

"""D14: a funnel's stages descend, and its last one is what the orders say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from expectations.causes import FUNNEL_ORDERS, FUNNEL_UNITS
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Need,
    Query,
    Table,
    Values,
    escape,
    literal,
    quoted,
)
from expectations.words import count, percent


def _pairs(stages: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(stages))


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    stages: list[str] = arguments["stages"]
    needs: dict[str, Need] = {}
    if stage := arguments["stage_column"]:
        figure = escape(quoted(arguments["count_column"]))
        groups = [escape(quoted(column)) for column in arguments["within"] or []]
        named = f"concat_ws(', ', {', '.join(f'CAST({name} AS STRING)' for name in groups)})" if groups else "''"
        sums = ", ".join(
            f"sum(CASE WHEN CAST({escape(quoted(stage))} AS STRING) = {escape(literal(one))} "
            f"THEN CAST({figure} AS DOUBLE) END) AS s{i}"
            for i, one in enumerate(stages)
        )
        group = f" GROUP BY {', '.join(groups)}" if groups else ""
        inner = f"SELECT {named} AS funnel, {sums} FROM {{this}}{group}"
        bad = " OR ".join(f"coalesce(s{i + 1} > s{i}, FALSE)" for i in range(len(stages) - 1))
        last = f"s{len(stages) - 1}"
        needs["funnels"] = Query(
            sql=f"SELECT *, count(*) OVER () AS total, sum(CAST(bad AS INT)) OVER () AS broken, "
            f"sum({last}) OVER () AS purchases FROM (SELECT *, {bad} AS bad FROM ({inner})) "
            "ORDER BY bad DESC, funnel LIMIT 20",
            where=table.where,
        )
    else:
        needs["rows"] = Aggregate(call="count(*)", where=table.where)
        for before, after in _pairs(stages):
            needs[f"rises {before} {after}"] = Aggregate(call=f"count_if({_rises(before, after)})", where=table.where)
        needs["purchases"] = Aggregate(call=f"sum(CAST({quoted(stages[-1])} AS DOUBLE))", where=table.where)
    if other := arguments["levels"]:
        where = escape(arguments["levels_where"] or "TRUE")
        stage, figure = (escape(quoted(arguments[name])) for name in ("stage_column", "count_column"))
        needs["levels"] = Query(
            sql=f"SELECT CAST({stage} AS STRING) AS stage, CAST(sum({figure}) AS DOUBLE) AS n FROM {{other}} "
            f"WHERE {where} GROUP BY CAST({stage} AS STRING) ORDER BY stage LIMIT 100",
            of=other,
            is_small=True,
        )
    if sessions := arguments["sessions"]:
        needs["sessions"] = Aggregate(call="count(*)", of=sessions)
    if orders := arguments["orders"]:
        needs["orders"] = Aggregate(call="count(*)", of=orders, where=arguments["orders_where"] or "")
    return needs


def _rises(before: str, after: str) -> str:
    return f"CAST({quoted(after)} AS DOUBLE) > CAST({quoted(before)} AS DOUBLE)"


def _judge(arguments: Arguments, values: Values) -> Finding:
    stages: list[str] = arguments["stages"]
    evidence: list[str] = []
    failing = ""
    rows: tuple[dict[str, object], ...] = ()
    if "funnels" in values:
        funnels = values["funnels"]
        purchases = funnels[0]["purchases"] if funnels else 0
        broken = int(funnels[0]["broken"] or 0) if funnels else 0
        for one in (one for one in funnels if one["bad"]):
            for i, (before, after) in enumerate(_pairs(stages)):
                if one[f"s{i}"] is not None and one[f"s{i + 1}"] is not None and one[f"s{i + 1}"] > one[f"s{i}"]:
                    where = f" ({one['funnel']})" if one["funnel"] else ""
                    evidence.append(f"{after} {count(one[f's{i + 1}'])} > {before} {count(one[f's{i}'])}{where}.")
        rows = tuple(
            {"funnel": one["funnel"], **{stage: one[f"s{i}"] for i, stage in enumerate(stages)}}
            for one in funnels
            if one["bad"]
        )
        missing = [stage for i, stage in enumerate(stages) if funnels and all(one[f"s{i}"] is None for one in funnels)]
        evidence.extend(f'No row has the stage "{stage}".' for stage in missing)
        broken += len(missing)
        if "sessions" in values:
            views = [one for one in funnels if (one["s0"] or 0) > values["sessions"]]
            broken += len(views)
            evidence[:0] = [
                f"{stages[0]} is {count(one['s0'])}, {arguments['sessions']} has {count(values['sessions'])} rows: "
                "events are counted, not sessions."
                for one in views
            ]
        total = int(funnels[0]["total"]) if funnels else 0
    else:
        purchases, total = values["purchases"], values["rows"]
        rising = {pair: values[f"rises {pair[0]} {pair[1]}"] for pair in _pairs(stages)}
        broken = sum(rising.values())
        evidence.extend(
            f"{after} exceeds {before} in {count(n)} of {count(total)} rows."
            for (before, after), n in rising.items()
            if n
        )
        failing = " OR ".join(f"({_rises(*pair)})" for pair, n in rising.items() if n)
    numbers: dict[str, float | None] = {"broken": broken, "purchases": purchases, "orders": values.get("orders")}
    cause = FUNNEL_UNITS if broken else ""
    off = 0.0
    if "orders" in values and (values["orders"] or purchases):
        theirs, ours = values["orders"], purchases or 0
        off = abs(ours - theirs) / max(ours, theirs)
        if off > arguments["fail_orders_difference"]:
            broken += 1
            evidence.append(
                f"{stages[-1]} is {count(ours)}, {arguments['orders']} has {count(theirs)} ({percent(off)} apart)."
            )
            cause = cause or FUNNEL_ORDERS
    apart = _levels_apart(arguments, values)
    if not broken and apart:
        return Finding(
            level="warn",
            observed=f"{len(apart)} stages apart",
            message=f"The funnel counts another unit than {arguments['levels']}: {apart[0]}",
            cause=FUNNEL_UNITS,
            evidence=tuple(apart),
            what_to_do="Say what is counted, sessions, users or events, and compare funnels of one unit only.",
            numbers=numbers,
        )
    evidence += apart
    if not broken:
        said = f"{' ≥ '.join(stages)} holds in all {count(total)} {'funnels' if 'funnels' in values else 'rows'}."
        return Finding(level="pass", observed="descends", message=said, numbers=numbers)
    return Finding(
        level="fail",
        observed=f"{count(broken)} contradictions",
        message=f"The funnel does not hold: {evidence[0]}",
        cause=cause,
        evidence=tuple(evidence[:10]),
        what_to_do="Count one unit throughout (sessions that reached at least this stage), and take purchases from "
        "orders, not from confirmation pages.",
        numbers=numbers,
        failing=failing,
        rows=rows,
    )


def _levels_apart(arguments: Arguments, values: Values) -> list[str]:
    """Returns, in words, the stages that another level of the funnel counts twice as often, or half as often."""
    if not values.get("levels") or not values["funnels"]:
        return []
    theirs, ours = {one["stage"]: one["n"] for one in values["levels"]}, values["funnels"][0]
    found = []
    for number, stage in enumerate(arguments["stages"]):
        here, there = ours[f"s{number}"], theirs.get(stage)
        if here and there and max(here / there, there / here) >= arguments["warn_levels_ratio"]:
            found.append(f"{stage} is {count(here)}, and {count(there)} in {arguments['levels']}.")
    return found


def _refuse(arguments: Arguments) -> str:
    if len(arguments["stages"] or []) < 2:
        return '"stages" names two stages or more.'
    if bool(arguments["stage_column"]) != bool(arguments["count_column"]):
        return '"stage_column" and "count_column" go together.'
    for name in ("within", "sessions", "levels"):
        if arguments[name] and not arguments["stage_column"]:
            return f'"{name}" needs "stage_column".'
    if arguments["levels"] and arguments["within"]:
        return '"levels" compares one funnel; leave out "within".'
    return ""


DESCEND = Definition(
    type="expect_funnel_to_descend",
    check="D14",
    doc="""No stage of a funnel has more than the one before it, and the last one agrees with the orders.

    Fails where stage k+1 > stage k in a row (wide form) or in a funnel's sums (long form), where a stage is missing, or
    where the last stage's sum differs from the rows of `orders` by more than 5 %. Warns where a stage is twice, or half,
    what the same stage is in `levels`, the funnel at another level: sessions, users, events.""",
    arguments=(
        Argument(name="stages", kind="texts", required=True),
        Argument(name="stage_column", kind="column"),
        Argument(name="count_column", kind="column"),
        Argument(name="within", kind="columns"),
        Argument(name="sessions", kind="table"),
        Argument(name="orders", kind="table"),
        Argument(name="orders_where", kind="sql"),
        Argument(name="fail_orders_difference", kind="share", default=0.05),
        Argument(name="levels", kind="table"),
        Argument(name="levels_where", kind="sql"),
        Argument(name="warn_levels_ratio", kind="number", default=2),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)

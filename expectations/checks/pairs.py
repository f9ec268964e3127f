"""D13: pairs that are said to belong together occur more often than chance makes some of so many pairs occur."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from expectations.causes import CHANCE
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
    quoted,
)
from expectations.stats.chance import poisson_tail, surprise_sql
from expectations.words import count, figure

_JUDGED = 200  # of the most surprising pairs, whose exact tails are computed


def _double(sql: str) -> str:
    return f"CAST(({sql}) AS DOUBLE)"


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    together, first, second = (_double(arguments[name]) for name in ("together", "first", "second"))
    whole = _double(str(arguments["total"]))
    names = [escape(quoted(column)) for column in arguments["pair"]]
    shown = f"concat_ws(' + ', {', '.join(f'CAST({name} AS STRING)' for name in names)})"
    surprise = escape(surprise_sql("n", "expected"))
    tested = arguments["tested"]
    needs: dict[str, Need] = {
        "rows": Aggregate(call="count(*)", where=table.where),
        "pairs": Query(
            sql=f"SELECT pair, n, expected, {surprise} AS surprise FROM (SELECT {shown} AS pair, "
            f"{escape(together)} AS n, {escape(first)} * {escape(second)} / {escape(whole)} AS expected FROM {{this}}) "
            f"WHERE n > 0 AND expected > 0 ORDER BY surprise DESC, pair LIMIT {_JUDGED}",
            where=table.where,
            is_small=True,
        ),
    }
    if isinstance(tested, str):
        needs["tested"] = Aggregate(call=tested, where=table.where)
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    found, rows = values["pairs"], values["rows"]
    given = values["tested"] if "tested" in values else arguments["tested"]
    tested = max(float(given or 0), float(rows), 1.0)
    numbers: dict[str, Any] = {"pairs": rows, "tested": tested}
    if rows < arguments["min_pairs"] or not found:
        said = f"{count(rows)} pairs are too few to judge; {count(arguments['min_pairs'])} are needed."
        return Finding(level="pass", observed=f"{count(rows)} pairs", message=said, numbers=numbers)
    scored = sorted(((_adjusted(row, tested), row) for row in found), key=lambda pair: pair[0])
    beyond = sum(p < arguments["significance"] for p, _ in scored)
    best_p, best = scored[0]
    numbers |= {"beyond_chance": beyond, "best_count": best["n"], "best_expected": best["expected"], "best_p": best_p}
    said = (
        f"{best['pair']} occurs {count(best['n'])} times, {figure(best['expected'])} by chance "
        f"(p = {_p(best_p)} among {count(tested)} pairs)"
    )
    if beyond:
        many = f"{'At least ' if beyond == len(found) == _JUDGED else ''}{count(beyond)}"
        return Finding(
            level="pass",
            observed=f"{many} beyond chance",
            message=f"{many} of {count(rows)} pairs occur more often than chance explains; {said}.",
            numbers=numbers,
        )
    return Finding(
        level="warn",
        observed=f"best p = {_p(best_p)}",
        message=f"The pairs are consistent with chance: none of {count(rows)} is left; the best, {said}.",
        cause=CHANCE,
        evidence=(
            f"Poisson tail of each pair's count against n_a n_b / N, times {count(tested)} pairs that were looked at "
            f"(Bonferroni): the least is {_p(best_p)}.",
        ),
        what_to_do="Recommend by something else, or wait for more orders: a high lift of a pair that occurs a few times "
        "is noise.",
        numbers=numbers,
        rows=tuple(
            {"pair": row["pair"], "count": row["n"], "by chance": row["expected"], "adjusted p": p}
            for p, row in scored[:10]
        ),
    )


def _adjusted(row: Mapping[str, Any], tested: float) -> float:
    return min(1.0, poisson_tail(math.ceil(row["n"]), row["expected"]) * tested)


def _p(value: float) -> str:
    return figure(value) if value >= 1e-6 or value == 0 else "less than 0.000001"


def _refuse(arguments: Arguments) -> str:
    if len(arguments["pair"]) != 2:
        return f'"pair" names the two columns that make a pair, not {len(arguments["pair"])}.'
    if not isinstance(arguments["total"], (str, int, float)) or isinstance(arguments["total"], bool):
        return '"total" is a number, or an expression of this table.'
    if not isinstance(arguments["tested"], (str, int, float, type(None))) or isinstance(arguments["tested"], bool):
        return '"tested" is a number, or an aggregate of this table.'
    return ""


BEYOND_CHANCE = Definition(
    type="expect_pairs_to_be_beyond_chance",
    check="D13",
    doc="""Some pair occurs more often than chance makes the best of so many pairs occur. Warns, never fails.

    Expected count e = n_a n_b / N; p = P(Poisson(e) >= n_ab); adjusted p = p times the pairs looked at (Bonferroni). Warns
    where no pair is below significance (.05): the pairs are consistent with chance. `tested` is how many pairs were
    looked at, not only the ones that are listed (P (P - 1) / 2 of P products); at least the rows of the table.""",
    arguments=(
        Argument(name="pair", kind="columns", required=True),
        Argument(name="together", kind="sql", required=True),
        Argument(name="first", kind="sql", required=True),
        Argument(name="second", kind="sql", required=True),
        Argument(name="total", kind="any", required=True),
        Argument(name="tested", kind="any"),
        Argument(name="significance", kind="share", default=0.05),
        Argument(name="min_pairs", kind="integer", default=10),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)

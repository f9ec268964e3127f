"""D13: pairs of products are of one basket each, and each pair stands there once."""

from __future__ import annotations

from expectations.causes import MIRRORED, PAIR_GRAIN
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
from expectations.words import count, figure, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    one, other = (escape(quoted(column)) for column in arguments["pair"])
    key = escape(quoted(arguments["basket_key"]))
    where = f" WHERE {escape(arguments['baskets_where'])}" if arguments["baskets_where"] else ""
    return {
        "rows": Aggregate(call="count(*)", where=table.where),
        "total": Aggregate(call=f"max(CAST(({arguments['total']}) AS DOUBLE))", where=table.where),
        "mirrored": Query(
            sql=f"SELECT count(*) AS n FROM (SELECT least({one}, {other}) AS a, greatest({one}, {other}) AS b FROM {{this}} "
            "GROUP BY 1, 2 HAVING count(*) > 1)",
            where=table.where,
            is_small=True,
        ),
        "baskets": Query(
            sql=f"SELECT count(DISTINCT {key}) AS n FROM {{other}}{where}", of=arguments["baskets"], is_small=True
        ),
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows, mirrored, baskets = values["rows"], values["mirrored"][0]["n"], values["baskets"][0]["n"]
    total = values["total"]
    numbers = {"pairs": rows, "mirrored": mirrored, "baskets": baskets, "total": total}
    if not rows or total is None:
        return Finding(level="pass", observed="no pairs", message="There are no pairs.", numbers=numbers)
    evidence = []
    apart = abs(total - baskets) / max(total, baskets) if baskets else 0.0
    if off := apart > arguments["fail_difference"]:
        evidence.append(
            f"Pairs are counted over {count(int(total))}, where {arguments['baskets']} has {count(baskets)} baskets "
            f"({percent(apart)} apart)."
        )
    if mirrored:
        evidence.append(f"{count(mirrored)} pairs of {count(rows)} rows stand there in both orders.")
    if not evidence:
        said = f"{count(rows)} pairs, each once, over {count(baskets)} baskets."
        return Finding(level="pass", observed=f"{count(baskets)} baskets", message=said, numbers=numbers)
    return Finding(
        level="fail",
        observed=f"over {figure(float(total))}, {count(mirrored)} mirrored",
        message=f"These are no pairs of one basket: {evidence[0][0].lower()}{evidence[0][1:]}",
        cause=PAIR_GRAIN if off else MIRRORED,
        evidence=tuple(evidence),
        what_to_do="Count baskets (orders) that hold both products, not users who ever bought both; keep each pair once, "
        "the lesser id first.",
        numbers=numbers,
    )


BASKETS = Definition(
    type="expect_pairs_to_be_of_baskets",
    check="D13",
    doc="""Pairs are counted in baskets, and each pair once.

    `total` is what pairs are counted over (N in lift and in chance). Fails where it is not the number of distinct
    `basket_key` of the table `baskets`, by more than fail_difference (.05), or where a pair stands there in both orders.""",
    arguments=(
        Argument(name="pair", kind="columns", required=True),
        Argument(name="total", kind="sql", required=True),
        Argument(name="baskets", kind="table", required=True),
        Argument(name="basket_key", kind="text", required=True),
        Argument(name="baskets_where", kind="sql"),
        Argument(name="fail_difference", kind="share", default=0.05),
    ),
    needs=_needs,
    judge=_judge,
    refuse=lambda arguments: "" if len(arguments["pair"]) == 2 else '"pair" names two columns.',
)

"""What records hold beside the contract: names that nobody declared, and names that were changed under way."""

from __future__ import annotations

from expectations.causes import RENAMED, UNDECLARED
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
    quoted,
)
from expectations.words import count, percent
from runner.errors import nearest

_NAMED = 5  # fields that a message names


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["kept_in"])
    return {
        "rows": Aggregate(call="count(*)", where=table.where),
        "rescued": Aggregate(call=f"count({column})", where=table.where),
        "fields": Query(
            sql=f"SELECT name, count(*) AS n FROM (SELECT explode(json_object_keys({column})) AS name FROM {{this}}) "
            "GROUP BY name ORDER BY n DESC, name LIMIT 20",
            where=table.where,
            is_small=True,
        ),
        **{
            f"empty {name}": Aggregate(call=f"count_if({quoted(name)} IS NULL)", where=table.where)
            for name in table.columns
            if not name.startswith("_")
        },
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows, rescued = values["rows"], values["rescued"]
    empty = {name.removeprefix("empty "): n for name, n in values.items() if name.startswith("empty ") and n}
    share = rescued / rows if rows else 0.0
    numbers = {"rows": rows, "rescued": rescued, "share": share}
    if share <= arguments["max_share"]:
        said = f"{count(rescued)} of {count(rows)} records hold something that the contract does not name."
        return Finding(level="pass", observed=f"{count(rescued)} records", message=said, numbers=numbers)
    fields = {str(row["name"]): int(row["n"]) for row in values["fields"]}
    renamed = {
        name: old for name, n in fields.items() if (old := nearest(name, [c for c in empty if empty[c] >= 0.9 * n]))
    }
    evidence = [f"{name} in {count(n)} records." for name, n in list(fields.items())[:_NAMED]]
    evidence += [
        f"{old} is null in {count(empty[old])} records: it may be called {name} there." for name, old in renamed.items()
    ]
    named = ", ".join(list(fields)[:_NAMED]) or arguments["kept_in"]
    said = f"{count(rescued)} of {count(rows)} records ({percent(share)}) hold fields that the contract does not name: {named}"
    first = next(iter(renamed), "")
    return Finding(
        level="fail",
        observed=f"{count(rescued)} of {count(rows)} records",
        message=f"{said}." + (f" {first} may be {renamed[first]} under a new name." if first else ""),
        cause=RENAMED if renamed else UNDECLARED,
        evidence=tuple(evidence),
        what_to_do=f'Give {renamed[first]} the alias "{first}" in sources.yml, or ask who writes it to change it back.'
        if first
        else "Declare them in sources.yml if they are wanted; their values are kept in _rescued until then.",
        numbers={**numbers, "fields": fields},
        failing=f"{quoted(arguments['kept_in'])} IS NOT NULL",
        failing_count=rescued,
    )


DECLARED = Definition(
    type="expect_fields_to_be_declared",
    check="contract",
    doc="""Landed records hold nothing that the contract of sources.yml does not name.

    Share of rows with something in `kept_in` (_rescued). Fails above max_share (.001), and names the fields. A field like
    a declared one that is null in as many rows (90 % at least) was renamed.""",
    arguments=(
        Argument(name="kept_in", kind="text", default="_rescued"),
        Argument(name="max_share", kind="share", default=0.001),
    ),
    needs=_needs,
    judge=_judge,
)

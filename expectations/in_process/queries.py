"""Queries of Spark SQL as DuckDB's: of one level or more, over tables by their names; what `values` says holds here, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from expectations.in_process.values import Scope, Typed, identifier, only, parsed, unknown, whole


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands in a FROM: its SQL, and its columns by name."""

    sql: str
    columns: Mapping[str, str]


def translate_query(text: str, tables: Mapping[str, Relation]) -> Relation:
    """Returns a query over tables that it calls by the names given.

    Raises:
        Untranslatable: it holds something that is not taken over.
    """
    return _select(parsed(text), tables)


def _select(node: exp.Expression, tables: Mapping[str, Relation]) -> Relation:
    if isinstance(node, exp.Subquery):
        only(node, "this", "alias")
        return _select(node.this, tables)
    if not isinstance(node, exp.Select):
        raise unknown(node)
    only(node, "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "distinct")
    source, columns = _from(node, tables)
    scope = Scope(columns)
    outputs: dict[str, Typed] = {}
    for one in node.expressions:
        outputs |= _outputs(one, scope, columns)
    named = ", ".join(f"{typed.sql} AS {identifier(name)}" for name, typed in outputs.items())
    distinct = "DISTINCT " if _distinct(node) else ""
    parts = [f"SELECT {distinct}{named} FROM {source}"]
    if where := node.args.get("where"):
        parts.append(f"WHERE {scope.truth(where.this)}")
    if group := node.args.get("group"):
        parts.append(f"GROUP BY {_groups(group, scope, list(outputs.values()))}")
    if having := node.args.get("having"):
        parts.append(f"HAVING {scope.truth(having.this)}")
    if order := node.args.get("order"):
        parts.append(f"ORDER BY {', '.join(_ordered(one, scope, outputs) for one in order.expressions)}")
    if limit := node.args.get("limit"):
        parts.append(f"LIMIT {whole(limit.expression)}")
    return Relation(" ".join(parts), {name: typed.kind for name, typed in outputs.items()})


def _distinct(node: exp.Select) -> bool:
    distinct = node.args.get("distinct")
    if distinct is not None:
        only(distinct)
    return distinct is not None


def _from(node: exp.Select, tables: Mapping[str, Relation]) -> tuple[str, dict[str, Mapping[str, str]]]:
    """Returns what stands in FROM, and the columns by the names of its parts."""
    if node.args.get("from_") is None:
        raise unknown(node)
    source, alias, found = _part(node.args["from_"].this, tables)
    columns = {alias: found}
    for join in node.args.get("joins") or ():
        only(join, "this", "side", "kind", "on")
        other, other_alias, more = _part(join.this, tables)
        sort = (join.args.get("side") or "", join.args.get("kind") or "")
        if sort == ("", "CROSS") and not join.args.get("on"):
            source += f" CROSS JOIN {other}"
            columns[other_alias] = more
        elif sort == ("LEFT", "ANTI") and join.args.get("on"):
            both = Scope({**columns, other_alias: more})
            source += f" ANTI JOIN {other} ON {both.truth(join.args['on'])}"
        else:
            raise unknown(join)
    return source, columns


def _part(node: exp.Expression, tables: Mapping[str, Relation]) -> tuple[str, str, Mapping[str, str]]:
    alias = node.alias or (node.name if isinstance(node, exp.Table) else f"q{id(node)}")
    if isinstance(node, exp.Table):
        only(node, "this", "alias")
        if node.name not in tables:
            raise unknown(node)
        found = tables[node.name]
    else:
        found = _select(node, tables)
    return f"({found.sql}) AS {identifier(alias)}", alias, found.columns


def _outputs(one: exp.Expression, scope: Scope, columns: Mapping[str, Mapping[str, str]]) -> dict[str, Typed]:
    if isinstance(one, exp.Star):
        only(one)
        if len(columns) > 1:
            raise unknown(one)
        return {name: scope.named(name) for part in columns.values() for name in part}
    return {one.alias_or_name: scope.value(one.this if isinstance(one, exp.Alias) else one)}


def _groups(group: exp.Group, scope: Scope, outputs: Sequence[Typed]) -> str:
    only(group, "expressions", "grouping_sets")
    listed = [*group.expressions, *(group.args.get("grouping_sets") or ())]
    return ", ".join(_group(one, scope, outputs) for one in listed)


def _group(one: exp.Expression, scope: Scope, outputs: Sequence[Typed]) -> str:
    if isinstance(one, exp.GroupingSets):
        sets = (part.expressions if isinstance(part, exp.Tuple) else [part.unnest()] for part in one.expressions)
        return (
            f"GROUPING SETS ({', '.join('(' + ', '.join(scope.value(key).sql for key in keys) + ')' for keys in sets)})"
        )
    if isinstance(one, exp.Literal) and not one.is_string:
        return outputs[whole(one) - 1].sql
    return scope.value(one).sql


def _ordered(one: exp.Ordered, scope: Scope, outputs: Mapping[str, Typed]) -> str:
    """Returns a key of ORDER BY; a name means the output of that name first, as in Spark."""
    key = one.this
    is_output = isinstance(key, exp.Column) and not key.table and key.name in outputs
    sql = identifier(key.name) if is_output else scope.value(key).sql
    return (
        f"{sql} {'DESC' if one.args.get('desc') else 'ASC'} NULLS {'FIRST' if one.args.get('nulls_first') else 'LAST'}"
    )

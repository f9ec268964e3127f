"""D10b: every field path that a model or a loader names is there in the data that it reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from expectations.causes import DEAD
from expectations.ddl import Shape, shape_of
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
)
from expectations.words import count
from runner.errors import nearest

_KEYS = 50  # that are shown of a map or a JSON text
_STEP = re.compile(r"\.?`(?P<quoted>[^`]+)`|\['(?P<key>[^']+)'\]|(?P<json>:)?\.?(?P<plain>[^.:\[\]`]+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a field, a key of a map, or a key inside a JSON text."""

    name: str
    is_json: bool = False


def steps_of(path: str) -> tuple[Step, ...]:
    """Returns the steps of a path: `geo_data.city`, `extras['plan']`, `payload:device.type`; empty for no path."""
    steps: list[Step] = []
    position, in_json = 0, False
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or match.end() == position:
            return ()
        in_json = in_json or bool(match["json"])
        steps.append(Step(match["quoted"] or match["key"] or match["plain"], in_json))
        position = match.end()
    return tuple(steps) if steps and not steps[0].is_json else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """How a path is looked for.

    Attributes:
        condition: Spark SQL: the row has it.
        unknown: the field that the table's type does not have, with what it has instead; empty where it may exist.
        keys: Spark SQL for the keys beside the last one, an array of texts; empty where the type names them.
    """

    condition: str
    unknown: str = ""
    known: tuple[str, ...] = ()
    keys: str = ""


def _look(steps: Sequence[Step], columns: dict[str, Shape]) -> _Looked:
    first = steps[0].name
    if first not in columns:
        return _Looked(condition="FALSE", unknown=first, known=tuple(columns))
    return _inside(_name(first), columns[first], steps[1:], 0)


def _name(text: str) -> str:
    return f"`{text.replace('`', '``')}`"


def _inside(expression: str, shape: Shape, steps: Sequence[Step], depth: int) -> _Looked:
    if not steps:
        return _Looked(condition=f"{expression} IS NOT NULL")
    name = steps[0].name
    if steps[0].is_json or shape.kind == "plain":
        return _in_text(expression, shape, [step.name for step in steps])
    if shape.kind == "struct":
        if name not in shape.fields:
            return _Looked(condition="FALSE", unknown=name, known=tuple(shape.fields))
        return _inside(f"{expression}.{_name(name)}", shape.fields[name], steps[1:], depth)
    assert shape.inner is not None
    if shape.kind == "map" and not (shape.inner.kind == "struct" and name in shape.inner.fields):
        found = _inside(f"{expression}[{literal(name)}]", shape.inner, steps[1:], depth)
        return _Looked(
            condition=found.condition,
            unknown=found.unknown,
            known=found.known,
            keys=found.keys or (f"map_keys({expression})" if not depth and len(steps) == 1 else ""),
        )
    values = f"map_values({expression})" if shape.kind == "map" else expression
    each = f"x{depth}"
    found = _inside(each, shape.inner, steps, depth + 1)
    return _Looked(condition=f"exists({values}, {each} -> {found.condition})", unknown=found.unknown, known=found.known)


def _in_text(expression: str, shape: Shape, names: Sequence[str]) -> _Looked:
    """Returns how a path is looked for inside a JSON text or a variant."""

    def json(parts: Sequence[str]) -> str:
        return literal("$" + "".join(f"['{part}']" for part in parts))

    if shape.text.lower() == "variant":
        return _Looked(condition=f"try_variant_get({expression}, {json(names)}, 'variant') IS NOT NULL")
    outer = f"get_json_object({expression}, {json(names[:-1])})" if names[:-1] else expression
    return _Looked(
        condition=f"get_json_object({expression}, {json(names)}) IS NOT NULL", keys=f"json_object_keys({outer})"
    )


def _looks(arguments: Arguments, table: Table) -> dict[str, _Looked]:
    of = arguments["source"]
    columns = {name: shape_of(kind) for name, kind in (table.others.get(of, {}) if of else table.columns).items()}
    return {path: _look(steps_of(path), columns) for path in arguments["paths"]}


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    of = arguments["source"] or ""
    where = "" if of else table.where
    needs: dict[str, Need] = {"rows": Aggregate(call="count(*)", of=of, where=where)}
    for path, looked in _looks(arguments, table).items():
        needs[f"found {path}"] = Aggregate(call=f"count_if({looked.condition})", of=of, where=where)
        if looked.unknown:
            known = ", ".join(literal(name) for name in looked.known[:_KEYS]) or "''"
            sql = f"SELECT array_join(array({escape(known)}), '\\n') AS known, {escape(literal(looked.unknown))} AS unknown"
            needs[f"known {path}"] = Query(sql=sql, is_small=True)
        elif looked.keys and not looked.condition.startswith("exists"):
            first = f"SELECT {escape(looked.keys)} AS names FROM {{{'other' if of else 'this'}}}"
            some = f"SELECT names FROM ({first}) WHERE names IS NOT NULL LIMIT {int(arguments['records'])}"
            needs[f"known {path}"] = Query(
                sql=f"SELECT array_join(slice(array_sort(collect_set(name)), 1, {_KEYS}), '\\n') AS known, '' AS unknown "
                f"FROM (SELECT explode(names) AS name FROM ({some}))",
                of=of,
                where=where,
                is_small=True,
            )
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows, where = values["rows"], arguments["source"] or "this table"
    missing = [path for path in arguments["paths"] if not values[f"found {path}"]]
    numbers = {"rows": rows, "paths": len(arguments["paths"]), "missing": missing}
    typed = [path for path in missing if (values.get(f"known {path}") or [{}])[0].get("unknown")]
    if rows < arguments["min_rows"] and not typed:
        said = f"{count(rows)} records are too few to say that a path is missing; {count(arguments['min_rows'])} are needed."
        return Finding(level="pass", observed=f"{count(rows)} records", message=said, numbers=numbers)
    if not missing:
        said = f"All {count(len(arguments['paths']))} paths are there in {where}."
        return Finding(level="pass", observed="all there", message=said, numbers=numbers)
    evidence = [_said(path, values) for path in missing]
    listed = ", ".join(missing[:6]) + (", …" if len(missing) > 6 else "")
    return Finding(
        level="fail",
        observed=f"{len(missing)} of {len(arguments['paths'])} paths missing",
        message=f"None of {count(rows)} records of {where} has {listed}.",
        cause=DEAD,
        evidence=tuple(evidence),
        what_to_do="Mend the path where it is read: a path that does not exist becomes null in every row, without a word.",
        numbers=numbers,
    )


def _said(path: str, values: Values) -> str:
    """Returns what is there instead of a path."""
    found = (values.get(f"known {path}") or [{}])[0]
    names = [name for name in str(found.get("known") or "").split("\n") if name]
    steps = steps_of(path)
    guess = nearest(str(found.get("unknown") or steps[-1].name), names)
    if guess:
        return f'{path} is in no record. Did you mean "{guess}"?'
    if not names:
        return f"{path} is in no record."
    return f"{path} is in no record; beside it there are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}."


def _refuse(arguments: Arguments) -> str:
    for path in arguments["paths"]:
        if not steps_of(path):
            return f"\"{path}\" is no path. Write geo_data.city, extras['plan'] or payload:device.type."
    return ""


PATHS = Definition(
    type="expect_paths_to_exist",
    check="D10b",
    doc="""Every field path is there in some record: struct fields, through arrays and maps, map keys, keys in JSON texts.

    Fails where no record (of the table, or of `source`) has the path; the names beside it are looked for in the first
    `records` (1,000) records and the nearest is named. Judged from min_rows (100) records on; a field that the table's
    type does not have fails whatever the rows.""",
    arguments=(
        Argument(name="paths", kind="texts", required=True),
        Argument(name="source", kind="table"),
        Argument(name="records", kind="integer", default=1_000),
        Argument(name="min_rows", kind="integer", default=100),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)

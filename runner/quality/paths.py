"""The field paths that a model's SQL reads from landed tables: struct fields, map keys, keys inside JSON texts.

Spark's analyzer knows the fields of a struct, but not whether any record fills them, and nothing of the keys of a map or
of a JSON text: a path that no record has is null in every row, without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from expectations.suite import Expectation
from runner.compile import compile_model
from runner.errors import ProjectError
from runner.model import SourceTable
from runner.project.parse import Project

TYPE = "expect_paths_to_exist"
_NESTED = re.compile(
    r"get_json_object|from_json|json_tuple|variant_get|\[\s*'|\w\s*:\s*\w|\w\.\w|explode", re.IGNORECASE
)
Kind = Literal["field", "key", "json"]


@dataclass(frozen=True, slots=True)
class Read:
    """A path as it is read: the table's name in the SQL, its column, and the steps into it."""

    table: str
    column: str
    steps: tuple[tuple[Kind, str], ...] = ()
    in_json: bool = False

    def into(self, kind: Kind, name: str) -> Read:
        kind = "json" if self.in_json else kind
        return replace(self, steps=(*self.steps, (kind, name)), in_json=self.in_json or kind == "json")

    @property
    def is_untyped(self) -> bool:
        """Whether no type says that the path exists: a map's key, or one inside a JSON text."""
        return any(kind != "field" for kind, _ in self.steps)

    @property
    def text(self) -> str:
        """It as suites write paths."""
        written, in_json = self.column, False
        for kind, name in self.steps:
            if kind == "key":
                written += f"['{name}']"
            elif kind == "json" and not in_json:
                written, in_json = f"{written}:{name}", True
            else:
                written += f".{name}"
        return written


def path_checks(project: Project, table: SourceTable) -> tuple[Expectation, ...]:
    """Returns the checks that nobody writes: that a landed table has the paths that models read from it.

    Keys of maps and JSON texts, which no contract promises, fail where no record has them; fields of structs, which a
    contract promises and which may be optional, warn. A model whose SQL cannot be read here asks for nothing.
    """
    name = f"{table.table.schema}.{table.table.name}".lower()
    found: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for model in project.models.values():
        if table.unique_id not in model.parents or not _NESTED.search(model.raw_sql):
            continue
        try:
            sql = compile_model(project, model).sql
        except ProjectError:
            continue
        for read in reads_of(sql):
            if read.table == name:
                found[read.is_untyped].setdefault(read.text, model.label)
    return tuple(
        Expectation(
            type=TYPE,
            arguments={"paths": list(paths)},
            severity="error" if untyped else "warn",
            name="keys that models read" if untyped else "fields that models read",
            description=f"Some record has every path that {', '.join(dict.fromkeys(paths.values()))} read.",
            place=table.place,
        )
        for untyped, paths in found.items()
        if paths
    )


def reads_of(sql: str) -> tuple[Read, ...]:
    """Returns the nested paths that a query reads, each once, in the order of the text; none for SQL it cannot read."""
    from sqlglot import errors, exp, parse_one
    from sqlglot.optimizer.scope import traverse_scope

    try:
        tree = parse_one(sql, dialect="databricks")
        scopes = traverse_scope(tree)
    except (errors.SqlglotError, RecursionError):
        return ()
    calls = (exp.Anonymous, exp.FromJson)
    chain = (exp.Column, exp.Dot, exp.Bracket, exp.JSONExtract, exp.JSONExtractScalar, *calls)
    found: dict[Read, None] = {}
    for scope in scopes:
        for node in scope.find_all(*chain):
            if isinstance(node.parent, chain) and not isinstance(node.parent, calls):
                continue  # the whole path is read further out
            for read in _reads(node, scope):
                if read.steps:
                    found[read] = None
    return tuple(found)


def _reads(node: Any, scope: Any) -> Iterator[Read]:
    """Yields the paths that a node reads; `json_tuple`, and a schema for `from_json`, name several."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous) and node.name.lower() == "json_tuple" and node.expressions:
        text = _resolve(node.expressions[0], scope)
        if text:
            yield from (text.into("json", key.name) for key in node.expressions[1:] if isinstance(key, exp.Literal))
        return
    if isinstance(node, exp.FromJson):
        text = _resolve(node, scope)
        if text and isinstance(node.expression, exp.Literal):
            yield from (text.into("json", name) for name in _fields(node.expression.name))
        return
    if found := _resolve(node, scope):
        yield found


def _fields(schema: str) -> list[str]:
    """Returns the outer fields of a schema such as `device struct<type: string>, os string`."""
    from sqlglot import errors, exp

    inner = schema if schema.strip().lower().startswith("struct<") else f"struct<{schema}>"
    try:
        built = exp.DataType.build(inner, dialect="databricks")
    except errors.SqlglotError:
        return []
    return [field.name for field in built.expressions if isinstance(field, exp.ColumnDef)]


def _resolve(node: Any, scope: Any) -> Read | None:
    """Returns the path that an expression is; None where it is something else."""
    from sqlglot import exp

    if isinstance(node, (exp.Alias, exp.Paren, exp.Cast, exp.TryCast)):
        return _resolve(node.this, scope)
    if isinstance(node, exp.Column):
        return _of_column(node, scope)
    if isinstance(node, exp.Dot):
        outer = _resolve(node.this, scope)
        return outer.into("field", node.expression.name) if outer and node.expression.name else None
    if isinstance(node, exp.Bracket):
        outer = _resolve(node.this, scope)
        key = node.expressions[0] if len(node.expressions) == 1 else None
        if outer is None or not isinstance(key, exp.Literal):
            return None
        return outer.into("key", key.name) if key.is_string else outer
    if isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)):
        return _of_json(_resolve(node.this, scope), node.expression)
    if isinstance(node, exp.Anonymous) and node.name.lower() in ("variant_get", "try_variant_get"):
        return _of_text_path(_resolve(node.expressions[0], scope), node.expressions[1])
    if isinstance(node, exp.Explode):  # posexplode and the outer forms are of this class
        return _resolve(node.this, scope)
    if isinstance(node, exp.FromJson):
        outer = _resolve(node.this, scope)
        return replace(outer, in_json=True) if outer else None
    return None


def _of_json(outer: Read | None, path: Any) -> Read | None:
    from sqlglot import exp

    if outer is None or not isinstance(path, exp.JSONPath):
        return None
    for part in path.expressions:
        if isinstance(part, exp.JSONPathKey) and isinstance(part.this, str):
            outer = replace(outer, in_json=True).into("json", part.this)
        elif not isinstance(part, (exp.JSONPathRoot, exp.JSONPathSubscript)):
            return None
    return outer


def _of_text_path(outer: Read | None, path: Any) -> Read | None:
    """Returns the path of a literal such as `$.device.type`."""
    from sqlglot import exp

    if outer is None or not isinstance(path, exp.Literal):
        return None
    for name in re.findall(r"\.(\w+)", path.name):
        outer = replace(outer, in_json=True).into("json", name)
    return outer


def _of_column(node: Any, scope: Any) -> Read | None:
    """Returns the path that a dotted name is: `table.column.field`, or `column.field` where no table has that name."""
    parts = [part.name for part in node.parts]
    sources = _sources(scope)
    if len(parts) > 1 and parts[0] in sources:
        column, fields = parts[1], parts[2:]
        found = _of_source(sources[parts[0]], column)
    else:
        column, fields = parts[0], parts[1:]
        found = _unqualified(column, scope)
    for name in fields:
        found = found.into("field", name) if found else None
    return found


def _unqualified(column: str, scope: Any) -> Read | None:
    """Returns what a bare name is: a projection of one of the sources; of a table only where it is the only source."""
    from sqlglot import exp

    queries = [source for source in _sources(scope).values() if not isinstance(source, exp.Table)]
    for source in queries:
        if found := _of_source(source, column):
            return found
    tables = [source for source in _sources(scope).values() if isinstance(source, exp.Table)]
    alone = len(tables) == 1 and all(isinstance(source.expression, exp.Lateral) for source in queries)
    return _of_source(tables[0], column) if alone else None


def _sources(scope: Any) -> dict[str, Any]:
    """Returns what a query selects from, by alias; a lateral view, from the tables beside it."""
    return {name: source for name, (_, source) in scope.selected_sources.items()} or dict(scope.sources)


def _of_source(source: Any, column: str) -> Read | None:
    """Returns what a column of a source is: of a table itself, of a query its projection, followed further."""
    from sqlglot import exp

    if isinstance(source, exp.Table):
        return Read(".".join(part.name for part in source.parts).lower(), column)
    expression = source.expression
    if isinstance(expression, exp.Lateral):
        named = expression.args.get("alias")
        columns = [one.name for one in named.columns] if named else []
        return _resolve(expression.this, source) if column in columns else None
    if isinstance(expression, exp.SetOperation):
        return _of_source(source.set_operation_scopes[0], column) if source.set_operation_scopes else None
    if not isinstance(expression, exp.Select):
        return None
    for projection in expression.expressions:
        several = [one.name for one in projection.expressions] if isinstance(projection, exp.Aliases) else []
        if column in several:
            return _resolve(projection.this, source)
        if not several and not projection.is_star and projection.alias_or_name == column:
            return _resolve(projection, source)
    for projection in expression.expressions:
        if projection.is_star:
            star = projection.table if isinstance(projection, exp.Column) else ""
            inner = [one for name, one in _sources(source).items() if star in ("", "*", name)]
            if len(inner) == 1 and (found := _of_source(inner[0], column)):
                return found
    return None

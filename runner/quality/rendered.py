"""A data test of dbt's kind as a query whose rows are failures: generic ones by their macro, singular ones as written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from expectations.checks.query import ALL_ROWS, ANY, QUERY
from expectations.suite import Expectation
from runner.compile import Compiled, compile_model, compile_text
from runner.errors import FormatError, ProjectError
from runner.jinja.database import Database
from runner.model import Config, DataTest, GenericTest, Model, SourceTable
from runner.names import TableRef, check_identifier
from runner.project.data_tests import read_call
from runner.project.parse import Project
from runner.quality.fuse import row_condition
from runner.warehouse.introspection import Recorder

_BRACES = re.compile(r"\s*\{\{(?P<expression>.*)\}\}\s*", re.DOTALL)
_CALLED = re.compile(r"\s*(?:env_var|ref|var|source|doc)\s*\(.+\)\s*", re.DOTALL)
_GIVEN = "_dbt_generic_test_kwargs"

# dbt's four tests, for what their expectations do not do: thresholds, and tables that nobody builds.
OWN = {
    "not_null": "select * from {model} where {column} is null",
    "unique": "select {column} as unique_field, count(*) as n_records from {model} where {column} is not null "
    "group by {column} having count(*) > 1",
    "accepted_values": "select {column} as value_field, count(*) as n_records from {model} "
    "where {column} not in ({values}) group by {column}",
    "relationships": "select child.{column} as from_field from (select * from {model}) as child "
    "left anti join (select {field} as to_field from {to}) as parent on child.{column} = parent.to_field "
    "where child.{column} is not null",
}


def macro_of(project: Project, test: DataTest) -> str:
    """Returns the name of the macro of a generic test; empty where the project has none for it."""
    if test.test is None:
        return ""
    name = f"test_{test.test.type.rsplit('.', 1)[-1]}"
    if test.namespace:
        return f"{test.namespace}.{name}"
    return name if project.renderer.has_macro(name, test.package) or project.renderer.has_macro(name) else ""


def compile_test(
    project: Project,
    test: DataTest,
    relations: Mapping[str, Any],
    *,
    database: Database | None = None,
    finding: bool = False,
) -> Compiled:
    """Returns the test's SQL.

    Args:
        relations: what stands for a table, by its label: the candidate that is being judged.
        database, finding: as `compile_model` takes them.

    Raises:
        ProjectError: the template is wrong, or the test's arguments are.
    """
    config = dict(test.config.values)
    if "{{" in str(config.get("where") or ""):
        config["where"] = compile_text(project, str(config["where"]), place=test.place)
    holder = Model(
        name=test.name,
        table=TableRef("tests", test.alias),
        path=test.path,
        fqn=test.fqn,
        raw_sql=test.raw_sql,
        config=Config(values=config),
        package=test.package,
        refs=test.refs,
        sources=test.sources,
        parents=test.parents,
    )
    if test.test is None:
        return compile_model(project, holder, relations=relations, database=database, finding=finding)
    text, given = _call(project, test, test.test)
    return compile_model(
        project,
        holder,
        relations=relations,
        overrides={_GIVEN: given},
        text=text,
        database=database,
        finding=finding,
    )


def unasked_query_of(project: Project, test: DataTest, node: Model | SourceTable) -> Expectation:
    """Returns a data test as an expectation without asking the warehouse anything: what it is, not what it finds."""
    recorder = Recorder(project.warehouse)
    try:
        return query_of(project, test, node, {}, database=recorder)
    except ProjectError:
        if not recorder.used:
            raise
        return query_of(project, test, node, {}, finding=True)


def query_of(
    project: Project,
    test: DataTest,
    node: Model | SourceTable,
    relations: Mapping[str, Any],
    *,
    database: Database | None = None,
    finding: bool = False,
) -> Expectation:
    """Returns a data test as an expectation of one of the tables that it reads.

    Args:
        relations, database, finding: see `compile_test`.
    """
    sql = compile_test(project, test, relations, database=database, finding=finding).sql
    config = test.config.values
    warn_if, error_if = str(config.get("warn_if") or ANY), str(config.get("error_if") or ANY)
    if test.severity == "warn":
        error_if = warn_if  # a test that only warns warns by this limit alone
    arguments: dict[str, Any] = {"rule": rule(test), "sql": sql, "warn_if": warn_if, "error_if": error_if}
    arguments["fail_calc"] = str(config.get("fail_calc") or ALL_ROWS)
    if arguments["fail_calc"].replace(" ", "").lower() == ALL_ROWS:
        name = str(relations.get(node.label, node.table))
        arguments |= {"fail_calc": ALL_ROWS, "condition": row_condition(sql, name)}
    if config.get("limit") is not None:
        arguments["limit"] = config["limit"]
    return Expectation(
        type=QUERY.type,
        arguments=arguments,
        severity=test.severity,
        name=(test.test.name or rule(test)) if test.test is not None else test.name,
        description=test.description,
        place=test.place,
        test_id=test.unique_id,
        keeps_failures=bool(config.get("store_failures")),
    )


def rule(test: DataTest) -> str:
    """Returns what a data test asks, in words: `accepted_range(total, min_value=0)`; a singular test's name."""
    if test.test is None:
        return test.name
    words = [test.test.column] if test.test.column else []
    words += [f"{key}={_short(value)}" for key, value in test.test.arguments.items()]
    where = test.config.values.get("where")
    return f"{test.test.type}({', '.join(words)})" + (f" where {where}" if where else "")


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _call(project: Project, test: DataTest, generic: GenericTest) -> tuple[str, Mapping[str, Any]]:
    """Returns a template that calls the test, and the values that its arguments get."""
    given: dict[str, Any] = dict(generic.arguments)
    if generic.column is not None:
        given["column_name"] = generic.column
    macro = macro_of(project, test)
    table = _table(test)
    if macro:
        written = {key: _argument(key, value) for key, value in given.items()}
        arguments = ", ".join([f"model={table}", *(f"{key}={words}" for key, words in written.items())])
        return f"{{{{ {macro}({arguments}) }}}}", given
    return _own(generic, f"{{{{ {table} }}}}"), given


def _table(test: DataTest) -> str:
    """Returns the expression that gives a test its `model`: the table, or a subquery of the rows that `where` leaves."""
    match = _BRACES.fullmatch(test.model_argument)
    return match["expression"].strip() if match else test.model_argument


def _argument(key: str, value: Any) -> str:
    """Returns the expression that gives a test one of its arguments: a call as such, everything else as a value."""
    if isinstance(value, str):
        if match := _BRACES.fullmatch(value):
            return f"({match['expression'].strip()})"
        if _CALLED.fullmatch(value):
            return value.strip()
    return f'{_GIVEN}()["{key}"]'


def _own(generic: GenericTest, table: str) -> str:
    kind = generic.type
    arguments = generic.arguments
    column = generic.column or ""
    words = {"model": table, "column": column, "values": "", "field": "", "to": ""}
    if kind == "accepted_values":
        values = arguments.get("values")
        if not isinstance(values, list):
            raise FormatError(f'{generic.place}: accepted_values needs a list "values".')
        quote = arguments.get("quote", True)
        words["values"] = ", ".join(_literal(value) if quote else str(value) for value in values)
    elif kind == "relationships":
        if "to" not in arguments or "field" not in arguments:
            raise FormatError(f'{generic.place}: relationships needs "to" and "field".')
        words["to"] = f"{{{{ {_argument('to', _reference(arguments['to']))} }}}}"
        words["field"] = str(arguments["field"])
    elif kind == "unique" and isinstance(arguments.get("columns"), list):
        words["column"] = ", ".join(map(str, arguments["columns"]))
        return (
            OWN["unique"]
            .format(**words)
            .replace(f"{words['column']} as unique_field", words["column"])
            .replace(f"where {words['column']} is not null ", "")
        )
    return OWN[kind].format(**words)


def _reference(written: Any) -> Any:
    """Returns `to` as a call: a bare name is a model's."""
    if isinstance(written, str) and read_call(written) is None and not _BRACES.fullmatch(written):
        parts = written.split(".")
        return f"source('{parts[0]}', '{parts[1]}')" if len(parts) == 2 else f"ref('{written}')"
    return written


def _literal(value: Any) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def tables_of(project: Project, test: DataTest) -> tuple[str, ...]:
    """Returns the unique ids of the tables that the test reads; those below an ephemeral model in its place."""
    found: dict[str, None] = {}
    for parent in test.parents:
        found.update(dict.fromkeys(_built(project, parent)))
    return tuple(found)


def _built(project: Project, unique_id: str) -> list[str]:
    node = project.node(unique_id)
    if isinstance(node, SourceTable) or node.config.materialized != "ephemeral":
        return [unique_id]
    return [found for parent in node.parents for found in _built(project, parent)]


def failures_table(project: Project, name: str, schema: str | None, place: str) -> TableRef:
    """Returns the table that keeps failing rows: in the schema of models that say `schema='dbt_test__audit'`."""
    custom = schema or "dbt_test__audit"
    given = project.files.target.schema
    if project.renderer.has_macro("generate_schema_name"):
        call = f"{{{{ generate_schema_name({custom!r}, {{'name': {name!r}}}) }}}}"
        found = compile_text(project, call, place=place).strip()
    else:
        found = f"{given}_{custom}"
    return TableRef(check_identifier(found, place=place), re.sub(r"\W+", "_", name)[:120])

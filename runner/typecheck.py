"""Type-checks models before anything runs: Spark's own analyzer, over empty tables of the recorded columns.

Each input is an empty view of the columns that its published table has by its log, that the contract of a landing
promises, or that its own SQL gives where it is checked as well. No data are read and nothing is written.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from runner.compile import Compiled, compile_model
from runner.errors import ProjectError
from runner.explain import explain, first_words, from_spark
from runner.jinja.database import NeedsSparkError, RelationKind
from runner.jinja.render import Relation
from runner.jinja.result import ResultTable
from runner.model import LANDED, SNAPSHOT, DataTest, Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality.rendered import compile_test, rule
from runner.warehouse import is_view
from runner.warehouse.introspection import Introspection

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from runner.quality import Quality

_UNRESOLVED = re.compile(r"with name ((?:`[^`]+`\.?)+) cannot be resolved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that would fail.

    Attributes:
        kind: `sql`: Spark does not take the query; `contract`: it breaks what the property file promises; `check`: a
            check names a column that is not there, or is a query that Spark does not take.
        message: with file and line, in one sentence or two.
    """

    unique_id: str
    kind: Literal["sql", "contract", "check"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """What type-checking found.

    Attributes:
        changes: by model, how its columns differ from what is published: `+ a int`, `- b string`, `a: int → bigint`.
        unchecked: models and data tests that could not be looked at, by unique id, and why.
    """

    findings: tuple[Finding, ...]
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unchecked: Mapping[str, str] = field(default_factory=dict)


def check_types(
    project: Project, quality: Quality, nodes: Sequence[str], spark: SparkSession, *, full_refresh: bool = False
) -> Types:
    """Returns what would fail if the nodes were built.

    Args:
        project: the project.
        quality: its checks.
        nodes: unique ids, parents before children.
        spark: any session of this project; names that are made in it are removed again.
        full_refresh: incremental models are built anew, so that they keep no column of what is published.
    """
    checker = _Checker(project, quality, spark, set(nodes), full_refresh)
    try:
        for node in nodes:
            checker.look(node)
        checker.look_at_tests(nodes)
    finally:
        checker.close()
    return Types(findings=tuple(checker.findings), changes=checker.changes, unchecked=checker.unchecked)


class _Answers:
    """What templates may ask meanwhile: of the empty views their columns, of other tables what logs say, no queries.

    Attributes:
        columns_of: names and types of the empty views.
    """

    def __init__(self, logs: Introspection) -> None:
        self.columns_of: dict[TableRef, list[tuple[str, str]]] = {}
        self._logs = logs

    def kind(self, ref: TableRef) -> RelationKind | None:
        return "table" if ref in self.columns_of else self._logs.kind(ref)

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        return self.columns_of[ref] if ref in self.columns_of else self._logs.columns(ref)

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        return self._logs.tables(schema)

    def schemas(self) -> Sequence[str]:
        return self._logs.schemas()

    def query(self, sql: str) -> ResultTable:
        raise NeedsSparkError(sql)


class _Checker:
    """One pass over a project's nodes; each node's columns are found once."""

    def __init__(
        self, project: Project, quality: Quality, spark: SparkSession, chosen: set[str], full_refresh: bool
    ) -> None:
        self.findings: list[Finding] = []
        self.changes: dict[str, list[str]] = {}
        self.unchecked: dict[str, str] = {}
        self._project = project
        self._quality = quality
        self._spark = spark
        self._chosen = chosen
        self._full_refresh = full_refresh
        self._prefix = f"plan_{uuid.uuid4().hex[:8]}__"
        self._schemas: set[str] = set()
        self._answers = _Answers(Introspection(project.warehouse))
        self._relations: dict[str, Relation | None] = {}
        self._lost: dict[str, set[str]] = {}  # per node, the columns that are published and that it will not have

    def close(self) -> None:
        for schema in self._schemas:
            self._spark.sql(f"drop schema if exists `{schema}` cascade")

    def look(self, unique_id: str) -> Relation | None:
        """Returns an empty view of the node's columns; None where nobody knows them."""
        if unique_id not in self._relations:
            node = self._project.node(unique_id)
            columns = self._of_source(node) if isinstance(node, SourceTable) else self._of_model(node)
            self._relations[unique_id] = self._empty(node.table, columns) if columns is not None else None
        return self._relations[unique_id]

    def look_at_tests(self, nodes: Sequence[str]) -> None:
        """Resolves the data tests of these nodes that are queries, over the empty views of what they read."""
        for unique_id, tests in self._quality.placed(nodes).items():
            for test in tests:
                self._look_at_test(test, unique_id)

    def _look_at_test(self, test: DataTest, unique_id: str) -> None:
        relations = {parent: self.look(parent) for parent in test.parents}
        unknown = sorted(self._project.node(parent).label for parent, found in relations.items() if found is None)
        wrong = {finding.unique_id for finding in self.findings if finding.kind == "sql"}
        unknown = unknown or sorted(self._project.node(parent).label for parent in test.parents if parent in wrong)
        if unknown:
            self.unchecked[test.unique_id] = f"the columns of {', '.join(unknown)} are not known yet"
            return
        named = {self._project.node(parent).label: found for parent, found in relations.items()}
        try:
            compiled = compile_test(self._project, test, named, database=self._answers)
        except NeedsSparkError as error:
            self.unchecked[test.unique_id] = str(error)
            return
        except ProjectError as error:
            self.findings.append(Finding(unique_id=unique_id, kind="check", message=str(error)))
            return
        try:
            self._spark.sql(compiled.sql).schema  # noqa: B018  the analyzer runs when it is asked for
        except Exception as error:
            if not from_spark(error):
                raise
            said = (
                explain(error, compiled) if test.test is None else f"{test.place}: {rule(test)}: {first_words(error)}"
            )
            said = said.replace(self._prefix, "")
            self.findings.append(Finding(unique_id=unique_id, kind="check", message=said))

    def _of_source(self, node: SourceTable) -> StructType | None:
        if (recorded := self._recorded(node.table)) is not None:
            return recorded
        if not node.columns:
            return None
        return self._parsed([(one.name, one.data_type or "string") for one in node.columns] + list(LANDED.items()))

    def _of_model(self, node: Model) -> StructType | None:
        recorded = self._recorded(node.table)
        looked_at = node.unique_id in self._chosen
        if node.language == "python" and looked_at:
            self.unchecked[node.unique_id] = "a Python model's columns are known once it has run"
        if node.language != "sql" or (not looked_at and recorded is not None):
            return recorded
        inputs = {parent: self.look(parent) for parent in self._project.graph.parents(node.unique_id)}
        if unknown := [self._project.node(parent).label for parent, found in inputs.items() if found is None]:
            self.unchecked[node.unique_id] = f"the columns of {', '.join(sorted(unknown))} are not known yet"
            return recorded
        goes_on = node.config.materialized == "incremental" and recorded is not None and not self._full_refresh
        found = self._analysed(node, recorded if goes_on else None, inputs)
        if found is None:
            return recorded
        if node.resource_type == "snapshot":
            found = self._parsed(SNAPSHOT.items(), found)
        if looked_at:
            self._judge(node, found, recorded)
        if goes_on and node.config.values.get("on_schema_change", "ignore") == "ignore":
            return recorded
        return found

    def _analysed(
        self, node: Model, published: StructType | None, inputs: Mapping[str, Relation | None]
    ) -> StructType | None:
        """Returns the columns that the model's SQL gives; None, and a finding, where Spark does not take it."""
        relations: dict[str, Any] = {self._project.node(parent).label: found for parent, found in inputs.items()}
        if published is not None:
            relations["this"] = self._empty(node.table.with_suffix("__this"), published)
        try:
            compiled = compile_model(
                self._project, node, is_incremental=published is not None, relations=relations, database=self._answers
            )
        except NeedsSparkError as error:
            self.unchecked[node.unique_id] = str(error)
            return None
        except ProjectError as error:
            self._find(node, "sql", str(error))
            return None
        try:
            return self._spark.sql(compiled.sql).schema
        except Exception as error:
            if not from_spark(error):
                raise
            self._find(node, "sql", self._explained(error, compiled, inputs))
            return None

    def _explained(self, error: Exception, compiled: Compiled, inputs: Iterable[str]) -> str:
        text = explain(error, compiled).replace(self._prefix, "")
        match = _UNRESOLVED.search(text)
        name = match[1].split("`")[-2] if match else ""
        lost = [self._project.node(parent).label for parent in inputs if name in self._lost.get(parent, ())]
        return f"{text} {' and '.join(lost)} will not have it any more." if lost else text

    def _judge(self, node: Model, found: StructType, recorded: StructType | None) -> None:
        """Compares the columns with the contract, with the checks, and with what is published."""
        for message in self._contract(node, found):
            self._find(node, "contract", message)
        if (suite := self._quality.suites.get(node.unique_id)) is not None:
            try:
                suite.check_columns(found.names)
            except ProjectError as error:
                self._find(node, "check", str(error))
        if recorded is None:
            return
        before, now = _by_name(recorded), _by_name(found)
        self._lost[node.unique_id] = before.keys() - now.keys()
        changes = [f"+ {name} {kind}" for name, kind in now.items() if name not in before]
        changes += [f"- {name} {kind}" for name, kind in before.items() if name not in now]
        changes += [f"{name}: {before[name]} → {kind}" for name, kind in now.items() if before.get(name, kind) != kind]
        if changes:
            self.changes[node.unique_id] = changes

    def _contract(self, node: Model, found: StructType) -> Iterable[str]:
        contract = node.config.values.get("contract") or {}
        if not contract.get("enforced"):
            return
        place, what = node.patch_path or node.path, f'the contract of "{node.label}"'
        given = _by_name(found)
        promised = {column.name: column.data_type for column in node.columns}
        for name, data_type in promised.items():
            if name not in given:
                yield f'{place}: {what} promises the column "{name}", which the query lacks.'
            elif data_type and (wanted := self._parsed([("a", data_type)])["a"].dataType.simpleString()) != given[name]:
                yield f"{place}: {what} promises {name} as {wanted}; the query gives {given[name]}."
        for name in given:
            if name not in promised:
                yield f'{place}: the query of "{node.label}" gives the column "{name}", which its contract lacks.'

    def _find(self, node: Model, kind: Literal["sql", "contract", "check"], message: str) -> None:
        if node.unique_id in self._chosen or node.config.materialized == "ephemeral":
            self.findings.append(Finding(unique_id=node.unique_id, kind=kind, message=message))
        else:
            self.unchecked[node.unique_id] = message

    def _recorded(self, ref: TableRef) -> StructType | None:
        """Returns the columns of a published table, by its log; None for a view and for what is not there."""
        from pyspark.sql.types import StructType

        path = ref.path(self._project.warehouse)
        if is_view(path):
            return None
        with suppress(TableNotFoundError):
            return StructType.fromJson(json.loads(DeltaTable(str(path)).schema().to_json()))
        return None

    def _parsed(self, columns: Iterable[tuple[str, str]], first: StructType | None = None) -> StructType:
        """Returns columns by their types as people write them, after those of `first`."""
        from pyspark.sql.types import StructType

        known = list(first.fields) if first else []
        names = {one.name for one in known}
        written = ", ".join(f"`{name}` {kind}" for name, kind in columns if name not in names)
        return (
            StructType(known + cast(StructType, StructType.fromDDL(written)).fields) if written else StructType(known)
        )

    def _empty(self, ref: TableRef, columns: StructType) -> Relation:
        schema = f"{self._prefix}{ref.schema}"
        if schema not in self._schemas:
            self._spark.sql(f"create schema `{schema}`")
            self._schemas.add(schema)
        named = ", ".join(f"cast(null as {_sql(one.dataType)}) as {_quoted(one.name)}" for one in columns.fields)
        stand_in = TableRef(schema, ref.name)
        self._answers.columns_of[stand_in] = list(_by_name(columns).items())
        self._spark.sql(f"create view {stand_in.quoted()} as select {named} where false")
        return Relation(stand_in)


def _by_name(columns: StructType) -> dict[str, str]:
    return {one.name: one.dataType.simpleString() for one in columns.fields}


def _sql(kind: Any) -> str:
    """Returns a type (as pyspark has it) as SQL writes it, names in it quoted."""
    name = kind.typeName()
    if name == "array":
        return f"array<{_sql(kind.elementType)}>"
    if name == "map":
        return f"map<{_sql(kind.keyType)}, {_sql(kind.valueType)}>"
    if name == "struct":
        return f"struct<{', '.join(f'{_quoted(one.name)}: {_sql(one.dataType)}' for one in kind.fields)}>"
    return str(kind.simpleString())


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"

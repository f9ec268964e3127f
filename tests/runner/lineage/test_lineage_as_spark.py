"""What is read from a query's text equals what Spark's analyzer makes of it, column by column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.compile import compile_model, compile_query
from runner.lineage.columns import column_lineage
from runner.lineage.query import trace
from runner.model import LANDED, SourceTable
from runner.project.cache import open_project
from tests.runner.lineage.hard_shapes import SHAPES, TABLES
from tests.runner.lineage.spark_plans import UnreadPlanError, origins

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def plans(spark: SparkSession) -> Iterator[SparkSession]:
    """A session whose plans are written in full."""
    settings = {"spark.sql.debug.maxToStringFields": "100000", "spark.sql.maxPlanStringLength": "100000000"}
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield spark
    for name, value in before.items():
        spark.conf.set(name, value)


def empty_view(spark: SparkSession, name: str, columns: dict[str, str]) -> None:
    cells = ", ".join(f"cast(null as {kind or 'string'}) as `{column}`" for column, kind in columns.items())
    spark.sql(f"create or replace temporary view `{name}` as select {cells}")


def test_hard_shapes(plans: SparkSession) -> None:
    for name, columns in TABLES.items():
        empty_view(plans, name.split(".")[-1], columns)
    compared, unread = 0, []
    for sql, _ in SHAPES:
        text = sql.replace("shop.o.id", "o.id").replace("shop.o", "o")
        ours = [
            {
                (one.table.split(".")[-1], one.column) for one in found if not one.is_rows
            }  # a plan does not tell what is counted
            for found in trace(sql, TABLES).values()
        ]
        try:
            theirs = origins(plans, text)
        except UnreadPlanError:
            unread.append(sql)
            continue
        compared += 1
        if "struct(" in sql:  # of a struct's field, the plan's text names all that the struct is made of
            assert all(one <= other for one, other in zip(ours, theirs, strict=True)), sql
        else:
            assert ours == theirs, sql
    of_queries_within = ("(select", "recursive", "lateral explode")
    assert [sql for sql in unread if not any(words in sql for words in of_queries_within)] == []
    assert compared >= len(SHAPES) - 5


def test_every_column_of_the_shops_models_and_panels(plans: SparkSession) -> None:
    project = open_project(ROOT)
    lineage = column_lineage(project)
    assert lineage.unknown == {}
    views = {str(node.table): f"{node.table.schema}__{node.table.name}" for node in project.nodes()}

    def over_views(sql: str) -> str:
        for name in sorted(views, key=len, reverse=True):
            sql = re.sub(rf"(?<![\w.`]){re.escape(name)}(?!\w)", views[name], sql)
        return sql

    def read(unique_id: str) -> list[tuple[str, set[tuple[str, str]]]]:
        return [
            (
                name,
                {(views[str(project.node(one.table).table)], one.column) for one in shape.origins() if not one.is_rows},
            )
            for name, shape in lineage.columns_of(unique_id).items()
        ]

    compared = 0
    for unique_id in (one for one in project.graph.order if one in lineage.columns):
        node = project.node(unique_id)
        view = views[str(node.table)]
        if isinstance(node, SourceTable) or node.language != "sql":
            kinds = {one.name: one.data_type or "string" for one in node.columns}
            empty_view(plans, view, {**kinds, **(LANDED if isinstance(node, SourceTable) else {})})
            continue
        sql = over_views(compile_model(project, node).sql)
        ours = read(unique_id)
        empty_view(plans, view, {one.name: one.dataType.simpleString() for one in plans.sql(sql).schema})
        assert list(zip([name for name, _ in ours], origins(plans, sql), strict=True)) == ours, node.label
        compared += len(ours)
    assert compared > 400
    for panel, shown in lineage.panels.items():
        assert shown.panel.query is not None
        sql = over_views(compile_query(project, shown.panel.query).sql)
        ours = read(panel)
        assert plans.sql(sql).columns == [name for name, _ in ours], shown.label
        theirs = origins(plans, sql)
        if "stack(" in sql:  # a plan does not tell which value of a generator goes to which of its columns
            assert all(one <= other for (_, one), other in zip(ours, theirs, strict=True)), shown.label
        else:
            assert theirs == [found for _, found in ours], shown.label
        compared += len(ours)
    assert compared > 560

"""Aggregates, small queries and queries of many rows are one job, and each value keeps its type."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from expectations.checks.rows import RECONCILE
from expectations.compute import Data, compute
from expectations.definition import Aggregate, Query, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY = datetime.date(2024, 1, 1)


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    return spark.sql(
        "select id, date_add(date'2024-01-01', cast(id % 3 as int)) as day, cast(id as decimal(12, 2)) as money, "
        "if(id = 0, double('NaN'), id / 2) as half, if(id > 1, null, named_struct('a', array(id))) as inner from range(6)"
    )


def test_queries_of_many_rows_are_asked_with_the_rest(frame: DataFrame) -> None:
    data = Data(frame, {})
    days = Query(sql="SELECT day, sum(money) AS money, min(half) AS half FROM {this} GROUP BY day ORDER BY day DESC")
    some = Query(sql="SELECT id, `inner` FROM {this} ORDER BY id", limit=2)
    none = Query(sql="SELECT id FROM {this} WHERE id > 100")
    small = Query(sql="SELECT count(*) AS n FROM {this}", where="id > 3", is_small=True)
    rows = Aggregate(call="max(day)")
    needs = [days, some, none, small, rows]
    found = compute(data, needs)
    assert (found.jobs, found.failures) == (1, {})
    assert found.values[days] == [
        {"day": DAY + datetime.timedelta(days=2), "money": Decimal("7.00"), "half": 1.0},
        {"day": DAY + datetime.timedelta(days=1), "money": Decimal("5.00"), "half": 0.5},
        {"day": DAY, "money": Decimal("3.00"), "half": 1.5},  # NaN is the greatest
    ]
    assert found.values[some] == [{"id": 0, "inner": {"a": [0]}}, {"id": 1, "inner": {"a": [1]}}]
    assert [found.values[need] for need in (none, small, rows)] == [[], [{"n": 2}], DAY + datetime.timedelta(days=2)]
    assert [data.query(query) for query in (days, some, none)] == [found.values[query] for query in (days, some, none)]


def test_a_query_that_is_wrong_spoils_itself_alone(frame: DataFrame) -> None:
    wrong, right = Query(sql="SELECT nobody FROM {this}"), Query(sql="SELECT id FROM {this} ORDER BY id", limit=1)
    rows = Aggregate(call="count(*)")
    found = compute(Data(frame, {}), [wrong, right, rows])
    assert list(found.failures) == [wrong]
    assert (found.values[right], found.values[rows]) == ([{"id": 0}], 6)


def test_a_table_of_very_many_rows_is_a_job_of_its_own(frame: DataFrame) -> None:
    many, rows = Query(sql="SELECT id FROM {this}", limit=400_000, is_table=True), Aggregate(call="count(*)")
    found = compute(Data(frame, {}), [many, rows])
    assert (found.jobs, found.values[many].num_rows, found.values[rows]) == (2, 6, 6)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"value": "sum(money)"}, ("fail", "sum(money) is 15 here and 9 in others.")),
        ({"value": "sum(money)", "where": "id > 2"}, ("fail", "sum(money) is 12 here and 9 in others.")),
        (
            {"value": "sum(money) / count(*)", "where": "id = 4", "other_value": "max(id)", "other_where": "id = 4"},
            ("pass", "sum(money) / count(*) is 4 here and 4 in others."),
        ),
        (
            {"value": "sum(money)", "where": "false", "other_where": "false"},
            ("pass", "sum(money) is 0 here and 0 in others."),
        ),
    ],
)
def test_a_figure_of_each_side_is_no_join(frame: DataFrame, asked: dict[str, str], said: tuple[str, str]) -> None:
    where = asked.pop("where", "")
    arguments = RECONCILE.complete({**asked, "other": "others"})
    assert RECONCILE.needs is not None and RECONCILE.judge is not None
    needs = RECONCILE.needs(arguments, Table(columns={}, where=where))
    found = compute(Data(frame, {"others": frame.where("id between 2 and 4")}), list(needs.values()))
    assert (found.jobs, found.failures) == (1, {})
    judged = RECONCILE.judge(arguments, {name: found.values[need] for name, need in needs.items()})
    assert (judged.level, judged.message) == said


def test_a_figure_that_is_none_of_all_rows_is_refused(frame: DataFrame) -> None:
    assert RECONCILE.needs is not None
    for where in ("", "id > 2"):
        needs = RECONCILE.needs(RECONCILE.complete({"value": "money", "other": "o"}), Table(columns={}, where=where))
        assert needs["here"] in compute(Data(frame, {"o": frame}), [needs["here"]]).failures

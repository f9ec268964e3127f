"""Needs computed in this process, over files and over rows that Spark collected: the values are Spark's own."""

from __future__ import annotations

import datetime
import math
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.at_hand import Collected, Files
from expectations.compute import Data, compute, types_of
from expectations.definition import Aggregate, Need, Query
from expectations.in_process import InProcess

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 300
TYPES = {
    "n": "int",
    "big": "bigint",
    "tiny": "tinyint",
    "x": "double",
    "f": "float",
    "price": "decimal(12,2)",
    "name": "string",
    "is_open": "boolean",
    "day": "date",
    "at": "timestamp",
}
SPECIAL: dict[str, list[Any]] = {
    "n": [0, -1, 2**31 - 1],
    "big": [2**53 + 1, -(2**62)],
    "tiny": [127, -128, 0],
    "x": [math.nan, -0.0, 0.0, math.inf, -math.inf, 1e-300],
    "f": [math.nan, 0.1, -0.0],
    "price": [Decimal("0.00"), Decimal("-9999999999.99"), Decimal("0.01")],
    "name": ["", " ", "  a ", "\u00a0b\u2003", "é", "日本", "0", "A", "a", "it's", "{x}", "{this}"],
    "is_open": [True, False],
    "day": [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29)],
    "at": [
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999),
        datetime.datetime(2024, 3, 31, 2, 30),
        datetime.datetime(2024, 1, 1, 23, 59, 59, 1),
    ],
}

ANY = [f"count({name})" for name in TYPES] + [f"count_if({name} IS NULL)" for name in TYPES]
ANY += [f"{function}({name})" for name in TYPES for function in ("min", "max")]
ANY += [f"approx_count_distinct({name}, 0.01D)" for name in TYPES if name != "f"]
ANY += [f"count(DISTINCT {name})" for name in TYPES]

CALLS = [
    "count(*)",
    "sum(n)",
    "sum(tiny)",
    "sum(price)",
    "sum(price - 1)",
    "sum(-price)",
    "sum(if(is_open, price, 0))",
    "avg(n)",
    "avg(CAST(price AS DOUBLE))",
    "var_samp(n)",
    "var_pop(price)",
    "stddev_samp(tiny)",
    "sum(CAST(is_open AS INT))",
    "count_if(n > 0 AND NOT is_open)",
    "count_if(x > 1)",
    "count_if(x = CAST('NaN' AS DOUBLE))",
    "count_if(x <> 0)",
    "count_if(x <=> NULL)",
    "count_if(price <> 0)",
    "count_if(price >= 0.5 OR price IS NULL)",
    "count_if(f > 0.05D)",
    "count_if(trim(name) NOT IN ('', '0'))",
    "count_if(length(name) BETWEEN 1 AND 2)",
    "count_if(name > 'a')",
    "count_if(nullif(name, '') IS NULL)",
    "count_if(n IN (1, 2, NULL))",
    "count_if(day >= DATE'2024-01-15')",
    "count_if(at >= DATE'2024-01-15')",
    "count_if(at < TIMESTAMP'2024-01-15 12:00:00')",
    "count_if(CAST(at AS DATE) = day)",
    "sum(hour(at))",
    "sum(unix_timestamp(at) - unix_micros(at) % 1000)",
    "max(abs(n))",
    "min(coalesce(n, tiny, 0))",
    "max(greatest(n, tiny))",
    "min(least(n, big))",
    "count_if(ln(CAST(abs(n) AS DOUBLE)) > 1)",
    "count_if(floor(CAST(n AS DOUBLE) / 7) % 2 = 0)",
    "count_if(CAST(n AS DOUBLE) % 60.0 = 0)",
    "count_if(round(CAST(price AS DOUBLE)) = CAST(price AS DOUBLE))",
    "count_if(CASE WHEN n > 3 THEN is_open WHEN n < 0 THEN TRUE END)",
    "max(concat_ws('|', name, CAST(n AS STRING), CAST(day AS STRING), CAST(is_open AS STRING)))",
    "percentile_approx(nullif(CAST(n AS DOUBLE), CAST('NaN' AS DOUBLE)), array(0.0D, 0.25D, 0.5D, 0.99D, 1.0D), 10000)",
    "percentile_approx(nullif(x, CAST('NaN' AS DOUBLE)), array(0.1D, 0.5D), 2147483647)",
    "percentile_approx(CAST(price AS DOUBLE), 0.5D, 10000)",
]

QUERIES = [
    "SELECT count(*) AS keys, coalesce(sum(n), 0) AS held FROM (SELECT count(*) AS n FROM {this} GROUP BY x, name)",
    "SELECT name AS value, count(*) AS n FROM {this} GROUP BY 1 ORDER BY n DESC, value LIMIT 7",
    "SELECT name, n FROM {this} WHERE name IS NULL OR n > 2 ORDER BY n, name DESC, big LIMIT 20",
    "SELECT here.name AS value, count(*) AS n FROM {this} AS here LEFT ANTI JOIN (SELECT DISTINCT name FROM {other} "
    "WHERE is_open) AS there ON here.name = there.name WHERE here.name IS NOT NULL GROUP BY here.name ORDER BY n DESC, value",
    "SELECT DISTINCT is_open, sum(n) OVER () AS total FROM (SELECT is_open, tiny AS n FROM {this}) ORDER BY 1",
    "SELECT a.low, b.high FROM (SELECT min(tiny) AS low FROM {this}) AS a CROSS JOIN (SELECT max(n) AS high FROM {other}) AS b",
    "SELECT day, grouping(name) AS g, count(*) AS n FROM {this} GROUP BY GROUPING SETS ((day, name), (day)) "
    "HAVING count(*) > 3 ORDER BY day, g, n",
    "SELECT count(*) AS n, count_if(name = '{{this}}') AS named, count_if(name = '{{x}}') AS braced FROM {this}",
    "SELECT max(at) AS last, min(price) AS least, max(x) AS most FROM {this} WHERE n > 1 HAVING TRUE",
]


def table(rows: int, seed: int) -> pa.Table:
    """Returns random rows with what is apt to differ: nulls, NaN, blanks, zeros with a sign, bounds, dates long ago."""
    rng = random.Random(seed)
    plain = {
        "n": lambda: rng.randint(-5, 400),
        "big": lambda: rng.randint(-(10**12), 10**12),
        "tiny": lambda: rng.randint(-3, 3),
        "x": lambda: rng.gauss(0, 3),
        "f": lambda: rng.random(),
        "price": lambda: Decimal(rng.randint(-500, 9_000)) / 100,
        "name": lambda: rng.choice("abcdefgh") * rng.randint(0, 3),
        "is_open": lambda: rng.random() < 0.7,
        "day": lambda: datetime.date(2024, 1, 1) + datetime.timedelta(rng.randint(0, 40)),
        "at": lambda: datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=rng.randint(0, 3_000_000)),
    }
    types = {
        "n": pa.int32(),
        "big": pa.int64(),
        "tiny": pa.int8(),
        "x": pa.float64(),
        "f": pa.float32(),
        "price": pa.decimal128(12, 2),
        "name": pa.string(),
        "is_open": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us", tz="UTC"),
    }
    columns = {}
    for name, draw in plain.items():
        values = [
            None if (luck := rng.random()) < 0.1 else rng.choice(SPECIAL[name]) if luck < 0.3 else draw()
            for _ in range(rows)
        ]
        columns[name] = pa.array(values, types[name])
    return pa.table(columns)


@pytest.fixture(scope="module", params=["rows", "no rows", "nulls"])
def kept(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    made = table(ROWS if request.param != "no rows" else 0, seed=7)
    if request.param == "nulls":
        made = pa.table({name: pa.nulls(20, made.schema.field(name).type) for name in made.column_names})
    folder = tmp_path_factory.mktemp("rows")
    for number, part in enumerate((made.slice(0, 200), made.slice(200))):
        pq.write_table(part, folder / f"{number}.parquet")
    frame = spark.read.parquet(*(str(path) for path in sorted(folder.iterdir())))
    assert types_of(frame) == TYPES
    return Kept(frame, folder)


class Kept:
    """Rows as a frame, as files and collected."""

    def __init__(self, frame: DataFrame, folder: Path) -> None:
        self.frame = frame
        self.files = Files(tuple(sorted(folder.iterdir())), TYPES)

    def forms(self) -> Iterator[Files | Collected]:
        yield self.files
        yield Collected(TYPES, lambda columns: self.frame.select(*columns).toArrow())


def like(one: Any, other: Any) -> bool:
    """Whether two values are the same, of the same type; floats up to the order of a sum."""
    if isinstance(one, float) and isinstance(other, float):
        return bool(one == pytest.approx(other, rel=1e-9, nan_ok=True))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(like, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(like(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def test_every_value_is_that_of_spark(kept: Kept) -> None:
    wheres = ("", "n > 2", "name IS NOT NULL AND NOT is_open")
    needs: list[Need] = [Aggregate(call=call) for call in (*ANY, *CALLS)]
    needs += [Aggregate(call=call, where=where) for call in CALLS[:30] for where in wheres[1:]]
    needs += [Query(sql=sql, of="o", where=where) for sql in QUERIES for where in wheres]
    sparks = compute(Data(kept.frame, {"o": kept.frame}), needs)
    assert not sparks.failures
    for form in kept.forms():
        found = InProcess({"": form, "o": form}).answer(needs)
        assert not [need for need in needs if need not in found]
        differing = [
            f"{need}: here {found[need]!r}, in Spark {sparks.values[need]!r}"
            for need in needs
            if not like(found[need], sparks.values[need])
        ]
        assert not differing, "\n".join(differing)


def test_the_commonest_value_and_its_rows(kept: Kept) -> None:
    for name in TYPES:
        counted = kept.frame.where(f"{name} IS NOT NULL").groupBy(name).count().collect()
        most = max((row["count"] for row in counted), default=0)
        call = Aggregate(call=f"approx_top_k(`{name}`, 1, 64)")
        for form in kept.forms():
            found = InProcess({"": form}).answer([call])[call]
            assert [n for _, n in found] == ([most] if most else []), name
            items = [row[name] for row in counted if row["count"] == most]
            assert not found or found[0][0] in items or math.isnan(found[0][0]), name


def test_what_is_left_is_computed_by_spark(kept: Kept) -> None:
    here, there = Aggregate(call="count(n)"), Aggregate(call="count_if(name RLIKE '^a')")
    found = compute(Data(kept.frame, {}, {"": kept.files}), [here, there])
    assert set(found.values) == {here, there}
    assert (found.jobs, found.failures) == (1, {})
    assert InProcess({"": kept.files}).answer([here, there]).keys() == {here}


def test_what_raises_is_left_to_spark_which_says_why(spark: SparkSession, kept: Kept) -> None:
    if kept.frame.where("n = 0").isEmpty():
        return
    wrong, right = Aggregate(call="sum(1 / n)"), Aggregate(call="count(n)")
    found = compute(Data(kept.frame, {}, {"": kept.files}), [wrong])
    assert "DIVIDE_BY_ZERO" in str(found.failures[wrong])
    assert compute(Data(kept.frame, {}, {"": kept.files}), [wrong, right]).values == {
        right: kept.frame.where("n IS NOT NULL").count()
    }


def test_rows_are_collected_once_for_each_new_column(kept: Kept) -> None:
    asked: list[list[str]] = []

    def collect(columns: Any) -> pa.Table:
        asked.append(list(columns))
        return kept.frame.select(*columns).toArrow()

    rows = Collected(TYPES, collect)
    first, second = Aggregate(call="count(n)"), Aggregate(call="max(day)", where="N > 0")
    assert InProcess({"": rows}).answer([Aggregate(call="count(*)")])
    for needs in ([first], [first, second], [second]):
        data = Data(kept.frame, {}, {"": rows})
        computed = compute(data, needs)
        assert set(computed.values) == set(needs)
    assert asked == [["n"], ["n", "day"]]


def test_no_rows_are_collected_for_what_is_left_to_spark() -> None:
    def collect(columns: Any) -> pa.Table:
        raise AssertionError(columns)

    here = InProcess({"": Collected(TYPES, collect), "o": Files((), TYPES)})
    left = [
        Aggregate(call="max(hash(n))"),
        Aggregate(call="count(n)", where="hash(n) > 0"),
        Aggregate(call="count(n)", of="elsewhere"),
        Query(sql="SELECT max(hash(n)) AS n FROM {this}"),
        Query(sql="SELECT count(*) AS n FROM {this} JOIN {other} USING (n)", of="elsewhere"),
    ]
    assert (here.answer(left), here.jobs) == ({}, 0)


def test_rows_that_spark_cannot_give_are_no_answer(kept: Kept) -> None:
    def collect(_: Any) -> pa.Table:
        return kept.frame.selectExpr("assert_true(false) AS n").toArrow()

    need = Aggregate(call="count(n)")
    assert InProcess({"": Collected(TYPES, collect)}).answer([need]) in ({}, {need: 0})


def test_a_file_that_is_gone_is_no_answer(tmp_path: Path) -> None:
    need = Aggregate(call="count(n)")
    assert InProcess({"": Files((tmp_path / "gone.parquet",), TYPES)}).answer([need]) == {}


def test_a_sum_beyond_a_bigint_is_left_to_spark(tmp_path: Path) -> None:
    pq.write_table(pa.table({"big": pa.array([2**62, 2**62, 2**62], pa.int64())}), tmp_path / "a.parquet")
    rows = InProcess({"": Files((tmp_path / "a.parquet",), {"big": "bigint"})})
    beyond, within = Aggregate(call="sum(big)"), Aggregate(call="max(big)")
    assert rows.answer([beyond, within]) == {within: 2**62}


def test_a_spread_of_what_is_not_finite_is_left_to_spark(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0, math.inf], "y": [1.0, 3.0]}), tmp_path / "a.parquet")
    files = {"": Files((tmp_path / "a.parquet",), {"x": "double", "y": "double"})}
    endless, finite = Aggregate(call="stddev_samp(x)"), Aggregate(call="var_pop(y)")
    assert InProcess(files).answer([endless]) == {}
    assert InProcess(files).answer([finite]) == {finite: 1.0}
    assert InProcess(files).answer([Aggregate(call="var_samp(y)", where="y > 1")]) == {
        Aggregate(call="var_samp(y)", where="y > 1"): None
    }


def test_a_day_that_python_does_not_have_is_left_to_spark(tmp_path: Path) -> None:
    days = pa.array([0, 4_000_000], pa.int32()).cast(pa.date32())  # the later one is in the year 12,921
    pq.write_table(pa.table({"day": days}), tmp_path / "a.parquet")
    rows = InProcess({"": Files((tmp_path / "a.parquet",), {"day": "date"})})
    last, first = Aggregate(call="max(day)"), Aggregate(call="min(day)")
    listed = Query(sql="SELECT day FROM {this} ORDER BY day")
    assert rows.answer([last, first, listed]) == {first: datetime.date(1970, 1, 1)}


def test_a_column_that_older_files_lack_is_null_in_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [3], "b": ["x"]}), tmp_path / "2.parquet")
    files = Files(tuple(sorted(tmp_path.iterdir())), {"a": "bigint", "b": "string"})
    counts = [Aggregate(call="count(a)"), Aggregate(call="count(b)")]
    assert list(InProcess({"": files}).answer(counts).values()) == [3, 1]

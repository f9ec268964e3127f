"""The one pass and Great Expectations' own Spark engine give the same verdict on random small tables."""

from __future__ import annotations

import datetime
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from expectations.suite import Expectation, Suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Great Expectations warns of row conditions as text, which are what people write, each time it copies one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SCHEMA = "i int, l bigint, d double, m decimal(12,2), s string, b boolean, day date, at timestamp, j int"


def table(rng: random.Random, rows: int) -> list[tuple[Any, ...]]:
    nulls = rng.choice([0.0, 0.2, 1.0]) if rows else 0.0

    def maybe(value: Any) -> Any:
        return None if rng.random() < nulls else value

    day = datetime.date(2024, 1, 1)
    return [
        (
            maybe(rng.randint(-3, 8)),
            maybe(rng.randint(0, 4)),
            maybe(rng.choice([float("nan"), float("inf"), -0.0, 1.5, 2.5, rng.random() * 10])),
            maybe(Decimal(rng.randint(-500, 900)) / 100),
            maybe(rng.choice(["a", "ab", "", "A{2}", "it's", "back\\slash", "5"])),
            maybe(rng.random() < 0.5),
            maybe(day + datetime.timedelta(days=rng.randint(0, 3))),
            maybe(datetime.datetime(2024, 1, 1, 12) + datetime.timedelta(hours=rng.randint(0, 60))),
            maybe(rng.randint(-3, 8)),
        )
        for _ in range(rows)
    ]


def expectations(rng: random.Random) -> list[Expectation]:
    """One of each expectation that the one pass takes over, with random arguments."""
    mostly = rng.choice([1, 0.5, 0.9])
    where = rng.choice(["", "", "i > 1", "s = 'a' OR i IS NULL", "b"])
    number = rng.choice(["i", "l", "d", "m"])
    low, high = sorted([rng.randint(-4, 4), rng.randint(-1, 9)])
    any_column = rng.choice(["i", "d", "m", "s", "b", "day", "at"])
    strict = rng.random() < 0.3
    ignore = rng.choice(["both_values_are_missing", "either_value_is_missing", "neither"])
    ignore_any = rng.choice(["all_values_are_missing", "any_value_is_missing", "never"])
    made: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_not_be_null", {"column": any_column, "mostly": mostly}),
        ("expect_column_values_to_be_null", {"column": any_column, "mostly": mostly}),
        ("expect_column_values_to_be_unique", {"column": any_column, "mostly": mostly}),
        (
            "expect_column_values_to_be_between",
            {"column": number, "min_value": low, "max_value": high, "strict_min": strict, "mostly": mostly},
        ),
        ("expect_column_values_to_be_between", {"column": "day", "min_value": "2024-01-02", "mostly": mostly}),
        ("expect_column_values_to_be_between", {"column": "at", "max_value": "2024-01-02T18:00:00", "mostly": mostly}),
        ("expect_column_values_to_be_between", {"column": "s", "min_value": 1}),
        ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["a", "", "it's"], "mostly": mostly}),
        ("expect_column_values_to_be_in_set", {"column": "l", "value_set": [0, 1, 2, 3], "mostly": mostly}),
        ("expect_column_values_to_not_be_in_set", {"column": "s", "value_set": ["back\\slash"], "mostly": mostly}),
        ("expect_column_values_to_match_regex", {"column": "s", "regex": "^[aA][b{]?", "mostly": mostly}),
        ("expect_column_values_to_not_match_regex", {"column": "s", "regex": "\\\\|'", "mostly": mostly}),
        (
            "expect_column_value_lengths_to_be_between",
            {"column": "s", "min_value": 1, "max_value": 3, "mostly": mostly},
        ),
        ("expect_column_value_lengths_to_equal", {"column": "s", "value": 1, "mostly": mostly}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["i", "s"], "ignore_row_if": ignore_any}),
        (
            "expect_column_pair_values_to_be_equal",
            {"column_A": "i", "column_B": "j", "ignore_row_if": ignore, "mostly": mostly},
        ),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "i", "column_B": "j", "or_equal": strict, "ignore_row_if": ignore, "mostly": mostly},
        ),
        ("expect_table_row_count_to_be_between", {"min_value": rng.randint(0, 20), "max_value": 30}),
        ("expect_column_min_to_be_between", {"column": number, "min_value": low}),
        ("expect_column_max_to_be_between", {"column": number, "max_value": high}),
        ("expect_column_mean_to_be_between", {"column": number, "min_value": low, "max_value": high}),
        ("expect_column_sum_to_be_between", {"column": number, "min_value": low, "max_value": high * 10}),
        ("expect_column_stdev_to_be_between", {"column": rng.choice(["i", "l"]), "min_value": 1, "max_value": 3}),
        (
            "expect_column_quantile_values_to_be_between",
            {
                "column": rng.choice(["i", "l", "d"]),
                "quantile_ranges": {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[-3, high], [low, None], [0, 9]]},
            },
        ),
        ("expect_column_unique_value_count_to_be_between", {"column": any_column, "min_value": 1, "max_value": 5}),
    ]
    table_wide = [
        ("expect_column_to_exist", {"column": rng.choice(["i", "zzz"])}),
        ("expect_table_columns_to_match_set", {"column_set": ["i", "l"], "exact_match": strict}),
        ("expect_table_column_count_to_equal", {"value": rng.choice([9, 8])}),
    ]
    return [
        Expectation(type=kind, arguments=arguments, where=where if index < len(made) else "", place=str(index))
        for index, (kind, arguments) in enumerate([*made, *table_wide])
    ]


SLOW_BY_DESIGN = {("expect_column_values_to_be_between", "s")}


@pytest.mark.parametrize(("seed", "rows"), [(1, 0), (2, 1), (3, 12), (6, 40)])
def test_verdicts_are_great_expectations_own(spark: SparkSession, seed: int, rows: int) -> None:
    from expectations import gx
    from expectations.compute import types_of
    from expectations.definition import Table
    from expectations.validate import validate

    rng = random.Random(seed)
    frame = spark.createDataFrame(table(rng, rows), SCHEMA).coalesce(1).cache()
    asked = expectations(rng)
    ours = validate(frame, Suite(model="t", expectations=tuple(asked)), inputs={})
    known = Table(columns=types_of(frame))
    theirs = gx.Engine(frame, f"table {seed}").validate_suite([gx.build(one, known) for one in asked])
    for expectation, check, mine, other in zip(asked, ours.results, ours.gx_result.results, theirs, strict=True):
        told = (expectation.type, dict(expectation.arguments), expectation.where)
        assert bool(mine.success) == bool(other.success), told
        assert bool(gx.exception_of(mine)) == bool(gx.exception_of(other)), told
        if gx.exception_of(other):
            continue
        slow = (expectation.type, expectation.column) in SLOW_BY_DESIGN
        assert check.engine == ("great expectations" if slow else "one pass"), told
        for key in ("element_count", "unexpected_count", "missing_count", "unexpected_percent"):
            # Great Expectations counts none as null where there is no row at all.
            assert (mine.result.get(key) or 0) == (other.result.get(key) or 0), (told, key)
        assert same(mine.result.get("observed_value"), other.result.get("observed_value")), told
    frame.unpersist()


def same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, float) and isinstance(theirs, float):
        return mine == pytest.approx(theirs, nan_ok=True)
    return bool(mine == theirs) or str(mine) == str(theirs)

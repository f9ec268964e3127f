"""Random small tables and expectations of each kind that the one pass takes over, by seed."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from expectations.suite import Expectation

COLUMNS: dict[str, pa.DataType] = {
    "i": pa.int32(),
    "j": pa.int32(),
    "k": pa.int16(),
    "l": pa.int64(),
    "d": pa.float64(),
    "e": pa.float32(),
    "m": pa.decimal128(12, 2),
    "w": pa.decimal128(38, 10),
    "n": pa.decimal128(3, 0),
    "s": pa.string(),
    "t": pa.string(),
    "b": pa.bool_(),
    "day": pa.date32(),
    "at": pa.timestamp("us", tz="UTC"),
    "ódd name": pa.string(),
    "never": pa.int32(),
    "nothing": pa.string(),
}
ROWS = (0, 1, 2, 3, 7, 12, 19, 40)
NUMBERS = ("i", "l", "d", "e", "m", "w", "n", "k", "never")
COMPARED = (*NUMBERS, "day", "at")
ANY = (*COMPARED, "s", "t", "b", "ódd name", "nothing")
ODD_TEXTS = ["a", "ab", "", " ", "A{2}", "{this}", "it's", "back\\slash", "5", "ü", "日本", "😀x", "a\nb", '"q"', "%_"]
ODD_NUMBERS = [float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1.5, 2.5, 1e300]
DAY = datetime.date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation, and whether the one pass is to take it over (else it goes to Great Expectations' engine)."""

    expectation: Expectation
    taken_over: bool = True


def table(rng: random.Random) -> pa.Table:
    """Returns rows of `COLUMNS`; each column has a share of nulls of its own, one of them is often all nulls."""
    count = rng.choice(ROWS)
    shares = [rng.choice([0.0, 0.0, 0.2, 0.6, 1.0]) for _ in range(15)]
    few = rng.random() < 0.4  # few distinct values: many repeat

    def row() -> dict[str, Any]:
        at = datetime.datetime(2024, 1, 1, 12) + datetime.timedelta(seconds=rng.choice([0, 1, 86_399, 100_000.5]))
        values = [
            rng.randint(-3, 8),
            rng.randint(-3, 8),
            rng.randint(0, 3),
            rng.choice([0, 1, 2, 3, 4, 2**40, -(2**40)]),
            rng.choice([*ODD_NUMBERS, rng.random() * 10, rng.random() * 10]),
            rng.choice([float("nan"), -0.0, 0.5, 2.25, 7.0]),
            Decimal(rng.randint(-500, 900)) / 100,
            Decimal(rng.randint(-(10**6), 10**6)) / Decimal(10**10) + rng.randint(0, 3),
            Decimal(rng.randint(-9, 9)),
            rng.choice(ODD_TEXTS[:3] if few else ODD_TEXTS),
            rng.choice(["1", "2", "10", "x"]),
            rng.random() < 0.5,
            DAY + datetime.timedelta(days=rng.randint(0, 3)),
            at,
            rng.choice(["a", "b"]),
        ]
        nulled = [None if rng.random() < share else value for value, share in zip(values, shares, strict=True)]
        return dict(zip(COLUMNS, [*nulled, None, None], strict=True))

    return pa.Table.from_pylist([row() for _ in range(count)], schema=pa.schema(list(COLUMNS.items())))


def cases(rng: random.Random) -> list[Case]:
    """Returns one or two of each kind, with random arguments; all share one row condition, as far as they take one."""
    where = rng.choice(["", "", "", "i > 1", "s = 'a' OR i IS NULL", "b", "false", "d > 0"])
    mostly = rng.choice([1, 1, 0.5, 0.9, 0])
    low, high = sorted([rng.randint(-4, 4), rng.randint(-1, 9)])
    ends = {"min_value": rng.choice([low, low - 0.5, None]), "max_value": high}
    strict = {"strict_min": rng.random() < 0.5, "strict_max": rng.random() < 0.5}
    pair = {"ignore_row_if": rng.choice(["both_values_are_missing", "either_value_is_missing", "neither"])}
    several = {"ignore_row_if": rng.choice(["all_values_are_missing", "any_value_is_missing", "never"])}
    texts = rng.sample(ODD_TEXTS, rng.randint(1, 6))
    numbers = rng.sample([-1, 0, 1, 2, 3, 4, 8], rng.randint(1, 5))
    columns = rng.choice([["i", "j"], ["i", "s"], ["d", "b", "t"], ["day", "m"]])
    alike = rng.choice([["i", "j"], ["i", "j", "l"], ["d", "e"], ["m", "n", "w"], ["s", "t", "ódd name"]])
    summed = rng.choice([["i", "j"], ["i", "k", "l"], ["m", "n"], ["d", "e"], ["i", "m"]])
    any_column, other_column = rng.sample(ANY, 2)
    number, text = rng.choice(NUMBERS), rng.choice(["s", "t", "nothing"])
    quantiles = rng.sample([0.0, 0.1, 0.25, 0.5, 0.9, 1.0], 3)
    patterns = rng.sample(["^[aA][b{]?", "\\\\|'", "^$", "\\d+", "日|😀", "^.$", "[{]", '"'], 2)
    some = {"mostly": mostly}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("column_values_to_not_be_null", {"column": any_column, **some}),
        ("column_values_to_be_null", {"column": any_column, **some}),
        ("column_values_to_be_unique", {"column": any_column, **some}),
        ("column_values_to_be_unique", {"column": other_column, **some}),
        ("column_values_to_be_between", {"column": number, **ends, **strict, **some}),
        ("column_values_to_be_between", {"column": rng.choice(["d", "e"]), **ends, **strict, **some}),
        ("column_values_to_be_between", {"column": "day", "min_value": "2024-01-02", **some}),
        ("column_values_to_be_between", {"column": "day", "max_value": datetime.date(2024, 1, 2), **strict}),
        ("column_values_to_be_between", {"column": "at", "max_value": "2024-01-02T11:59:59", **some, **strict}),
        ("column_values_to_be_in_set", {"column": text, "value_set": texts, **some}),
        ("column_values_to_be_in_set", {"column": rng.choice(["i", "l", "d", "m"]), "value_set": numbers, **some}),
        ("column_values_to_not_be_in_set", {"column": text, "value_set": texts, **some}),
        ("column_values_to_not_be_in_set", {"column": "d", "value_set": [0.0, 1.5], **some}),
        ("column_values_to_match_regex", {"column": text, "regex": patterns[0], **some}),
        ("column_values_to_not_match_regex", {"column": text, "regex": patterns[1], **some}),
        (
            "column_values_to_match_regex_list",
            {"column": text, "regex_list": patterns, "match_on": rng.choice(["any", "all"]), **some},
        ),
        ("column_values_to_not_match_regex_list", {"column": text, "regex_list": patterns, **some}),
        ("column_value_lengths_to_be_between", {"column": text, "min_value": 1, "max_value": 3, **strict, **some}),
        ("column_value_lengths_to_equal", {"column": text, "value": rng.randint(0, 2), **some}),
        ("compound_columns_to_be_unique", {"column_list": columns, **several, **some}),
        ("multicolumn_values_to_be_equal", {"column_list": alike, **several, **some}),
        ("multicolumn_sum_to_equal", {"column_list": summed, "sum_total": rng.randint(0, 4), **several, **some}),
        ("select_column_values_to_be_unique_within_record", {"column_list": alike, **several, **some}),
        ("column_pair_values_to_be_equal", {"column_A": alike[0], "column_B": alike[1], **pair, **some}),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": alike[0], "column_B": alike[1], "or_equal": rng.random() < 0.5, **pair, **some},
        ),
        (
            "column_pair_values_to_be_in_set",
            {"column_A": "i", "column_B": "s", "value_pairs_set": [[1, "a"], [None, "a"], [2, None]], **pair, **some},
        ),
        ("table_row_count_to_be_between", {"min_value": rng.randint(0, 20), "max_value": 30, **strict}),
        ("table_row_count_to_equal", {"value": rng.choice(ROWS)}),
        ("column_min_to_be_between", {"column": number, **ends, **strict}),
        ("column_max_to_be_between", {"column": rng.choice(["d", "m", "w"]), **ends, **strict}),
        ("column_min_to_be_between", {"column": "day", "min_value": "2024-01-01", **strict}),
        ("column_max_to_be_between", {"column": "at", "max_value": "2024-01-02T12:00:00", **strict}),
        ("column_mean_to_be_between", {"column": rng.choice(["i", "l", "d", "e", "m", "w"]), **ends, **strict}),
        ("column_median_to_be_between", {"column": rng.choice(["i", "l", "d", "e", "m"]), **ends, **strict}),
        ("column_sum_to_be_between", {"column": number, **ends, **strict}),
        ("column_stdev_to_be_between", {"column": rng.choice(["i", "l", "d", "m"]), **ends, **strict}),
        (
            "column_quantile_values_to_be_between",
            {
                "column": rng.choice(["i", "k", "l", "d", "m"]),
                "quantile_ranges": {"quantiles": quantiles, "value_ranges": [[-3, high], [low, None], [0, 9]]},
            },
        ),
        ("column_unique_value_count_to_be_between", {"column": any_column, "min_value": 1, "max_value": 5, **strict}),
        ("column_proportion_of_unique_values_to_be_between", {"column": any_column, "min_value": 0.4, **strict}),
        ("column_proportion_of_non_null_values_to_be_between", {"column": any_column, "min_value": 0.6, **strict}),
        ("column_distinct_values_to_be_in_set", {"column": text, "value_set": texts}),
        ("column_distinct_values_to_contain_set", {"column": rng.choice(["i", "k", "l"]), "value_set": numbers}),
        ("column_distinct_values_to_equal_set", {"column": "t", "value_set": rng.sample(["1", "2", "10", "x"], 3)}),
    ]
    of_the_table: list[tuple[str, dict[str, Any]]] = [
        ("column_to_exist", {"column": rng.choice(["i", "zzz"])}),
        ("table_columns_to_match_set", {"column_set": ["i", "l"], "exact_match": rng.random() < 0.5}),
        ("table_columns_to_match_ordered_list", {"column_list": ["i", "j"]}),
        ("table_column_count_to_equal", {"value": rng.choice([17, 8])}),
        ("table_column_count_to_be_between", {"min_value": 3, "max_value": rng.choice([16, 17])}),
    ]
    to_the_engine: list[tuple[str, dict[str, Any]]] = [
        ("column_values_to_be_between", {"column": "s", "min_value": 1}),
        ("column_mean_to_be_between", {"column": "k", "min_value": 1}),
        ("column_distinct_values_to_be_in_set", {"column": "day", "value_set": ["2024-01-01"]}),
    ]
    # Great Expectations asks pairs in a set of all rows, whatever the row condition says.
    made = [(kind, given, "" if kind == "column_pair_values_to_be_in_set" else where, True) for kind, given in asked]
    made += [(kind, given, "", True) for kind, given in of_the_table]
    made += [(kind, given, where, False) for kind, given in rng.sample(to_the_engine, 1)]
    return [
        Case(
            Expectation(
                type=f"expect_{kind}",
                arguments={key: value for key, value in given.items() if value is not None},
                where=condition,
                place=str(index),
            ),
            taken_over,
        )
        for index, (kind, given, condition, taken_over) in enumerate(made)
    ]

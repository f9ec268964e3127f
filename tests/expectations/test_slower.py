"""What only Great Expectations' own engine judges is told with its cost, and with what is faster."""

from __future__ import annotations

from expectations.catalogue import definitions
from expectations.compute.metrics import METRICS
from expectations.result import CheckResult, EngineName
from expectations.slower import FASTER, slower_lines
from expectations.suite import Expectation


def result(kind: str, *, seconds: float, jobs: int | None, engine: EngineName = "great expectations") -> CheckResult:
    expectation = Expectation(type=kind, arguments={"column": "born"})
    return CheckResult(expectation=expectation, status="pass", level="pass", engine=engine, seconds=seconds, jobs=jobs)


def test_the_dearest_comes_first_with_what_is_faster() -> None:
    results = [
        result("expect_column_values_to_not_be_null", seconds=0, jobs=None, engine="one pass"),
        result("expect_column_values_to_be_json_parseable", seconds=0.26, jobs=1),
        result("expect_column_values_to_match_strftime_format", seconds=1.23, jobs=3),
        result("expect_column_mean_to_be_between", seconds=0.04, jobs=None),
    ]
    assert slower_lines(results) == [
        "slower: expect_column_values_to_match_strftime_format (born) took 1.2 s and 3 Spark jobs alone, in Great "
        "Expectations' own engine. Faster: expect_rows_to_satisfy with condition "
        "\"try_to_timestamp(born, 'yyyy-MM-dd') is not null\".",
        "slower: expect_column_values_to_be_json_parseable (born) took 0.3 s and 1 Spark job alone, in Great "
        'Expectations\' own engine. Faster: expect_rows_to_satisfy with condition "try_parse_json(born) is not null".',
        "slower: expect_column_mean_to_be_between (born) took 0.0 s alone, in Great Expectations' own engine.",
    ]


def test_everything_that_is_not_taken_over_has_a_hint() -> None:
    from expectations.gx import metric_names

    slow = {kind for kind, names in metric_names().items() if not names or not names <= METRICS}
    assert set(FASTER) == slow | {"expect_table_row_count_to_equal_other_table"}
    assert set(FASTER) <= set(definitions())

"""Expectations that only Great Expectations' own engine can judge: what that costs, and what says the same faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expectations.result import CheckResult

_ROWS = 'expect_rows_to_satisfy with condition "{}"'
_QUERY = "expect_query_to_find_nothing with a query for the wrong rows"
# Expectation → what is computed with everything else and says the same; {column} is the expectation's.
FASTER: Mapping[str, str] = {
    "expect_column_kl_divergence_to_be_less_than": "expect_column_to_agree_with_source, against a good table",
    "expect_column_most_common_value_to_be_in_set": "expect_share_between with the condition that {column} has that value",
    "expect_column_type_to_be": "data_type under columns in the property file, with an enforced contract",
    "expect_column_value_z_scores_to_be_less_than": "expect_column_values_to_be_between with the limits that you mean",
    "expect_column_values_to_be_dateutil_parseable": _ROWS.format("try_to_timestamp({column}) is not null"),
    "expect_column_values_to_be_decreasing": f"{_QUERY}: lag({{column}}) over the order that you mean",
    "expect_column_values_to_be_in_type_list": "data_type under columns in the property file, with an enforced contract",
    "expect_column_values_to_be_increasing": f"{_QUERY}: lag({{column}}) over the order that you mean",
    "expect_column_values_to_be_json_parseable": _ROWS.format("try_parse_json({column}) is not null"),
    "expect_column_values_to_be_of_type": "data_type under columns in the property file, with an enforced contract",
    "expect_column_values_to_match_json_schema": _ROWS.format("from_json({column}, '…') is not null"),
    "expect_column_values_to_match_like_pattern": _ROWS.format("{column} like '…'"),
    "expect_column_values_to_match_like_pattern_list": _ROWS.format("{column} like any ('…', '…')"),
    "expect_column_values_to_match_strftime_format": _ROWS.format(
        "try_to_timestamp({column}, 'yyyy-MM-dd') is not null"
    ),
    "expect_column_values_to_not_be_outliers": "expect_column_values_to_be_between with the limits that you mean",
    "expect_column_values_to_not_match_like_pattern": _ROWS.format("{column} not like '…'"),
    "expect_column_values_to_not_match_like_pattern_list": _ROWS.format("not ({column} like any ('…', '…'))"),
    "expect_query_results_to_match_comparison": "expect_tables_to_reconcile",
    "expect_table_row_count_to_equal_other_table": 'expect_tables_to_reconcile with value "count(*)"',
    "unexpected_rows_expectation": _QUERY,
}


def faster(result: CheckResult) -> str:
    """Returns what says the same in the one pass; empty where nothing does, or where that was how it was judged."""
    if result.engine != "great expectations":
        return ""
    return FASTER.get(result.type, "").format(column=result.column)


def cost(result: CheckResult) -> str:
    """Returns what a check cost alone, in words; empty for one of the one pass."""
    if result.engine != "great expectations":
        return ""
    jobs = "" if result.jobs is None else f" and {result.jobs} Spark job{'' if result.jobs == 1 else 's'}"
    return f"{result.seconds:.1f} s{jobs}"


def slower_lines(results: Sequence[CheckResult]) -> list[str]:
    """Returns a line for each check that Great Expectations' own engine judged, the dearest first."""
    slow = sorted((one for one in results if cost(one)), key=lambda one: -one.seconds)
    lines = []
    for one in slow:
        hint = f" Faster: {faster(one)}." if faster(one) else ""
        lines.append(f"slower: {one.title} took {cost(one)} alone, in Great Expectations' own engine.{hint}")
    return lines

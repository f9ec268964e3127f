"""Which expectations can put rows into quarantine instead of stopping a build: those that single rows fail."""

from __future__ import annotations

QUARANTINE = "quarantine"
ON_FAILURE = ("stop", QUARANTINE)
UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
EXIST_IN = "expect_column_values_to_exist_in"
BY_ROWS = frozenset(
    {
        *UNIQUE,
        EXIST_IN,
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_rows_to_satisfy",
    }
)


def refusal(kind: str, on_failure: str, keep: str) -> str:
    """Returns what is wrong with an expectation's `on_failure` and `keep`; empty where nothing is."""
    if on_failure not in ON_FAILURE:
        return f'"on_failure" is stop or quarantine, not "{on_failure}".'
    if on_failure == QUARANTINE and kind not in BY_ROWS:
        return (
            f"{kind} judges the table, no single row of it: nothing can be put into quarantine. Leave on_failure out."
        )
    if keep and (kind not in UNIQUE or on_failure != QUARANTINE):
        return '"keep" says which of several rows with one key stays, where uniqueness has "on_failure: quarantine".'
    return ""

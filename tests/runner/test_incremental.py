"""Settings of incremental models: which are refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import ProjectError
from runner.incremental import check_incremental, strategies_of, strategy_macro

MICROBATCH = {"incremental_strategy": "microbatch", "event_time": "at", "begin": "2026-01-01", "batch_size": "day"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"incremental_strategy": "merg"},
            'incremental_strategy is "merg". It is one of: append, merge, delete+insert, insert_overwrite, replace_where, '
            'microbatch. Did you mean "merge"?',
        ),
        (
            {"incremental_strategy": "delete+insert"},
            'incremental_strategy "delete+insert" needs a unique_key. Name the columns that identify a row.',
        ),
        (
            {"incremental_strategy": "replace_where"},
            'incremental_strategy "replace_where" needs a predicate, e.g. replace_where="day >= date\'2026-01-01\'".',
        ),
        (
            {"merge_update_columns": "n", "merge_exclude_columns": "n"},
            "give merge_update_columns or merge_exclude_columns, not both.",
        ),
        (
            {"partition_by": "day", "liquid_clustered_by": ["id"]},
            "partition_by and liquid_clustered_by; a table has one of them.",
        ),
        (
            {"on_schema_change": "append_columns"},
            'on_schema_change is "append_columns". It is one of: ignore, append_new_columns, sync_all_columns, fail. '
            'Did you mean "append_new_columns"?',
        ),
        (
            {"materialized": "incremental", "contract": {"enforced": True}},
            'an incremental model with an enforced contract needs on_schema_change "append_new_columns" or "fail"; '
            'here it is "ignore".',
        ),
        (
            {**MICROBATCH, "event_time": None},
            'incremental_strategy "microbatch" needs event_time, e.g. event_time="ordered_at".',
        ),
        (
            {**MICROBATCH, "batch_size": "week"},
            'batch_size is "week". It is one of: hour, day, month, year.',
        ),
        ({**MICROBATCH, "lookback": -1}, "lookback is a whole number of batches from 0, not -1."),
    ],
)
def test_settings_that_do_not_go(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        check_incremental(config, "models/m.sql")
    assert str(caught.value) == f"models/m.sql: {message}"


@pytest.mark.parametrize(
    "config",
    [
        {},
        MICROBATCH,
        {"incremental_strategy": "replace_where", "incremental_predicates": ["a > 1"]},
        {"materialized": "table", "contract": {"enforced": True}},
        {"materialized": "incremental", "contract": {"enforced": True}, "on_schema_change": "fail"},
    ],
)
def test_settings_that_go(config: dict[str, Any]) -> None:
    check_incremental(config, "models/m.sql")


def test_strategies_that_a_project_writes() -> None:
    own = strategies_of({"get_incremental_keep_old_sql", "get_incremental_merge_sql", "get_sql", "star"})
    assert own == ["keep_old", "merge"]
    check_incremental({"incremental_strategy": "keep_old"}, "m", own)
    with pytest.raises(ProjectError) as caught:
        check_incremental({"incremental_strategy": "keep_olds"}, "m", own)
    assert str(caught.value).endswith('microbatch, keep_old. Did you mean "keep_old"?')
    assert strategy_macro("delete+insert") == "get_incremental_delete_insert_sql"

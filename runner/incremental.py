"""Settings of incremental models: which there are, and which go together."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runner.errors import FormatError, NotFoundError

STRATEGIES = ("append", "merge", "delete+insert", "insert_overwrite", "replace_where", "microbatch")
SCHEMA_CHANGES = ("ignore", "append_new_columns", "sync_all_columns", "fail")
_MACRO = re.compile(r"get_incremental_(\w+)_sql")
BATCH_SIZES = ("hour", "day", "month", "year")


def texts(value: Any) -> list[str]:
    """Returns a setting that is a text or a list of texts as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


def strategy_macro(strategy: str) -> str:
    """Returns the name of the macro that gives the SQL of a strategy that a project writes itself, as dbt has it."""
    return f"get_incremental_{strategy.replace('+', '_')}_sql"


def strategies_of(macros: Collection[str]) -> list[str]:
    """Returns the strategies that macros of these names make."""
    return sorted(match[1] for name in macros if (match := _MACRO.fullmatch(name)))


def replaced_where(config: Mapping[str, Any]) -> list[str]:
    """Returns the predicates of a replace_where model: `replace_where`, or `incremental_predicates`."""
    return texts(config.get("replace_where")) or texts(config.get("incremental_predicates"))


def check_incremental(config: Mapping[str, Any], place: str, own: Sequence[str] = ()) -> None:
    """Looks whether a model's settings go together.

    Args:
        own: strategies that the project and its packages write in Jinja.

    Raises:
        NotFoundError: a strategy, a way with new columns or a size of batches that does not exist.
        FormatError: a strategy lacks what it needs, or two settings contradict each other.
    """
    strategy = config.get("incremental_strategy")
    _one_of("incremental_strategy", strategy, (*STRATEGIES, *(one for one in own if one not in STRATEGIES)), place)
    _one_of("on_schema_change", config.get("on_schema_change"), SCHEMA_CHANGES, place)
    if strategy in ("merge", "delete+insert") and not config.get("unique_key"):
        raise FormatError(
            f'{place}: incremental_strategy "{strategy}" needs a unique_key. Name the columns that identify a row.'
        )
    if strategy == "replace_where" and not replaced_where(config):
        raise FormatError(
            f'{place}: incremental_strategy "replace_where" needs a predicate, e.g. '
            "replace_where=\"day >= date'2026-01-01'\"."
        )
    if config.get("merge_update_columns") and config.get("merge_exclude_columns"):
        raise FormatError(f"{place}: give merge_update_columns or merge_exclude_columns, not both.")
    if config.get("partition_by") and (config.get("liquid_clustered_by") or config.get("cluster_by")):
        raise FormatError(f"{place}: partition_by and liquid_clustered_by; a table has one of them.")
    if strategy == "microbatch":
        _check_microbatch(config, place)
    mode = config.get("on_schema_change") or "ignore"
    enforced = (config.get("contract") or {}).get("enforced")
    if enforced and config.get("materialized") == "incremental" and mode not in ("append_new_columns", "fail"):
        raise FormatError(
            f'{place}: an incremental model with an enforced contract needs on_schema_change "append_new_columns" '
            f'or "fail"; here it is "{mode}".'
        )


def _check_microbatch(config: Mapping[str, Any], place: str) -> None:
    for name, example in (("event_time", "ordered_at"), ("batch_size", "day"), ("begin", "2026-01-01")):
        if not config.get(name):
            raise FormatError(f'{place}: incremental_strategy "microbatch" needs {name}, e.g. {name}="{example}".')
    _one_of("batch_size", config["batch_size"], BATCH_SIZES, place)
    lookback = config.get("lookback", 1)
    if not isinstance(lookback, int) or lookback < 0:
        raise FormatError(f"{place}: lookback is a whole number of batches from 0, not {lookback!r}.")


def _one_of(setting: str, value: Any, known: Sequence[str], place: str) -> None:
    if value is not None and value not in known:
        raise NotFoundError(
            f'{place}: {setting} is "{value}". It is one of: {", ".join(known)}.', name=str(value), known=known
        )

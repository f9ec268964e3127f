"""What the checks are expected to say of each defect: how much of it must be found, where, by what, and which cause.

One table of truth for the scorecard (`benchmarks/scorecard.py`) and for tests. The rates are for a shop of some thousand
sessions: a weak defect may be missed, a medium one is what a practitioner must catch, a strong one nobody overlooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Strength = Literal["weak", "medium", "strong"]
STRENGTHS: tuple[Strength, ...] = ("weak", "medium", "strong")

SESSIONS = ("hbase.sessions", "stg_hbase__sessions")
ORDERS = ("mongodb.transactions", "stg_mongodb__transactions")
MATCHED = "int_conversions_matched"
DURATIONS = "session_durations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of one defect.

    Attributes:
        rates: by strength, shares of what the defect's `of` says.
        landed: the landed tables that it is in.
        tables: those tables and their direct derivatives, nearest first: a flag anywhere else is no detection.
        checks: types of expectations that are to find it; `quarantine` is what the landing put aside.
        causes: what the verdict may call it: phrases of `expectations.causes`.
    """

    rates: tuple[float, float, float]
    landed: tuple[str, ...]
    tables: tuple[str, ...]
    checks: tuple[str, ...]
    causes: tuple[str, ...]

    def rate(self, strength: Strength) -> float:
        return self.rates[STRENGTHS.index(strength)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFault:
    """A fault of a model's SQL instead of its data.

    Attributes:
        what: what a reader of the model sees.
        model: the model that has it.
        sql: by strength, the query over the model's right rows, `{model}`, that has the fault.
        causes: by strength, what the verdict may call it.
    """

    what: str
    model: str
    sql: Mapping[Strength, str]
    tables: tuple[str, ...]
    checks: tuple[str, ...]
    causes: Mapping[Strength, tuple[str, ...]]


_SESSIONS, _ORDERS = ("hbase.sessions",), ("mongodb.transactions",)
_KEYS = ("rows landed twice", "several versions of one row", "duplicate keys")
_CONTRACT = ("records that break the contract of sources.yml",)
_LOSS = ("random loss, spread over the window", "a loss that changes over time")

EXPECTED: Mapping[str, Expected] = {
    "clustered_durations": Expected(
        rates=(0.1, 0.5, 1.0),
        landed=_SESSIONS,
        tables=(DURATIONS, *SESSIONS),
        checks=("expect_slices_not_to_be_clustered",),
        causes=("one slice's values packed into a narrow band",),
    ),
    "ms_durations": Expected(
        rates=(0.02, 0.3, 1.0),
        landed=_SESSIONS,
        tables=(*SESSIONS, DURATIONS),
        checks=("expect_column_to_agree_with_source", "expect_slices_not_to_be_clustered"),
        causes=("another unit than its name says", "one slice on another scale"),
    ),
    "duplicate_sessions": Expected(
        rates=(0.0005, 0.005, 0.05),
        landed=_SESSIONS,
        tables=SESSIONS,
        checks=("expect_column_values_to_be_unique",),
        causes=_KEYS,
    ),
    "dead_columns": Expected(
        rates=(0.4, 0.995, 1.0),
        landed=_SESSIONS,
        tables=(*SESSIONS, DURATIONS),
        checks=("expect_columns_to_be_alive",),
        causes=("field names in the loader",),
    ),
    "mixed_types": Expected(
        rates=(0.0005, 0.01, 0.1),
        landed=(*_SESSIONS, *_ORDERS),
        tables=(*SESSIONS, *ORDERS),
        checks=("quarantine",),
        causes=_CONTRACT,
    ),
    "broken_rows": Expected(
        rates=(0.0005, 0.01, 0.1),
        landed=(*_SESSIONS, *_ORDERS),
        tables=(*SESSIONS, *ORDERS),
        checks=("quarantine",),
        causes=_CONTRACT,
    ),
    "extra_fields": Expected(
        rates=(0.0005, 0.02, 0.5),
        landed=_SESSIONS,
        tables=SESSIONS,
        checks=("expect_fields_to_be_declared",),
        causes=("fields outside the contract",),
    ),
    "orphan_orders": Expected(
        rates=(0.002, 0.02, 0.1),
        landed=_ORDERS,
        tables=(*ORDERS, MATCHED),
        checks=("expect_column_values_to_exist_in",),
        causes=("orphan keys",),
    ),
    "unlinked_conversions": Expected(
        rates=(0.01, 0.15, 0.5),
        landed=_ORDERS,
        tables=(MATCHED, *ORDERS),
        checks=("expect_rows_to_be_matched",),
        causes=_LOSS,
    ),
    "cut_off_orders": Expected(
        rates=(0.005, 0.1, 0.4),
        landed=_ORDERS,
        tables=(MATCHED, *ORDERS),
        checks=("expect_rows_to_be_matched",),
        causes=("cut off in time",),
    ),
    "missing_days": Expected(
        rates=(0.011, 0.05, 0.2),
        landed=_ORDERS,
        tables=(*ORDERS, "daily_sales", "daily_trends", MATCHED),
        checks=("expect_tables_to_reconcile", "expect_rows_to_satisfy", "expect_rows_to_be_matched"),
        causes=("dates are missing", "a gap in time"),
    ),
    "null_timestamps": Expected(
        rates=(0.002, 0.03, 0.3),
        landed=_ORDERS,
        tables=(*ORDERS, "daily_sales"),
        checks=("expect_column_values_to_not_be_null",),
        causes=("missing values", "values missing in one slice"),
    ),
    "negative_totals": Expected(
        rates=(0.002, 0.02, 0.2),
        landed=_ORDERS,
        tables=(*ORDERS, "daily_sales"),
        checks=("expect_column_values_to_be_between", "expect_rows_to_satisfy"),
        causes=("the wrong sign",),
    ),
    "stock_leaks": Expected(
        rates=(0.01, 0.05, 0.3),
        landed=("mongodb.products",),
        tables=("mongodb.products", "stg_mongodb__products", "inventory_status"),
        checks=("expect_column_values_to_be_between",),
        causes=("the wrong sign", "values outside their limits"),
    ),
    "rounded_clock": Expected(
        rates=(0.05, 0.5, 1.0),
        landed=_SESSIONS,
        tables=(DURATIONS, *SESSIONS),
        checks=("expect_column_not_to_be_rounded", "expect_column_not_to_be_a_lattice"),
        causes=("rounded or quantised clock",),
    ),
    "capped_durations": Expected(
        rates=(0.05, 0.3, 0.8),
        landed=_SESSIONS,
        tables=(DURATIONS, *SESSIONS),
        checks=("expect_column_not_to_be_a_lattice",),
        causes=("a default or capped value",),
    ),
    "swapped_times": Expected(
        rates=(0.0005, 0.01, 0.5),
        landed=_SESSIONS,
        tables=(*SESSIONS, DURATIONS),
        checks=("expect_rows_to_satisfy", "expect_column_to_agree_with_source"),
        causes=("rows that contradict their own times",),
    ),
    "cart_cents": Expected(
        rates=(0.01, 0.1, 1.0),
        landed=_SESSIONS,
        tables=(*SESSIONS, "stg_hbase__cart_items", MATCHED),
        checks=("expect_column_to_agree_with_source", "expect_figures_to_agree_by_day"),
        causes=("another unit than its name says",),
    ),
    "split_referrer": Expected(
        rates=(0.0005, 0.05, 0.5),
        landed=_SESSIONS,
        tables=SESSIONS,
        checks=("expect_column_values_to_be_in_set",),
        causes=("another spelling of known values",),
    ),
    "late_sessions": Expected(
        rates=(0.002, 0.05, 0.3),
        landed=_SESSIONS,
        tables=(*SESSIONS, *ORDERS, MATCHED),
        checks=("expect_column_values_to_exist_in", "expect_rows_to_be_matched"),
        causes=("orphan keys", "cut off in time"),
    ),
    "renamed_field": Expected(
        rates=(0.0005, 0.05, 1.0),
        landed=_SESSIONS,
        tables=SESSIONS,
        checks=("expect_fields_to_be_declared", "expect_columns_to_be_alive"),
        causes=("a field under a new name", "field names in the loader"),
    ),
    "doubled_orders": Expected(
        rates=(0.002, 0.02, 1.0),
        landed=_ORDERS,
        tables=ORDERS,
        checks=("expect_column_values_to_be_unique",),
        causes=_KEYS,
    ),
    "shifted_clock": Expected(
        rates=(0.005, 0.2, 1.0),
        landed=_ORDERS,
        tables=(*ORDERS, MATCHED),
        checks=("expect_rows_to_satisfy",),
        causes=("times of another time zone",),
    ),
    "stray_dates": Expected(
        rates=(0.002, 0.02, 0.2),
        landed=_ORDERS,
        tables=(*ORDERS, "int_window_observed"),
        checks=("expect_column_values_to_be_between",),
        causes=("a placeholder instead of a value",),
    ),
}

MODEL_FAULTS: Mapping[str, ModelFault] = {
    "join_fan_out": ModelFault(
        what="a join repeats some rows of the model",
        model="int_order_items_priced",
        sql={
            "weak": "select {model}.* from {model} lateral view explode(if(pmod(hash(transaction_id, item_number), 2000) = 0, array(1, 2), array(1))) copies as copy_number",
            "medium": "select {model}.* from {model} lateral view explode(if(pmod(hash(transaction_id, item_number), 50) = 0, array(1, 2), array(1))) copies as copy_number",
            "strong": "select {model}.* from {model} lateral view explode(array(1, 2)) copies as copy_number",
        },
        tables=("int_order_items_priced", "product_performance"),
        checks=("expect_compound_columns_to_be_unique", "expect_tables_to_reconcile"),
        causes=dict.fromkeys(STRENGTHS, (*_KEYS, "rows lost or repeated")),
    ),
    "coarser_grain": ModelFault(
        what="a figure per session is an average per user and day, per user, or a user's whole span",
        model=DURATIONS,
        sql={
            "weak": "select {first}, avg(duration_seconds) as duration_seconds from {model} group by user_id, session_date",
            "medium": "select {first}, avg(duration_seconds) as duration_seconds from {model} group by user_id",
            "strong": "select {first}, unix_timestamp(max(ended_at)) - unix_timestamp(min(started_at)) as duration_seconds from {model} group by user_id",
        },
        tables=(DURATIONS,),
        checks=("expect_metric_grain_to_be",),
        causes={
            "weak": ("per-user average", "rows lost or repeated"),
            "medium": ("per-user average",),
            "strong": ("first-to-last span over the window",),
        },
    ),
}

"""Snapshots: every state that a row has had, and from when to when (type 2 of slowly changing dimensions).

Each run compares the query's rows with the states that are current: a row that is new or has changed begins a state, and
ends the one before. The result is that of dbt's snapshots, column by column; what is written is one commit with the
changes alone, and no commit where nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import ContractError, FormatError, did_you_mean
from runner.incremental import texts
from runner.materialize.candidate import Work, staged
from runner.materialize.schema_change import difference, fitted
from runner.materialize.settings import bring_up_to_date, write_options
from runner.materialize.strategies import check_unique, named
from runner.model import Model

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_META = ("dbt_valid_from", "dbt_valid_to", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted")
_HARD_DELETES = ("ignore", "invalidate", "new_record")
_KEY = "__key_"
_CLOSES = "__closes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A snapshot's settings.

    Attributes:
        key: SQL of the columns that tell rows apart.
        updated_at: SQL of the moment that a row changed; None for `check` without one, where it is the run's.
        check: the columns that are compared; None for `timestamp`, empty for all.
        valid_to: SQL of what the end of a current state is; None for null.
        names: how the snapshot's own columns are called, by dbt's names.
    """

    key: tuple[str, ...]
    updated_at: str | None
    check: tuple[str, ...] | None
    hard_deletes: str
    valid_to: str | None
    names: Mapping[str, str]

    @property
    def own_columns(self) -> list[str]:
        """The columns that the snapshot adds to the query's."""
        return [self.names[name] for name in _META if name != "dbt_is_deleted" or self.hard_deletes == "new_record"]


def plan_of(model: Model) -> Plan:
    """Reads a snapshot's settings.

    Raises:
        FormatError: one is missing or unknown.
    """
    values, place = model.config.values, model.path
    key = texts(values.get("unique_key"))
    if not key:
        raise FormatError(f"{place}: a snapshot needs a unique_key. Name the columns that identify a row.")
    strategy = values.get("strategy")
    if strategy not in ("timestamp", "check"):
        given = f'its strategy is "{strategy}"' if strategy else "it has no strategy"
        raise FormatError(f'{place}: {given}; a snapshot\'s strategy is "timestamp" or "check".')
    updated_at = values.get("updated_at")
    if strategy == "timestamp" and not updated_at:
        raise FormatError(f'{place}: strategy "timestamp" needs updated_at, the column that says when a row changed.')
    check = values.get("check_cols")
    if strategy == "check" and not check:
        raise FormatError(f'{place}: strategy "check" needs check_cols, the columns to compare, or "all".')
    hard_deletes = str(
        values.get("hard_deletes") or ("invalidate" if values.get("invalidate_hard_deletes") else "ignore")
    )
    if hard_deletes not in _HARD_DELETES:
        raise FormatError(
            f'{place}: hard_deletes is "{hard_deletes}". It is one of: {", ".join(_HARD_DELETES)}.'
            f"{did_you_mean(hard_deletes, _HARD_DELETES)}"
        )
    renamed = values.get("snapshot_meta_column_names") or {}
    for name in renamed:
        if name not in _META:
            raise FormatError(f'{place}: snapshot_meta_column_names names "{name}".{did_you_mean(name, _META)}')
    return Plan(
        key=tuple(key),
        updated_at=str(updated_at) if updated_at else None,
        check=None if strategy == "timestamp" else () if check == "all" else tuple(texts(check)),
        hard_deletes=hard_deletes,
        valid_to=str(values["dbt_valid_to_current"]) if values.get("dbt_valid_to_current") else None,
        names={name: str(renamed.get(name, name)) for name in _META},
    )


def write_snapshot(work: Work, query: DataFrame, candidate: Path, *, now: datetime | None = None) -> None:
    """Writes the snapshot's table as it will be.

    Args:
        query: the rows as they are now.
        candidate: where to write.
        now: the moment of the run; this one where None.

    Raises:
        ContractError: a key occurs twice, or the published table is no snapshot of this kind.
    """
    plan = plan_of(work.model)
    taken = (now or datetime.now(UTC)).astimezone(UTC).strftime("timestamp'%Y-%m-%d %H:%M:%S.%f+00:00'")
    clash = {column.lower() for column in query.columns} & {name.lower() for name in plan.own_columns}
    if clash:
        raise ContractError(
            f"{work.model.path}: the query has the snapshot's own column {sorted(clash)[0]}. "
            "Leave it out, or rename the snapshot's with snapshot_meta_column_names."
        )
    with _rows(work, plan, query, taken) as rows:
        if not work.incremental:
            first = _states(rows, plan).drop(*_helpers(plan))
            writer = first.write.format("delta").options(**write_options(work.model, work.table))
            writer.partitionBy(*work.model.config.partition_by).save(str(candidate))
        else:
            _change(work, plan, rows, candidate, taken)


@contextmanager
def _rows(work: Work, plan: Plan, query: DataFrame, taken: str) -> Iterator[DataFrame]:
    """Gives the query's rows, written aside, with their keys and the moment of their change; each key once."""
    from pyspark.sql import functions as F

    helpers = [F.expr(key).alias(f"{_KEY}{number}") for number, key in enumerate(plan.key)]
    changed = F.expr(plan.updated_at or taken).alias(plan.names["dbt_updated_at"])
    with staged(work, query.select("*", *helpers, changed)) as rows:
        renamed = rows.select(*(F.col(f"{_KEY}{number}").alias(key) for number, key in enumerate(plan.key)))
        check_unique(renamed, plan.key, work.model, what="rows of the query")
        yield rows


def _helpers(plan: Plan) -> list[str]:
    return [f"{_KEY}{number}" for number in range(len(plan.key))]


def _hashed(*columns: Column) -> Column:
    from pyspark.sql import functions as F

    parts = [F.coalesce(column.cast("string"), F.lit("")) for column in columns]
    text = parts[0]
    for part in parts[1:]:
        text = F.concat(text, F.lit("|"), part)
    return F.md5(text)


def _states(rows: DataFrame, plan: Plan) -> DataFrame:
    """Returns the query's rows as states that begin with their change."""
    from pyspark.sql import functions as F

    names = plan.names
    since = F.col(names["dbt_updated_at"])
    columns = {
        names["dbt_valid_from"]: since,
        names["dbt_valid_to"]: (F.expr(plan.valid_to) if plan.valid_to else F.lit(None)).cast(_type(rows, names)),
        names["dbt_scd_id"]: _hashed(*(F.col(name) for name in _helpers(plan)), since),
    }
    if plan.hard_deletes == "new_record":
        columns[names["dbt_is_deleted"]] = F.lit("False")
    return rows.select(
        *(F.col(f"`{name}`") for name in rows.columns if name != names["dbt_updated_at"]),
        columns[names["dbt_scd_id"]].alias(names["dbt_scd_id"]),
        since.alias(names["dbt_updated_at"]),
        *(column.alias(name) for name, column in columns.items() if name != names["dbt_scd_id"]),
    )


def _type(rows: DataFrame, names: Mapping[str, str]) -> Any:
    return rows.schema[names["dbt_updated_at"]].dataType


def _change(work: Work, plan: Plan, rows: DataFrame, candidate: Path, taken: str) -> None:
    work.warehouse.clone(work.model.table, candidate)
    bring_up_to_date(work.warehouse.spark, work.model, candidate)
    states = _states(rows, plan)
    _grow(work, plan, states.drop(*_helpers(plan)), candidate)
    table = work.warehouse.read(candidate)
    with staged(work, _changes(work, plan, states, table, taken)) as changes:
        if not changes.take(1):
            return
        names = plan.names
        columns = [name for name in changes.columns if name != _CLOSES]
        listed = ", ".join(f"`{name}`" for name in columns)
        given = ", ".join(f"new.`{name}`" for name in columns)
        with named(work, changes, candidate) as source:
            work.warehouse.spark.sql(
                f"merge into delta.`{candidate.absolute()}` as old using {source} as new "
                f"on old.`{names['dbt_scd_id']}` <=> new.{_CLOSES} and {_is_current(plan, 'old')} "
                f"when matched then update set `{names['dbt_valid_to']}` = new.`{names['dbt_valid_to']}` "
                f"when not matched and new.{_CLOSES} is null then insert ({listed}) values ({given})"
            )


def _is_current(plan: Plan, table: str) -> str:
    end = f"{table}.`{plan.names['dbt_valid_to']}`"
    return f"({end} is null or {end} = {plan.valid_to})" if plan.valid_to else f"{end} is null"


def _grow(work: Work, plan: Plan, states: DataFrame, candidate: Path) -> None:
    """Adds the query's new columns to the candidate."""
    table = work.warehouse.read(candidate).schema
    lacking = [name for name in plan.own_columns if name.lower() not in {field.name.lower() for field in table}]
    if lacking:
        raise ContractError(
            f"{work.model.path}: the published table {work.model.table} lacks {', '.join(lacking)}: it is no snapshot with "
            "these settings. Give it another name or schema, or add the column by hand."
        )
    added = difference(table, states.schema).added
    if added:
        listed = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in added)
        work.warehouse.spark.sql(f"alter table delta.`{candidate.absolute()}` add columns ({listed})")


def _changes(work: Work, plan: Plan, states: DataFrame, table: DataFrame, taken: str) -> DataFrame:
    """Returns the states that begin, and those that end, the latter with the id of the state in the table."""
    from pyspark.sql import functions as F

    names = plan.names
    current = table.alias("t").where(_is_current(plan, "t"))
    if plan.hard_deletes == "new_record":
        alive = current.where(F.col(f"`{names['dbt_is_deleted']}`") != "True")
    else:
        alive = current
    keys = [F.expr(key).alias(f"{_KEY}{number}") for number, key in enumerate(plan.key)]
    old = current.select("*", *keys).alias("old")
    same = _same_key(plan)
    pairs = states.alias("new").join(old, same, "left")
    known = F.col(f"old.{names['dbt_scd_id']}").isNotNull()
    differs = _differs(work.model, plan, states, table)
    if plan.hard_deletes == "new_record":
        differs = differs | (F.col(f"old.{names['dbt_is_deleted']}") == "True")
    touched = pairs.where(~known | F.coalesce(differs, F.lit(False)))
    shape = fitted(states.drop(*_helpers(plan)), table.schema, work.model)
    begun = touched.select("new.*").select(*_fit(shape, states), F.lit(None).cast("string").alias(_CLOSES))
    begun = _begun_again(begun, plan, table, taken)
    kind = table.schema[names["dbt_valid_to"]].dataType
    moment = F.expr(taken).cast(kind)
    since, until = F.col(f"old.{names['dbt_valid_from']}"), F.col(f"new.{names['dbt_updated_at']}").cast(kind)
    ended = touched.where(known).select(
        F.when(until < since, moment).otherwise(until).alias(names["dbt_valid_to"]),
        F.col(f"old.{names['dbt_scd_id']}").alias(_CLOSES),
    )
    found = begun.unionByName(ended, allowMissingColumns=True)
    if plan.hard_deletes == "ignore":
        return found
    gone = alive.select("*", *keys).alias("old").join(states.alias("new"), same, "left_anti")
    closed = gone.select(moment.alias(names["dbt_valid_to"]), F.col(names["dbt_scd_id"]).alias(_CLOSES))
    found = found.unionByName(closed, allowMissingColumns=True)
    if plan.hard_deletes == "new_record":
        end = (F.expr(plan.valid_to) if plan.valid_to else F.lit(None)).cast(kind)
        told = gone.drop(*_helpers(plan)).withColumns(
            {
                names["dbt_scd_id"]: _hashed(F.col(names["dbt_scd_id"]), F.expr(taken)),
                names["dbt_updated_at"]: moment,
                names["dbt_valid_from"]: moment,
                names["dbt_valid_to"]: end,
                names["dbt_is_deleted"]: F.lit("True"),
            }
        )
        found = found.unionByName(told.withColumn(_CLOSES, F.lit(None).cast("string")), allowMissingColumns=True)
    return found


def _begun_again(begun: DataFrame, plan: Plan, table: DataFrame, taken: str) -> DataFrame:
    """Lets a row that is back, and says that it is as old as the state that ended when it went, begin at this run."""
    from pyspark.sql import functions as F

    names = plan.names
    identity, since = names["dbt_scd_id"], names["dbt_valid_from"]
    there = table.select(F.col(identity).alias("__there")).distinct()
    found = begun.join(there, F.col(identity) == F.col("__there"), "left")
    again = F.col("__there").isNotNull()
    return found.withColumns(
        {
            since: F.when(again, F.expr(taken).cast(begun.schema[since].dataType)).otherwise(F.col(since)),
            identity: F.when(again, _hashed(F.col(identity), F.expr(taken))).otherwise(F.col(identity)),
        }
    ).drop("__there")


def _fit(shape: DataFrame, states: DataFrame) -> list[Column]:
    from pyspark.sql import functions as F

    given = {name.lower(): name for name in states.columns}
    return [F.col(f"`{given[field.name.lower()]}`").cast(field.dataType).alias(field.name) for field in shape.schema]


def _same_key(plan: Plan) -> Column:
    from pyspark.sql import functions as F

    condition = F.lit(True)
    for name in _helpers(plan):
        condition = condition & F.col(f"new.{name}").eqNullSafe(F.col(f"old.{name}"))
    return condition


def _differs(model: Model, plan: Plan, states: DataFrame, table: DataFrame) -> Column:
    """Returns the condition that a row of the query is another state than the table's current one."""
    from pyspark.sql import functions as F

    names = plan.names
    if plan.check is None:
        return F.col(f"old.{names['dbt_valid_from']}") < F.col(f"new.{names['dbt_updated_at']}")
    own = {*plan.own_columns, *_helpers(plan)}
    columns = list(plan.check) or [name for name in states.columns if name not in own]
    there = {name.lower() for name in table.columns}
    condition = F.lit(False)
    for name in columns:
        if name.lower() not in there or name.lower() not in {one.lower() for one in states.columns}:
            raise ContractError(
                f'{model.path}: check_cols names "{name}", which is no column of the query.{did_you_mean(name, states.columns)}'
            )
        condition = condition | ~F.col(f"new.`{name}`").eqNullSafe(F.col(f"old.`{name}`"))
    return condition

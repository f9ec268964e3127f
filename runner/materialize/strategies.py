"""Incremental strategies: how a query's rows change the table. Each works on a clone of it that no reader sees.

append          adds the rows
merge           by `unique_key`: updates what is there, adds what is not
delete+insert   by `unique_key`: deletes every row with a key of the new rows, then adds these
insert_overwrite  replaces the partitions that the new rows fall into; the whole table where it has none
replace_where   replaces the rows that meet a predicate by the new rows, all of which must meet it

and those of the project's own: the statement that a macro `get_incremental_<strategy>_sql` gives, as in dbt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.compile import compile_model
from runner.errors import ContractError, FormatError, did_you_mean
from runner.incremental import replaced_where, strategy_macro, texts
from runner.jinja import relation as shown
from runner.jinja.relation import Relation
from runner.materialize.candidate import Work, staged
from runner.materialize.hooks import changes_candidate, on_candidate
from runner.model import Model
from runner.names import TableRef

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TARGET, SOURCE = "DBT_INTERNAL_DEST", "DBT_INTERNAL_SOURCE"
_SHOWN = 5  # keys that a message names


def apply_strategy(work: Work, rows: DataFrame, candidate: Path) -> None:
    """Changes the candidate, a clone of the published table, by the query's rows.

    Args:
        rows: with columns of the table, in its types.

    Raises:
        ContractError: the rows have a key twice.
    """
    strategy = work.model.config.strategy
    macro = strategy_macro(strategy)
    if work.project.renderer.has_macro(macro, work.model.package):
        _by_macro(work, rows, candidate, macro)
    else:
        STRATEGIES[strategy](work, rows, candidate)


def _by_macro(work: Work, rows: DataFrame, candidate: Path, macro: str) -> None:
    """Runs the statement that a macro gives for the candidate, and that statement alone.

    Raises:
        ContractError: it changes something else.
    """
    values = work.model.config.values
    with staged(work, rows) as changes, named(work, changes, candidate) as name:
        arguments = {
            "target_relation": Relation(work.model.table, kind="table", shown=f"delta.`{candidate.absolute()}`"),
            "temp_relation": Relation(TableRef("", name), kind="view", shown=name),
            "unique_key": values.get("unique_key"),
            "dest_columns": [shown.Column(*column) for column in delta.columns(candidate)],
            "incremental_predicates": values.get("incremental_predicates") or values.get("predicates"),
        }
        sql = compile_model(
            work.project,
            work.model,
            is_incremental=True,
            text=f"{{{{ {macro}(incremental_arguments) }}}}",
            names={"incremental_arguments": arguments},
            database=work.database,
            relations=work.relations,
        ).sql
        text = on_candidate(sql, work.model.table, candidate)
        if not changes_candidate(text, candidate):
            raise ContractError(
                f"{work.model.path}: the macro {macro} must give one statement that changes target_relation, and with "
                f"it what is checked before it is published. It gives: {' '.join(sql.split())[:200] or 'nothing'}"
            )
        work.warehouse.spark.sql(text)


def _append(work: Work, rows: DataFrame, candidate: Path) -> None:
    rows.write.format("delta").mode("append").save(str(candidate))


def _merge(work: Work, rows: DataFrame, candidate: Path) -> None:
    with staged(work, rows) as changes:
        check_unique(changes, work.model.config.unique_key, work.model)
        with named(work, changes, candidate) as name:
            target = f"delta.`{candidate.absolute()}`"
            work.warehouse.spark.sql(merge_statement(work.model, target, name, changes.columns))


@contextmanager
def named(work: Work, frame: DataFrame, candidate: Path) -> Iterator[str]:
    """Gives a frame a name that SQL can use."""
    name = candidate.name.replace("-", "_") + "_changes"
    frame.createOrReplaceTempView(name)
    try:
        yield name
    finally:
        work.warehouse.spark.catalog.dropTempView(name)


def merge_statement(model: Model, target: str, source: str, columns: Sequence[str]) -> str:
    """Returns the MERGE of a model.

    Args:
        target, source: what Spark SQL calls the table, and its new rows.
        columns: those of the new rows.
    """
    values = model.config.values
    dest, new = str(values.get("target_alias") or TARGET), str(values.get("source_alias") or SOURCE)
    matches = [f"{dest}.`{column}` <=> {new}.`{column}`" for column in model.config.unique_key]
    on = " and ".join([*matches, *(f"({one})" for one in texts(values.get("incremental_predicates")))])
    parts = [f"merge into {target} as {dest} using {source} as {new} on {on}"]
    if not values.get("skip_matched_step"):
        updates = ", ".join(f"`{column}` = {new}.`{column}`" for column in _updated(model, columns))
        parts.append(f"when matched{_if(values.get('matched_condition'))} then update set {updates}")
    if not values.get("skip_not_matched_step"):
        names = ", ".join(f"`{column}`" for column in columns)
        given = ", ".join(f"{new}.`{column}`" for column in columns)
        parts.append(
            f"when not matched{_if(values.get('not_matched_condition'))} then insert ({names}) values ({given})"
        )
    if action := values.get("not_matched_by_source_action"):
        condition = _if(values.get("not_matched_by_source_condition"))
        parts.append(f"when not matched by source{condition} then {action}")
    return "\n".join(parts)


def _if(condition: Any) -> str:
    return f" and ({condition})" if condition else ""


def _updated(model: Model, columns: Sequence[str]) -> list[str]:
    """Returns the columns that a match updates: `merge_update_columns`, or all without `merge_exclude_columns`."""
    chosen, left_out = (texts(model.config.values.get(f"merge_{kind}_columns")) for kind in ("update", "exclude"))
    known = {column.lower(): column for column in columns}
    for name in (*chosen, *left_out):
        if name.lower() not in known:
            setting = "merge_update_columns" if chosen else "merge_exclude_columns"
            raise FormatError(
                f'{model.path}: {setting} names "{name}", which is no column of the query.{did_you_mean(name, columns)}'
            )
    if chosen:
        return [known[name.lower()] for name in chosen]
    found = [column for column in columns if column.lower() not in {name.lower() for name in left_out}]
    if not found:
        raise FormatError(f"{model.path}: merge_exclude_columns leaves no column to update.")
    return found


def check_unique(rows: DataFrame, key: Sequence[str], model: Model, *, what: str = "new rows") -> None:
    """Looks whether each key occurs once.

    Raises:
        ContractError: some occur more than once, or a column of the key is not there; names keys and counts.
    """
    from pyspark.sql import functions as F

    known = {column.lower() for column in rows.columns}
    for column in key:
        if column.lower() not in known:
            raise ContractError(
                f'{model.path}: unique_key names "{column}", which is no column of the query.{did_you_mean(column, rows.columns)}'
            )
    counted = rows.groupBy(*(F.col(f"`{column}`") for column in key)).agg(F.count("*").alias("__count"))
    several = counted.where("__count > 1")
    found = several.orderBy(F.desc("__count"), *(F.col(f"`{column}`") for column in key)).limit(_SHOWN + 1).collect()
    if not found:
        return
    named = [
        ", ".join(f"{column}={row[column]}" for column in key) + f" ({row['__count']} times)" for row in found[:_SHOWN]
    ]
    more = " and more" if len(found) > _SHOWN else ""
    raise ContractError(
        f"{model.path}: the {what} have a unique_key more than once: {'; '.join(named)}{more}. Nothing was published. "
        "Let the query give one row per key."
    )


def _delete_and_insert(work: Work, rows: DataFrame, candidate: Path) -> None:
    values, key = work.model.config.values, work.model.config.unique_key
    with staged(work, rows) as changes:
        matches = [f"{TARGET}.`{column}` <=> {SOURCE}.`{column}`" for column in key]
        on = " and ".join([*matches, *(f"({one})" for one in texts(values.get("incremental_predicates")))])
        with named(work, changes.select(*key).distinct(), candidate) as name:
            target = f"delta.`{candidate.absolute()}` as {TARGET}"
            work.warehouse.spark.sql(f"merge into {target} using {name} as {SOURCE} on {on} when matched then delete")
        _append(work, changes, candidate)


def _insert_overwrite(work: Work, rows: DataFrame, candidate: Path) -> None:
    writer = rows.write.format("delta").mode("overwrite")
    if work.model.config.partition_by:
        writer = writer.option("partitionOverwriteMode", "dynamic")
    writer.save(str(candidate))


def _replace_where(work: Work, rows: DataFrame, candidate: Path) -> None:
    predicate = " and ".join(f"({one})" for one in replaced_where(work.model.config.values))
    rows.write.format("delta").mode("overwrite").option("replaceWhere", predicate).save(str(candidate))


STRATEGIES: Mapping[str, Callable[[Work, DataFrame, Path], None]] = {
    "append": _append,
    "merge": _merge,
    "delete+insert": _delete_and_insert,
    "insert_overwrite": _insert_overwrite,
    "replace_where": _replace_where,
}

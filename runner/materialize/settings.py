"""What a model says of its table: properties, constraints, comments, partitions, clustering.

Constraints are Delta's own: the candidate has them while it is written, so a row that breaks one ends the build before
anything is published. What somebody gave the published table by hand stays; what a model gave it goes when the model
says it no longer, for which the table remembers the names in a property.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.delta import Details
from runner.delta import log as delta_log
from runner.incremental import texts
from runner.model import Model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OURS = "sluice.properties"
_CHECK = "delta.constraints."


def cluster_by(model: Model) -> tuple[str, ...]:
    """Returns the columns of the model's liquid clustering (`liquid_clustered_by`, or `cluster_by`)."""
    values = model.config.values
    return tuple(texts(values.get("liquid_clustered_by") or values.get("cluster_by")))


def properties_of(model: Model) -> dict[str, str]:
    """Returns the table properties that the model gives its table, its constraints among them."""
    given = model.config.values.get("tblproperties") or {}
    found = {str(name): _text(value) for name, value in given.items()}
    found |= {_CHECK + name: rule for name, rule in constraints_of(model).items()}
    return {**found, _OURS: ",".join(sorted(found))} if found else {}


def constraints_of(model: Model) -> dict[str, str]:
    """Returns the rules that each row of the model's table must meet, by name.

    They are `check` and `not_null` among `constraints` of the model and its columns; keys cannot be enforced by Delta and
    are left to checks.
    """
    found: dict[str, str] = {}
    for constraint in model.constraints:
        names = constraint.get("columns") or [None]
        for name in names:
            found |= _rule(constraint, name)
    for column in model.columns:
        for constraint in column.constraints:
            found |= _rule(constraint, column.name)
    return found


def _rule(constraint: Mapping[str, Any], column: str | None) -> dict[str, str]:
    kind = constraint.get("type")
    if kind == "not_null" and column:
        return {f"{column}_not_null".lower(): f"`{column}` is not null"}
    if kind == "check" and constraint.get("expression"):
        rule = str(constraint["expression"])
        name = constraint.get("name") or "check_" + hashlib.sha256(rule.encode()).hexdigest()[:8]
        return {str(name).lower(): rule}
    return {}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_options(model: Model, table: Path) -> dict[str, str]:
    """Returns the options with which a new candidate is written: Delta's properties, and rules given by hand."""
    configuration = delta_log.read_snapshot(table).metadata.get("configuration", {})
    ours = _ours(configuration)
    kept = {name: value for name, value in configuration.items() if name.startswith(_CHECK) and name not in ours}
    return kept | {name: value for name, value in properties_of(model).items() if name.startswith("delta.")}


def comments_of(model: Model) -> dict[str, Any]:
    """Returns what `persist_docs` writes beside the rows: `relation`, the model's description, and `columns`, theirs."""
    persisted = model.config.values.get("persist_docs") or {}
    columns = {column.name: column.description for column in model.columns if column.description}
    return {
        **({"relation": model.description.strip()} if persisted.get("relation") else {}),
        **({"columns": columns} if persisted.get("columns") else {}),
    }


def details_of(model: Model, table: Path) -> Details:
    """Returns what the published table will say of itself."""
    wanted = properties_of(model)
    ours = _ours(delta_log.read_snapshot(table).metadata.get("configuration", {}))
    comments = comments_of(model)
    clustering = cluster_by(model)
    return Details(
        description=comments.get("relation"),
        comments=comments.get("columns"),
        properties=wanted,
        unset=tuple(sorted(ours - wanted.keys())),
        cluster_by=clustering if clustering or model.config.materialized != "incremental" else None,
    )


def _ours(configuration: Mapping[str, str]) -> set[str]:
    names = {name for name in configuration.get(_OURS, "").split(",") if name}
    return names | {_OURS} if names else set()


def bring_up_to_date(spark: SparkSession, model: Model, clone: Path) -> None:
    """Gives a clone the model's properties and rules as they are now; a new rule is tried on the rows that are there.

    Raises:
        AnalysisException: a row breaks a new rule.
    """
    configuration = delta_log.read_snapshot(clone).metadata.get("configuration", {})
    wanted = properties_of(model)
    name = f"delta.`{clone.absolute()}`"
    for key in _ours(configuration):
        if key.startswith(_CHECK) and configuration.get(key) != wanted.get(key):
            spark.sql(f"alter table {name} drop constraint if exists `{key.removeprefix(_CHECK)}`")
    for key, value in wanted.items():
        if configuration.get(key) == value:
            continue
        if key.startswith(_CHECK):
            spark.sql(f"alter table {name} add constraint `{key.removeprefix(_CHECK)}` check ({value})")
        elif key.startswith("delta."):
            spark.sql(f"alter table {name} set tblproperties ('{_quoted(key)}' = '{_quoted(value)}')")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")

"""What a project is made of, as values: models, sources, columns, checks, unit tests, macros."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from runner.names import TableRef

Severity = Literal["error", "warn"]
MATERIALIZATIONS = ("view", "table", "incremental", "ephemeral")
STRATEGIES = ("append", "merge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as the property file or `sources.yml` promises it.

    Attributes:
        aliases, cells, codec: how a landed column is found in its record; see `ingest.contract.Column`.
    """

    name: str
    data_type: str | None = None
    description: str = ""
    aliases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    codec: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericTest:
    """A check written at a model or a column: `unique`, `not_null`, `accepted_values`, `relationships`, or an expectation."""

    type: str
    column: str | None
    arguments: Mapping[str, Any]
    severity: Severity
    where: str | None
    name: str | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A model's settings: folder defaults of the project file, then the property file, then `config()` in the SQL.

    Attributes:
        values: every setting by its name, dbt's names.
    """

    values: Mapping[str, Any]

    @property
    def materialized(self) -> str:
        return str(self.values.get("materialized", "view"))

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.values.get("tags", ()))

    @property
    def enabled(self) -> bool:
        return bool(self.values.get("enabled", True))

    @property
    def partition_by(self) -> tuple[str, ...]:
        return _texts(self.values.get("partition_by"))

    @property
    def unique_key(self) -> tuple[str, ...]:
        return _texts(self.values.get("unique_key"))

    @property
    def strategy(self) -> str:
        default = "merge" if self.unique_key else "append"
        return str(self.values.get("incremental_strategy") or default)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One SQL file and what the property files say of it.

    Attributes:
        path: the file, relative to the project.
        fqn: project, folders below the model path, name.
        refs: the names it refers to, in the order of their first use.
        sources: the (source, table) pairs it reads.
        macros: the project's macros it calls, directly or through others.
    """

    name: str
    table: TableRef
    path: PurePosixPath
    fqn: tuple[str, ...]
    raw_sql: str
    config: Config
    refs: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    macros: tuple[str, ...] = ()
    description: str = ""
    columns: tuple[Column, ...] = ()
    tests: tuple[GenericTest, ...] = ()
    patch_path: PurePosixPath | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unique_id(self) -> str:
        return f"model.{self.fqn[0]}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A landed table: where it comes from and what is promised of it.

    Attributes:
        store: the kind of store it is a snapshot of (`mongodb`, `hbase`, …).
        key: the columns that name a record.
        files: the pattern of its files in the data folder; None where it cannot come from files.
        stored_as: its collection or table in the store; its own name where None.
        ignored_cells: HBase cells that follow from others and are not landed.
        incremental: how later landings read only what is new (`cursor`, `lookback`); empty where they read all.
    """

    source: str
    name: str
    table: TableRef
    path: PurePosixPath
    place: str
    fqn: tuple[str, ...]
    store: str = ""
    key: tuple[str, ...] = ()
    files: str | None = None
    stored_as: str | None = None
    ignored_cells: tuple[str, ...] = ()
    incremental: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    source_description: str = ""
    columns: tuple[Column, ...] = ()
    tests: tuple[GenericTest, ...] = ()
    loaded_at_field: str | None = None
    freshness: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unique_id(self) -> str:
        return f"source.{self.fqn[0]}.{self.source}.{self.name}"

    @property
    def label(self) -> str:
        """The name people write: `mongodb.users`."""
        return f"{self.source}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """Rows in, rows out: a test of one model's SQL without its parents' tables.

    Attributes:
        given: per input (`ref('x')`, `source('a', 'b')` or `this`) its rows.
        expect: the rows that the model must give, in any order; only their columns are compared.
        macros: overridden results of built-in macros, e.g. `is_incremental: true`.
    """

    name: str
    model: str
    given: tuple[tuple[str, tuple[Mapping[str, Any], ...]], ...]
    expect: tuple[Mapping[str, Any], ...]
    vars: Mapping[str, Any]
    macros: Mapping[str, Any]
    description: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A macro by its name and the text of the file that holds it."""

    name: str
    path: PurePosixPath
    source: str

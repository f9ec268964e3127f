"""What a project is made of, as values: models, seeds, snapshots, sources, checks, unit tests, exposures, macros."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from runner.names import TableRef

Severity = Literal["error", "warn"]
ResourceType = Literal["model", "seed", "snapshot", "analysis"]
Language = Literal["sql", "python", "csv"]
MATERIALIZATIONS = ("view", "table", "incremental", "ephemeral")


# What landing and snapshots add to a table's own columns: name → type.
LANDED: Mapping[str, str] = {"_rescued": "string", "_snapshot_id": "string", "_landed_at": "timestamp"}
SNAPSHOT: Mapping[str, str] = {
    "dbt_scd_id": "string",
    "dbt_updated_at": "timestamp",
    "dbt_valid_from": "timestamp",
    "dbt_valid_to": "timestamp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as the property file or `sources.yml` promises it.

    Attributes:
        aliases, cells, codec: how a landed column is found in its record; see `ingest.contract.Column`.
        constraints: rules for its values as written: `type`, `expression`, `name`, …
    """

    name: str
    data_type: str | None = None
    description: str = ""
    constraints: tuple[Mapping[str, Any], ...] = ()
    aliases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    codec: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericTest:
    """A check written at a model or a column: `unique`, `not_null`, `accepted_values`, `relationships`, a test macro of
    the project or of a package (`dbt_utils.equal_rowcount`), or an expectation.

    Attributes:
        arguments: as written, without the column and without settings.
        config: its settings as written: `severity`, `where`, `limit`, `warn_if`, `error_if`, `fail_calc`,
            `store_failures`, `tags`, `enabled`, …
    """

    type: str
    column: str | None
    arguments: Mapping[str, Any]
    severity: Severity
    where: str | None
    name: str | None
    place: str
    config: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A model's settings: folder defaults of the project file, then the property file, then `config()` in the SQL.

    Attributes:
        values: every setting by its name, dbt's names.
    """

    values: Mapping[str, Any]

    @property
    def materialized(self) -> str:
        """view, table, incremental or ephemeral; seed and snapshot for those two."""
        return str(self.values.get("materialized", "view"))

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.values.get("tags", ()))

    @property
    def enabled(self) -> bool:
        return bool(self.values.get("enabled", True))

    @property
    def docs(self) -> Mapping[str, Any]:
        """How it is documented: `show`, `node_color`."""
        found = self.values.get("docs")
        return {"show": True, "node_color": None, **(found if isinstance(found, Mapping) else {})}

    @property
    def is_documented(self) -> bool:
        """False for what `docs: {show: false}` keeps out of the catalog and the search."""
        return self.docs["show"] is not False

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

    @property
    def is_microbatch(self) -> bool:
        """True for an incremental model that is built batch of time by batch of time."""
        return self.materialized == "incremental" and self.strategy == "microbatch"


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What a `ref()` asks for, as written."""

    name: str
    package: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        words = [f'"{word}"' for word in (self.package, self.name) if word is not None]
        return f"ref({', '.join([*words, *([f'v={self.version}'] if self.version is not None else [])])})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A node that becomes a table or a view: a model in SQL or Python, a seed, a snapshot; also an analysis, which is
    only compiled.

    Attributes:
        path: its file, relative to the project.
        fqn: package, folders below the path of its kind, name.
        raw_sql: the text of its template; of a snapshot block, what stands in it (after as many empty lines as stand
            before it in its file); of a Python model, its code; empty for a seed, whose rows are at `path`.
        refs: what it refers to, in the order of first use.
        sources: the (source, table) pairs it reads.
        parents: the unique ids of all that, in the same order; sources after refs.
        macros: the macros it calls, directly or through others, by unique id (`macro.<package>.<name>`).
        package: the project's or the package's name.
        access: private, protected or public.
        constraints: rules for its rows as written: `type`, `expression`, `columns`, `name`, …
        version: of a model with `versions`, which one this is.
        latest_version: the version that a `ref` without one means.
    """

    name: str
    table: TableRef
    path: PurePosixPath
    fqn: tuple[str, ...]
    raw_sql: str
    config: Config
    package: str = ""
    resource_type: ResourceType = "model"
    language: Language = "sql"
    refs: tuple[Ref, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    description: str = ""
    columns: tuple[Column, ...] = ()
    constraints: tuple[Mapping[str, Any], ...] = ()
    tests: tuple[GenericTest, ...] = ()
    patch_path: PurePosixPath | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    access: str = "protected"
    version: str | None = None
    latest_version: str | None = None

    @property
    def unique_id(self) -> str:
        version = f".v{self.version}" if self.version is not None else ""
        return f"{self.resource_type}.{self.package or self.fqn[0]}.{self.name}{version}"

    @property
    def label(self) -> str:
        """The name people write: `clv`, `clv.v2`."""
        return f"{self.name}.v{self.version}" if self.version is not None else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A landed table: where it comes from and what is promised of it.

    Attributes:
        store: the kind of store it is a snapshot of (`mongodb`, `hbase`, …).
        loader: what lands it, in the words of a project where nothing here does.
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
    loader: str = ""
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
    loaded_at_query: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
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
class DataTest:
    """A check as a node: a generic test of a property file at the table that it checks, or a singular test's SQL.

    Attributes:
        unique_id: `test.<package>.<name>.<hash>` (generic), `test.<package>.<name>` (singular).
        name: as dbt makes it: type, table and arguments, or the name that was given.
        alias: the name of its table of failures: `name`, shortened where it is long.
        path: the property file, or the test's SQL file.
        fqn: package, folders, name.
        raw_sql: a singular test's template; of a generic one, the call of its macro.
        test: what the property file says; None for a singular test.
        model_argument: the template that a generic test's macro gets as `model`.
        namespace: the package that a generic test's macro is looked for in, where it is written with one.
        attached: the unique id of the table it is written at; None for a singular test.
        parents: the unique ids of every table it reads; the attached one first.
        macros: the macros it calls, by unique id.
    """

    unique_id: str
    name: str
    alias: str
    package: str
    path: PurePosixPath
    place: str
    fqn: tuple[str, ...]
    raw_sql: str
    config: Config
    test: GenericTest | None = None
    model_argument: str = ""
    namespace: str | None = None
    attached: str | None = None
    refs: tuple[Ref, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    description: str = ""

    @property
    def kind(self) -> Literal["generic", "singular"]:
        return "singular" if self.test is None else "generic"

    @property
    def severity(self) -> Severity:
        return "warn" if str(self.config.values.get("severity", "error")).lower() == "warn" else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What uses models outside the project: a dashboard, an application.

    Attributes:
        parents: the unique ids of what it depends on.
    """

    name: str
    package: str
    path: PurePosixPath
    place: str
    fqn: tuple[str, ...]
    type: str
    owner: Mapping[str, Any]
    config: Config
    refs: tuple[Ref, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()
    label: str = ""
    description: str = ""
    url: str = ""
    maturity: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unique_id(self) -> str:
        return f"exposure.{self.package}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People who own models; its private models can be read by its own models only."""

    name: str
    package: str
    path: PurePosixPath
    place: str
    owner: Mapping[str, Any]
    description: str = ""

    @property
    def unique_id(self) -> str:
        return f"group.{self.package}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows as a unit test writes them.

    Attributes:
        format: how: `dict`, mappings; `csv`, a text with a line of names; `sql`, a query.
        mappings: of format `dict`.
        text: of the other formats; empty where `fixture` holds it.
        fixture: the name of a file below `tests/fixtures`, without its ending.
    """

    format: Literal["dict", "csv", "sql"] = "dict"
    mappings: tuple[Mapping[str, Any], ...] = ()
    text: str = ""
    fixture: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """Rows in, rows out: a test of one model's SQL without its parents' tables.

    Attributes:
        given: per input (`ref('x')`, `source('a', 'b')` or `this`) its rows.
        expect: the rows that the model must give, in any order; only their columns are compared.
        macros: overridden results of macros, e.g. `is_incremental: true`.
        env_vars: overridden variables of the environment.
        is_of_macro: True where `model` is the name of a macro.
        arguments: of a macro's test, what it is called with: a list, or a mapping of names.
        text: of a macro's test, the text that it must give; None where rows are expected.
    """

    name: str
    model: str
    given: tuple[tuple[str, Rows], ...]
    expect: Rows
    vars: Mapping[str, Any]
    macros: Mapping[str, Any]
    description: str
    place: str
    env_vars: Mapping[str, Any] = field(default_factory=dict)
    is_of_macro: bool = False
    arguments: Any = ()
    text: str | None = None
    package: str = ""
    path: PurePosixPath = field(default_factory=PurePosixPath)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unique_id(self) -> str:
        return f"unit_test.{self.package}.{self.model}.{self.name}"

    @property
    def expects_table(self) -> bool:
        """Whether the rows are the whole table after an incremental build, not, as in dbt, what the query gives."""
        said = self.config.get("expect", (self.config.get("meta") or {}).get("expect"))
        return bool(said == "table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A macro, a generic test or a materialization, by its name and its own text.

    Attributes:
        name: as templates call it; `test_<name>` for a test block, `materialization_<name>_<adapter>` for those.
        source: the whole block, as a macro.
        line: the line of its file on which it starts, from 1.
        package: the project's or the package's name.
        kind: `macro`, `test` or `materialization`.
        is_documented: False where `docs: {show: false}` keeps it out of the catalog and the search.
    """

    name: str
    path: PurePosixPath
    source: str
    line: int = 1
    package: str = ""
    kind: str = "macro"
    description: str = ""
    patch_path: PurePosixPath | None = None
    is_documented: bool = True

    @property
    def unique_id(self) -> str:
        return f"macro.{self.package}.{self.name}"

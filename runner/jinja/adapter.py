"""`adapter` and `api` in templates: dispatch, and what may be asked of the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import ProjectError
from runner.jinja import relation as shown
from runner.jinja.relation import ColumnApi, RelationApi
from runner.names import TableRef

if TYPE_CHECKING:
    from runner.jinja.context import Rendering

_CHANGES = (
    "create_schema", "drop_schema", "drop_relation", "rename_relation", "truncate_relation", "expand_target_column_types",
    "alter_column_type", "commit", "begin",
)  # fmt: skip


class Adapter:
    """What dbt's macros ask of an adapter, for Spark and Delta."""

    Relation = RelationApi()
    Column = ColumnApi()

    def __init__(self, rendering: Rendering, package: str) -> None:
        self._rendering, self._package = rendering, package

    def __getattr__(self, name: str) -> Any:
        if name in _CHANGES:
            raise ProjectError(
                f"adapter.{name}: a template changes no tables; only what has passed its checks is published. "
                "Write a model, or a hook."
            )
        raise AttributeError(name)

    def type(self) -> str:
        return "spark"

    def dispatch(
        self, macro_name: str, macro_namespace: str | None = None, packages: Sequence[str] | None = None
    ) -> Callable[..., Any]:
        if packages is not None:
            raise ProjectError(
                f'adapter.dispatch("{macro_name}"): "packages" is no longer taken. Write macro_namespace, and the order of '
                "packages under dispatch in the project file."
            )
        return self._rendering.dispatcher(macro_name, macro_namespace, self._package)

    def quote(self, identifier: str) -> str:
        return f"`{identifier}`"

    def quote_as_configured(self, identifier: str, quote_key: str = "") -> str:
        return identifier

    def quote_seed_column(self, column: str, quote_config: bool | None = None) -> str:
        return self.quote(column) if quote_config in (None, True) else column

    def get_columns_in_relation(self, relation: Any) -> list[shown.Column]:
        """Returns the columns of a published table or view; none while dependencies are being found."""
        database = self._rendering.database()
        if database is None or relation is None or getattr(relation, "is_cte", False):
            return []
        return [shown.Column(name, data_type) for name, data_type in database.columns(_table(relation))]

    def get_relation(
        self, database: str | None = None, schema: str = "", identifier: str = ""
    ) -> shown.Relation | None:
        found = self._rendering.database()
        if found is None or not schema or not identifier:
            return None
        ref = TableRef(str(schema), str(identifier))
        kind = found.kind(ref)
        return None if kind is None else shown.Relation(ref, kind=kind)

    def load_relation(self, relation: shown.Relation) -> shown.Relation | None:
        return self.get_relation(schema=relation.schema, identifier=relation.identifier)

    def already_exists(self, schema: str, name: str) -> bool:
        return self.get_relation(schema=schema, identifier=name) is not None

    def list_relations(self, database: str | None = None, schema: str = "") -> list[shown.Relation]:
        found = self._rendering.database()
        return [shown.Relation(ref, kind=kind) for ref, kind in found.tables(schema)] if found else []

    list_relations_without_caching = list_relations

    def list_schemas(self, database: str | None = None) -> list[str]:
        found = self._rendering.database()
        return list(found.schemas()) if found else []

    def check_schema_exists(self, database: str | None = None, schema: str = "") -> bool:
        return schema in self.list_schemas()

    def get_missing_columns(self, from_relation: shown.Relation, to_relation: shown.Relation) -> list[shown.Column]:
        there = {column.name.lower() for column in self.get_columns_in_relation(to_relation)}
        return [column for column in self.get_columns_in_relation(from_relation) if column.name.lower() not in there]

    def get_column_schema_from_query(self, sql: str) -> list[shown.Column]:
        found = self._rendering.database()
        if found is None:
            return []
        rows = found.query(f"describe query {sql}")
        return [shown.Column(row[0], row[1]) for row in rows.rows]

    def execute(self, sql: str, auto_begin: bool = False, fetch: bool = False, limit: int | None = None) -> Any:
        """Returns dbt's pair of response and rows of a query."""
        found = self._rendering.query(sql)
        return {"_message": "OK"}, found

    def valid_incremental_strategies(self) -> list[str]:
        return ["append", "merge", "insert_overwrite", "microbatch"]

    def is_cancelable(self) -> bool:
        return True


def _table(relation: Any) -> TableRef:
    if isinstance(relation, shown.Relation):
        return relation.ref
    schema, _, name = str(relation).replace("`", "").rpartition(".")
    if not schema:
        raise ProjectError(f'"{relation}" is no table that can be looked at: write ref("…") or source("…", "…").')
    return TableRef(schema, name)


class Api:
    """`api.Relation` and `api.Column`."""

    Relation = RelationApi()
    Column = ColumnApi()

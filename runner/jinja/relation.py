"""Tables and columns as templates see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from runner.names import TableRef

_TEXTS = ("string", "varchar", "char", "text")
_INTEGERS = ("tinyint", "smallint", "int", "integer", "bigint", "long", "short", "byte")
_FLOATS = ("float", "double", "real")
_FIELDS = ("database", "schema", "identifier", "name", "type", "metadata", "path")


@dataclass(frozen=True, slots=True)
class Relation(Mapping[str, Any]):
    """A table as a template sees it; as text, what Spark SQL calls it.

    Attributes:
        kind: `table`, `view`, `cte` (an ephemeral model), or None where nobody looked.
        shown: the text that stands for it where that is not its name.
    """

    ref: TableRef
    kind: str | None = None
    shown: str | None = None
    Table: ClassVar[str] = "table"
    View: ClassVar[str] = "view"
    CTE: ClassVar[str] = "cte"
    External: ClassVar[str] = "external"

    def __str__(self) -> str:
        return self.shown if self.shown is not None else str(self.ref)

    def __getitem__(self, key: str) -> Any:
        if key not in _FIELDS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)

    @property
    def database(self) -> None:
        return None

    @property
    def schema(self) -> str:
        return self.ref.schema

    @property
    def identifier(self) -> str:
        return self.ref.name

    name = table = identifier

    @property
    def type(self) -> str | None:
        return self.kind

    @property
    def metadata(self) -> dict[str, str]:
        return {"type": "SparkRelation"}

    @property
    def path(self) -> dict[str, str | None]:
        return {"database": None, "schema": self.schema, "identifier": self.identifier}

    @property
    def is_table(self) -> bool:
        return self.kind == "table"

    @property
    def is_view(self) -> bool:
        return self.kind == "view"

    @property
    def is_cte(self) -> bool:
        return self.kind == "cte"

    @property
    def is_delta(self) -> bool:
        return self.kind == "table"

    def render(self) -> str:
        return str(self)

    def include(self, database: bool = True, schema: bool = True, identifier: bool = True) -> Relation:
        """Returns the relation whose text leaves out parts of the name."""
        parts = [self.ref.schema] * schema + [self.ref.name] * identifier
        return replace(self, shown=".".join(parts)) if len(parts) < 2 else self

    def quote(self, database: bool = True, schema: bool = True, identifier: bool = True) -> Relation:
        """Returns the relation whose text has backticks around its parts."""
        words = ((self.ref.schema, schema), (self.ref.name, identifier))
        return replace(self, shown=".".join(f"`{word}`" if quoted else word for word, quoted in words))

    def incorporate(self, path: Mapping[str, Any] | None = None, type: str | None = None, **_: Any) -> Relation:
        """Returns the relation with parts of its name, or its type, replaced."""
        path = path or {}
        ref = TableRef(path.get("schema") or self.ref.schema, path.get("identifier") or self.ref.name)
        return replace(self, ref=ref, kind=type or self.kind, shown=None if ref != self.ref else self.shown)

    def replace_path(self, **path: Any) -> Relation:
        return self.incorporate(path=path)

    def without_identifier(self) -> Relation:
        return self.include(identifier=False)

    def matches(self, database: str | None = None, schema: str | None = None, identifier: str | None = None) -> bool:
        return schema in (None, self.schema) and identifier in (None, self.identifier)


class RelationApi:
    """`api.Relation`."""

    Table, View, CTE, External = "table", "view", "cte", "external"

    def create(
        self,
        database: str | None = None,
        schema: str = "",
        identifier: str = "",
        type: str | None = None,
        **_: Any,
    ) -> Relation:
        return Relation(TableRef(schema, identifier), kind=type)

    def create_from(self, quoting: Any = None, relation_config: Any = None, **_: Any) -> Relation:
        node = relation_config or quoting
        return Relation(TableRef(node["schema"], node.get("alias") or node["name"]))

    def add_ephemeral_prefix(self, name: str) -> str:
        return f"__dbt__cte__{name}"

    def get_relation_type(self, name: str) -> str:
        return name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation, with the names that dbt's macros ask for."""

    column: str
    dtype: str

    @property
    def name(self) -> str:
        return self.column

    @property
    def quoted(self) -> str:
        return f"`{self.column}`"

    @property
    def data_type(self) -> str:
        return self.dtype

    @property
    def char_size(self) -> None:
        return None

    def is_string(self) -> bool:
        return self.dtype.lower().startswith(_TEXTS)

    def is_numeric(self) -> bool:
        return self.dtype.lower().startswith(("decimal", "numeric"))

    def is_integer(self) -> bool:
        return self.dtype.lower() in _INTEGERS

    def is_float(self) -> bool:
        return self.dtype.lower() in _FLOATS

    def is_number(self) -> bool:
        return self.is_integer() or self.is_float() or self.is_numeric()

    def string_size(self) -> int:
        return 256

    def can_expand_to(self, other: Column) -> bool:
        return False

    def literal(self, value: Any) -> str:
        return f"cast({value} as {self.dtype})"

    def __str__(self) -> str:
        return f"<Column {self.column} ({self.dtype})>"


class ColumnApi:
    """`api.Column`: called, or by its constructors."""

    def __call__(self, column: str, dtype: str = "string", *_: Any, **__: Any) -> Column:
        return Column(column, dtype)

    def create(self, name: str, label_or_dtype: str) -> Column:
        return Column(name, self.translate_type(label_or_dtype))

    def translate_type(self, dtype: str) -> str:
        return {"text": "string", "varchar": "string", "integer": "int", "boolean": "boolean"}.get(dtype.lower(), dtype)

    def string_type(self, size: int) -> str:
        return "string"

    def numeric_type(self, dtype: str, precision: Any, scale: Any) -> str:
        return dtype if precision is None or scale is None else f"{dtype}({precision},{scale})"

    def from_description(self, name: str, raw_data_type: str) -> Column:
        return Column(name, raw_data_type)

"""What templates may ask of the warehouse while they are compiled for a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from runner.errors import ProjectError
from runner.jinja.result import ResultTable
from runner.names import TableRef

RelationKind = Literal["table", "view"]


class Database(Protocol):
    """Answers of the warehouse. Implementations start Spark only where an answer needs it."""

    def kind(self, ref: TableRef) -> RelationKind | None:
        """Returns what is published under that name; None where nothing is."""

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        """Returns names and types of a published table's or view's columns."""

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        """Returns what is published in a schema."""

    def schemas(self) -> Sequence[str]:
        """Returns the schemas that hold anything."""

    def query(self, sql: str) -> ResultTable:
        """Returns the rows of a query."""


class NeedsSparkError(ProjectError):
    """A template asks what only a query can answer, and there is no Spark to run it.

    Attributes:
        sql: the query.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql
        first = " ".join(sql.split())
        super().__init__(
            f"the template asks the warehouse (run_query, statement): {first[:80]}{'…' if len(first) > 80 else ''}. "
            "That is answered when the model is built, or by run compile."
        )

"""Names of tables as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner.errors import ProjectError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_identifier(word: str, *, place: str) -> str:
    """Returns `word` if it can stand in SQL and in a path as it is; else raises ProjectError naming `place`."""
    if not _IDENTIFIER.fullmatch(word):
        raise ProjectError(f'{place}: "{word}" is no name for a table. Use letters, digits and "_", no digit first.')
    return word


@dataclass(frozen=True, slots=True, order=True)
class TableRef:
    """A table's name: schema and name, without its warehouse.

    `str()` is how SQL names it; `path(warehouse)` is where its Delta log lies.

    Attributes:
        folder: where it lies if that is not in the target's own warehouse: a table of another target, or in scratch.
        version: the Delta version that is read; None for the newest.
    """

    schema: str
    name: str
    folder: Path | None = field(default=None, compare=False)
    version: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def quoted(self) -> str:
        """Returns the name as Spark SQL takes it whatever the words are."""
        return f"`{self.schema}`.`{self.name}`"

    def path(self, warehouse: Path) -> Path:
        return self.folder or warehouse / self.schema / self.name

    def with_suffix(self, suffix: str) -> TableRef:
        """Returns the table beside this one: `users` with `__quarantine` is `users__quarantine`."""
        return replace(self, name=self.name + suffix)


_STORES = {"mongodb": "MongoDB", "hbase": "HBase"}


def store_name(kind: str) -> str:
    """Returns a kind of store as people write it: HBase; a word that is none stays as it is."""
    return _STORES.get(kind, kind)


CHECK_RESULTS = TableRef("sluice", "check_results")  # what every check said in every run

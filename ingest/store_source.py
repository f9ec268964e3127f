"""What landing asks of a store: one moment, the records as of it, the keys as of it. MongoDB and HBase each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from ingest.contract import Contract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCut:
    """The moment of which a store's tables are read.

    Attributes:
        taken_at: the moment, with its zone.
        kind: `snapshot`: the server reads all tables as of one cluster time; `write_time`: cells written later are left
            out by their timestamp; `none`: the server can do neither, and each table is as of its own reading.
        at: what the store is told: a cluster time as [seconds, increment], the millisecond before which cells were
            written, or None.
        note: what a reader of the data must know, such as why there is no common moment; empty where all is well.
    """

    taken_at: datetime
    kind: str
    at: Any = None
    note: str = ""

    @property
    def is_consistent(self) -> bool:
        """True where all tables of the store are of one moment."""
        return self.kind != "none"


class StoreSource(Protocol):
    """A store that can be landed. Made from its settings; connects when asked."""

    def cut(self, taken_at: datetime, tables: Sequence[str] = ()) -> StoreCut:
        """Returns the moment at which all its tables will be read, as near to `taken_at` as the server allows.

        Args:
            tables: names in the store; the cut's note says what stands in the way of reading them as of one moment.

        Raises:
            MachineError: the server does not answer.
        """
        ...

    def count(self, contract: Contract, cut: StoreCut) -> int:
        """Returns how many records the table has, counted by the server where it can."""
        ...

    def read(
        self,
        spark: SparkSession,
        contract: Contract,
        cut: StoreCut,
        *,
        partitions: int,
        since: Any = None,
    ) -> DataFrame:
        """Returns the records in `Contract.decoded_schema`, lazily; nothing passes through the driver.

        Args:
            partitions: into how many key ranges of about equal size the reading is cut.
            since: only records written or changed from here on: a value of the cursor column for MongoDB (given as
                `(column, value)`), milliseconds of write time for HBase; None for all.

        Raises:
            MachineError: the server does not answer.
            NotFoundError: it has no such collection or table.
        """
        ...

    def keys(self, spark: SparkSession, contract: Contract, cut: StoreCut, *, partitions: int) -> DataFrame:
        """Returns the key columns of all records, lazily and without reading more of them than needed."""
        ...

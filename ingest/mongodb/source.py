"""MongoDB as a store that can be landed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bson import Decimal128, Timestamp
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ingest.columns import exact_value
from ingest.contract import REASON, Contract
from ingest.mongodb.data_source import MongoDataSource
from ingest.mongodb.snapshot import latest_moment, read_concern
from ingest.store_source import StoreCut
from runner.errors import NotFoundError
from stores.mongo_client import Document, connect, unanswered
from stores.settings import MongoSettings, to_option

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class MongoSource:
    """Reads the collections of one database, all as of one cluster time where the server offers that."""

    def __init__(self, settings: MongoSettings) -> None:
        self._settings = settings

    def cut(self, taken_at: datetime, tables: Sequence[str] = ()) -> StoreCut:
        """Returns the latest moment of which a majority of the servers has the data."""
        with self._database() as database:
            moment = latest_moment(database)
        if moment.at is None:
            return StoreCut(taken_at=taken_at, kind="none", note=moment.note)
        return StoreCut(taken_at=taken_at, kind="snapshot", at=[moment.at.time, moment.at.inc])

    def count(self, contract: Contract, cut: StoreCut) -> int:
        """Returns how many documents the collection has as of the cut."""
        with self._database() as database:
            return self._collection(database, contract, cut).count_documents({})

    def read(
        self, spark: SparkSession, contract: Contract, cut: StoreCut, *, partitions: int, since: Any = None
    ) -> DataFrame:
        """Returns the documents, decoded by the contract; nothing is read yet.

        Args:
            since: `(column, value)`; all documents are read that are not known to be older: those without a value, or
                with one of another type, are read too.
        """
        options = {} if since is None else {"filter": since_filter(contract, *since)}
        return self._frame(spark, contract, cut, partitions, options)

    def keys(self, spark: SparkSession, contract: Contract, cut: StoreCut, *, partitions: int) -> DataFrame:
        """Returns the keys of the documents that have one; only `_id` and the key's fields are sent."""
        of_key = replace(contract, columns=tuple(each for each in contract.columns if each.name in contract.key))
        frame = self._frame(spark, of_key, cut, partitions, {"columns": ",".join(contract.key)})
        return frame.where(f"{REASON} is null").select(*(f"`{name}`" for name in contract.key))

    def _frame(
        self, spark: SparkSession, contract: Contract, cut: StoreCut, partitions: int, options: dict[str, str]
    ) -> DataFrame:
        with self._database() as database:
            self._check(database, contract)
        if cut.at is not None:
            options = {**options, "cluster_time": json.dumps(cut.at)}
        spark.dataSource.register(MongoDataSource)
        return (
            spark.read.format(MongoDataSource.name())
            .options(
                connection=to_option(self._settings),
                collection=contract.name_in_store,
                contract=contract.to_json(),
                partitions=str(partitions),
                **options,
            )
            .load()
        )

    @contextmanager
    def _database(self) -> Iterator[Database[Document]]:
        with closing(connect(self._settings)) as client:
            try:
                yield client[self._settings.database]
            except PyMongoError as error:
                raise unanswered(self._settings, error) from error

    def _check(self, database: Database[Document], contract: Contract) -> None:
        names = database.list_collection_names()
        if contract.name_in_store not in names:
            raise NotFoundError(
                f'{self._settings}: there is no collection "{contract.name_in_store}".',
                name=contract.name_in_store,
                known=names,
            )

    def _collection(self, database: Database[Document], contract: Contract, cut: StoreCut) -> Collection[Document]:
        at = None if cut.at is None else Timestamp(*cut.at)
        return database.get_collection(contract.name_in_store, read_concern=read_concern(at))


def since_filter(contract: Contract, column: str, value: Any) -> str:
    """Returns, as extended JSON, the filter that finds what is not known to be older than the value.

    `$lt` finds only values of the value's own kind; so what it does not find is newer, or equal, or of another kind, or
    absent: a field whose type changes half-way loses nothing.
    """
    names = next([each.name, *each.aliases] for each in contract.columns if each.name == column)
    bound = _bson_value(exact_value(value, contract.types()[column]))
    older = [{**dict.fromkeys(names[:place]), name: {"$lt": bound}} for place, name in enumerate(names)]
    where = {column: {"$not": {"$lt": bound}}} if len(older) == 1 else {"$nor": older}
    return dumps(where, json_options=CANONICAL_JSON_OPTIONS)


def _bson_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, Decimal):
        return Decimal128(value)
    return value

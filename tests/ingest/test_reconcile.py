"""What a store holds against what landed: every planted difference is found, named, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from ingest.contract import KEY, PAYLOAD, REASON, Column, Contract
from ingest.decode import Decoder, Records
from ingest.fingerprint import ROW_HASH, Digest, content_digest, digest_columns, read_digest, record_hash
from ingest.reconcile import Differences, KeyDifference, KeyRange, Reconciliation, reconcile
from runner.errors import ContractError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONTRACT = Contract(
    "hbase",
    "sessions",
    (
        Column("session_id", "string"),
        Column("start_time", "timestamp"),
        Column("city", "string"),
        Column("state", "string"),
        Column("total", "decimal(12,2)"),
        Column("rate", "double"),
        Column("viewed", "array<string>"),
        Column("page_views", "array<struct<page_type:string,product_id:string,took:int>>"),
        Column("cart", "map<string,struct<quantity:int,prices:map<string,decimal(12,2)>>>"),
    ),
    ("session_id",),
)
Change = Callable[[list[dict[str, Any]]], object]


def session(number: int) -> dict[str, Any]:
    return {
        "session_id": f"sess_{number:04}",
        "start_time": f"2024-01-05T10:20:30.{number:06}",
        "city": f"city {number}",
        "state": None if number % 3 else "Bern",
        "total": number / 100,
        "rate": number / 7,
        "viewed": [f"prod_{each}" for each in range(number % 4)],
        "page_views": [
            {"page_type": "home", "product_id": None, "took": number},
            {"page_type": "cart", "product_id": "prod_1", "took": 2},
        ],
        "cart": {
            "prod_a": {"quantity": 1, "prices": {"chf": number, "eur": number + 1}},
            "prod_b": {"quantity": 2, "prices": {}},
        },
        "extra": number % 5 and {"new": number},  # no column: rescued
    }


def shop(count: int = 200) -> list[dict[str, Any]]:
    return [session(number) for number in range(count)]


def decoded(spark: SparkSession, documents: Sequence[dict[str, Any]], partitions: int = 2) -> DataFrame:
    """Returns the documents as a store's reading of them."""
    import pyarrow as pa

    records = Records(
        file="test",
        positions=list(range(len(documents))),
        documents=list(documents),
        payload=lambda index: orjson.dumps(documents[index]).decode(),
    )
    batch = Decoder(CONTRACT).decode(records)
    return spark.createDataFrame(pa.Table.from_batches([batch]), CONTRACT.decoded_schema()).repartition(partitions)


@pytest.fixture(scope="module")
def stored(spark: SparkSession) -> DataFrame:
    """The store: 200 sessions, two of which cannot be decoded."""
    documents = shop()
    documents[50]["page_views"][0]["took"] = "long"
    documents[51]["total"] = "much"
    return decoded(spark, documents).persist()


def sides(spark: SparkSession, change: Change, stored_documents: list[dict[str, Any]]) -> tuple[DataFrame, DataFrame]:
    """Returns the landed table and its quarantine, made from the store's documents with a change."""
    change(stored_documents)
    frame = decoded(spark, stored_documents, partitions=3)
    fits = frame.where(frame[REASON].isNull()).select(*CONTRACT.types(), "_rescued")
    return fits, frame.where(frame[REASON].isNotNull()).select(KEY, REASON, PAYLOAD)


def found(spark: SparkSession, stored: DataFrame, change: Change, **options: Any) -> Reconciliation:
    documents = shop()
    documents[50]["page_views"][0]["took"] = "long"
    documents[51]["total"] = "much"
    landed, quarantine = sides(spark, change, documents)
    result = reconcile(spark, CONTRACT, stored, landed, **{"quarantine": quarantine, "ranges": 8, **options})
    assert result.seconds > 0
    return replace(result, seconds=0)


def nothing(_: list[dict[str, Any]]) -> None:
    pass


EQUAL = "hbase.sessions: 200 records in the store = 198 landed + 2 in quarantine; all 9 ranges agree."


def test_the_same_rows_in_another_order_and_partitioning_are_equal(spark: SparkSession, stored: DataFrame) -> None:
    def shuffle(documents: list[dict[str, Any]]) -> None:
        random.Random(7).shuffle(documents)
        for document in documents:
            document["cart"] = dict(reversed(document["cart"].items()))  # a map has no order either

    result = found(spark, stored, shuffle)
    assert result.is_equal
    assert result.lines() == [EQUAL]
    assert (result.stored, result.stored_unfit, result.landed, result.quarantined) == (200, 2, 198, 2)
    assert result.to_dict()["differing_ranges"] == ()


def one(key: str, *columns: str, stored: int = 1, landed: int = 1) -> Differences:
    return Differences(1, (KeyDifference(key=key, stored=stored, landed=landed, columns=columns),))


def test_every_planted_difference_is_narrowed_to_its_key(spark: SparkSession, stored: DataFrame) -> None:
    def plant(documents: list[dict[str, Any]]) -> None:
        documents[121]["state"] = ""  # null in the store
        documents[122]["cart"]["prod_b"]["prices"]["chf"] = 1  # deep inside
        documents[123]["city"], documents[124]["city"] = documents[124]["city"], documents[123]["city"]
        documents[126]["extra"]["new"] = "other"  # no column
        documents.append(documents[125])  # doubled
        documents.append({**session(125), "session_id": "sess_0125x"})  # nowhere in the store
        documents[51]["total"] = 51  # landed after all
        del documents[119]

    result = found(spark, stored, plant)
    assert result.missing == one("sess_0119", landed=0)
    assert result.doubled == one("sess_0125", landed=2)
    assert result.extra == Differences(
        2,
        (
            KeyDifference(key="sess_0051", stored=0, landed=1),
            KeyDifference(key="sess_0125x", stored=0, landed=1),
        ),
    )
    assert result.differing == Differences(
        5,
        tuple(
            KeyDifference(key=f"sess_0{number}", stored=1, landed=1, columns=(column,))
            for number, column in ((121, "state"), (122, "cart"), (123, "city"), (124, "city"), (126, "_rescued"))
        ),
    )
    assert result.columns == {"city": 2, "state": 1, "cart": 1, "_rescued": 1}
    assert result.not_quarantined == one("sess_0051", landed=0)
    assert result.only_quarantined == Differences()
    ranges = [(each.least, each.greatest) for each in result.differing_ranges]
    assert ranges[0] == (None, None)
    assert len(ranges) <= 4, "the damage lies together, and so do the ranges"
    assert result.lines() == [
        f"hbase.sessions: 200 records in the store, 200 landed + 1 in quarantine; {len(ranges)} of 9 ranges differ.",
        "  missing in Delta: 1 key: sess_0119",
        "  only in Delta: 2 keys: sess_0051, sess_0125x",
        "  differing in city (2), state (1), cart (1), _rescued (1): 5 keys: sess_0121 (state), sess_0122 (cart), "
        "sess_0123 (city), sess_0124 (city), sess_0126 (_rescued)",
        "  doubled in Delta: 1 key: sess_0125 (1 in the store, 2 in Delta)",
        "  cannot be decoded, and not in quarantine: 1 key: sess_0051",
    ]
    orjson.dumps(result.to_dict())


def test_one_range_is_enough_and_at_most_so_many_keys_are_named(spark: SparkSession, stored: DataFrame) -> None:
    def lose(documents: list[dict[str, Any]]) -> None:
        del documents[60:90]
        documents[50]["session_id"] = "sess_0050 again"  # another record in quarantine than in the store

    result = found(spark, stored, lose, ranges=1, most=3)
    assert result.ranges == 2
    assert result.missing.total == 30
    assert [each.key for each in result.missing.first] == ["sess_0060", "sess_0061", "sess_0062"]
    assert result.not_quarantined == one("sess_0050", landed=0)
    assert result.only_quarantined == one("sess_0050 again", stored=0)
    assert result.lines()[1] == "  missing in Delta: 30 keys: sess_0060, sess_0061, sess_0062, …"


def test_without_a_quarantine_what_cannot_be_decoded_is_named(spark: SparkSession, stored: DataFrame) -> None:
    result = found(spark, stored, nothing, quarantine=None)
    assert result.lines() == [
        "hbase.sessions: 200 records in the store, 198 landed + 0 in quarantine; 1 of 9 ranges differs.",
        "  cannot be decoded, and not in quarantine: 2 keys: sess_0050, sess_0051",
    ]


def test_the_tables_are_found_at_their_paths(spark: SparkSession, stored: DataFrame, tmp_path: Path) -> None:
    documents = shop()
    documents[50]["page_views"][0]["took"] = "long"
    documents[51]["total"] = "much"
    landed, quarantine = sides(spark, nothing, documents)
    landed.write.format("delta").save(str(tmp_path / "hbase" / "sessions"))
    quarantine.write.format("delta").save(str(tmp_path / "hbase" / "sessions__quarantine"))
    result = reconcile(spark, CONTRACT, stored, tmp_path / "hbase" / "sessions", ranges=8)
    assert result.lines() == [EQUAL]


def test_a_table_of_another_contract_and_one_without_a_key_are_refused(spark: SparkSession, stored: DataFrame) -> None:
    landed = stored.drop(KEY, REASON)
    with pytest.raises(ContractError) as error:
        reconcile(spark, CONTRACT, stored, landed.drop("city"))
    assert str(error.value) == (
        "hbase.sessions: the landed column city is missing, where the contract has string: the table landed by another "
        "contract. Land it again, then reconcile."
    )
    with pytest.raises(ContractError) as error:
        reconcile(spark, CONTRACT, stored, landed.withColumn("rate", landed["rate"].cast("float")))
    assert str(error.value) == (
        "hbase.sessions: the landed column rate is float, where the contract has double: the table landed by another "
        "contract. Land it again, then reconcile."
    )
    with pytest.raises(ContractError) as error:
        reconcile(spark, replace(CONTRACT, key=()), stored, landed)
    assert str(error.value) == (
        "hbase.sessions: without a key, rows cannot be told apart. Name the key in sources.yml, under `key`."
    )


def test_an_empty_table_lacks_every_key(spark: SparkSession, stored: DataFrame) -> None:
    landed = stored.select(*CONTRACT.types(), "_rescued").limit(0)
    result = reconcile(spark, CONTRACT, stored, landed, most=1)
    assert (result.stored, result.landed, result.quarantined, result.ranges) == (200, 0, 0, 2)
    assert result.missing == Differences(198, (KeyDifference(key="sess_0000", stored=1, landed=0),))
    assert result.not_quarantined.total == 2


PAIRS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("null and empty text", {"city": None}, {"city": ""}),
    ("a null beside its neighbour", {"city": None, "state": "x"}, {"city": "x", "state": None}),
    ("a null in an array", {"viewed": ["a"]}, {"viewed": ["a", None]}),
    ("the place of a null in an array", {"viewed": [None, "a"]}, {"viewed": ["a", None]}),
    ("null and an empty array", {"viewed": None}, {"viewed": []}),
    ("the order of an array", {"viewed": ["a", "b"]}, {"viewed": ["b", "a"]}),
    ("null and an empty map", {"cart": None}, {"cart": {}}),
    ("null and an empty struct", {"page_views": [None]}, {"page_views": [{}]}),
    ("a null beside its neighbour, inside", {"page_views": [{"page_type": "x"}]}, {"page_views": [{"product_id": "x"}]}),
    ("which entry has which value", cart := {"cart": {"a": {"quantity": 1}, "b": {"quantity": 2}}}, {"cart": {"b": {"quantity": 1}, "a": {"quantity": 2}}}),
    ("an entry without a value", {"cart": {"a": None}}, {"cart": {}}),
    ("a cent", {"total": 1.01}, {"total": 1.02}),
    ("a microsecond", {"start_time": "2024-01-01T00:00:00.000001"}, {"start_time": "2024-01-01T00:00:00.000002"}),
    ("the last bit of a double", {"rate": 0.1}, {"rate": 0.1 + 2**-56}),
    ("a field that no column has", {"extra": 1}, {"extra": 2}),
    ("the value of one that does not fit", {"total": "a"}, {"total": "b"}),
]  # fmt: skip


def test_digests_tell_rows_apart_that_hashes_of_spark_do_not(spark: SparkSession) -> None:
    documents = [{"session_id": "s", **each} for _, left, right in PAIRS for each in (left, right)]
    documents += [{**session(3), "session_id": "s"}] * 2
    frame = decoded(spark, [{**each, "session_id": f"{index}"} for index, each in enumerate(documents)], partitions=1)
    # The key is made the same again, so that only the planted difference can make the hashes differ.
    rows = frame.withColumns({"n": frame["session_id"].cast("int"), KEY: frame["session_id"]})
    from pyspark.sql import functions as sf

    same = rows.withColumns({"session_id": sf.lit("s"), KEY: sf.when(rows[REASON].isNotNull(), "s"), PAYLOAD: sf.regexp_replace(PAYLOAD, '"session_id":"[0-9]+"', "")})  # fmt: skip
    hashes = dict(same.select("n", record_hash(CONTRACT)).collect())
    assert hashes[2 * len(PAIRS)] == hashes[2 * len(PAIRS) + 1], "equal documents hash alike here"
    alike = [name for index, (name, _, _) in enumerate(PAIRS) if hashes[2 * index] == hashes[2 * index + 1]]
    assert alike == []


def test_the_digest_of_a_landing_is_observed_while_it_is_written(spark: SparkSession, stored: DataFrame) -> None:
    from pyspark.sql import Observation

    seen = Observation()
    frame = stored.withColumn(ROW_HASH, record_hash(CONTRACT)).observe(seen, *digest_columns())
    frame.drop(ROW_HASH).write.format("noop").mode("overwrite").save()
    whole = content_digest(stored, CONTRACT)
    assert read_digest(seen.get) == whole
    assert whole.rows == 200
    landed = content_digest(stored.where("_reason is null").select(*CONTRACT.types(), "_rescued"), CONTRACT)
    aside = content_digest(stored.where("_reason is not null").select(KEY, REASON, PAYLOAD), CONTRACT)
    assert (landed.rows, aside.rows) == (198, 2)
    assert landed + aside == whole


def test_digests_add_up_and_are_written_as_text() -> None:
    left, right = Digest(2, 2**64 - 1, 0b0110), Digest(1, 2, 0b0011)
    assert left + right == Digest(3, 1, 0b0101)
    assert str(left + right) == "3-0000000000000001-0000000000000005"
    assert (
        read_digest({"_digest_rows": 0, "_digest_low": None, "_digest_high": None, "_digest_mixed": None}) == Digest()
    )
    negative = {"_digest_rows": 1, "_digest_low": 2**32 - 1, "_digest_high": 2**32 - 1, "_digest_mixed": -1}
    assert read_digest(negative) == Digest(1, 2**64 - 1, 2**64 - 1)


def test_a_store_that_changed_between_two_readings_is_called_so() -> None:
    result = Reconciliation(
        table="hbase.sessions",
        stored=10,
        stored_unfit=0,
        landed=10,
        quarantined=0,
        ranges=4,
        differing_ranges=(KeyRange(least="a", greatest="b", stored=3, landed=3),),
    )
    assert result.lines() == [
        "hbase.sessions: 10 records in the store, 10 landed + 0 in quarantine; 1 of 4 ranges differs.",
        "  but no key does: the store was written to between two readings. Reconcile as of one moment, or again.",
    ]

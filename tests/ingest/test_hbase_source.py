"""HBase as a source: shares of a table, cuts, changes, keys, push-down and options, on a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql.datasource import (
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    StringStartsWith,
)
from pyspark.sql.types import StructType

from ingest.contract import Column, Contract
from ingest.datatypes import read_type
from ingest.hbase.data_source import HBaseDataSource, HBaseReader, PushingHBaseReader, SharePartition
from ingest.hbase.layout import layout_of
from ingest.hbase.ranges import KeyRange, Piece, balanced_shares, cut_at, deal
from ingest.hbase.scan import Scan, scan_rows
from ingest.hbase.source import HBaseSource, key_filter
from ingest.store_source import StoreCut
from runner.errors import ContractError, FormatError, NotFoundError
from stores import hbase_client
from stores.hbase_cells import encode_row, session_key
from stores.settings import HBaseSettings, to_option

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from services.hbase import HBase

PREFIX = "sourcetests"
CONTRACT = Contract(
    "hbase",
    "visits",
    (
        Column("session_id", "string", cells=("meta:session_id", ":key[-1]")),
        Column("user_id", "string", cells=("meta:user_id",)),
        Column("pages", "int", cells=("stats:pages",)),
        Column("status", "string", cells=("meta:status",)),
        Column("events", "array<struct<page:string>>", cells=("events:#",)),
    ),
    ("session_id",),
)
STATUSES = ("converted", "it's", "browsed", "con", "")


@pytest.fixture(scope="module")
def everything(settings: HBaseSettings) -> list[dict[str, Any]]:
    return read(own_reader(settings, OWN_SCHEMA, OWN))


def visit(index: int) -> dict[str, Any]:
    return {
        "session_id": f"sess_{index * 7919 % 100_003:05d}",
        "user_id": f"user_{index % 150:04d}",
        "pages": index,
        "status": STATUSES[index % 5],
        "events": [{"page": "home"}] * (index % 3),
    }


def key_of(visit: Mapping[str, Any]) -> bytes:
    return session_key(visit["user_id"], "2025-01-01T00:00:00", visit["session_id"])


@pytest.fixture(scope="module")
def settings(hbase: HBase) -> HBaseSettings:
    found = HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix=PREFIX, timeout_seconds=30)
    make(found, "visits")
    write(found, "visits", [visit(index) for index in range(3000)], at=1_000)
    return found


def make(settings: HBaseSettings, table: str, versions: int = 3) -> None:
    with hbase_client.connected(settings) as connection:
        families = ("meta", "stats", "events")
        connection.create_table(table, {family: {"max_versions": versions} for family in families})


def write(settings: HBaseSettings, table: str, visits: list[dict[str, Any]], *, at: int | None = None) -> None:
    """Writes visits with a timestamp of our own, or the server's."""
    with (
        hbase_client.connected(settings) as connection,
        connection.table(table).batch(batch_size=1000, timestamp=at) as batch,
    ):
        for each in visits:
            batch.put(key_of(each), encode_row(each, CONTRACT.columns))


def reader(settings: HBaseSettings, contract: Contract = CONTRACT, **options: str) -> HBaseReader:
    options = {"partitions": "1", **options}
    source = HBaseDataSource({"connection": to_option(settings), "contract": contract.to_json(), **options})
    found = source.reader(source.schema())
    assert isinstance(found, HBaseReader)
    return found


def own_reader(settings: HBaseSettings, schema: str, cells: Mapping[str, Any], **options: str) -> HBaseReader:
    options = {"partitions": "1", **options}
    wanted = read_type(f"struct<{schema}>")
    assert isinstance(wanted, StructType)
    said = {"connection": to_option(settings), "table": "visits", "cells": json.dumps(cells), **options}
    found = HBaseDataSource(said).reader(wanted)
    assert isinstance(found, HBaseReader)
    return found


def read(found: HBaseReader) -> list[dict[str, Any]]:
    return [row for part in found.partitions() for batch in found.read(part) for row in batch.to_pylist()]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["session_id"] for row in rows)


ALL_IDS = sorted(visit(index)["session_id"] for index in range(3000))


def test_a_table_of_one_region_is_cut_into_shares_of_about_equal_size(settings: HBaseSettings) -> None:
    with closing(hbase_client.connect(settings)) as connection:
        assert len(connection.table("visits").regions()) == 1
        for count in (2, 5):
            shares = balanced_shares(connection, "visits", KeyRange(), count)
            ranges = sorted((each for share in shares for each in share), key=lambda each: each.start)
            assert (ranges[0].start, ranges[-1].stop) == (b"", None), "open at both ends"
            assert [each.stop for each in ranges[:-1]] == [each.start for each in ranges[1:]], "no gap, no overlap"
            sizes = [
                sum(
                    len(rows)
                    for within in share
                    for rows in scan_rows(settings, Scan(table="visits", start=within.start, stop=within.stop))
                )
                for share in shares
            ]
            assert (len(sizes), sum(sizes)) == (count, 3000)
            assert max(sizes) < 1.15 * 3000 / count, sizes


@pytest.mark.parametrize(
    "keys",
    [
        [b"only"],
        [],
        [b"a", b"a\x00", b"a\x00\x00", b"a\xff", b"a\xff\xff", b"\xff\xff\xff"],
        [b"\x00", b"\xff"],
        [bytes((first, second)) for first in range(0, 256, 5) for second in range(0, 256, 60)],
    ],
)
def test_any_keys_are_in_just_one_share(settings: HBaseSettings, keys: list[bytes]) -> None:
    table = f"keys{len(keys)}"
    with closing(hbase_client.connect(settings)) as connection:
        connection.create_table(table, {"f": {}})
        with connection.table(table).batch() as batch:
            for key in keys:
                batch.put(key, {b"f:x": b"1"})
        for count in (1, 3):
            shares = balanced_shares(connection, table, KeyRange(), count)
            assert len(shares) <= count
            found = [
                key
                for share in shares
                for within in share
                for rows in scan_rows(settings, Scan(table=table, start=within.start, stop=within.stop))
                for key in rows.keys
            ]
            assert sorted(found) == sorted(keys)
        connection.delete_table(table, disable=True)


def test_regions_are_joined_where_there_are_enough() -> None:
    starts = [(b"%03d" % index if index else b"", 1.0) for index in range(10)]
    pieces = cut_at(KeyRange(), starts, 3)
    assert pieces == [
        Piece(KeyRange(b"", b"003"), 3.0),
        Piece(KeyRange(b"003", b"007"), 4.0),
        Piece(KeyRange(b"007", None), 3.0),
    ]
    assert cut_at(KeyRange(b"0", b"9"), [(b"0", 1.0)], 3) == [Piece(KeyRange(b"0", b"9"), 1.0)]
    assert cut_at(KeyRange(), [], 3) == [Piece(KeyRange(), 0.0)]


def test_pieces_are_dealt_so_that_trends_even_out() -> None:
    pieces = [Piece(KeyRange(bytes([index]), bytes([index + 1])), float(index)) for index in range(8)]
    shares = deal(pieces, 2)
    assert [[piece.weight for piece in share] for share in shares] == [[0, 3, 5, 6], [1, 2, 4, 7]]
    assert [[piece.weight for piece in share] for share in deal(pieces, 3)] == [[0, 5, 7], [1, 3], [2, 4, 6]]
    assert deal(pieces[:2], 3) == [[pieces[0]], [pieces[1]]]


def test_every_row_is_read_once_in_the_landing_schema(settings: HBaseSettings) -> None:
    found = reader(settings, partitions="3")
    assert len(found.partitions()) == 3
    rows = read(found)
    assert ids(rows) == ALL_IDS
    assert sum(row["_counted"] for row in rows) == 3000
    assert {row["_reason"] for row in rows} == {row["_rescued"] for row in rows} == {None}
    by_id = {row["session_id"]: row for row in rows}
    assert by_id["sess_07919"]["events"] == [{"page": "home"}]


def test_bounds_of_keys(settings: HBaseSettings) -> None:
    def pages(**options: str) -> int:
        return len(read(reader(settings, **options)))

    assert pages(row_prefix="user_0007#") == 20
    assert pages(row_start="user_0007", row_stop="user_0009") == 40
    assert pages(row_prefix="user_0007", row_start="user_0008") == 0
    assert pages(filter="SingleColumnValueFilter('meta','status',=,'binary:browsed',true,true)") == 600


def test_a_cut_leaves_out_what_is_written_later(settings: HBaseSettings) -> None:
    make(settings, "cuts")
    contract = replace(CONTRACT, stored_as="cuts")
    first = [visit(index) for index in range(10)]
    write(settings, "cuts", first, at=1_000)
    write(settings, "cuts", [{**first[3], "pages": 333, "events": [{"page": "late"}] * 5}, visit(50)], at=2_000)
    before = read(reader(settings, contract, until_ms="2000"))
    assert ids(before) == ids(first)
    assert {row["session_id"]: row["pages"] for row in before} == {row["session_id"]: row["pages"] for row in first}
    after = read(reader(settings, contract, until_ms="2001"))
    assert len(after) == 11
    by_id = {row["session_id"]: row for row in after}
    assert (by_id[first[3]["session_id"]]["pages"], len(by_id[first[3]["session_id"]]["events"])) == (333, 5)


def test_rows_changed_since_are_read_whole(settings: HBaseSettings) -> None:
    make(settings, "changes")
    contract = replace(CONTRACT, stored_as="changes")
    old = [visit(index) for index in range(1200)]
    write(settings, "changes", old, at=1_000)
    write(settings, "changes", [visit(2000)], at=2_000)
    with hbase_client.connected(settings) as connection:
        # One cell of an old row; and a row after the cut, and one cell after it of a row changed before.
        connection.table("changes").put(key_of(old[5]), {b"meta:status": b"converted"}, timestamp=2_500)
        connection.table("changes").put(key_of(old[5]), {b"stats:pages": b"-1"}, timestamp=3_000)
    write(settings, "changes", [visit(2001)], at=3_000)
    changed = read(reader(settings, contract, since_ms="2000", until_ms="3000", partitions="2"))
    assert ids(changed) == ids([visit(2000), old[5]])
    by_id = {row["session_id"]: row for row in changed}
    row = by_id[old[5]["session_id"]]
    assert (row["status"], row["pages"], row["user_id"]) == ("converted", 5, "user_0005"), "whole, as of the cut"
    assert read(reader(settings, contract, since_ms="2600", until_ms="3000")) == []
    changed = read(reader(settings, contract, since_ms="0", until_ms="2000"))
    unchanged = read(reader(settings, contract, until_ms="2000"))
    assert len(changed) == 1200, "more than one batch of keys"
    assert [{**row, "_counted": 0} for row in changed] == [{**row, "_counted": 0} for row in unchanged]


@pytest.mark.parametrize("is_plain", [True, False])
def test_few_changes_far_apart_are_got_by_their_keys(
    settings: HBaseSettings, monkeypatch: pytest.MonkeyPatch, is_plain: bool
) -> None:
    from ingest.hbase import changes

    asked: list[bytes] = []
    by_key = changes._Gatherer._by_key

    def noted(self: Any, keys: list[bytes]) -> Any:
        asked.extend(keys)
        return by_key(self, keys)

    monkeypatch.setattr(changes._Gatherer, "_by_key", noted)
    monkeypatch.setattr(changes, "speaks_plainly", lambda _: is_plain)
    make(settings, f"sparse{is_plain}")
    contract = replace(CONTRACT, stored_as=f"sparse{is_plain}")
    visits = sorted((visit(index) for index in range(3000)), key=key_of)
    write(settings, contract.name_in_store, visits, at=1_000)
    some = [visits[index] for index in (0, 1, 700, 1400, 2100, 2999)]
    write(settings, contract.name_in_store, [{**each, "status": "late"} for each in some], at=2_000)
    changed = read(reader(settings, contract, since_ms="2000", until_ms="2001"))
    assert [row["session_id"] for row in changed] == [each["session_id"] for each in some]
    assert {row["status"] for row in changed} == {"late"}
    assert [row["pages"] for row in changed] == [each["pages"] for each in some]
    assert key_of(some[-1]) in asked and key_of(some[0]) not in asked, "a scan came first and gave up"


def test_the_cut_is_now_at_the_latest_and_reading_waits_for_it(settings: HBaseSettings) -> None:
    source = HBaseSource(settings, settle_ms=150)
    earlier = datetime(2025, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)
    cut = source.cut(earlier)
    assert (cut.kind, cut.at, cut.is_consistent) == ("write_time", 1_735_689_600_124, True)
    assert cut.taken_at == earlier.replace(microsecond=123_000)
    now = time.time_ns() // 1_000_000
    cut = source.cut(datetime.now(UTC) + timedelta(hours=1))
    assert now < cut.at <= time.time_ns() // 1_000_000 + 1
    assert source.count(CONTRACT, cut) == 3000
    assert time.time() * 1000 >= cut.at + 150


def test_the_cut_warns_of_tables_that_keep_one_version(settings: HBaseSettings) -> None:
    own = replace(settings, table_prefix=f"{PREFIX}_single")
    make(own, "visits", versions=1)
    assert HBaseSource(own).cut(datetime(2025, 1, 1, tzinfo=UTC), ["others"]).note == ""
    assert HBaseSource(own).cut(datetime(2025, 1, 1, tzinfo=UTC), ["visits", "others"]).note == (
        "these tables have families that keep one version of a cell: visits. What is overwritten while they are read "
        "is missing; let them keep 3."
    )


def test_counting_goes_by_the_cut(settings: HBaseSettings) -> None:
    source = HBaseSource(settings)

    def count(at: int) -> int:
        return source.count(CONTRACT, StoreCut(taken_at=datetime(2025, 1, 1, tzinfo=UTC), kind="write_time", at=at))

    assert (count(1_000), count(1_001)) == (0, 3000)


def test_the_filter_of_keys_leaves_out_no_row(settings: HBaseSettings) -> None:
    make(settings, "keys")
    with hbase_client.connected(settings) as connection:
        table = connection.table("keys")
        table.put(b"u#1#sess_a", {b"meta:session_id": b"sess_a", b"events:000000": b"{}", b"stats:pages": b"1"})
        table.put(b"u#1#sess_b", {b"stats:pages": b"1"})
        table.put(b"u#1#sess_c", {b"meta:status": b"x", b"stats:pages": b"2"})
    of_key = replace(CONTRACT, columns=CONTRACT.columns[:1], stored_as="keys")
    found = key_filter(layout_of(of_key))
    assert found is not None
    scan = Scan(table="keys", filter=found)
    cells = [cells for rows in scan_rows(settings, scan) for cells in rows.cells]
    assert [sorted(each) for each in cells] == [
        [b"events:000000", b"meta:session_id"],
        [b"stats:pages"],
        [b"meta:status"],
    ]
    assert ids(read(reader(settings, of_key, filter=found.decode()))) == ["sess_a", "sess_b", "sess_c"]
    by_row = replace(of_key, columns=(Column("session_id", "string", cells=(":key[-1]",)),))
    assert key_filter(layout_of(by_row)) == b"FirstKeyOnlyFilter() AND KeyOnlyFilter()"
    whole = replace(of_key, columns=(Column("session_id", "map<string,string>", cells=("meta:*",)),))
    assert key_filter(layout_of(whole)) is None


OWN = {"row": ":key", "user": ":key[0]", "status": "meta:status", "pages": "stats:pages"}
OWN_SCHEMA = "row:string,user:string,status:string,pages:int"
Check = Callable[[dict[str, Any]], bool]


@pytest.mark.parametrize(
    ("filters", "check", "is_left"),
    [
        ([EqualTo(("status",), "converted")], lambda row: row["status"] == "converted", False),
        ([EqualTo(("status",), "it's")], lambda row: row["status"] == "it's", False),
        ([EqualTo(("status",), "con")], lambda row: row["status"] == "con", False),
        ([EqualTo(("status",), "")], lambda row: row["status"] == "", True),
        ([EqualTo(("status",), "nobody")], lambda row: False, False),
        ([EqualTo(("pages",), 7)], lambda row: row["pages"] == 7, True),
        ([EqualTo(("user",), "user_0007")], lambda row: row["user"] == "user_0007", True),
        ([StringStartsWith(("user",), "user_000")], lambda row: row["user"].startswith("user_000"), True),
        ([GreaterThan(("user",), "user_0140")], lambda row: row["user"] > "user_0140", True),
        ([StringStartsWith(("row",), "user_0007#")], lambda row: row["row"].startswith("user_0007#"), False),
        ([GreaterThanOrEqual(("row",), "user_0140")], lambda row: row["row"] >= "user_0140", False),
        ([LessThan(("row",), "user_0002")], lambda row: row["row"] < "user_0002", False),
        ([LessThanOrEqual(("user",), "user_0002")], lambda row: row["user"] <= "user_0002", True),
        (
            [
                EqualTo(("status",), "converted"),
                GreaterThan(("row",), "user_0100"),
                LessThanOrEqual(("row",), "user_0120"),
            ],
            lambda row: row["status"] == "converted" and "user_0100" < row["row"] <= "user_0120",
            False,
        ),
        (
            [StringStartsWith(("row",), "user_0001"), StringStartsWith(("row",), "user_0002")],
            lambda row: False,
            False,
        ),
    ],
)
def test_pushed_filters_give_what_the_same_filters_give_afterwards(
    settings: HBaseSettings, everything: list[dict[str, Any]], filters: list[Filter], check: Check, is_left: bool
) -> None:
    found = own_reader(settings, OWN_SCHEMA, OWN, pushdown="true")
    assert isinstance(found, PushingHBaseReader)
    left = list(found.pushFilters(filters))
    assert bool(left) == is_left
    rows = read(found)
    assert [row for row in rows if check(row)] == [row for row in everything if check(row)]
    if not is_left:
        assert all(map(check, rows))
    elif filters[0] != EqualTo(("status",), "") and filters[0] != EqualTo(("pages",), 7):
        assert len(rows) < 3000 or isinstance(filters[0], LessThanOrEqual), "bounded all the same"


def test_a_filter_of_a_cell_is_not_pushed_where_the_scan_may_lack_it(settings: HBaseSettings) -> None:
    """HBase would let all rows pass without a word."""
    found = own_reader(settings, OWN_SCHEMA, OWN, pushdown="true", columns="stats")
    assert isinstance(found, PushingHBaseReader)
    filters: list[Filter] = [EqualTo(("status",), "converted")]
    assert list(found.pushFilters(filters)) == filters


def test_only_the_cells_of_the_schema_are_asked_for(settings: HBaseSettings) -> None:
    schema = "pages:int,events:array<struct<page:string>>"
    cells = {"pages": "stats:pages", "events": "events:#"}
    assert own_reader(settings, schema, cells)._options.scan.columns == (b"events", b"stats:pages")
    rows = read(own_reader(settings, schema, cells, row_prefix="user_0001#"))
    assert len(rows) == 20 and set(rows[0]) == {"pages", "events"}
    struct = own_reader(
        settings, "meta:struct<status:string,user_id:string>", {"meta": "meta:*"}, row_prefix="user_0001#"
    )
    assert struct._options.scan.columns == (b"meta:status", b"meta:user_id")
    assert read(struct)[0]["meta"]["user_id"] == "user_0001"


def test_a_row_that_does_not_fit_a_schema_of_ones_own_is_an_error(settings: HBaseSettings) -> None:
    found = own_reader(settings, "status:int", {"status": {"cells": "meta:status", "codec": "text"}})
    with pytest.raises(ContractError) as caught:
        read(found)
    said = str(caught.value)
    assert said.startswith(
        f'hbase://127.0.0.1:{settings.port}: table "visits": a row does not fit the schema: status: "'
    )
    assert said.endswith("(cell meta:status) is no int. Give the column another type or codec, or leave it out.")


def test_an_unknown_table_is_named(settings: HBaseSettings) -> None:
    own = replace(settings, table_prefix=f"{PREFIX}_single2")
    make(own, "visits")
    with pytest.raises(NotFoundError) as caught:
        HBaseSource(own).count(
            replace(CONTRACT, stored_as="visit"), StoreCut(taken_at=datetime.now(UTC), kind="write_time", at=1)
        )
    assert str(caught.value) == (
        f'hbase://127.0.0.1:{own.port}: has no table "visit". It has visits; load it (run generate --into hbase), '
        'or mend sources.yml. Did you mean "visits"?'
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tabel": "x"}, 'there is no option "tabel". Did you mean "table"?'),
        ({"partitions": "two"}, '"partitions" is a whole number, not "two".'),
        ({"since_ms": "1"}, '"since_ms" wants "until_ms", so that the next reading goes on there.'),
        (
            {"since_ms": "1", "until_ms": "2", "filter": "PageFilter(1)"},
            '"since_ms" and "filter" do not go together. Filter the frame instead.',
        ),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], said: str) -> None:
    with pytest.raises(FormatError) as caught:
        reader(HBaseSettings(), **options)
    assert str(caught.value) == f'format("hbase"): {said}'


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"table": "t"},
            'give "contract", or "table", .schema(…) and "cells", a JSON object from column to cell.',
        ),
        ({"table": "t", "cells": '{"w": "f:w"}'}, 'the option "cells" does not say where "v" is.'),
    ],
)
def test_a_schema_of_ones_own_wants_cells(options: dict[str, str], said: str) -> None:
    schema = read_type("struct<v:int>")
    assert isinstance(schema, StructType)
    with pytest.raises(FormatError) as caught:
        HBaseDataSource(options).reader(schema)
    assert str(caught.value) == f'format("hbase"): {said}'


def test_partitions_and_readers_can_be_sent_to_workers(settings: HBaseSettings) -> None:
    import pickle

    found = reader(settings, partitions="2")
    parts = pickle.loads(pickle.dumps(found.partitions()))
    again = pickle.loads(pickle.dumps(found))
    assert all(isinstance(part, SharePartition) for part in parts)
    assert sum(batch.num_rows for part in parts for batch in again.read(part)) == 3000


def test_spark_reads_counts_and_pushes(spark: SparkSession, settings: HBaseSettings) -> None:
    source = HBaseSource(settings)
    cut = source.cut(datetime.now(UTC))
    frame = source.read(spark, CONTRACT, cut, partitions=2)
    assert frame.schema == CONTRACT.decoded_schema()
    assert frame.rdd.getNumPartitions() == 2
    totals = frame.selectExpr("count(*)", "sum(pages)", "sum(_counted)", "count(_reason)").first()
    assert totals is not None and tuple(totals) == (3000, sum(range(3000)), 3000, 0)
    keys = source.keys(spark, CONTRACT, cut, partitions=2)
    assert sorted(row.session_id for row in keys.collect()) == ALL_IDS
    changed = source.read(spark, CONTRACT, cut, partitions=1, since=cut.at)
    assert changed.count() == 0
    own = (
        spark.read.format("hbase")
        .schema("row string, user string, status string, pages int")
        .options(connection=to_option(settings), table="visits", cells=json.dumps(OWN), pushdown="true", partitions="2")
        .load()
        .where("status = 'converted' and user = 'user_0005' and pages > 500")
    )
    expected = [index for index in range(501, 3000) if index % 5 == 0 and index % 150 == 5]
    assert sorted(row.pages for row in own.collect()) == expected

"""Files land in Delta on real Spark: counted, typed, quarantined, published whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from ingest.contract import Column, Contract, Reason
from ingest.land_files import land_files
from ingest.landed import Counts, Landed
from ingest.landing import Snapshot
from runner import delta
from runner.errors import ContractError, FormatError, NotFoundError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONTRACT = Contract(
    "hbase",
    "sessions",
    (
        Column("session_id", "string"),
        Column("start_time", "timestamp"),
        Column("duration_seconds", "int"),
        Column("geo_data", "struct<city:string,ip_address:string>"),
        Column("page_views", "array<struct<timestamp:timestamp,page_type:string>>"),
        Column("cart_contents", "map<string,struct<quantity:int,price:decimal(12,2)>>"),
        Column("referrer", "string", ("referral_source",)),
    ),
    ("session_id",),
)
PATTERN = "sessions*.json"


def session(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": f"sess_{number:04}",
        "start_time": "2024-01-05T10:20:30" + (".123456" if number % 2 else ""),
        "duration_seconds": number,
        "geo_data": {"city": "Zürich", "ip_address": "10.0.0.1"},
        "page_views": [{"timestamp": "2024-01-05T10:20:31.5", "page_type": "home"}],
        "cart_contents": {f"prod_{number}": {"quantity": 1, "price": 1339.4500000000003}},
        "referrer": "email",
        **changes,
    }


def snapshot(name: str = "first") -> Snapshot:
    return Snapshot(name, datetime(2024, 4, 1, tzinfo=UTC))


def write(folder: Path, name: str, documents: Sequence[Any], **how: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(documents, **how))
    return path


def land(spark: SparkSession, tmp_path: Path, *, name: str = "first", **options: Any) -> Landed:
    options = {"contract": CONTRACT, "pattern": PATTERN, **options}
    return land_files(
        spark, folder=tmp_path / "raw", warehouse=tmp_path / "warehouse", snapshot=snapshot(name), cores=2, **options
    )


def table(tmp_path: Path, name: str = "sessions") -> list[dict[str, Any]]:
    """Returns what a reader without Spark sees."""
    rows: list[dict[str, Any]] = DeltaTable(str(tmp_path / "warehouse" / "hbase" / name)).to_pyarrow_table().to_pylist()
    return sorted(
        rows, key=lambda row: (row.get("session_id") or "", row.get("_file") or "", row.get("_position") or 0)
    )


def said(tmp_path: Path, name: str = "sessions") -> Mapping[str, Any]:
    return delta.metadata(tmp_path / "warehouse" / "hbase" / name)


def parsers_word(text: str) -> str:
    with pytest.raises(orjson.JSONDecodeError) as error:
        orjson.loads(text)
    return str(error.value)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def counts(read: int, landed: int, quarantined: int = 0, rescued: int = 0) -> Counts:
    return Counts(read=read, landed=landed, quarantined=quarantined, rescued=rescued)


def test_every_layout_and_numbering_lands_together(spark: SparkSession, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write(raw, "sessions_0.json", [session(n) for n in range(5)])
    write(raw, "sessions_00017.json", [session(n) for n in range(5, 9)], indent=2)
    (raw / "sessions_2.json").write_text("".join(json.dumps(session(n)) + "\r\n" for n in range(9, 12)))
    (raw / "sessions-last.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([session(12)]).encode())
    write(raw, "users.json", [{"user_id": "not ours"}])
    told: list[str] = []
    landed = land(spark, tmp_path, progress=told.append)
    assert landed.counts == counts(13, 13)
    assert (str(landed.table), landed.version, landed.skipped, landed.reasons) == ("hbase.sessions", 0, None, ())
    assert told == ["hbase.sessions: 4 files, 0.0 MB"]
    rows = table(tmp_path)
    assert [row["session_id"] for row in rows] == [f"sess_{n:04}" for n in range(13)]
    assert rows[3] == {
        "session_id": "sess_0003",
        "start_time": datetime(2024, 1, 5, 10, 20, 30, 123456, tzinfo=UTC),
        "duration_seconds": 3,
        "geo_data": {"city": "Zürich", "ip_address": "10.0.0.1"},
        "page_views": [{"timestamp": datetime(2024, 1, 5, 10, 20, 31, 500000, tzinfo=UTC), "page_type": "home"}],
        "cart_contents": [("prod_3", {"quantity": 1, "price": Decimal("1339.45")})],
        "referrer": "email",
        "_rescued": None,
        "_snapshot_id": "first",
        "_landed_at": rows[0]["_landed_at"],
    }
    assert not (tmp_path / "warehouse" / "hbase" / "sessions__quarantine").exists()
    frame = spark.read.format("delta").load(str(tmp_path / "warehouse" / "hbase" / "sessions"))
    assert frame.schema["cart_contents"].dataType == CONTRACT.types()["cart_contents"]
    assert frame.where("cart_contents['prod_3'].price = 1339.45").count() == 1


def test_the_commit_tells_of_its_cut(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "raw", "sessions_0.json", [session(1)])
    land(spark, tmp_path)
    found = said(tmp_path)
    stat = path.stat()
    assert found == {
        "kind": "landing",
        "version": 0,
        "snapshot_id": "first",
        "taken_at": "2024-04-01T00:00:00+00:00",
        "contract": CONTRACT.digest(),
        "read": 1,
        "landed": 1,
        "quarantined": 0,
        "rescued": 0,
        "drift": found["drift"],
        "files": [
            {
                "name": "sessions_0.json",
                "size": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
                "ctime_ns": stat.st_ctime_ns,
                "digest": found["files"][0]["digest"],
            }
        ],
        "paths_missing": [],
    }


def test_what_does_not_fit_goes_to_quarantine_and_is_emptied(spark: SparkSession, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    good, wrong = session(1, colour="red"), session(2, duration_seconds="12x")
    texts = [json.dumps(good), json.dumps(wrong), '{"session_id": "sess_0003", "duration_seconds": }', "17"]
    no_key = session(4)
    del no_key["session_id"]
    texts += [json.dumps(no_key), json.dumps(session(5, duration_seconds=7.5)), json.dumps(session(6))]
    raw.mkdir()
    text = "[" + ", ".join(texts) + "]"
    (raw / "sessions_0.json").write_text(text)
    landed = land(spark, tmp_path)
    assert landed.counts == counts(7, 2, 5, 1)
    assert landed.reasons[0] == Reason(
        "duration_seconds is no int",
        2,
        'duration_seconds: "12x" is no int',
        "sessions_0.json",
        text.index(texts[1]),
    )
    assert {(reason.problem, reason.count) for reason in landed.reasons[1:]} == {
        ("is no JSON", 1),
        ("is no object", 1),
        ("key session_id is missing", 1),
    }
    assert [(row["session_id"], row["_rescued"]) for row in table(tmp_path)] == [
        ("sess_0001", '{"colour":"red"}'),
        ("sess_0006", None),
    ]
    rows = table(tmp_path, "sessions__quarantine")
    assert [(row["_key"], row["_reason"], row["_payload"]) for row in rows] == [
        ("sess_0002", 'duration_seconds: "12x" is no int', texts[1]),
        (None, f"is no JSON: {parsers_word(texts[2])}", texts[2]),
        (None, "is no object: 17", "17"),
        (None, "key session_id is missing", texts[4]),
        ("sess_0005", "duration_seconds: 7.5 is no int", texts[5]),
    ]
    assert [text[row["_position"] :].startswith(row["_payload"]) for row in rows] == [True] * 5
    assert {row["_snapshot_id"] for row in rows} == {"first"}
    assert list(rows[0]) == [
        "_key",
        "_reason",
        "_problem",
        "_payload",
        "_file",
        "_position",
        "_snapshot_id",
        "_landed_at",
    ]
    assert said(tmp_path, "sessions__quarantine")["snapshot_id"] == "first"

    write(raw, "sessions_0.json", [session(1)])
    again = land(spark, tmp_path, name="second")
    assert (again.counts, again.version) == (counts(1, 1), 1)
    assert table(tmp_path, "sessions__quarantine") == []
    assert said(tmp_path, "sessions__quarantine")["snapshot_id"] == "second"


def test_all_in_quarantine_leaves_an_empty_table(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(1, duration_seconds="x"), session(2, duration_seconds="y")])
    assert land(spark, tmp_path).counts == counts(2, 0, 2)
    assert table(tmp_path) == []


def test_an_empty_array_lands_as_no_rows(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [])
    landed = land(spark, tmp_path)
    assert (landed.counts, landed.paths_missing) == (counts(0, 0), ())
    assert table(tmp_path) == []


def test_duplicate_keys_are_landed(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(1), session(1)])
    assert land(spark, tmp_path).counts == counts(2, 2)


def test_the_same_files_are_not_landed_twice(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "raw", "sessions_0.json", [session(1), session(2, duration_seconds="x")])
    first = land(spark, tmp_path)
    before = content(tmp_path / "warehouse")

    skipped = land(spark, tmp_path, name="second")
    assert skipped.skipped == "unchanged since version 0"
    assert (skipped.counts, skipped.version) == (first.counts, 0)
    os.utime(path, ns=(1, 1))
    assert land(spark, tmp_path, name="third").skipped == "unchanged since version 0"
    assert content(tmp_path / "warehouse") == before

    forced = land(spark, tmp_path, name="fourth", force=True)
    assert (forced.skipped, forced.version, forced.counts) == (None, 1, first.counts)
    old = DeltaTable(str(tmp_path / "warehouse/hbase/sessions"), version=0).to_pyarrow_table()
    new = DeltaTable(str(tmp_path / "warehouse/hbase/sessions")).to_pyarrow_table()
    ours = ["_snapshot_id", "_landed_at"]
    assert new.drop_columns(ours).equals(old.drop_columns(ours))
    assert set(new["_snapshot_id"].to_pylist()) == {"fourth"}


@pytest.mark.parametrize("change", ["one byte", "a further file", "a file less", "another contract", "rows by hand"])
def test_what_changed_is_landed_again(change: str, spark: SparkSession, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    path = write(raw, "sessions_0.json", [session(1)])
    write(raw, "sessions_1.json", [session(2)])
    land(spark, tmp_path)
    contract = CONTRACT
    if change == "one byte":
        times = path.stat()
        path.write_text(path.read_text().replace("email", "eMail"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "a further file":
        write(raw, "sessions_2.json", [session(3)])
    elif change == "a file less":
        path.unlink()
    elif change == "rows by hand":
        DeltaTable(str(tmp_path / "warehouse/hbase/sessions")).delete("session_id = 'sess_0001'")
    else:
        contract = Contract("hbase", "sessions", CONTRACT.columns[:3], ("session_id",))
    landed = land(spark, tmp_path, contract=contract)
    assert (landed.skipped, landed.version) == (None, 2 if change == "rows by hand" else 1)


def test_compaction_is_no_change(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(1)])
    write(tmp_path / "raw", "sessions_1.json", [session(2)])
    land(spark, tmp_path)
    DeltaTable(str(tmp_path / "warehouse/hbase/sessions")).optimize.compact()
    assert delta.version(tmp_path / "warehouse/hbase/sessions") == 1
    assert land(spark, tmp_path).skipped == "unchanged since version 0"


def test_a_failure_leaves_the_last_version(spark: SparkSession, tmp_path: Path) -> None:
    """The array is broken off where only a worker sees it: past the first records, after an inner array."""
    raw = tmp_path / "raw"
    write(raw, "sessions_0.json", [session(1), session(2, duration_seconds="x")])
    land(spark, tmp_path)
    before = content(tmp_path / "warehouse")
    records = [session(n) for n in range(1_500)]
    cut_off = json.dumps(records)[:-1] + ', {"session_id": "x", "page_views": []'
    (raw / "sessions_1.json").write_text(cut_off)
    with pytest.raises(FormatError) as error:
        land(spark, tmp_path, name="second")
    assert str(error.value) == (
        f"{raw / 'sessions_1.json'}: line 1, byte {len(json.dumps(records)) + 2:,}: the file ends in the middle of its "
        "records: it is truncated. Write or copy it again; nothing of it was landed."
    )
    assert content(tmp_path / "warehouse") == before


def test_a_first_landing_that_fails_leaves_nothing(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    records = json.dumps([session(n) for n in range(1_500)])
    (tmp_path / "raw" / "sessions_1.json").write_text(records[:-1] + ', {"session_id": "x", "page_views": []')
    with pytest.raises(FormatError):
        land(spark, tmp_path)
    assert content(tmp_path / "warehouse") == {}
    assert not (tmp_path / "warehouse" / "hbase" / "sessions").exists()


def test_a_file_that_changes_meanwhile_is_not_landed(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "raw", "sessions_0.json", [session(1)])
    with pytest.raises(ContractError) as error:
        land(spark, tmp_path, progress=lambda _: write(tmp_path / "raw", "sessions_0.json", [session(1), session(2)]))
    assert str(error.value) == f"{path}: changed while it was read. Nothing was landed; run it again."
    assert content(tmp_path / "warehouse") == {}


def test_a_table_changed_by_another_is_not_overwritten(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(1)])
    land(spark, tmp_path)
    other = tmp_path / "warehouse" / "hbase" / "sessions"

    def meddle(_: str) -> None:
        spark.read.format("delta").load(str(other)).write.format("delta").mode("append").save(str(other))

    from ingest import landing

    published = landing.delta.publish
    write(tmp_path / "raw", "sessions_0.json", [session(2)])

    def late(*arguments: Any, **options: Any) -> int:
        meddle("")
        return published(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing.delta, "publish", late)
        with pytest.raises(ContractError, match=r"hbase\.sessions: another process changed this table"):
            land(spark, tmp_path)
    assert [row["session_id"] for row in table(tmp_path)] == ["sess_0001", "sess_0001"]


REFUSED: dict[str, tuple[dict[str, str], type[Exception], str]] = {
    "no file": (
        {"users.json": "[]", "notes.txt": "x"},
        NotFoundError,
        '{raw}: no file matches "sessions*.json"; it holds notes.txt, users.json. '
        "Put the files there, or change `files` of the table in sources.yml.",
    ),
    "an empty file": (
        {"sessions_0.json": json.dumps([session(1)]), "sessions_1.json": ""},
        FormatError,
        "{raw}/sessions_1.json: is empty. Write it again, or take it out of the folder.",
    ),
    "another table's file": (
        {"sessions_0.json": json.dumps([{"user_id": 1, "name": "x"}])},
        ContractError,
        "{raw}/sessions_0.json: none of the paths of hbase.sessions in sources.yml occurs in it: "
        "it has user_id, name. Is it another table's file?",
    ),
    "no key": (
        {"sessions_0.json": json.dumps([{"id": 1, "referrer": "x"}])},
        ContractError,
        '{raw}/sessions_0.json: the key "session_id" of hbase.sessions is in none of the first 1 records; '
        "they have id, referrer. Mend the file, or `key` in sources.yml.",
    ),
    "a wrapped array": (
        {"sessions_0.json": json.dumps({"sessions": [session(1)]})},
        FormatError,
        '{raw}/sessions_0.json: its top level is an object; the records are in "sessions". Write that array alone.',
    ),
    "an array of numbers": (
        {"sessions_0.json": "[1, 2, 3]"},
        FormatError,
        "{raw}/sessions_0.json: none of its first 1 records is JSON. Write it again.",
    ),
    "a folder of something else": (
        {"a.csv": "1", "b.csv": "1", "c.csv": "1", "d.csv": "", "e.csv": "", "f.csv": "", "g.csv": ""},
        NotFoundError,
        '{raw}: no file matches "sessions*.json"; it holds a.csv, b.csv, c.csv, d.csv, e.csv, f.csv, …. '
        "Put the files there, or change `files` of the table in sources.yml.",
    ),
    "no Parquet": (
        {"sessions_0.parquet": "text"},
        FormatError,
        "{raw}/sessions_0.parquet: is no Parquet file, or is truncated. Write or copy it again.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_before_anything_is_written(case: str, spark: SparkSession, tmp_path: Path) -> None:
    files, kind, message = REFUSED[case]
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, text in files.items():
        (raw / name).write_text(text)
    with pytest.raises(kind) as error:
        land(spark, tmp_path)
    assert str(error.value) == message.replace("{raw}", str(raw))
    assert not (tmp_path / "warehouse").exists()


def test_a_missing_folder_is_named(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        land(spark, tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'raw'}: this folder does not exist. Name the folder that holds sessions*.json."
    )


def test_missing_paths_are_told(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path / "raw",
        "sessions_0.json",
        [{"session_id": "a", "referral_source": "email", "page_views": [{"page_type": "home"}], "geo_data": {}}],
    )
    landed = land(spark, tmp_path)
    assert landed.paths_missing == (
        "start_time",
        "duration_seconds",
        "geo_data.city",
        "geo_data.ip_address",
        "page_views[].timestamp",
        "cart_contents",
    )
    assert [row["referrer"] for row in table(tmp_path)] == ["email"]


def test_a_large_array_lands_from_several_tasks(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest import files

    monkeypatch.setattr(files, "_LEAST_PART", 50_000)
    path = write(tmp_path / "raw", "sessions_0.json", [session(n, note="},{") for n in range(2_000)])
    landed = land(spark, tmp_path)
    assert landed.counts == counts(2_000, 2_000, 0, 2_000)
    assert [row["duration_seconds"] for row in table(tmp_path)] == list(range(2_000))
    parts = files.plan_parts([files.inspect(path)], 2)
    assert len(parts) > 5
    assert len(DeltaTable(str(tmp_path / "warehouse/hbase/sessions")).file_uris()) == len(parts)


def parquet_rows() -> pa.Table:
    moment = datetime(2024, 1, 5, 10, 20, 30, 5)
    return pa.table(
        {
            "session_id": pa.array(["a", "b", None, "d"]),
            "start_time": pa.array([moment] * 4, pa.timestamp("us")),
            "duration_seconds": pa.array([1.0, 7.5, 3.0, None], pa.float64()),
            "geo_data": pa.array([{"city": "x", "zip": 1}, {"city": "y", "zip": None}, None, None]),
            "page_views": pa.array([[{"timestamp": "soon", "page_type": "home", "depth": 2}], [], [], None]),
            "cart_contents": pa.array(
                [[("p", {"quantity": 1, "price": 9.99})], [], None, []],
                pa.map_(pa.string(), pa.struct([("quantity", pa.int64()), ("price", pa.float64())])),
            ),
            "referral_source": pa.array(["email"] * 4),
            "colour": pa.array([None, None, None, "red"]),
        }
    )


def test_parquet_is_held_to_the_same_contract(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    pq.write_table(parquet_rows(), tmp_path / "raw" / "sessions_0.parquet")
    landed = land(spark, tmp_path)
    assert landed.counts == counts(4, 1, 3, 1)
    assert landed.paths_missing == ("geo_data.ip_address",)
    (row,) = table(tmp_path)
    assert (row["session_id"], row["referrer"], json.loads(row["_rescued"])) == ("d", "email", {"colour": "red"})
    assert row["start_time"] == datetime(2024, 1, 5, 10, 20, 30, 5, tzinfo=UTC)
    rows = table(tmp_path, "sessions__quarantine")
    assert [(row["_key"], row["_reason"], row["_position"]) for row in rows] == [
        ("a", 'page_views[].timestamp: "soon" is no timestamp', 0),
        ("b", "duration_seconds: 7.5 is no int", 1),
        (None, "key session_id is missing", 2),
    ]
    assert [row["_file"] for row in rows] == ["sessions_0.parquet"] * 3
    assert json.loads(rows[0]["_payload"])["cart_contents"] == {"p": {"quantity": 1, "price": 9.99}}
    assert rows[0]["_problem"] == "page_views[].timestamp is no timestamp"
    assert land(spark, tmp_path).skipped == "unchanged since version 0"


def test_parquet_written_by_spark_lands_as_json_does(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(n) for n in range(20)])
    land(spark, tmp_path)
    before = table(tmp_path)
    landed = spark.read.format("delta").load(str(tmp_path / "warehouse/hbase/sessions"))
    landed.drop("_rescued", "_snapshot_id", "_landed_at").write.parquet(str(tmp_path / "raw" / "sessions_0.parquet"))
    (tmp_path / "raw" / "sessions_0.json").unlink()
    again = land(spark, tmp_path)
    assert (again.counts, again.version) == (counts(20, 20), 1)
    for row in (*before, *(after := table(tmp_path))):
        del row["_landed_at"]
    assert after == before


def test_foreign_parquet_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "sessions_0.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(ContractError) as error:
        land(spark, tmp_path)
    assert str(error.value) == (
        f"{path}: none of the paths of hbase.sessions in sources.yml occurs in it: it has x. Is it another table's file?"
    )
    pq.write_table(pa.table({"referrer": ["x"]}), path)
    with pytest.raises(ContractError) as error:
        land(spark, tmp_path)
    assert str(error.value) == (
        f'{path}: the key "session_id" of hbase.sessions is no column of it; it has referrer. '
        "Mend the file, or `key` in sources.yml."
    )


def test_a_copied_folder_is_known_by_its_content(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "raw", "sessions_0.json", [session(1)])
    land(spark, tmp_path)
    shutil.copytree(tmp_path / "raw", tmp_path / "copy")
    shutil.rmtree(tmp_path / "raw")
    (tmp_path / "copy").rename(tmp_path / "raw")
    assert land(spark, tmp_path).skipped == "unchanged since version 0"

"""What a Delta log tells of a table without its rows: size, versions, statistics of columns. Logs are written by hand here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runner.delta import log as delta_log
from runner.site.catalog.stored import read_stored

Action = Mapping[str, Any]


def column(name: str, kind: Any, **metadata: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def schema(*columns: Mapping[str, Any], partition_by: tuple[str, ...] = ()) -> list[Action]:
    text = json.dumps({"type": "struct", "fields": columns})
    metadata = {"id": "1", "format": {"provider": "parquet"}, "schemaString": text, "partitionColumns": list(partition_by), "configuration": {}}  # fmt: skip
    return [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}]


def file(
    name: str, *, size: int = 100, values: Mapping[str, Any] | None = None, deleted: int = 0, **stats: Any
) -> Action:
    add: dict[str, Any] = {
        "path": name,
        "partitionValues": values or {},
        "size": size,
        "modificationTime": 0,
        "dataChange": True,
    }
    if stats:
        names = {"rows": "numRecords", "nulls": "nullCount", "least": "minValues", "greatest": "maxValues"}
        add["stats"] = json.dumps({names[key]: value for key, value in stats.items()})
    if deleted:
        add["deletionVector"] = {"storageType": "u", "pathOrInlineDv": "x", "sizeInBytes": 1, "cardinality": deleted}
    return {"add": add}


def commit(table: Path, version: int, *actions: Action, operation: str = "WRITE", **said: Any) -> None:
    info = {"timestamp": 1_767_225_600_000 + version * 60_000, "operation": operation}
    if said:
        info["userMetadata"] = json.dumps(said)
    delta_log.commit(table, version, [{"commitInfo": info}, *actions])


def test_statistics_of_files_add_up(tmp_path: Path) -> None:
    first = file("a", rows=3, nulls={"n": 1, "price": 0}, least={"n": 4, "price": 1.5}, greatest={"n": 9, "price": 2.0})
    second = file("b", rows=2, nulls={"n": 2, "price": 1}, least={"price": 0.25}, greatest={"price": 0.25})
    commit(tmp_path, 0, *schema(column("n", "long"), column("price", "decimal(12,2)")), first, second)
    found = read_stored(tmp_path)
    assert found is not None
    assert (found.rows, found.size, found.files, found.version) == (5, 200, 2, 0)
    assert (found.figures["n"].nulls, found.figures["n"].least, found.figures["n"].greatest) == (3, 4, 9)
    assert found.figures["price"].least == Decimal("0.25") and str(found.figures["price"].greatest) == "2.00"


def test_fields_of_structs_have_figures_of_their_own_and_arrays_none(tmp_path: Path) -> None:
    place = {"type": "struct", "fields": [column("city", "string")]}
    tags = {"type": "array", "elementType": "string", "containsNull": True}
    stats = {"rows": 2, "nulls": {"place": {"city": 1}, "tags": 0}, "least": {"place": {"city": "Graz"}}, "greatest": {"place": {"city": "Graz"}}}  # fmt: skip
    commit(tmp_path, 0, *schema(column("place", place), column("tags", tags)), file("a", **stats))
    found = read_stored(tmp_path)
    assert found is not None
    assert (found.figures["place.city"].nulls, found.figures["place.city"].least) == (1, "Graz")
    assert found.figures["place.city"].type == "string"
    assert found.figures["tags"].why_not == "Delta keeps no statistics of arrays and maps"


def test_a_column_that_a_file_says_nothing_of_has_no_figures(tmp_path: Path) -> None:
    first = file("a", rows=3, nulls={"n": 0}, least={"n": 1}, greatest={"n": 2})
    commit(
        tmp_path,
        0,
        *schema(column("n", "long"), column("late", "long")),
        first,
        file("b", rows=1, nulls={"n": 0, "late": 0}),
    )
    found = read_stored(tmp_path)
    assert found is not None
    assert found.figures["late"].why_not.startswith("its files say nothing of this column")
    assert (found.figures["n"].nulls, found.figures["n"].least) == (0, None)  # no ends in the second file
    commit(tmp_path, 1, file("c"))
    found = read_stored(tmp_path)
    assert found is not None and found.rows is None and found.figures["n"].nulls is None


def test_texts_are_cut_and_times_are_in_utc(tmp_path: Path) -> None:
    stats = {"rows": 2, "nulls": {"t": 0, "s": 0}, "least": {"t": "2026-01-01T01:00:00.000+01:00", "s": "a" * 32}, "greatest": {"t": "2026-01-02T00:00:00.000Z", "s": "b"}}  # fmt: skip
    commit(tmp_path, 0, *schema(column("t", "timestamp"), column("s", "string")), file("a", **stats))
    found = read_stored(tmp_path)
    assert found is not None
    assert found.figures["t"].least == datetime(2026, 1, 1, tzinfo=UTC)
    assert (found.figures["s"].is_cut, found.figures["t"].is_cut) == (True, False)


def test_partition_columns_have_their_values_from_the_files_names(tmp_path: Path) -> None:
    parts = schema(column("day", "date"), column("n", "long"), partition_by=("day",))
    commit(
        tmp_path,
        0,
        *parts,
        *(file(day or "none", values={"day": day}, rows=2) for day in ("2026-01-02", "2026-01-01", None)),
    )
    found = read_stored(tmp_path)
    assert found is not None and found.partition_by == ("day",)
    assert (found.figures["day"].nulls, found.figures["day"].least, found.figures["day"].greatest) == (
        2,
        "2026-01-01",
        "2026-01-02",
    )


def test_rows_that_vectors_delete_do_not_count_and_missing_values_are_not_known(tmp_path: Path) -> None:
    commit(
        tmp_path,
        0,
        *schema(column("n", "long")),
        file("a", deleted=2, rows=5, nulls={"n": 1}, least={"n": 1}, greatest={"n": 2}),
    )
    found = read_stored(tmp_path)
    assert found is not None
    assert (found.rows, found.figures["n"].nulls, found.figures["n"].greatest) == (3, None, 2)


def test_mapped_columns_are_found_by_their_name_in_the_files(tmp_path: Path) -> None:
    named = column("n", "long", **{"delta.columnMapping.physicalName": "col-1"})
    commit(
        tmp_path, 0, *schema(named), file("a", rows=1, nulls={"col-1": 0}, least={"col-1": 7}, greatest={"col-1": 7})
    )
    found = read_stored(tmp_path)
    assert found is not None and found.figures["n"].least == 7


def test_each_version_says_what_the_table_was_then_and_who_made_it(tmp_path: Path) -> None:
    commit(
        tmp_path, 0, *schema(column("n", "long")), file("a", size=10, rows=3), sluice=1, model="model.x.y", run_id="r0"
    )
    commit(tmp_path, 1, file("b", size=20, rows=4))
    commit(tmp_path, 2, {"remove": {"path": "a", "dataChange": True}}, operation="DELETE")
    found = read_stored(tmp_path)
    assert found is not None
    assert [(one.commit.version, one.rows, one.size, one.files) for one in found.versions] == [
        (2, 4, 20, 1),
        (1, 7, 30, 2),
        (0, 3, 10, 1),
    ]
    assert (found.versions[2].commit.said["run_id"], found.versions[0].commit.operation) == ("r0", "DELETE")


@pytest.mark.parametrize(("versions", "shown", "earlier"), [(3, 3, 0), (25, 20, 5)])
def test_of_many_versions_the_newest_are_told(tmp_path: Path, versions: int, shown: int, earlier: int) -> None:
    commit(tmp_path, 0, *schema(column("n", "long")), file("0", rows=1))
    for number in range(1, versions):
        commit(tmp_path, number, file(str(number), rows=1))
    found = read_stored(tmp_path)
    assert found is not None
    assert (len(found.versions), found.earlier, found.versions[0].rows) == (shown, earlier, versions)
    assert found.versions[-1].rows == earlier + 1


def test_what_is_no_table_has_nothing(tmp_path: Path) -> None:
    assert read_stored(tmp_path) is None

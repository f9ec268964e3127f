"""Where landing's own keys may stand in `sources.yml`: beside dbt's keys, or under `meta`, which dbt leaves free."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import FormatError
from runner.model import SourceTable
from runner.project.properties import read_properties

BESIDE = """
sources:
  - name: hbase
    store: hbase
    tables:
      - name: sessions
        key: [session_id]
        files: "sessions*.json"
        stored_as: visits
        ignored_cells: ["stats:pages"]
        incremental: {cursor: write_time}
        columns:
          - {name: session_id, data_type: string, cells: [":key[-1]"], codec: utf8, aliases: [sid]}
"""
UNDER_META = """
sources:
  - name: hbase
    meta: {store: hbase, team: web}
    tables:
      - name: sessions
        config:
          meta: {key: [session_id], files: "sessions*.json", stored_as: visits}
        meta: {ignored_cells: ["stats:pages"], incremental: {cursor: write_time}}
        columns:
          - name: session_id
            data_type: string
            meta: {cells: [":key[-1]"], codec: utf8, aliases: [sid]}
"""


def table_of(folder: Path, text: str) -> SourceTable:
    path = folder / "sources.yml"
    path.write_text(text, encoding="utf-8")
    (table,) = read_properties([(path, "sources.yml")], project="shop").sources
    return table


@pytest.mark.parametrize("text", [BESIDE, UNDER_META], ids=["beside", "under meta"])
def test_both_places_say_the_same(tmp_path: Path, text: str) -> None:
    table = table_of(tmp_path, text)
    assert (table.store, table.key, table.files, table.stored_as) == (
        "hbase",
        ("session_id",),
        "sessions*.json",
        "visits",
    )
    assert (table.ignored_cells, dict(table.incremental)) == (("stats:pages",), {"cursor": "write_time"})
    (column,) = table.columns
    assert (column.cells, column.codec, column.aliases) == ((":key[-1]",), "utf8", ("sid",))


def test_the_place_beside_wins(tmp_path: Path) -> None:
    text = BESIDE.replace("    store: hbase\n", "    store: hbase\n    meta: {store: mongodb}\n")
    assert table_of(tmp_path, text).store == "hbase"


def test_a_key_under_meta_that_is_no_column_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as raised:
        table_of(tmp_path, UNDER_META.replace("key: [session_id]", "key: [session]"))
    assert (
        str(raised.value)
        == 'sources.yml:8: the key of table "hbase.sessions" names "session", which is none of its columns.'
    )

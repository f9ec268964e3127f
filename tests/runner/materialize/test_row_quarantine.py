"""Rows that fail a check, put into quarantine: the rest is published, and together they are the candidate."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.suite import load_suite
from runner import delta
from runner.errors import ProjectError
from runner.project.parse import load_project
from runner.publishing.row_quarantine import in_quarantine
from runner.quality import load_quality

if TYPE_CHECKING:
    from conftest import Work

    from runner.execute import NodeResult

SUITE = """
    model: m
    on_failure: quarantine
    max_quarantine_share: 0.8
    expectations:
      - {expect: expect_column_values_to_not_be_null, column: name}
      - {expect: expect_column_values_to_be_between, column: n, max_value: 9, where: "name is null or name <> 'free'"}
      - {expect: expect_column_values_to_exist_in, column: place, to: places, field: place}
      - {expect: expect_column_values_to_be_unique, column: id, keep: "at desc"}
      - {expect: expect_table_row_count_to_be_between, max_value: 4}
"""


def values(*rows: tuple[Any, ...]) -> str:
    """Returns the SELECT of rows of id, name, n, place, at."""
    whole = [(*row, *("here", 1)[len(row) - 3 :]) for row in rows]
    listed = ", ".join("(" + ", ".join("null" if one is None else repr(one) for one in row) + ")" for row in whole)
    return f"select * from values {listed} as given(id, name, n, place, at)"


def aside(work: Work) -> list[tuple[Any, list[str]]]:
    """Returns id and reasons of the rows in quarantine, a reason without its place."""
    path = work.path("m__quarantine")
    rows = delta.first_rows(path, 99)[1] if delta.is_table(path) else []
    assert all(row["_run_id"] == "run-1" and isinstance(row["_quarantined_at"], datetime) for row in rows)
    return sorted((row["id"], [reason.split(" (")[0] for reason in row["_reasons"]]) for row in rows)


def ids(work: Work) -> list[int]:
    return sorted(row[0] for row in work.rows())


@pytest.fixture
def quarantined(work: Work) -> Work:
    work.model("select 'here' as place", name="places", materialized="table")
    work.model("select 1 as id", materialized="table")
    work.file("expectations/suites/m.yml", SUITE)
    return work


def build(work: Work, **options: Any) -> NodeResult:
    return work.build("m", **options)["m"]


def test_bad_rows_go_aside_with_all_their_reasons(quarantined: Work) -> None:
    work = quarantined
    work.build("places")
    null, high = "expect_column_values_to_not_be_null", "expect_column_values_to_be_between"
    rows = [
        (1, "a", 1),
        (2, None, 50),
        (3, "free", 50),
        (4, "c", 3, "there"),
        (5, "d", 4, "here", 1),
        (5, "e", 5, "here", 2),
    ]
    work.model(values(*rows), materialized="table")
    result = build(work)
    assert (result.status, result.rows) == ("warn", 3), result.message
    assert result.message.startswith(
        "3 of 6 rows (50 %) went into quarantine. The rows and their reasons: run show m --"
    )
    assert ids(work) == [1, 3, 5]
    assert [row[1] for row in work.rows() if row[0] == 5] == ["e"]  # the newest stays
    assert aside(work) == [
        (2, [f"{null}(name)", f"{high}(n)"]),
        (4, ["expect_column_values_to_exist_in(place)"]),
        (5, ["expect_column_values_to_be_unique(id)"]),
    ]
    checked = work.check("m")["m"]
    assert checked.status == "warn"
    assert checked.message.startswith("3 rows are in quarantine. The rows and their reasons: run show m --quarantine")

    # Too many: nothing is published, neither rows nor quarantine. Then a table check over what would be published.
    before = work.published()
    work.model(values(*[(n, None, 1) for n in range(9)], (10, "a", 1)), materialized="table")
    result = build(work)
    assert result.status == "withheld"
    assert "9 of 10 rows (90 %) would go into quarantine, and max_quarantine_share allows 80 %" in result.message
    work.model(values(*[(n, "a", 1) for n in range(5)], (10, None, 1)), materialized="table")
    result = build(work)
    assert (result.status, work.published()) == ("withheld", before)
    assert "table_row_count" in result.message or "row" in result.message
    assert len(aside(work)) == 3
    assert not list(work.path("m__quarantine").glob("candidate-*/_delta_log"))

    work.model(values((1, "a", 1), (2, "b", 2)), materialized="table")  # a full build replaces the quarantine
    assert (build(work).status, ids(work), aside(work)) == ("success", [1, 2], [])
    assert in_quarantine(work.root / "warehouse", load_project(work.root).models["m"].table) == 0


@pytest.mark.parametrize(
    ("config", "left"),
    [
        ({"incremental_strategy": "merge", "unique_key": "id"}, [3]),
        ({"incremental_strategy": "append"}, [2, 3]),
        ({"incremental_strategy": "insert_overwrite", "partition_by": "at"}, [3]),
        ({"incremental_strategy": "replace_where", "replace_where": "at = 1"}, [3]),
    ],
)
def test_an_incremental_build_takes_out_what_it_delivers_anew(
    quarantined: Work, config: dict[str, Any], left: list[int]
) -> None:
    work = quarantined
    work.build("places")
    config = {"materialized": "incremental", **config}
    work.model(values((1, "a", 1), (2, None, 1), (3, None, 1, "here", 2)), **config)
    assert build(work).status == "warn"
    assert (ids(work), [one[0] for one in aside(work)]) == ([1], [2, 3])
    again = [(2, "b", 1)] if "append" in config.values() or "merge" in config.values() else [(1, "a", 1), (2, "b", 1)]
    work.model(values(*again), **config)
    result = build(work)
    assert result.status == "success", result.message  # nothing bad came in this time
    assert (ids(work), [one[0] for one in aside(work)]) == ([1, 2], left)
    assert set(delta.first_rows(work.path(), 1)[0]) == {"id", "name", "n", "place", "at"}
    work.model(values((1, None, 1)), **config)  # an update that is bad takes the row out, where it replaces it
    if config["incremental_strategy"] == "merge":
        assert build(work).status == "warn"
        assert (ids(work), [one[0] for one in aside(work)]) == ([2], [1, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("on_failure: stay", 's.yml:2: "on_failure" is stop or quarantine, not "stay".'),
        ("max_quarantine_share: 3", 's.yml:2: "max_quarantine_share" is a share from 0 to 1, not 3.'),
        (
            "expectations: [{expect: expect_table_row_count_to_equal, value: 1, on_failure: quarantine}]",
            "s.yml:2: expect_table_row_count_to_equal judges the table, no single row of it: nothing can be put into "
            "quarantine. Leave on_failure out.",
        ),
        (
            "expectations: [{expect: expect_column_values_to_not_be_null, column: a, on_failure: go}]",
            's.yml:2: "on_failure" is stop or quarantine, not "go".',
        ),
        (
            "expectations: [{expect: expect_column_values_to_be_unique, column: a, keep: at}]",
            's.yml:2: "keep" says which of several rows with one key stays, where uniqueness has "on_failure: quarantine".',
        ),
    ],
)
def test_what_a_suite_cannot_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yml").write_text(f"model: m\n{text}\n", encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        load_suite(Path("s.yml"))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("view", "m is a view, which has no rows of its own: nothing can be put aside. Leave on_failure out."),
        ("source", "shop.orders is a landed table, and its landing has a quarantine already. Leave on_failure out."),
    ],
)
def test_where_no_row_can_be_put_aside(tmp_path: Path, kind: str, why: str) -> None:
    files = {
        "project.yml": "name: small\ntargets: {dev: {warehouse: warehouse, schema: marts}}\n",
        "models/m.sql": "{{ config(materialized='view') }} select 1 as id",
        "sources.yml": "sources: [{name: shop, tables: [{name: orders, key: [id], columns: [{name: id, data_type: int}]}]}]",
        "expectations/suites/s.yml": f"model: {'shop.orders' if kind == 'source' else 'm'}\nexpectations:\n"
        "  - {expect: expect_column_values_to_not_be_null, column: id, on_failure: quarantine}\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        load_quality(load_project(tmp_path))
    assert str(caught.value).endswith(f"suites/s.yml:3: {why}")

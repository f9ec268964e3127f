"""The rows that fail a check: kept beside the model, each with its reason, and shown by `run show MODEL --failures`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from expectations.suite import load_suite
from runner import delta
from runner.cli.look import show_command
from runner.errors import FormatError
from runner.names import TableRef
from runner.quality import failing_rows
from runner.quality.failing_rows import FailingRow, failures_of, read_failing_rows

if TYPE_CHECKING:
    from conftest import Work

M = TableRef("marts", "m")


def row(run: str, number: int = 1, *, hours: int = 0, text: str | None = None) -> FailingRow:
    return FailingRow(
        run_id=run, failed_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours), check="c", severity="error",
        status="fail", reason="r", place="s.yml:3", failing=7, row=text or json.dumps({"n": number}),
    )  # fmt: skip


def keep(warehouse: Path, *rows: FailingRow) -> None:
    failing_rows._append(failures_of(M).path(warehouse), rows)


def test_the_newest_run_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    assert read_failing_rows(tmp_path, M) == []
    keep(tmp_path, row("first", 1))
    keep(tmp_path, row("second", 2, hours=1), row("second", 3, hours=1))
    assert [one.values for one in read_failing_rows(tmp_path, M)] == [{"n": 2}, {"n": 3}]
    assert [one.values for one in read_failing_rows(tmp_path, M, run="fir")] == [{"n": 1}]
    assert read_failing_rows(tmp_path, M, run="third") == []


def test_the_last_ten_runs_are_kept(tmp_path: Path) -> None:
    for number in range(12):
        keep(tmp_path, row(f"run{number:02}", hours=number), row(f"run{number:02}", hours=number))
    kept = [number for number in range(12) if read_failing_rows(tmp_path, M, run=f"run{number:02}")]
    assert kept == list(range(2, 12))
    assert delta.row_count(failures_of(M).path(tmp_path)) == 20


def test_a_row_that_was_cut_is_shown_as_text() -> None:
    assert row("r", text='{"a": "bcd').values == {"row": '{"a": "bcd'}
    assert row("r", text="[1]").values == {"row": "[1]"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("many", 's.yml:4: "failing_rows" is a number of rows from 0 to 10,000, not "many".'),
        ("-1", 's.yml:4: "failing_rows" is a number of rows from 0 to 10,000, not -1.'),
        ("20000", 's.yml:4: "failing_rows" is a number of rows from 0 to 10,000, not 20000.'),
        ("true", 's.yml:4: "failing_rows" is a number of rows from 0 to 10,000, not true.'),
    ],
)
def test_how_many_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    text = f"model: m\nexpectations:\n  - expect: expect_table_row_count_to_equal\n    failing_rows: {given}\n    value: 1\n"
    Path("s.yml").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError) as caught:
        load_suite(Path("s.yml"))
    assert str(caught.value) == message


SUITE = """
    model: m
    expectations:
      - {expect: expect_column_values_to_not_be_null, column: id}
      - {expect: expect_column_values_to_be_between, column: price, min_value: 0, failing_rows: 1}
      - {expect: expect_compound_columns_to_be_unique, column_list: [shop, ref], ignore_row_if: never}
      - {expect: expect_column_values_to_be_unique, column: ref, where: "shop = 'a'"}
      - {expect: expect_column_values_to_exist_in, column: shop, to: shops, field: code, severity: warn}
      - {expect: expect_rows_to_satisfy, condition: "price < 50", name: cheap}
      - {expect: expect_column_values_to_be_in_set, column: shop, value_set: [a], failing_rows: 0}
      - {expect: expect_table_row_count_to_equal, value: 3}
"""
ROWS = """
    select * from values
        (1, 'a', 'x', 1), (2, 'a', 'x', -1), (3, 'b', null, -2), (4, 'b', null, 60), (null, 'c', 'y', 5), (6, null, 'z', 6)
    as given(id, shop, ref, price)
"""


@pytest.fixture
def kept(work: Work) -> Work:
    work.model("select * from values ('a'), ('b') as given(code)", name="shops")
    work.model(ROWS)
    work.file("expectations/suites/m.yml", SUITE)
    result = work.build()["m"]
    assert result.status == "withheld"
    work.kept = {check.title: check.kept for check in result.checks.results}  # type: ignore[attr-defined]
    return work


def test_the_rows_themselves_are_kept_by_check_and_shown(kept: Work) -> None:
    found: dict[str, list[object]] = {}
    for one in read_failing_rows(kept.root / "warehouse", M):
        found.setdefault(one.check, []).append(one.values["id"])
        assert list(one.values) == ["id", "shop", "ref", "price"]
        assert (one.run_id, one.reason != "", one.place.rpartition(":")[0].endswith("m.yml")) == ("run-1", True, True)
    assert {check: sorted(ids, key=str) for check, ids in found.items()} == {
        "expect_column_values_to_not_be_null (id)": [None],
        "expect_column_values_to_be_between (price)": [2],
        "expect_compound_columns_to_be_unique": [1, 2, 3, 4],
        "expect_column_values_to_be_unique (ref)": [1, 2],
        "expect_column_values_to_exist_in (shop)": [None],
        "cheap": [4],
    }
    assert kept.kept == {check: len(ids) for check, ids in found.items()} | {  # type: ignore[attr-defined]
        "expect_column_values_to_be_in_set (shop)": 0,
        "expect_table_row_count_to_equal": 0,
    }
    shown = CliRunner().invoke(show_command, ["m", "--failures", "--project-dir", str(kept.root)])
    assert shown.exit_code == 0, shown.output
    assert "fail: 2 of 6 values of price (33 %) are " in shown.output
    assert "1 of 2 failing rows; 1 are kept." in shown.output
    lines = CliRunner().invoke(
        show_command, ["m", "--failures", "--output", "json", "--run", "run-1", "--project-dir", str(kept.root)]
    )
    assert len([line for line in lines.stdout.splitlines() if json.loads(line)["run_id"] == "run-1"]) == 10
    none = CliRunner().invoke(show_command, ["shops", "--failures", "--project-dir", str(kept.root)])
    assert "no failing rows of shops are kept: no check of shops failed, or none that fails by rows." in str(
        none.exception
    )

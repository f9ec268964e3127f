"""The table of check results: what makes a check the same, rows, two runs at once, many files made one. Without Spark."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from expectations.history import results
from expectations.history.identity import check_id, check_ids
from expectations.history.results import COLUMNS, Run, append, read, rows_of
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation

WHEN = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
NULLS = Expectation(type="expect_column_values_to_not_be_null", arguments={"column": "total"})


def expectation(kind: str, **rest: Any) -> Expectation:
    arguments = {key: value for key, value in rest.items() if key not in ("where", "severity", "name", "test_id")}
    return Expectation(
        type=kind, arguments=arguments, **{key: value for key, value in rest.items() if key not in arguments}
    )


def test_limits_severity_and_name_leave_a_check_what_it_is() -> None:
    between = "expect_column_values_to_be_between"
    one = expectation(between, column="total", min_value=0)
    other = expectation(between, column="total", min_value=1, max_value=9, severity="warn", name="money")
    assert check_id(one) == check_id(other) == "expect_column_values_to_be_between.total"
    assert check_ids([one, other]) == [check_id(one), f"{check_id(one)}#2"]


def test_what_is_asked_and_of_which_rows_makes_it_another() -> None:
    satisfy = "expect_rows_to_satisfy"
    ids = [
        check_id(expectation(satisfy, condition="a > 0")),
        check_id(expectation(satisfy, condition="a > 1")),
        check_id(expectation(satisfy, condition="a > 0", where="b")),
        check_id(expectation("expect_compound_columns_to_be_unique", column_list=["a", "b"])),
        check_id(expectation("expect_table_row_count_to_be_between", min_value=1)),
        check_id(expectation(satisfy, condition="a > 0", test_id="test.shop.positive")),
    ]
    assert len(set(ids)) == len(ids)
    assert ids[3:] == [
        "expect_compound_columns_to_be_unique.a-b",
        "expect_table_row_count_to_be_between",
        "test.shop.positive",
    ]


def suite(status: Any = "pass", model: str = "orders") -> SuiteResult:
    check = CheckResult(
        expectation=NULLS,
        status=status,
        level=status,
        observed="3 of 10",
        message="m" * 900,
        failing_count=3,
        numbers={"failing": 3, "share": 0.3, "worst": float("nan"), "days": ["2026-01-01"]},
    )
    return SuiteResult(model=model, results=(check,), rows=10)


def run(number: int, *, target: str = "dev") -> Run:
    return Run(run_id=f"run-{number}", run_at=WHEN + timedelta(days=number), command="models", target=target)


def test_rows_come_back_as_they_were_oldest_run_first(tmp_path: Path) -> None:
    path = tmp_path / "sluice" / "check_results"
    assert read(path, target="dev") == []
    append(path, [])
    assert not path.exists()
    append(path, rows_of(run(1), suite("fail"), version=None, is_published=False))
    append(path, rows_of(run(0), suite(), version=4, is_published=True))
    append(path, rows_of(run(2, target="prod"), suite(model="users"), version=4, is_published=True))
    first, second = read(path, target="dev", model="orders")
    assert list(first) == [name for name, _, _ in COLUMNS]
    assert (first["run_id"], first["version"], first["is_published"], first["status"]) == ("run-0", 4, True, "pass")
    assert (second["run_id"], second["version"], second["is_published"]) == ("run-1", None, False)
    assert first["run_at"] == WHEN
    assert first["numbers"] == {"failing": 3.0, "share": 0.3}
    assert (first["check_id"], first["row_count"]) == ("expect_column_values_to_not_be_null.total", 10)
    assert len(first["message"]) == 500
    assert read(path, target="dev", expectations=["expect_rows_to_satisfy"]) == []
    assert [row["model"] for row in read(path, target="prod", columns=["model"])] == ["users"]


def test_the_table_says_what_its_columns_are(tmp_path: Path) -> None:
    append(tmp_path / "t", rows_of(run(0), suite(), version=0, is_published=True))
    table = DeltaTable(str(tmp_path / "t"))
    assert table.metadata().description == results.DESCRIPTION
    said = {field["name"]: field["metadata"]["comment"] for field in json.loads(table.schema().to_json())["fields"]}
    assert said == {name: text for name, _, text in COLUMNS}


WRITER = """
import sys
from pathlib import Path
from tests.expectations.history.test_check_results import append, rows_of, run, suite
for number in range(8):
    append(Path(sys.argv[1]), rows_of(run(number), suite(model=sys.argv[2]), version=number, is_published=True))
"""


def test_runs_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Two processes make the table together and go on adding to it."""
    path = tmp_path / "check_results"
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stderr=subprocess.PIPE) for name in "ab"
    ]
    assert [(one.communicate()[1], one.returncode) for one in running] == [(b"", 0)] * 2
    found = sorted((row["model"], row["version"]) for row in read(path, target="dev"))
    assert found == [(name, number) for name in "ab" for number in range(8)]
    assert DeltaTable(str(path)).version() == 15


def test_many_files_become_one_and_old_rows_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_FILES", 6)
    path = tmp_path / "check_results"
    now = datetime.now(UTC)
    for days in (900, 20, 10, 5, 2, 1):
        at = Run(run_id=f"{days}", run_at=now - timedelta(days=days), command="models", target="dev")
        append(path, rows_of(at, suite(), version=days, is_published=True))
    table = DeltaTable(str(path))
    assert len(table.file_uris()) == 1
    assert [row["version"] for row in read(path, target="dev")] == [20, 10, 5, 2, 1]
    append(path, rows_of(run(0), suite(), version=0, is_published=True))
    assert len(read(path, target="dev")) == 6


def test_the_page_describes_every_column(root: Path) -> None:
    page = (root / "docs/check-history.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| `")] == [
        f"| `{name}` | {kind} | {said} |" for name, kind, said in COLUMNS
    ]

"""What a landing's own counts say of the contract's paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from expectations.causes import DEAD
from expectations.result import CheckResult
from runner.model import SourceTable
from runner.project.parse import load_project
from runner.sources.landed_paths import coverage

TABLE: SourceTable = load_project(Path(__file__).parents[3]).sources["mongodb.products"]


def asked(filled: dict[str, int], lost: list[dict[str, Any]] | None = None, rows: int = 1_000) -> CheckResult | None:
    return coverage({"rows": rows, "filled": filled, "lost": lost or []}, TABLE)


def test_paths_that_no_record_has_are_named_with_what_they_may_be_called() -> None:
    found = asked(
        {"product_id": 1_000, "base_price": 0, "price_history": 0, "price_history[].price": 0},
        [{"path": "base_price", "may_be": "price"}],
    )
    assert found is not None
    assert (found.status, found.level, found.cause) == ("warn", "fail", DEAD)
    assert found.message == "None of 1,000 landed records of mongodb.products has base_price, price_history."
    assert found.evidence == (
        'base_price is filled in no record. Records have "price", which no contract names.',
        "price_history is filled in no record.",
    )


def test_a_path_may_be_optional_and_one_record_is_enough() -> None:
    found = asked({"product_id": 1_000, "subcategory_id": 0, "price_history": 1})
    assert found is not None
    assert (found.status, found.message) == (
        "pass",
        "Each of 3 paths of the contract is filled in some of 1,000 records.",
    )


def test_nothing_is_said_of_a_few_rows_or_without_counts() -> None:
    assert asked({"base_price": 0}, rows=99) is None
    assert coverage({}, TABLE) is None

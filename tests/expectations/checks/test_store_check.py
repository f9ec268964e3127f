"""A landed table against its store, as a check: what a comparison says becomes a verdict. Without Spark and stores."""

from __future__ import annotations

from typing import Any

from expectations.causes import STORE
from expectations.checks.store import MATCH
from expectations.definition import Finding, Given, Table


def compared(**rest: Any) -> dict[str, Any]:
    none = {"total": 0, "first": []}
    kinds = ("missing", "extra", "differing", "doubled", "not_quarantined", "only_quarantined")
    return {
        "stored": 1000, "stored_unfit": 1, "landed": 999, "quarantined": 1, "ranges": 65, "differing_ranges": [],
        "columns": {}, "is_equal": True, **dict.fromkeys(kinds, none), **rest,
    }  # fmt: skip


def key(name: str, stored: int, landed: int, *columns: str) -> dict[str, Any]:
    return {"key": name, "stored": stored, "landed": landed, "columns": columns}


def judge(found: dict[str, Any] | None, most: int = 10) -> Finding:
    assert MATCH.judge is not None
    return MATCH.judge({"most": most}, {"store": found})


def test_it_needs_what_is_handed_in() -> None:
    assert MATCH.needs is not None
    needs = MATCH.needs({"most": 10}, Table(columns={}, facts={"store": compared()}))
    assert needs == {"store": Given(name="store")}
    assert isinstance(needs["store"], Given) and needs["store"].value == compared()


def test_a_store_that_was_not_asked_is_no_failure() -> None:
    found = judge({"why": 'the target "dev" names no stores'})
    assert (found.level, found.observed) == ("pass", "not asked: no store")
    assert found.message == 'The store was not asked: the target "dev" names no stores.'
    assert judge(None).message == "The store was not asked: nobody asked it."


def test_all_is_landed_as_it_is() -> None:
    found = judge(compared())
    assert (found.level, found.observed) == ("pass", "equal")
    assert found.message == (
        "1,000 records in the store, 999 landed and 1 in quarantine; the digests of all 65 ranges of keys agree."
    )
    assert found.numbers["figure"] == 0 and found.numbers["stored"] == 1000


def test_what_differs_is_counted_and_named() -> None:
    found = judge(
        compared(
            is_equal=False,
            differing_ranges=[{}, {}],
            missing={"total": 2, "first": [key("sess_1", 1, 0), key("sess_2", 1, 0)]},
            differing={"total": 1, "first": [key("sess_3", 1, 1, "total", "city")]},
            columns={"total": 1, "city": 1},
        ),
        most=2,
    )
    assert (found.level, found.cause, found.failing_count) == ("fail", STORE, 3)
    assert found.message == (
        "1,000 records in the store, 999 landed and 1 in quarantine: 2 keys are in the store and not here; "
        "1 keys have other values."
    )
    assert found.evidence == ("Values differ in total (1 keys), city (1 keys).",)
    assert [(row["difference"], row["key"]) for row in found.rows] == [("missing", "sess_1"), ("missing", "sess_2")]


def test_a_store_that_was_written_to_meanwhile_warns() -> None:
    found = judge(compared(is_equal=False, differing_ranges=[{}]))
    assert (found.level, found.observed) == ("warn", "1 ranges differ, no key does")

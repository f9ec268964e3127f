"""What tells the stores of rows apart, from counts of missing values alone."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.definition import Slice
from expectations.diagnosis.origins import Origins, label_of, store_of
from expectations.result import CheckResult
from expectations.suite import Expectation

A, B, C = "A (a.one)", "B (b.two)", "C (c.three)"
NOBODY: Any = None  # the frame is asked for where a union's rows are told apart by their keys
ORIGINS = Origins(
    columns={"id": A, "name": A, "visit": B, "device": B, "note": B, "total": C, "paid": C},
    copies=frozenset({"id", "name", "visit", "device", "note"}),
    keys=frozenset({"id", "visit"}),
)


def counts(**missing: int) -> dict[str, int]:
    return dict.fromkeys(ORIGINS.columns, 0) | missing


CASES: list[tuple[str, dict[str, int], set[str]]] = [
    ("every row has every store", counts(), set()),
    ("an outer join", counts(name=3, visit=40, device=40, note=60), {"visit", "device"}),
    ("a key alone is believed", counts(name=3, visit=40, device=50, note=60), {"visit"}),
    ("an optional field is no outer join", counts(note=60, paid=9), set()),
    ("nor are two of a store whose key is there", counts(note=60, device=60), set()),
    ("what is computed says it, too", counts(total=7, paid=7), {"total", "paid"}),
    ("both sides", counts(id=5, name=5, visit=40, device=40, note=41), {"id", "name", "visit", "device"}),
]


@pytest.mark.parametrize(("missing", "used"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_columns_that_tell_a_store(missing: dict[str, int], used: set[str]) -> None:
    found = label_of(ORIGINS, missing, NOBODY)
    assert (set() if found is None else set(found.columns)) == used


def test_optional_fields_are_no_outer_join_where_most_columns_are_filled() -> None:
    names = ("a", "b", "c", "d", "e")
    origins = Origins(
        columns=dict.fromkeys(names, A) | {"id": B}, copies=frozenset((*names, "id")), keys=frozenset({"id"})
    )
    filled = dict.fromkeys(names, 0) | {"id": 0}
    assert label_of(origins, filled | {"a": 9, "b": 9}, NOBODY) is None
    found = label_of(origins, filled | {"a": 9, "b": 9, "c": 9}, NOBODY)
    assert found is not None and found.columns == {"a", "b", "c"}


def test_only_columns_of_one_store_are_counted() -> None:
    asked = Origins(
        columns={f"c{number:02}": A for number in range(20)} | {"key": A}, keys=frozenset({"key"})
    ).missing()
    assert next(iter(asked)) == "key" and len(asked) == 12
    assert asked["key"].call == "count_if(`key` IS NULL)"


def checked(*, failing: str = "", dead: tuple[str, ...] = (), **arguments: Any) -> CheckResult:
    kind = "expect_column_values_to_not_be_null" if arguments else "expect_rows_to_satisfy"
    one = Expectation(type=kind, arguments=arguments or {"condition": "x"})
    return CheckResult(expectation=one, status="fail", level="fail", failing=failing, numbers={"dead": list(dead)})


def test_a_check_of_columns_of_one_store_names_it() -> None:
    assert store_of(ORIGINS, checked(column="device"), 40) == Slice(column="store", value=B, rows=40)
    assert store_of(ORIGINS, checked(column="device.os"), 40) == Slice(column="store", value=B, rows=40)
    assert store_of(ORIGINS, checked(column="made_of_both"), 40) is None
    assert store_of(ORIGINS, checked(failing="NOT (`device` = 'web' AND note > 1)"), 40) == Slice(
        column="store", value=B, rows=40
    )
    assert store_of(ORIGINS, checked(failing="device = name"), 40) is None
    assert store_of(ORIGINS, checked(column="id", dead=("note", "visit")), 40) == Slice(
        column="store", value=B, rows=40
    )
    assert store_of(ORIGINS, checked(), 40) is None

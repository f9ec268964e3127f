"""Snapshots on real Delta: states begin and end as they do in dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner import delta

if TYPE_CHECKING:
    from conftest import Work

KINDS = ("snapshot",)


def rows_of(*rows: str) -> str:
    return f"select id, kind, cast(at as timestamp) as at from values {', '.join(f'({row})' for row in rows)} as given(id, kind, at)"


def snapshot(work: Work, select: str, **config: Any) -> None:
    given = ", ".join(f"{key}={value!r}" for key, value in {"unique_key": "id", **config}.items())
    work.file("snapshots/s.sql", f"{{% snapshot states %}}\n{{{{ config({given}) }}}}\n{select}\n{{% endsnapshot %}}\n")


def states(work: Work, *columns: str) -> list[tuple[Any, ...]]:
    """Returns the table's rows by those columns, moments as days."""
    found = delta.first_rows(work.path("states"), 1000)[1]
    said = [tuple(_day(row[column]) for column in columns) for row in found]
    return sorted(said, key=str)


def _day(value: Any) -> Any:
    return value.strftime("%d") if hasattr(value, "strftime") else value


WHEN = ("id", "kind", "dbt_valid_from", "dbt_valid_to")


def test_timestamp(work: Work) -> None:
    settings = {"strategy": "timestamp", "updated_at": "at"}
    snapshot(work, rows_of("1, 'a', '2026-01-01'", "2, 'b', '2026-01-01'"), **settings)
    assert work.ok(kinds=KINDS).version == 0
    assert [name for name, _ in work.columns("states")] == [
        "id", "kind", "at", "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to",
    ]  # fmt: skip
    assert work.ok(kinds=KINDS).version == 0  # nothing has changed: nothing is committed
    snapshot(work, rows_of("1, 'x', '2026-01-05'", "2, 'never seen', '2026-01-01'", "3, 'c', '2026-01-06'"), **settings)
    assert work.ok(kinds=KINDS).version == 1
    assert states(work, *WHEN) == [
        (1, "a", "01", "05"),
        (1, "x", "05", None),
        (2, "b", "01", None),
        (3, "c", "06", None),
    ]
    ids = [row[0] for row in states(work, "dbt_scd_id")]
    assert len(set(ids)) == 4
    expected = work.spark.sql("select md5('1|' || cast(timestamp'2026-01-05' as string))").first()
    assert expected is not None and expected[0] in ids
    assert work.ok(kinds=KINDS, full_refresh=True).version == 1  # a history is not made anew
    assert [path.name for path in work.path("states").glob("candidate-*") if (path / "_delta_log").exists()] == []


def test_check_and_a_row_that_is_gone_and_back(work: Work) -> None:
    settings = {"strategy": "check", "check_cols": ["kind"], "hard_deletes": "invalidate"}
    snapshot(work, rows_of("1, 'a', '2026-01-01'", "2, null, '2026-01-01'"), **settings)
    work.ok(kinds=KINDS)
    snapshot(work, rows_of("1, 'a', '2026-01-09'"), **settings)
    work.ok(kinds=KINDS)
    ended = [(number, end is not None) for number, end in states(work, "id", "dbt_valid_to")]
    assert ended == [(1, False), (2, True)]
    assert work.ok(kinds=KINDS).version == 1
    snapshot(work, rows_of("1, 'a', '2026-01-09'", "2, 'b', '2026-01-01'"), **settings)
    work.ok(kinds=KINDS)
    assert [(number, kind) for number, kind, end in states(work, "id", "kind", "dbt_valid_to") if end is None] == [
        (1, "a"),
        (2, "b"),
    ]


def test_deletions_as_records_and_a_return_that_is_no_younger(work: Work) -> None:
    settings = {"strategy": "timestamp", "updated_at": "at", "hard_deletes": "new_record"}
    both = rows_of("1, 'a', '2026-01-01'", "2, 'b', '2026-01-01'")
    snapshot(work, both, **settings)
    work.ok(kinds=KINDS)
    snapshot(work, rows_of("1, 'a', '2026-01-01'"), **settings)
    work.ok(kinds=KINDS)
    assert [(row[0], row[1], row[2] is None) for row in states(work, "id", "dbt_is_deleted", "dbt_valid_to")] == [
        (1, "False", True),
        (2, "False", False),
        (2, "True", True),
    ]
    assert work.ok(kinds=KINDS).version == 1
    snapshot(work, both, **settings)
    work.ok(kinds=KINDS)
    current = [row for row in states(work, "id", "dbt_is_deleted", "dbt_valid_to") if row[2] is None]
    assert current == [(1, "False", None), (2, "False", None)]
    assert len({row[0] for row in states(work, "dbt_scd_id")}) == 4
    assert work.ok(kinds=KINDS).version == 2


def test_own_names_an_end_for_current_states_and_a_key_of_two_columns(work: Work) -> None:
    settings = {
        "strategy": "check",
        "check_cols": "all",
        "unique_key": ["id", "kind"],
        "snapshot_meta_column_names": {"dbt_valid_to": "until", "dbt_valid_from": "since"},
        "dbt_valid_to_current": "timestamp'9999-12-31'",
    }
    snapshot(work, "select 1 as id, 'a' as kind, 10 as n", **settings)
    work.ok(kinds=KINDS)
    assert [end.year for (end,) in [(row["until"],) for row in delta.first_rows(work.path("states"), 9)[1]]] == [9999]
    assert work.ok(kinds=KINDS).version == 0
    snapshot(work, "select 1 as id, 'a' as kind, 11 as n, true as more union all select 1, 'b', 1, null", **settings)
    work.ok(kinds=KINDS)
    found = delta.first_rows(work.path("states"), 9)[1]
    said = sorted(((row["kind"], row["n"], row["more"], row["until"].year < 9999) for row in found), key=str)
    assert said == [("a", 10, None, True), ("a", 11, True, False), ("b", 1, None, False)]


def test_a_key_that_occurs_twice_is_named_with_its_count(work: Work) -> None:
    snapshot(work, rows_of("1, 'a', '2026-01-01'"), strategy="timestamp", updated_at="at")
    work.ok(kinds=KINDS)
    twice = rows_of("1, 'a', '2026-01-02'", "1, 'b', '2026-01-02'")
    snapshot(work, twice, strategy="timestamp", updated_at="at")
    assert work.fails(kinds=KINDS) == (
        "snapshots/s.sql: the rows of the query have a unique_key more than once: id=1 (2 times). Nothing was published. "
        "Let the query give one row per key."
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"unique_key": None}, "a snapshot needs a unique_key. Name the columns that identify a row."),
        ({}, 'it has no strategy; a snapshot\'s strategy is "timestamp" or "check".'),
        ({"strategy": "chek"}, 'its strategy is "chek"; a snapshot\'s strategy is "timestamp" or "check".'),
        (
            {"strategy": "timestamp"},
            'strategy "timestamp" needs updated_at, the column that says when a row changed.',
        ),
        ({"strategy": "check"}, 'strategy "check" needs check_cols, the columns to compare, or "all".'),
        (
            {"strategy": "check", "check_cols": "all", "hard_deletes": "invalid"},
            'hard_deletes is "invalid". It is one of: ignore, invalidate, new_record. Did you mean "invalidate"?',
        ),
        (
            {"strategy": "check", "check_cols": "all", "snapshot_meta_column_names": {"dbt_valid_too": "x"}},
            'snapshot_meta_column_names names "dbt_valid_too". Did you mean "dbt_valid_to"?',
        ),
    ],
)
def test_settings_that_do_not_go(config: dict[str, Any], message: str) -> None:
    from pathlib import PurePosixPath

    from runner.errors import FormatError
    from runner.materialize.snapshot import plan_of
    from runner.model import Config, Model
    from runner.names import TableRef

    values = {name: value for name, value in {"unique_key": "id", **config}.items() if value is not None}
    model = Model(
        name="states",
        table=TableRef("marts", "states"),
        path=PurePosixPath("snapshots/s.sql"),
        fqn=("small", "states"),
        raw_sql="",
        config=Config(values=values),
        resource_type="snapshot",
    )
    with pytest.raises(FormatError) as caught:
        plan_of(model)
    assert str(caught.value) == f"snapshots/s.sql: {message}"

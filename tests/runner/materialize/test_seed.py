"""Seeds on real Delta: a CSV file as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Work


def test_a_seed_is_a_table_that_models_read(work: Work) -> None:
    work.file("seeds/codes.csv", "code,name,share,since\n1,one,0.5,2026-01-01\n2,,1,\n")
    work.file("models/m.sql", "{{ config(materialized='table') }}select count(*) as n from {{ ref('codes') }}")
    assert work.fails() == "m reads codes, which has not been built. Build it: run seed --select codes"
    work.ok(kinds=("seed", "model"))
    assert work.columns("codes") == [("code", "bigint"), ("name", "string"), ("share", "double"), ("since", "date")]
    assert [row[:3] for row in work.rows("codes")] == [(1, "one", 0.5), (2, None, 1.0)]
    assert work.rows() == [(2,)]


def test_types_that_are_given_and_a_field_that_breaks_one(work: Work) -> None:
    work.file("seeds/codes.csv", "code;n\n01;1\n02;2\n")
    work.file(
        "seeds/_s.yml",
        "seeds:\n  - name: codes\n    config: {delimiter: ';', column_types: {code: string, n: 'decimal(5,2)'}}\n"
        "    columns:\n      - name: code\n        data_tests: [unique]\n",
    )
    work.ok(kinds=("seed",))
    assert work.columns("codes") == [("code", "string"), ("n", "decimal(5,2)")]
    work.file("seeds/codes.csv", "code;n\n01;1\n02;x\n")
    assert work.fails(kinds=("seed",)) == (
        'seeds/codes.csv:3: "x" is no decimal(5,2), which column_types gives n. Mend the field, or the type.'
    )
    work.file("seeds/codes.csv", "code;n\n01;1\n01;2\n")
    assert "code" in work.fails(kinds=("seed",))


def test_an_empty_seed_has_its_columns(work: Work) -> None:
    work.file("seeds/codes.csv", "code,name\n")
    assert work.ok(kinds=("seed",)).rows == 0
    assert work.columns("codes") == [("code", "string"), ("name", "string")]

"""Python models on real Spark: both forms, contracts, incremental, and where an error is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.errors import FormatError

if TYPE_CHECKING:
    from conftest import Work


def test_parameters_come_by_name(work: Work) -> None:
    work.model("select * from values (1, 'a'), (2, 'b') as given(id, kind)", name="given", materialized="ephemeral")
    work.file(
        "models/m.py",
        """
        def model(session, ref, config, var, is_incremental):
            config(materialized="table", at_most=2)
            assert not is_incremental
            return ref("given").where(f"id >= {config.get('at_most')}")
        """,
    )
    result = work.ok()
    assert (result.rows, work.rows()) == (1, [(2, "b")])
    assert result.compiled_sql is None


def test_dbts_own_form_and_incremental(work: Work) -> None:
    work.file(
        "models/m.py",
        """
        def model(dbt, session):
            dbt.config(materialized="incremental", unique_key="id")
            if dbt.is_incremental:
                return session.sql(f"select max(id) + 1 as id, 'later' as kind from {dbt.this}")
            return session.sql("select 1 as id, 'first' as kind")
        """,
    )
    work.ok()
    work.ok()
    assert work.rows() == [(1, "first"), (2, "later")]
    work.ok(full_refresh=True)
    assert work.rows() == [(1, "first")]


def test_pandas_is_taken_and_checks_judge_it(work: Work) -> None:
    work.file(
        "models/m.py",
        """
        import pandas as pd


        def model(session):
            return pd.DataFrame({"id": [1, 1], "kind": ["a", "b"]})
        """,
    )
    work.ok()
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests: [unique]\n")
    assert "id" in work.fails()
    work.file("models/_m.yml", "models:\n  - name: m\n    config: {contract: {enforced: true}}\n    columns:\n"
              "      - {name: id, data_type: int}\n      - {name: kind, data_type: string}\n")  # fmt: skip
    assert work.fails() == 'models/_m.yml: the contract of "m" promises id as int; the query gives bigint.'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return session.table("nowhere")', None),
        ('raise ValueError("no rows")', "models/m.py:3: ValueError: no rows."),
        ("return 7", "models/m.py: model() gave int; it has to give a Spark or pandas DataFrame."),
    ],
)
def test_an_error_names_its_line(work: Work, body: str, message: str | None) -> None:
    work.file("models/m.py", f"def model(session):\n    # what fails\n    {body}\n")
    said = work.fails()
    if message is None:
        assert said.startswith("models/m.py")
        assert "nowhere" in said
    else:
        assert said == message


def test_a_view_is_refused(work: Work) -> None:
    work.file("models/m.py", 'def model(session, config):\n    config(materialized="view")\n')
    with pytest.raises(FormatError) as caught:
        work.build()
    assert str(caught.value) == (
        'models/m.py: a Python model becomes a table or an incremental one, not "view". '
        'Say so in it: config(materialized="table").'
    )

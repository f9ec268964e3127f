"""Columns followed through hard queries: by hand, and by Spark's analyzed plans."""

from __future__ import annotations

import pytest

from runner.lineage.query import trace
from runner.lineage.scope import LineageError
from tests.runner.lineage.hard_shapes import SHAPES, TABLES


@pytest.mark.parametrize(("sql", "wanted"), SHAPES, ids=[sql[:60] for sql, _ in SHAPES])
def test_the_origins_of_each_column(sql: str, wanted: dict[str, str]) -> None:
    found = {
        name: {f"{'' if one.is_copy else '~'}{one.table}.{one.written()}" for one in origins}
        for name, origins in trace(sql, TABLES).items()
    }
    assert found == {name: set(origins.split()) for name, origins in wanted.items()}
    assert list(found) == list(wanted)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select a frm t where", "this is no query that can be read: "),
        ("select a from nowhere", 'the query reads "nowhere", whose columns are not known.'),
        ("select c from t", 'the query names "c", which nothing that it reads has.'),
        ("select t.c from t", 'the query names "t.c", which nothing that it reads has.'),
        ("select w.* from t", 'nothing is known of the columns of "w.*".'),
        ("delete from t", "this is no query: DELETE FROM t"),
    ],
)
def test_what_cannot_be_followed_is_said(sql: str, said: str) -> None:
    with pytest.raises(LineageError) as raised:
        trace(sql, TABLES)
    assert str(raised.value).startswith(said)

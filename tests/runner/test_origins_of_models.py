"""Which store each column of a model comes from, by lineage alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from expectations.diagnosis.origins import Origins
from runner.project.parse import Project, load_project
from runner.quality.origins import origins_of

Write = Callable[[Mapping[str, str]], Path]
NOWHERE: Any = None  # the warehouse is asked where a union's keys are looked up

FILES = {
    "project.yml": "name: two\ntargets: {dev: {warehouse: warehouse, schema: marts}}\n",
    "sources.yml": """
        sources:
          - name: crm
            tables:
              - {name: people, columns: [{name: id}, {name: city}]}
          - name: clicks
            meta: {store: hbase}
            tables:
              - {name: visits, key: [id], columns: [{name: id, data_type: string, cells: [":key"]},
                 {name: person, data_type: string, cells: ["a:p"]}]}
              - {name: views, key: [visit], columns: [{name: visit, data_type: string, cells: [":key"]},
                 {name: page, data_type: string, cells: ["a:p"]}]}
        """,
    "models/joined.sql": """
        select p.id, p.city, v.person, w.page, concat(v.id, w.visit) as both_tables, concat(p.id, v.id) as both_stores,
            1 as one, upper(v.person) as loud
        from {{ source('crm', 'people') }} p left join {{ source('clicks', 'visits') }} v on v.person = p.id
        left join {{ source('clicks', 'views') }} w on w.visit = v.id
        """,
    "models/stale.sql": "select *, gone from {{ ref('broken') }}",
    "models/broken.sql": "select p.id from {{ source('crm', 'people') }} p join {{ source('clicks', 'visits') }} v where (",
    "models/alone.sql": "select page from {{ source('clicks', 'views') }}",
    "models/told.sql": "select page, 'x' as origin from {{ source('clicks', 'views') }}",
    "models/_m.yml": "models: [{name: told, meta: {store_column: origin}}]",
}


@pytest.fixture
def project(write: Write) -> Project:
    return load_project(write(FILES))


def found(project: Project, name: str, *columns: str) -> Origins | None:
    return origins_of(project, project.node(f"model.two.{name}"), columns, NOWHERE)


def test_columns_of_one_store_are_named_by_it_and_its_tables(project: Project) -> None:
    names = ("id", "city", "person", "page", "both_tables", "both_stores", "one", "loud", "not_of_the_query")
    origins = found(project, "joined", *names)
    assert origins is not None
    assert origins.columns == {
        "id": "crm (crm.people)",
        "city": "crm (crm.people)",
        "person": "HBase (clicks.visits)",
        "page": "HBase (clicks.views)",
        "both_tables": "HBase (clicks.views, clicks.visits)",
        "loud": "HBase (clicks.visits)",
    }
    assert origins.copies == {"id", "city", "person", "page"}
    assert (origins.keys, origins.union_key) == (set(), "")


def test_a_model_of_one_store_has_no_stores_to_tell_apart(project: Project) -> None:
    assert found(project, "alone", "page") is None
    source = project.sources["clicks.views"]
    assert origins_of(project, source, ["visit"], NOWHERE) is None


def test_a_column_that_somebody_named_says_it(project: Project) -> None:
    assert found(project, "told", "page", "origin") == Origins(columns={}, named="origin")
    assert found(project, "told", "page") is None  # it is not there: a model of one store


def test_what_cannot_be_followed_is_left_out(project: Project) -> None:
    origins = found(project, "stale", "id", "gone")
    assert origins is not None and origins.columns == {}

"""Columns followed through a whole project, down to the field in the store; `run lineage` prints them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli import main
from runner.errors import NotFoundError
from runner.lineage.columns import Field, Lineage, column_lineage
from runner.project.parse import load_project
from tests.runner.conftest import Write

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/lineage.txt"
Run = Callable[..., tuple[int, str, str]]

FILES = {
    "project.yml": """
        name: tiny
        models: {tiny: {+materialized: table}}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: events
            meta: {store: hbase}
            tables:
              - name: visits
                key: [id]
                columns:
                  - {name: id, data_type: string, cells: ["meta:id", ":key[-1]"]}
                  - {name: geo, data_type: "struct<city:string>", cells: ["geo:*"]}
                  - {name: views, data_type: "array<struct<page:string>>", cells: ["events:#"]}
                  - {name: cart, data_type: "map<string,struct<price:int>>", cells: ["events:cart"]}
          - name: app
            tables: [{name: unlisted}]
        """,
    "seeds/codes.csv": "code,label\n1,one\n",
    "seeds/_seeds.yml": """
        version: 2
        seeds: [{name: codes, columns: [{name: code, data_type: int}, {name: label, data_type: string}]}]
        """,
    "models/inner.sql": """
        {{ config(materialized="ephemeral") }}
        select id, geo as place, views, transform_values(cart, (k, v) -> v.price) as prices
        from {{ source("events", "visits") }}
        """,
    "models/visits.sql": """
        select i.id, i.place.city, i.views[0].page as first_page, prices['x'] as price, c.label, count(*) as n
        from {{ ref("inner") }} i left join {{ ref("codes") }} c on c.code = i.id group by all
        """,
    "models/viewed.sql": "select place, count(*) as page_count from {{ ref('inner') }}, lateral explode(views) as v(view) group by place",
    "models/report.sql": "select upper(city) as city, first_page, label, n + 1 as n from {{ ref('visits') }}",
    "models/lost.sql": "select * from {{ source('app', 'unlisted') }}",
    "models/scores.py": "def model(session, ref):\n    return ref('visits')\n",
    "models/_models.yml": """
        version: 2
        models: [{name: scores, columns: [{name: score, data_type: double}]}]
        """,
    "models/top.sql": "select score * 2 as twice from {{ ref('scores') }}",
    "snapshots/visits_kept.sql": """
        {% snapshot visits_kept %}
        {{ config(strategy="check", unique_key="id", check_cols="all", target_schema="marts") }}
        select id, city from {{ ref("visits") }}
        {% endsnapshot %}
        """,
}


@pytest.fixture
def lineage(write: Write) -> Lineage:
    return column_lineage(load_project(write(FILES)))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], write: Write) -> Run:
    root = write(FILES)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--project-dir", str(root)])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def fields(lineage: Lineage, table: str, column: str) -> tuple[Field, ...]:
    return lineage.fields(f"model.tiny.{table}", column)


def test_a_column_is_followed_to_the_cell_of_its_store(lineage: Lineage) -> None:
    assert fields(lineage, "report", "first_page") == (
        Field(table="events.visits", path="views[].page", stored="events:# page", is_copy=True),
    )
    assert fields(lineage, "report", "city") == (
        Field(table="events.visits", path="geo.city", stored="geo:city", is_copy=False),
    )
    assert fields(lineage, "visits", "price") == (
        Field(table="events.visits", path="cart{value}.price", stored="events:cart {value}.price", is_copy=True),
    )
    assert fields(lineage, "visits", "id")[0].stored == "meta:id"


def test_a_count_of_rows_comes_from_the_rows_of_what_is_landed(lineage: Lineage, run: Run) -> None:
    assert [(one.said(), one.is_copy) for one in fields(lineage, "report", "n")] == [("rows of events.visits", False)]
    found = fields(lineage, "viewed", "page_count")
    assert [(one.said(), one.stored) for one in found] == [
        ("rows of events.visits", ""),
        ("elements of events.visits.views[]", "events:#"),
    ]
    assert run("lineage", "viewed.page_count")[1].splitlines()[1:5] == [
        "  ~ rows of events.visits",
        "  ~ elements of events.visits.views[]",
        "",
        "in the stores:",
    ]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("*", "rows of t"),
        ("items[].*", "elements of t.items[]"),
        ("cart{key}.*", "elements of t.cart{key}"),
        ("first_at.*", "rows made of t.first_at"),
        ("items[].id", "t.items[].id"),
    ],
)
def test_what_is_counted_is_named_by_what_becomes_rows(path: str, said: str) -> None:
    assert Field(table="t", path=path, stored="", is_copy=False).said() == said


def test_seeds_and_python_models_are_where_their_columns_begin(lineage: Lineage) -> None:
    assert fields(lineage, "report", "label") == (Field(table="codes", path="label", stored="", is_copy=True),)
    assert fields(lineage, "top", "twice") == (Field(table="scores", path="score", stored="", is_copy=False),)


def test_a_snapshot_has_columns_of_its_own(lineage: Lineage) -> None:
    kept = lineage.columns["snapshot.tiny.visits_kept"]
    assert list(kept) == ["id", "city", "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"]
    assert lineage.fields("snapshot.tiny.visits_kept", "city")[0].stored == "geo:city"


def test_children_are_the_columns_made_of_one(lineage: Lineage) -> None:
    assert lineage.children("model.tiny.visits", "city") == (
        ("model.tiny.report", "city"),
        ("snapshot.tiny.visits_kept", "city"),
    )
    assert lineage.children("seed.tiny.codes", "label") == (("model.tiny.visits", "label"),)


def test_what_cannot_be_followed_is_kept_with_its_reason(lineage: Lineage) -> None:
    assert set(lineage.unknown) == {"source.tiny.app.unlisted", "model.tiny.lost"}
    assert lineage.unknown["model.tiny.lost"] == (
        'models/lost.sql: the query reads "app.unlisted", whose columns are not known.'
    )
    with pytest.raises(NotFoundError) as raised:
        lineage.parents("model.tiny.visits", "citi")
    assert str(raised.value) == '"visits" has no column "citi". Did you mean "city"?'


def test_one_column_in_steps(run: Run) -> None:
    assert run("lineage", "report.CITY") == (
        0,
        "report.city\n"
        "  ~ visits.city\n"
        "    = events.visits.geo.city\n"
        "\n"
        "in the stores:\n"
        "  events.visits geo:city  (computed)\n"
        "\n"
        "made of it: nothing\n",
        "",
    )


def test_all_columns_of_a_table(run: Run) -> None:
    assert run("lineage", "report") == (
        0,
        "city        from events.visits geo:city\n"
        "first_page  = events.visits events:# page\n"
        "label       = codes.label\n"
        "n           from rows of events.visits\n",
        "",
    )
    code, said, _ = run("lineage", "visits", "--output", "json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [line["column"] for line in lines] == ["id", "city", "first_page", "price", "label", "n"]
    assert lines[1] == {
        "table": "visits",
        "column": "city",
        "parents": [{"table": "events.visits", "path": "geo.city", "is_copy": True}],
        "fields": [{"table": "events.visits", "path": "geo.city", "stored": "geo:city", "is_copy": True}],
        "children": ["report.city", "visits_kept.city"],
        "panels": [],
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reprot", 'run: no table is named "reprot". Did you mean "report"?'),
        ("report.citty", 'run: "report" has no column "citty". Did you mean "city"?'),
        (
            "lost",
            'run: the columns of "lost" cannot be followed: '
            'models/lost.sql: the query reads "app.unlisted", whose columns are not known.',
        ),
    ],
)
def test_what_is_not_there_is_said(run: Run, name: str, said: str) -> None:
    code, out, err = run("lineage", name)
    assert (code, out, err.strip()) == (2, "", said)


def test_every_column_of_the_shop() -> None:
    """The golden file was read line by line against the models' SQL."""
    lineage = column_lineage(load_project(ROOT))
    lines = []
    for unique_id, columns in lineage.columns.items():
        node = lineage.project.node(unique_id)
        if unique_id.startswith("model."):
            for column in columns:
                found = lineage.fields(unique_id, column)
                said = " ".join(f"{'' if one.is_copy else '~'}{one.table}:{one.path}" for one in found)
                lines.append(f"{node.label}.{column} <- {said}".rstrip())
    text = "\n".join(lines) + "\n"
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "look, then REWRITE_GOLDEN=1 make test-fast"


def test_a_source_that_lists_few_of_its_columns_has_those_that_are_built(write: Write) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    root = write(
        {
            "dbt_project.yml": "name: plain\nversion: '1.0'\nprofile: plain\n",
            "profiles.yml": "plain: {target: dev, outputs: {dev: {type: spark, method: session, schema: marts}}}\n",
            "models/sources.yml": """
                sources:
                  - name: app
                    tables: [{name: orders, columns: [{name: ID, description: The order.}, {name: later, data_type: date}]}]
                """,
            "models/totals.sql": "select sum(total) as total, max(later) as later, max(id) as id from {{ source('app', 'orders') }}",
        }
    )
    project = load_project(root)
    source = project.sources["app.orders"]
    table = pa.table({"id": pa.array([1], pa.int64()), "total": pa.array([2.5], pa.float64())})
    write_deltalake(str(source.table.path(project.warehouse)), table)
    lineage = column_lineage(project)
    assert lineage.unknown == {}
    assert list(lineage.columns[source.unique_id]) == ["id", "total", "later"]
    assert [one.said() for one in lineage.fields("model.plain.totals", "total")] == ["app.orders.total"]

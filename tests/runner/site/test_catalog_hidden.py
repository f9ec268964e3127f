"""What is sensitive, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.delta import log as delta_log
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.small_shop import NOW, write_small_shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runner.conftest import Write

FILES = {
    "project.yml": "name: tiny\ntargets: {dev: {warehouse: warehouse, schema: marts}}\n",
    "sources.yml": """
        sources:
          - name: shop
            tables:
              - name: people
                columns:
                  - {name: id, data_type: int}
                  - {name: email, data_type: string, meta: {sensitive: true}}
              - name: notes
                columns: [{name: id, data_type: int}, {name: note, data_type: string}]
              - name: wages
                meta: {sensitive: true}
                columns: [{name: id, data_type: int}, {name: wage, data_type: int}]
        """,
    "models/copied.sql": "select id, email as mail, upper(email) as shouted, 1 as one from {{ source('shop', 'people') }}",
    "models/counted.sql": "select count(mail) as mails, max(mail) as last_mail from {{ ref('copied') }}",
    "models/paid.sql": "select id, wage from {{ source('shop', 'wages') }}",
    "models/learned.py": "def model(dbt, session):\n    return dbt.ref('copied')\n",
    "models/aside.sql": "select id from {{ ref('learned') }}",
    "models/inner.sql": "{{ config(materialized='ephemeral') }} select id, note as remark from {{ source('shop', 'notes') }}",
    "models/over.sql": "select id, upper(remark) as remark from {{ ref('inner') }}",
    "models/told.sql": "{{ config(materialized='ephemeral') }} select count(email) as emails from {{ source('shop', 'people') }}",
    "models/models.yml": """
        models:
          - name: inner
            columns: [{name: remark, meta: {sensitive: true}}]
          - name: told
            columns: [{name: emails, meta: {sensitive: false}}]
          - name: counted
            columns: [{name: mails, meta: {sensitive: false}}]
          - name: aside
            meta: {sensitive: false}
        """,
}


@pytest.fixture
def facts(write: Write) -> Facts:
    project = load_project(write(FILES))
    return Facts(project=project, quality=load_quality(project), now=NOW)


@pytest.mark.parametrize(
    ("table", "hidden", "shown"),
    [
        ("copied", ("mail", "shouted"), ("id", "one")),  # copies and what is computed
        ("counted", ("last_mail",), ("mails",)),  # unless it says that it gives nothing away
        ("paid", ("id", "wage"), ()),  # everything of a sensitive table
        ("learned", ("anything",), ()),  # what cannot be followed
        ("aside", (), ("id",)),
        ("over", ("remark",), ("id",)),  # an ephemeral model's mark
    ],
)
def test_what_is_made_of_a_sensitive_column_is_sensitive(
    facts: Facts, table: str, hidden: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    found = facts.hidden
    node = facts.project.models[table]
    assert [found.is_hidden(node, name) for name in (*hidden, *shown)] == [True] * len(hidden) + [False] * len(shown)


def test_marks_of_ephemeral_models_hold_for_panels(write: Write) -> None:
    board = """
        title: Board
        panels:
          - title: Refused
            query: select remark from {{ ref("inner") }}
            chart: {mark: table}
          - title: Shown
            query: select emails from {{ ref("told") }}
            chart: {mark: table}
        """
    project = load_project(write({**FILES, "dashboards/board.yml": board}))
    found = Facts(project=project, quality=load_quality(project), now=NOW).hidden.refused
    assert [reason.partition(" Take")[0] for reason in found.values()] == [
        'dashboards/board.yml:4: the query shows "remark", made of shop.notes.note, which is sensitive.'
    ]


def test_a_whole_table_is_sensitive_by_its_own_mark(facts: Facts) -> None:
    found = facts.hidden
    assert [found.is_whole(facts.project.sources[name]) for name in ("shop.wages", "shop.people")] == [True, False]
    assert found.is_hidden(facts.project.sources["shop.people"], "email.domain")


def test_a_table_that_only_spark_can_read_keeps_its_page(tmp_path: Path) -> None:
    project = write_small_shop(tmp_path)
    place = project.models["daily"].table.path(project.warehouse)
    newer = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["columnMapping"], "writerFeatures": ["columnMapping"]}  # fmt: skip
    delta_log.commit(place, 2, [{"commitInfo": {"timestamp": 0, "operation": "UPGRADE PROTOCOL"}}, {"protocol": newer}])
    page = write_site(Facts(project=project, quality=load_quality(project), now=NOW)).parent / "models" / "daily.html"
    text = page.read_text(encoding="utf-8")
    assert "They cannot be read without Spark (" in text
    assert "): run show daily</p>" in text and "20.25" in text

"""What is sensitive is on no dashboard: a query that selects it, or what is made of it, is not asked, and says so."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from runner.cli import main
from runner.dashboards.answers import find_answers, forget
from runner.dashboards.questions import question
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.small_shop import NOW, write_small_shop

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pyspark.sql import SparkSession

PAGE = """
    title: People
    panels:
      - title: Who spends
        query: |
          select written_to as address, spend
          from {{ ref("spenders") }}
        chart: {mark: table, columns: [spend]}
      - title: How many
        query: select count(*) as people from {{ ref("spenders") }}
        chart: {mark: number, values: [people]}
      - title: The last of them
        query: select sum(spend) as spend from {{ ref("spenders") }}
        chart: {mark: number, values: [spend]}
        n: {query: "select max(email) as last from {{ ref('stg_people') }}", of: people}
      - title: By hand
        query: select max(email) as email from store.people
        chart: {mark: number, values: [email]}
      - title: Not sensitive
        query: select order_date from {{ ref("daily") }} tablesample (((
        chart: {mark: table}
      - title: By path
        query: select * from {{ ref("daily") }} cross join delta.`/some/where`
        chart: {mark: table}
      - title: No query
        query: select spend from {{ ref("spenders") }} tablesample (((
        chart: {mark: table}
    """
WAY_OUT = (
    " Take it out of the query, or let a model make of it what gives nothing away, in a column that says "
    "meta: {sensitive: false}."
)
REFUSED = {
    "Who spends": 'dashboards/people.yml:4: the query shows "address", made of spenders.written_to, which is sensitive.'
    + WAY_OUT,
    "The last of them": 'dashboards/people.yml:14: the query shows "last", made of stg_people.email, which is sensitive.'
    + WAY_OUT,
    "By path": "dashboards/people.yml:22: the query reads files by their path, and it cannot be followed whether it shows "
    'what is sensitive: dashboards/people.yml:22: the query reads "delta./some/where", whose columns are not known.',
    "By hand": 'dashboards/people.yml:16: the query shows "email", made of store.people.email, which is sensitive.'
    + WAY_OUT,
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_small_shop(tmp_path)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "people.yml").write_text(dedent(PAGE).lstrip("\n"), encoding="utf-8")
    return load_project(tmp_path)


def facts_of(project: Project) -> Facts:
    return Facts(project=project, quality=load_quality(project), now=NOW)


def keep(project: Project, title: str, columns: dict[str, list[object]]) -> Path:
    """Keeps an answer as one was kept before anything was marked."""
    from pyarrow import table

    from runner.dashboards import answers

    panel = next(one for one in project.files.dashboards["people"].panels if one.title == title)
    assert panel.query is not None
    asked = question(project, panel.query, now=NOW)
    answers._keep(project, asked, table(dict(columns)), NOW)
    return project.files.target_folder / "dashboards" / f"{asked.digest}.arrow"


def test_what_is_sensitive_by_lineage_is_refused_with_its_place(project: Project) -> None:
    facts = facts_of(project)
    troubles = {made.panel.title: made.trouble for made in facts.panels["people"] if made.is_wrong}
    unread = troubles.pop("No query")
    assert troubles == REFUSED
    assert unread.startswith(
        "dashboards/people.yml:25: the query reads spenders, and it cannot be followed whether it shows what is "
        "sensitive: dashboards/people.yml:25: this is no query that can be read: "
    )


def test_no_page_and_no_file_of_the_site_holds_a_value_that_was_kept_before(project: Project) -> None:
    path = keep(project, "Who spends", {"address": ["ann@secret.example"], "spend": [3]})
    keep(project, "How many", {"people": [2]})
    site = write_site(facts_of(project)).parent
    for file in site.rglob("*"):
        assert not file.is_file() or b"secret.example" not in file.read_bytes(), file
    text = (site / "dashboards" / "people.html").read_text(encoding="utf-8")
    assert "made of spenders.written_to, which is sensitive." in text
    assert '<data value="2">2</data>' in text  # a count of rows gives nothing away
    assert path.is_file()
    forget(
        project,
        find_answers(project, project.files.dashboards.values(), now=NOW, refused=facts_of(project).hidden.refused),
    )
    assert not path.exists()


def test_a_refused_query_is_never_asked_of_spark(project: Project) -> None:
    (project.root / "dashboards" / "people.yml").write_text(
        dedent(PAGE).lstrip("\n").partition("  - title: How many")[0], encoding="utf-8"
    )
    project = load_project(project.root)

    def opened() -> AbstractContextManager[SparkSession]:
        raise AssertionError("nothing is left to ask")

    found = find_answers(
        project, project.files.dashboards.values(), now=NOW, refused=facts_of(project).hidden.refused, spark=opened
    )
    assert list(found.missing.values()) == [REFUSED["Who spends"]]
    assert (found.rejected, found.asked) == (frozenset(found.missing), 0)


def test_where_nothing_is_marked_nothing_is_refused(project: Project) -> None:
    path = project.root / "sources.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("sensitive: true", "sensitive: false"), encoding="utf-8")
    facts = facts_of(load_project(project.root))
    assert facts.hidden.refused == {}
    assert "lineage" not in vars(facts)  # and nothing is followed for it


def test_run_docs_writes_the_site_says_it_and_ends_with_1(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["docs", "--no-dashboards", "--project-dir", str(project.root)])
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert f"run: a panel is without data: {REFUSED['Who spends']}" in said
    assert "run: the site is written: target/site/index.html" in said

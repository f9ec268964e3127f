"""Answers of dashboards: asked of a real Spark once, kept until what they hang on changes, missing with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.dashboards.answers import Answer, Answers, find_answers, forget
from runner.dashboards.questions import question
from runner.errors import MachineError
from runner.project.dashboards import Query
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.small_shop import NOW, write_small_shop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = """
    title: Sales
    panels:
      - title: By day
        query: |
          select order_date, sum(revenue) as revenue, sum(order_count) as orders
          from {{ ref('daily') }}
          group by order_date
          order by order_date
        chart: {mark: line, x: order_date, y: revenue}
        n: {sum: orders, of: orders}
        period: {query: "select min(order_date), max(order_date) from {{ ref('stg_orders') }}"}
      - title: Refunds
        query: select count(*) as refunds from {{ ref('refunds') }}
        chart: {mark: number, values: [refunds]}
      - title: Forecast
        query: select * from {{ ref('forecast') }}
        chart: {mark: table}
      - title: Too many
        query: select id from range(6000)
        chart: {mark: table}
      - title: Misspelt
        query: |
          select order_date
          from {{ ref('daily') }}
          where cty = 'Graz'
        chart: {mark: table}
      - title: Twice
        query: select 1 as one, 2 as one
        chart: {mark: table}
    """


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_small_shop(tmp_path)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "sales.yml").write_text(dedent(PAGE).lstrip("\n"), encoding="utf-8")
    return load_project(tmp_path)


def queries(project: Project) -> dict[str, Query]:
    panels = project.files.dashboards["sales"].panels
    return {panel.title: panel.query for panel in panels if panel.query is not None}


def asked(project: Project, now: datetime = NOW, **options: Any) -> Answers:
    return find_answers(project, project.files.dashboards.values(), now=now, refused={}, **options)


def test_spark_is_asked_once_and_what_is_wrong_is_told(project: Project, spark: SparkSession) -> None:
    found = asked(project, spark=lambda: nullcontext(spark))
    by_title = queries(project)
    answer = found.found[by_title["By day"]]
    assert answer.columns == {
        "order_date": [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)],
        "revenue": [Decimal("40.50"), Decimal("42.50"), Decimal("44.50")],
        "orders": [2, 4, 6],
    }
    assert answer.versions == {"marts.daily": 1}
    told = {title: found.missing.get(query, "") for title, query in by_title.items()}
    assert told["Forecast"] == (
        "dashboards/sales.yml:16: forecast has not been built. Build it: run models --select +forecast"
    )
    assert told["Too many"] == (
        "dashboards/sales.yml:19: the query gives more than 5,000 rows. Aggregate them in the query: "
        "a chart is drawn of few rows."
    )
    assert told["Misspelt"].startswith("dashboards/sales.yml:25: ") and "`cty` cannot be resolved" in told["Misspelt"]
    assert (
        told["Twice"]
        == "dashboards/sales.yml:28: two columns of the query have one name. Name one of them: as other_name"
    )
    assert {query.place for query in found.rejected} == {f"dashboards/sales.yml:{line}" for line in (19, 22, 28)}
    again = asked(project)
    assert again.found == found.found and (again.asked, again.kept) == (0, 3)
    assert len(list((project.files.target_folder / "dashboards").glob("*.arrow"))) == 3


def test_an_answer_hangs_on_words_variables_versions_and_the_day(project: Project) -> None:
    def digest(text: str, project: Project = project, now: datetime = NOW) -> str:
        query = Query(text=text, path=queries(project)["By day"].path, place="dashboards/sales.yml:5")
        return question(project, query, now=now).digest

    base = digest("select revenue from {{ ref('daily') }}")
    assert digest("select  revenue\nfrom {{ ref('daily') }}  -- the same") == base
    assert digest("select city from {{ ref('daily') }}") != base
    later = datetime(2026, 3, 2, tzinfo=UTC)
    assert digest("select revenue from {{ ref('daily') }}", now=later) == base
    with_day = "select revenue from {{ ref('daily') }} where order_date < current_date()"
    assert digest(with_day) == digest(with_day) != digest(with_day, now=later)
    with_variable = "select {{ var('least') }} as least from {{ ref('daily') }}"
    other = load_project(project.root, variables={"least": 3})
    assert (
        digest(with_variable) != digest(with_variable, other)
        and digest("select revenue from {{ ref('daily') }}", other) == base
    )
    through_a_view = digest("select total from {{ ref('stg_orders') }}")
    delta.note(project.sources["store.orders"].table.path(project.warehouse), user_metadata={"who": "somebody"})
    assert digest("select total from {{ ref('stg_orders') }}") != through_a_view
    assert digest("select revenue from {{ ref('daily') }}") == base


def test_without_spark_each_panel_says_why_it_is_empty(project: Project) -> None:
    @contextmanager
    def none() -> Iterator[SparkSession]:
        raise MachineError("there is no Java. Install one: run doctor says how.")
        yield  # a generator

    def opened() -> AbstractContextManager[SparkSession]:
        return none()

    found = asked(project, spark=opened)
    by_title = queries(project)
    assert found.missing[by_title["By day"]] == "there is no Java. Install one: run doctor says how."
    assert "has not been built" in found.missing[by_title["Forecast"]] and found.rejected == frozenset()
    assert asked(project).missing[by_title["By day"]] == "its query has not been run. Run it: run docs"


def kept(project: Project, query: Query, columns: Mapping[str, list[Any]]) -> Answer:
    from pyarrow import table

    from runner.dashboards import answers

    found = question(project, query, now=NOW)
    answers._keep(project, found, table(dict(columns)), NOW)
    return asked(project).found[query]


def test_a_kept_answer_that_is_damaged_counts_as_none_and_old_ones_go(project: Project) -> None:
    query = queries(project)["Refunds"]
    answer = kept(project, query, {"refunds": [7]})
    assert (answer.columns, answer.asked_at) == ({"refunds": [7]}, NOW)
    folder = project.files.target_folder / "dashboards"
    (folder / "old.arrow").write_bytes(b"old")
    (folder / "old.1234.json").write_text("[]", encoding="utf-8")
    forget(project, asked(project))
    assert [path.name for path in folder.iterdir()] == [f"{answer.digest}.arrow"]
    (folder / f"{answer.digest}.arrow").write_bytes(b"no arrow")
    assert query in asked(project).missing


def test_a_panel_over_a_table_that_was_withheld_says_so(project: Project) -> None:
    kept(project, queries(project)["Refunds"], {"refunds": [7]})
    site = write_site(Facts(project=project, quality=load_quality(project), now=NOW)).parent
    text = " ".join((site / "dashboards" / "sales.html").read_text(encoding="utf-8").split())
    at = delta.changed_at(project.models["refunds"].table.path(project.warehouse))
    assert (
        "The last build of refunds (2026-02-28 12:30 UTC) was withheld by its checks: this shows version 0, "
        f"published {at:%Y-%m-%d %H:%M} UTC." in text
    )
    assert '<data value="7">7</data>' in text
    assert "forecast has not been built. Build it: run models --select +forecast" in text
    listed = (site / "dashboards" / "index.html").read_text(encoding="utf-8")
    assert "5 without data" in listed
    assert 'href="../exposures/sales.html"' in text
    assert (site / "exposures/sales.html").read_text(encoding="utf-8").count("Open the dashboard") == 1
    # What reads a table leads straight to the dashboard.
    assert '<a href="../dashboards/sales.html">Sales</a>' in (site / "models/daily.html").read_text(encoding="utf-8")

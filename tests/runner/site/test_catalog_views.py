"""Views in the catalog: counted by a real Spark once, kept until what they read changes, nothing of what is sensitive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markupsafe import Markup

from runner import delta
from runner.errors import MachineError
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.catalog.stored import Figures
from runner.site.catalog.table import counted_rows
from runner.site.catalog.verdicts import Check, Said
from runner.site.catalog.views import Counted, count_views, read_counted
from runner.site.facts import Facts
from runner.site.write import write_site
from runner.warehouse import publish_view
from tests.browser.small_shop import NOW, write_small_shop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHAPED = """
    select
        order_id, place, cast(total as double) as price, upper(repeat(place.city, 20)) as loud, total > 15 as is_large,
        array(total) as totals, cast(null as string) as nothing, ordered_at
    from store.orders
    """


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("viewed")
    write_small_shop(root)
    project = load_project(root)
    node = project.models["stg_people"]
    publish_view(
        node.table.path(project.warehouse), sql="select person_id, email from store.people",
        inputs=[project.sources["store.people"].table], metadata={},
    )  # fmt: skip
    return project


def facts_of(project: Project) -> Facts:
    return Facts(project=project, quality=load_quality(project), now=NOW)


def shown(project: Project, name: str) -> Counted:
    found = read_counted(facts_of(project), project.models[name])
    assert found is not None
    return found


def text_of(page: Path) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(Markup(re.sub(r"<[^>]+>", " ", html)).unescape().split())


@pytest.fixture(scope="module")
def counted(project: Project, spark: SparkSession) -> Project:
    spark.sql("drop schema if exists staging cascade")
    spark.sql("drop schema if exists store cascade")
    orders = project.models["stg_orders"].table.path(project.warehouse)
    publish_view(orders, sql=SHAPED, inputs=[project.sources["store.orders"].table], metadata={})
    assert count_views(facts_of(project), lambda: nullcontext(spark)) == (2, [])
    return project


def test_a_view_has_rows_and_figures_of_its_columns_as_a_table_has(counted: Project) -> None:
    found = shown(counted, "stg_orders")
    assert (found.rows, found.at, found.is_current) == (8, NOW, True)
    assert dict(found.columns)["place"] == "struct<city:string,zip:string>"
    assert found.figures["order_id"] == Figures(nulls=0, least=1, greatest=8, type="int")
    assert found.figures["price"] == Figures(nulls=0, least=5.5, greatest=54.5, type="double")
    assert found.figures["place.city"] == Figures(nulls=0, least="Brno", greatest="Graz", type="string")
    assert found.figures["place.zip"] == Figures(nulls=8, type="string")
    assert found.figures["nothing"] == Figures(nulls=8, type="string")
    assert found.figures["is_large"] == Figures(nulls=0, type="boolean")
    assert found.figures["totals"] == Figures(why_not="arrays and maps are not counted", type="array<decimal(12,2)>")
    assert found.figures["loud"] == Figures(nulls=0, least="BRNO" * 8, greatest="GRAZ" * 8, is_cut=True, type="string")
    assert found.figures["ordered_at"].least == datetime(2026, 1, 1, 9, tzinfo=UTC)


def test_what_is_sensitive_is_neither_shown_nor_kept(counted: Project) -> None:
    kept = (counted.files.target_folder / "figures/model.small.stg_people.json").read_text(encoding="utf-8")
    assert json.loads(json.loads(kept)["stats"])["nullCount"] == {"person_id": 0, "email": 1}
    assert "secret.example" not in kept
    page = write_site(facts_of(counted)).parent / "models/stg_people.html"
    assert "email sensitive" in text_of(page) and "33 % not shown" in text_of(page)


def test_the_page_and_the_tree_say_when_it_was_counted(counted: Project) -> None:
    folder = write_site(facts_of(counted)).parent
    text = text_of(folder / "models/stg_orders.html")
    assert "Rows 8 counted 2026-03-01 12:30" in text
    assert (
        "Missing values, least and greatest were counted 2026-03-01 12:30 UTC; what it reads has not changed since."
        in text
    )
    assert "0 % 5.5 to 54.5" in text
    assert re.search(r"stg_orders (?:\w+ ){1,3}8 view ", text_of(folder / "catalog.html"))


def no_spark() -> AbstractContextManager[SparkSession]:
    @contextmanager
    def none() -> Iterator[SparkSession]:
        raise MachineError("there is no Java. Install one: run doctor says how.")
        yield  # a generator

    return none()


def test_it_is_counted_again_only_where_what_it_reads_has_changed(counted: Project, spark: SparkSession) -> None:
    assert count_views(facts_of(counted), no_spark) == (0, [])
    people = counted.sources["store.people"].table.path(counted.warehouse)
    delta.note(people, user_metadata={"who": "somebody"})
    assert count_views(facts_of(counted), no_spark) == (
        1,
        ["views are not counted: there is no Java. Install one: run doctor says how."],
    )
    assert shown(counted, "stg_orders").is_current and not shown(counted, "stg_people").is_current
    text = text_of(write_site(facts_of(counted)).parent / "models/stg_people.html")
    assert "were counted 2026-03-01 12:30 UTC, before what it reads changed. Count again: run docs ." in text
    view = counted.models["stg_people"].table.path(counted.warehouse)
    inputs = [counted.sources["store.people"].table]
    publish_view(view, sql="select person_id, emial as email from store.people", inputs=inputs, metadata={})
    assert read_counted(facts_of(counted), counted.models["stg_people"]) is None
    (number, (trouble,)) = count_views(facts_of(counted), lambda: nullcontext(spark))
    assert number == 1
    assert trouble.startswith(
        "stg_people could not be counted: A column, variable, or function parameter with name `emial`"
    )
    view.joinpath("view.json").unlink()
    assert count_views(facts_of(counted), no_spark) == (0, [])
    assert [path.name for path in (counted.files.target_folder / "figures").iterdir()] == [
        "model.small.stg_orders.json"
    ]


def test_without_a_count_that_holds_the_newest_of_counts_and_checks_is_told() -> None:
    said = Said(
        run_id="r", at=NOW, status="pass", observed="", message="", cause="", failing=0, rows=70, is_published=True,
        numbers={},
    )  # fmt: skip
    checks = [
        Check(anchor="a", title="a", short="a", columns=(), severity="error", said=(said,)),
        Check(anchor="b", title="b", short="b", columns=(), severity="error", said=(replace(said, rows=None),)),
        Check(anchor="c", title="c", short="c", columns=(), severity="error"),
    ]
    before = Counted(rows=60, columns=(), figures={}, at=NOW - timedelta(hours=1), is_current=False)
    assert counted_rows(None, checks) == (70, NOW)
    assert counted_rows(before, checks) == (70, NOW)
    assert counted_rows(replace(before, is_current=True), checks) == (60, before.at)
    assert counted_rows(replace(before, at=NOW + timedelta(hours=1)), checks) == (60, NOW + timedelta(hours=1))
    assert counted_rows(None, ()) == (None, None)

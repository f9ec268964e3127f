"""A shop that is landed like another but for one table, and judged over views: the planted fault is found, no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.warehouse import exists, is_view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
PROJECT = load_project(ROOT)


@pytest.fixture(scope="module")
def scorecard() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import scorecard

        yield scorecard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


def test_planted_faults_are_found_where_they_are(scorecard: ModuleType, spark: SparkSession, folder: Path) -> None:
    base = scorecard.Base(spark, PROJECT, load_quality(PROJECT), folder / "base", 1, 800)
    landed = scorecard.Trial(kind="doubled_orders", strength="strong", seed=1)
    found = base.trial(landed, folder / "defect")
    assert found.is_named
    assert {flag.table for flag in found.flags} <= {"mongodb.transactions", "stg_mongodb__transactions"}
    assert not (folder / "defect").exists()
    fault = base.trial(replace(landed, kind="join_fan_out", strength="medium"), folder / "defect")
    assert fault.is_named
    assert {flag.table for flag in fault.flags} == {"int_order_items_priced", "product_performance"}
    strong = base.trial(replace(landed, kind="join_fan_out"), folder / "defect")
    assert {flag.table for flag in strong.flags} == {"int_order_items_priced"}, "what is found is not looked for again"
    untouched = base.shop.project.warehouse.glob("*/*/_delta_log/*1.json")
    assert not list(untouched), "the base was landed once"
    places = {model.table.path(base.shop.project.warehouse): model for model in PROJECT.models.values()}
    made = [place for place in places if exists(place)]
    views = {places[place].name for place in made if places[place].config.materialized == "view"}
    assert views == {places[place].name for place in made if is_view(place)} >= {"stg_mongodb__transactions"}
    tables = [place for place in made if not is_view(place)]
    assert tables and all(delta.plain_files(place) for place in tables), (
        "what is checked lies at hand, as users' tables do"
    )


def test_all_that_is_planned(scorecard: ModuleType) -> None:
    planned = list(scorecard.planned(["doubled_orders", "coarser_grain"], ["weak", "medium"], 2, 6))
    assert len(planned) == len({trial.key for trial in planned}) == 14
    assert [trial.kind for trial in planned if trial.strength == "clean"] == [
        *["realistic"] * 4,
        "uniform",
        "realistic",
    ]
    with pytest.raises(SystemExit) as caught:
        list(scorecard.planned(["doubled"], ["weak"], 1, 0))
    assert str(caught.value).startswith('"doubled" is no defect. Known: clustered_durations,')
    assert scorecard.code_of(3_000) == scorecard.code_of(3_000) != scorecard.code_of(4_000)


def test_the_tables_stand_between_two_lines(scorecard: ModuleType) -> None:
    text = f"# Before\n\n{scorecard.BEGIN}\nold\n{scorecard.END}\n\nAfter\n"
    once = scorecard.placed(text, "new\n")
    assert once == f"# Before\n\n{scorecard.BEGIN}\nnew\n{scorecard.END}\n\nAfter\n"
    assert scorecard.placed(once, "new\n") == once
    assert scorecard.PAGE.read_text(encoding="utf-8").count(scorecard.BEGIN) == 1

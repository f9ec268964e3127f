"""--empty and --sample: which rows are taken, where they go, and that published tables stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.errors import FormatError, ProjectError
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.samples import EMPTY, Sample, parse_sample, sampled
from runner.warehouse import publish_view, read_view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, number, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("3 days", Sample(start=day(7, 12), end=NOW)),
        ("12 hours", Sample(start=day(10), end=NOW)),
        ("1 day", Sample(start=day(9, 12), end=NOW)),
        ("1%", Sample(percent=1.0)),
        ("0.5 %", Sample(percent=0.5)),
        ("{start: 2026-03-01, end: 2026-03-08}", Sample(start=day(1), end=day(8))),
        ("{'start': '2026-03-01T06:00:00'}", Sample(start=day(1, 6), end=NOW)),
    ],
)
def test_a_sample_is_a_period_a_share_or_a_range(text: str, sample: Sample) -> None:
    assert parse_sample(text, now=NOW) == sample


FORMS = 'Write a period ("3 days"), a share ("1%"), or a range ("{start: 2026-01-01, end: 2026-01-08}").'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a few", f'--sample: "a few" is no sample. {FORMS}'),
        ("{begin: 2026-03-01}", f'--sample: "{{begin: 2026-03-01}}" is no sample. {FORMS}'),
        ("{", f'--sample: "{{" is no sample. {FORMS}'),
        ("0%", "--sample: a share is above 0% and up to 100%, not 0%."),
        ("101%", "--sample: a share is above 0% and up to 100%, not 101%."),
        (
            "{start: 2026-03-08, end: 2026-03-01}",
            '--sample: "{start: 2026-03-08, end: 2026-03-01}" ends before it starts.',
        ),
        (
            "{start: soon}",
            '--sample: start: "soon" is no date and no moment. Write 2026-01-31, or 2026-01-31T05:00:00.',
        ),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_sample(text, now=NOW)
    assert str(caught.value) == message


def _staged(root: Path) -> None:
    publish_view(root / "warehouse/marts_staging/stg_orders", sql="select 1 as order_id", inputs=[], metadata={})


@pytest.mark.parametrize(
    ("sample", "event_time", "sql"),
    [
        (EMPTY, "", "select * from `marts_staging`.`stg_orders` where false"),
        (
            Sample(percent=2.5),
            "",
            "select * from `marts_staging`.`stg_orders` tablesample (2.5 percent) repeatable (7)",
        ),
        (
            Sample(start=day(1), end=day(2)),
            "{{ config(event_time='ordered_at') }}",
            "select * from `marts_staging`.`stg_orders` where ordered_at >= timestamp'2026-03-01 00:00:00+00:00' "
            "and ordered_at < timestamp'2026-03-02 00:00:00+00:00'",
        ),
    ],
)
def test_what_is_read_is_a_view_beside_it(
    write: Write, tiny: dict[str, str], sample: Sample, event_time: str, sql: str
) -> None:
    tiny["models/staging/stg_orders.sql"] = event_time + tiny["models/staging/stg_orders.sql"]
    root = write(tiny)
    _staged(root)
    project = sampled(load_project(root), ["model.tiny.totals"], sample)
    assert str(project.models["totals"].table) == f"{sample.word}__marts.totals"
    assert str(project.models["stg_orders"].table) == f"{sample.word}__marts_staging.stg_orders"
    view = read_view(root / f"warehouse/{sample.word}__marts_staging/stg_orders")
    assert (view["sql"], view["inputs"]) == (sql, ["marts_staging.stg_orders"])


def test_without_an_event_time_there_is_no_sample_by_time(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    _staged(root)
    with pytest.raises(ProjectError) as caught:
        sampled(load_project(root), ["model.tiny.totals"], parse_sample("3 days"))
    assert str(caught.value) == (
        "--sample takes rows by time, and nothing that the selected models read says which column is its time. "
        'Give one of them "event_time" in its config, or take a share: --sample 1%'
    )


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (["model.tiny.totals"], "stg_orders has not been built. Build it: run models --select +stg_orders"),
        (["model.tiny.stg_orders"], "shop.orders has not been landed. Land it: run ingest shop.orders"),
    ],
)
def test_what_is_read_must_be_there(write: Write, tiny: dict[str, str], nodes: list[str], message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        sampled(load_project(write(tiny)), nodes, EMPTY)
    assert str(caught.value) == message


def test_published_tables_stay_as_they_are(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    for name in ("marts", "marts_staging", "shop", "empty__marts", "sample__marts", "empty__shop", "sample__shop"):
        spark.sql(f"drop schema if exists {name} cascade")
    root = write(tiny)
    orders = spark.range(1000).selectExpr("cast(id as int) as order_id", "cast(1 as decimal(12,2)) as total")
    orders.write.format("delta").save(str(root / "warehouse/shop/orders"))
    project = load_project(root)

    def build(name: str, sample: Sample | None) -> dict[str, Any]:
        here = sampled(project, project.select(()), sample) if sample else project
        options = BuildOptions(checked=False, full_refresh=True)
        results = Builder(here, load_quality(here), spark, run_id=name, options=options).run(project.select(()))
        assert [result.status for result in results] == ["success", "success"], results
        rows: list[dict[str, Any]] = delta.first_rows(here.models["totals"].table.path(project.warehouse), 2)[1]
        return rows[0]

    assert build("whole", None)["order_count"] == 1000
    assert build("empty", EMPTY) == {"order_count": 0, "revenue": None}
    assert 50 <= build("tenth", Sample(percent=10.0))["order_count"] <= 200
    published = delta.first_rows(root / "warehouse/marts/totals", 2)[1]
    assert published[0]["order_count"] == 1000
    assert delta.metadata(root / "warehouse/marts/totals")["run_id"] == "whole"

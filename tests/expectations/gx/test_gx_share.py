"""Suites and results of ours in Great Expectations' hands: a checkpoint runs the one, Data Docs show the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.suite import Expectation, Suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def expect(kind: str, *, where: str = "", **arguments: Any) -> Expectation:
    return Expectation(type=kind, arguments=arguments, where=where, place=f"clv.yml:{len(kind)}")


SUITE = Suite(
    model="clv",
    description="One row per user.",
    expectations=(
        expect("expect_column_values_to_not_be_null", column="user_id"),
        expect("expect_column_values_to_be_between", column="revenue", min_value=0, where="user_id > 1"),
        expect("expect_rows_to_satisfy", condition="revenue >= 2", where="user_id > 1"),
        expect("expect_rows_to_satisfy", condition="revenue >= 0"),
        expect("expect_column_values_to_exist_in", column="user_id", to="users"),
        expect("expect_tables_to_reconcile", value="count(*)", other="users"),
        expect("expect_columns_to_be_alive", source="users", min_rows=1, ignore=["revenue"]),
        expect("expect_series_to_be_sane", date="since"),
    ),
)


def test_a_checkpoint_runs_our_suite_and_data_docs_show_our_result(spark: SparkSession, tmp_path: Path) -> None:
    from expectations import gx
    from expectations.gx.share import as_gx_suite, keep_result
    from expectations.validate import validate

    import great_expectations as great  # isort: skip

    clv = spark.sql("""select user_id, revenue, date(since) as since from values
        (1, 1.0, '2025-01-01'), (2, 2.0, '2025-01-02'), (3, 1.5, '2025-01-03') as given(user_id, revenue, since)""")
    users = spark.sql("select * from values (1), (2), (4) as given(user_id)")
    ours = validate(clv, SUITE, inputs={"users": users})

    context = great.get_context(mode="file", project_root_dir=tmp_path)
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(as_gx_suite(SUITE, inputs={"users": users}))
    asset = context.data_sources.add_spark("shop", persist=False).add_dataframe_asset("clv")
    definition = great.ValidationDefinition(
        name="clv", data=asset.add_batch_definition_whole_dataframe("now"), suite=suite
    )
    checkpoint = great.Checkpoint(name="shop", validation_definitions=[context.validation_definitions.add(definition)])
    theirs = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": clv})

    (run,) = theirs.run_results.values()
    assert [gx.exception_of(one) for one in run.results] == [""] * len(SUITE.expectations)
    by_place = {
        (one.expectation_config.type, str(one.expectation_config.kwargs.get("condition"))): one.success
        for one in run.results
    }
    mine = {(one.type, str(one.expectation.arguments.get("condition"))): one.level != "fail" for one in ours.results}
    assert mine == by_place
    assert sorted(mine.values()) == [False, False, True, True, True, True, True, True]
    assert (theirs.success, ours.success) == (False, False)

    keep_result(context, ours, run_id="run-7")
    pages = context.build_data_docs()
    assert len(context.validation_results_store.list_keys()) == 2
    shown = [page.read_text(encoding="utf-8") for page in (tmp_path / "gx" / "uncommitted").rglob("*.html")]
    assert pages and any("run-7" in page for page in shown)
    assert any("expect_columns_to_be_alive" in page and "run-7" in page for page in shown)

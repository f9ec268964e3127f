"""The models' own unit tests on real Spark, and the figures that rows in YAML cannot hold up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scipy.stats import poisson

from runner.compile import compile_model
from runner.model import UnitTest
from runner.project.parse import Project, load_project
from runner.unit_tests import run_unit_test

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
PROJECT = load_project(ROOT, variables={"reported": True})
# Rows are few and queries many: compiling and re-planning them would take longer than running them.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}


@pytest.fixture(scope="module")
def quick(spark: SparkSession) -> Iterator[SparkSession]:
    """The session, set for queries of a few rows."""
    before = {name: spark.conf.get(name, None) for name in QUICK}
    for name, value in QUICK.items():
        spark.conf.set(name, value)
    yield spark
    for name, old in before.items():
        if old is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, old)


@pytest.fixture(scope="module")
def project() -> Project:
    return PROJECT


@pytest.mark.parametrize("test", PROJECT.files.unit_tests, ids=lambda test: test.name)
def test_unit_test(test: UnitTest, project: Project, quick: SparkSession, spark: SparkSession) -> None:
    result = run_unit_test(project, quick, test)
    assert result.passed, result.message


@pytest.mark.parametrize(
    "model",
    [model for model in PROJECT.models.values() if model.refs and model.language == "sql"],
    ids=lambda model: model.name,
)
def test_columns_are_the_described_ones(
    model: object, project: Project, quick: SparkSession, spark: SparkSession
) -> None:
    """Names, order and types of what a model gives are what its property file says."""
    from runner.model import Model

    assert isinstance(model, Model)
    relations = {}
    for name in (ref.name for ref in model.refs):
        schema = ", ".join(f"`{column.name}` {column.data_type}" for column in project.models[name].columns)
        quick.createDataFrame([], schema).createOrReplaceTempView(f"described_{name}")
        relations[name] = f"described_{name}"
    frame = quick.sql(compile_model(project, model, is_incremental=False, relations=relations).sql)
    given = [(field.name, field.dataType.simpleString()) for field in frame.schema]
    assert given == [(column.name, column.data_type) for column in model.columns]


def test_p_values_are_exact(project: Project, quick: SparkSession, spark: SparkSession) -> None:
    """Poisson tails agree with scipy's from one pair to thousands, far above and far below what chance expects."""
    cases = [
        (observed, expected)
        for expected in (0.02, 0.5, 1.0, 4.0, 19.5, 20.0, 60.0, 750.0, 5000.0)
        for observed in sorted({1, 2, 5, 20, 21, 22, 40, 200, int(expected) + 1, int(expected * 1.2) + 1})
    ]
    rows = [
        (f"p{number}", f"q{number}", observed, int(expected * 1000), 1000, 1_000_000, 10)
        for number, (observed, expected) in enumerate(cases)
    ]
    quick.createDataFrame(
        [("basket", *row) for row in rows],
        "pair_kind string, product_a string, product_b string, pair_count bigint, product_a_count bigint, "
        "product_b_count bigint, set_count bigint, product_count bigint",
    ).createOrReplaceTempView("pairs_of_known_chance")
    compiled = compile_model(
        project,
        project.models["int_product_pairs_scored"],
        is_incremental=False,
        relations={"int_product_pairs_counted": "pairs_of_known_chance"},
    )
    found = {row.product_a: row.p_value for row in quick.sql(compiled.sql).select("product_a", "p_value").collect()}
    for number, (observed, expected) in enumerate(cases):
        exact = poisson.sf(observed - 1, expected)
        assert found[f"p{number}"] == pytest.approx(exact, rel=1e-6, abs=1e-13), (observed, expected)

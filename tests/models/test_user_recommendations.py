"""The Python model of the shop on real Spark: what it recommends to users of two tastes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def recommendations(root: Path) -> ModuleType:
    path = root / "models/marts/affinity/user_recommendations.py"
    spec = importlib.util.spec_from_file_location("user_recommendations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Given:
    """What a model gets as `dbt`: tables by name."""

    def __init__(self, **tables: DataFrame) -> None:
        self._tables = tables

    def ref(self, name: str) -> DataFrame:
        return self._tables[name]

    def config(self, **_: Any) -> None:
        return None


def given(spark: SparkSession, items: list[tuple[str, str, int]], pairs: list[tuple[str, str]]) -> Given:
    return Given(
        int_order_items_priced=spark.createDataFrame(items, "user_id string, product_id string, quantity int"),
        product_recommendations=spark.createDataFrame(pairs, "product_ref string, recommended_product string"),
    )


def test_users_are_recommended_what_their_like_buy_and_they_have_not(
    spark: SparkSession, recommendations: ModuleType
) -> None:
    # Two tastes of six products; each user lacks one product of the taste.
    items = [
        (f"{taste}{user}", f"{taste}_p{product}", 1 + product % 2)
        for taste in ("a", "b")
        for user in range(6)
        for product in range(6)
        if product != user
    ]
    found = recommendations.model(given(spark, items, [("a_p0", "a_p1"), ("b_p0", "x")]), spark)
    rows = found.collect()
    bought = {(user, product) for user, product, _ in items}
    assert not bought & {(row.user_id, row.recommended_product) for row in rows}
    first = {row.user_id: row.recommended_product for row in rows if row["rank"] == 1}
    assert first == {f"{taste}{user}": f"{taste}_p{user}" for taste in ("a", "b") for user in range(6)}
    beside = {(row.user_id, row.recommended_product) for row in rows if row.is_beside_a_purchase}
    assert beside == {("a1", "a_p1")}
    again = recommendations.model(given(spark, items, []), spark).collect()
    assert {(row.user_id, row["rank"]): row.score for row in again} == {
        (row.user_id, row["rank"]): row.score for row in rows
    }


def test_without_purchases_there_is_nothing(spark: SparkSession, recommendations: ModuleType) -> None:
    found = recommendations.model(given(spark, [], []), spark)
    assert found.count() == 0
    assert found.columns == ["user_id", "recommended_product", "rank", "score", "is_beside_a_purchase"]

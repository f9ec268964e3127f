"""What each user may want next: alternating least squares over who bought how many of what (implicit feedback).

Ratings are quantities on a logarithmic scale; the seed is fixed, so the same rows give the same factors. Of the
products that the factors name first for a user, those the user has bought already are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.ml.recommendation import ALS
from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FACTORS = 8
ITERATIONS = 4
CONFIDENCE = 10.0  # how much more a purchase says than its absence
SEED = 17
NAMED_PER_USER = 60
RECOMMENDED_PER_USER = 10
COLUMNS = "user_id string, recommended_product string, rank int, score double, is_beside_a_purchase boolean"


def model(dbt: Any, session: SparkSession) -> DataFrame:
    dbt.config(materialized="table", tags=["ml"])
    items = dbt.ref("int_order_items_priced")
    beside = dbt.ref("product_recommendations")
    bought = (
        items.where("user_id is not null and product_id is not null and quantity > 0")
        .groupBy("user_id", "product_id")
        .agg(F.log1p(F.sum("quantity").cast("double")).cast("float").alias("rating"))
        .localCheckpoint()  # read six times below
    )
    if bought.isEmpty():
        return session.createDataFrame([], COLUMNS)
    users, products = numbered(bought, "user_id"), numbered(bought, "product_id")
    ratings = bought.join(users, "user_id").join(products, "product_id")
    factors = ALS(
        rank=FACTORS,
        maxIter=ITERATIONS,
        implicitPrefs=True,
        alpha=CONFIDENCE,
        seed=SEED,
        numUserBlocks=2,
        numItemBlocks=2,
        userCol="user_id_number",
        itemCol="product_id_number",
        ratingCol="rating",
    ).fit(ratings)
    named = (
        factors.recommendForAllUsers(NAMED_PER_USER)
        .select("user_id_number", F.inline("recommendations"))
        .join(users, "user_id_number")
        .join(products, "product_id_number")
        .join(bought.select("user_id", "product_id"), ["user_id", "product_id"], "left_anti")
        .select(
            "user_id",
            F.col("product_id").alias("recommended_product"),
            F.round(F.col("rating").cast("double"), 4).alias("score"),
        )
    )
    return with_pairs(ranked(named), bought, beside)


def numbered(frame: DataFrame, column: str) -> DataFrame:
    """Returns each value of a column with a number from 1, by which the factors know it."""
    order = Window.orderBy(column)
    return frame.select(column).distinct().withColumn(f"{column}_number", F.row_number().over(order))


def ranked(named: DataFrame) -> DataFrame:
    """Returns the best products of each user with their ranks."""
    order = Window.partitionBy("user_id").orderBy(F.desc("score"), "recommended_product")
    return named.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= RECOMMENDED_PER_USER)


def with_pairs(recommended: DataFrame, bought: DataFrame, beside: DataFrame) -> DataFrame:
    """Returns the recommendations, each with whether the product pairs name it beside something the user bought."""
    pairs = (
        bought.join(beside, bought.product_id == beside.product_ref)
        .select("user_id", "recommended_product")
        .distinct()
        .withColumn("is_beside_a_purchase", F.lit(True))
    )
    return recommended.join(pairs, ["user_id", "recommended_product"], "left").select(
        "user_id",
        "recommended_product",
        "rank",
        "score",
        F.coalesce("is_beside_a_purchase", F.lit(False)).alias("is_beside_a_purchase"),
    )

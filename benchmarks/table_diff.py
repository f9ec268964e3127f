"""What `run diff` costs against the joins that people write by hand: the same two tables, rows by key, one per cent changed.

python benchmarks/table_diff.py --rows 2000000 --columns 20
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import functions as f

from runner.environments.compare import compare
from runner.session.spark import spark_session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    names = [f"c{number}" for number in range(given.columns)]
    with tempfile.TemporaryDirectory() as folder:
        spark = spark_session("benchmark", scratch=Path(folder) / "scratch")
        first = ", ".join(f"id * {number} + 0.5d as {name}" for number, name in enumerate(names))
        spark.sql(f"select cast(id as string) as user_id, {first} from range({given.rows})").write.format("delta").save(
            f"{folder}/before"
        )
        second = ", ".join(f"if(user_id % 100 = 0, {name} + 1, {name}) as {name}" for name in names)
        spark.sql(f"select user_id, {second} from delta.`{folder}/before` where user_id % 1000 != 3").write.format(
            "delta"
        ).save(f"{folder}/after")
        before, after = (spark.read.format("delta").load(f"{folder}/{side}") for side in ("before", "after"))

        def join_by_hand() -> object:
            joined = before.alias("b").join(after.alias("a"), f.expr("b.user_id <=> a.user_id"), "full_outer")
            counts = [f.count_if(f.expr(f"not (b.{name} <=> a.{name})")).alias(name) for name in names]
            return joined.agg(*counts).collect()

        def except_both_ways() -> object:
            return before.exceptAll(after).count(), after.exceptAll(before).count()

        ways: dict[str, Callable[[], object]] = {
            "run diff, by key": lambda: compare(before, after, ["user_id"]),
            "run diff, no key": lambda: compare(before, after, []),
            "full outer join, counts by column": join_by_hand,
            "exceptAll both ways, counts": except_both_ways,
        }
        for name, way in ways.items():
            seconds = []
            for _ in range(given.repeat):
                started = time.perf_counter()
                way()
                seconds.append(time.perf_counter() - started)
            print(f"{name:<36} {min(seconds):7.2f} s  (of {given.repeat})")
        spark.stop()


if __name__ == "__main__":
    main()

"""A project with two targets, dev and prod, in the session of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.cli import main
from runner.cli.session import Command

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FILES = {
    "project.yml": """
        name: tiny
        models:
          tiny:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        default_defer_target: prod
        targets:
          dev: {warehouse: dev, schema: marts}
          prod: {warehouse: prod, schema: marts}
          beside: {warehouse: prod, schema: mine}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: shop
            tables:
              - name: orders
                key: [order_id]
                columns:
                  - {name: order_id, data_type: int}
                  - {name: total, data_type: "decimal(12,2)"}
        """,
    "models/_m.yml": """
        models:
          - name: priced
            columns:
              - {name: order_id, data_tests: [unique]}
        """,
    "models/staging/stg_orders.sql": "select order_id, total from {{ source('shop', 'orders') }}",
    "models/priced.sql": "select order_id, total, total * 2 as doubled from {{ ref('stg_orders') }}",
    "models/totals.sql": "select count(*) as order_count, sum(doubled) as revenue from {{ ref('priced') }}",
}


class Said:
    """What a command printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


class Town:
    """The project, its landed table, and the command line over it."""

    def __init__(self, spark: SparkSession, root: Path, said: Callable[..., Said]) -> None:
        self.spark, self.root, self.run = spark, root, said

    def land(self, *orders: tuple[int, float], target: str = "prod") -> None:
        listed = ", ".join(f"({number}, cast({total} as decimal(12, 2)))" for number, total in orders)
        frame = self.spark.sql(f"select * from values {listed} as orders(order_id, total)")
        frame.write.format("delta").mode("overwrite").save(str(self.root / target / "shop/orders"))

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self, *arguments: str, target: str = "prod") -> Said:
        said = self.run("models", "--target", target, *arguments)
        assert said.code == 0, said.err
        return said

    def path(self, name: str, target: str = "prod", schema: str = "marts") -> Path:
        return self.root / target / schema / name

    def rows(self, name: str, target: str = "prod", schema: str = "marts") -> list[dict[str, Any]]:
        return sorted(delta.first_rows(self.path(name, target, schema), 1000)[1], key=str)

    def forget(self) -> None:
        """Lets the session forget every name, as a new process would."""
        for row in self.spark.sql("show schemas").collect():
            if row[0] != "default":
                self.spark.sql(f"drop schema if exists `{row[0]}` cascade")


@pytest.fixture
def town(
    spark: SparkSession,
    write: Callable[[Mapping[str, str]], Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Town:
    root = write(FILES)

    @contextmanager
    def session(*_: Any, **__: Any) -> Iterator[SparkSession]:
        yield spark  # the tests' own, which outlives the command

    monkeypatch.setattr(Command, "spark", session)

    def run(*arguments: str | Path) -> Said:
        town.forget()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--project-dir", str(root)])
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    town = Town(spark, root, run)
    return town

"""A project of one or a few models whose rows stand in their SQL: what is built is what was written a line before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.execute import NodeResult
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = """
    name: small
    targets:
      dev: {warehouse: warehouse, schema: marts}
    """


class Work:
    """A project in a folder, and what building it gives."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        self.file("project.yml", PROJECT)

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def model(self, select: str, name: str = "m", **config: Any) -> None:
        """Writes a model of that SELECT."""
        given = ", ".join(f"{key}={value!r}" for key, value in config.items())
        self.file(f"models/{name}.sql", f"{{{{ config({given}) }}}}\n{select}")

    def build(
        self, *select: str, full_refresh: bool = False, kinds: Collection[str] = ("model",), **options: Any
    ) -> dict[str, NodeResult]:
        project = load_project(self.root)
        settings = BuildOptions(threads=2, full_refresh=full_refresh, **options)
        builder = Builder(project, load_quality(project), self.spark, run_id="run-1", options=settings)
        return {
            result.unique_id.rsplit(".", 1)[-1]: result for result in builder.run(project.select(select, kinds=kinds))
        }

    def check(self, *select: str) -> dict[str, NodeResult]:
        """Checks what is published."""
        project = load_project(self.root)
        builder = Builder(project, load_quality(project), self.spark, run_id="run-1", options=BuildOptions(threads=2))
        return {result.unique_id.rsplit(".", 1)[-1]: result for result in builder.check(project.select(select))}

    def ok(self, *select: str, **options: Any) -> NodeResult:
        """Builds; every node must succeed. Returns the result of `m`, or of the only node."""
        results = self.build(*select, **options)
        for result in results.values():
            assert result.status == "success", result.message
        return results.get("m") or next(iter(results.values()))

    def fails(self, *select: str, **options: Any) -> str:
        """Builds; one node must fail, and what is published must stay. Returns the message."""
        before = self.published()
        failed = [result for result in self.build(*select, **options).values() if result.stops]
        assert len(failed) == 1, failed
        assert self.published() == before
        return failed[0].message

    def published(self) -> Mapping[str, int | None]:
        tables = sorted(path.parent for path in (self.root / "warehouse").glob("*/*/_delta_log"))
        tables = [path for path in tables if not path.parent.name.endswith("__failures")]  # what failed is kept there
        return {path.name: delta.version(path) for path in tables if delta.is_table(path)}

    def path(self, name: str = "m") -> Path:
        return self.root / "warehouse/marts" / name

    def rows(self, name: str = "m") -> list[tuple[Any, ...]]:
        """Reads the published table at its path, as any Delta reader would."""
        return sorted((tuple(row.values()) for row in delta.first_rows(self.path(name), 1000)[1]), key=str)

    def columns(self, name: str = "m") -> list[tuple[str, str]]:
        return delta.columns(self.path(name))


@pytest.fixture
def work(spark: SparkSession, tmp_path: Path) -> Work:
    spark.sql("drop schema if exists marts cascade")  # a session keeps names; each test has its own warehouse
    return Work(spark, tmp_path)

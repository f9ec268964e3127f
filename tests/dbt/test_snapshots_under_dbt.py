"""Snapshots by us and by dbt Core with dbt-spark: three states of the same rows, every strategy, the same histories."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from runner.build import Builder, BuildOptions
from runner.dbt_project import write_dbt_project
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.session.spark import delta_jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HERE = Path(__file__).resolve().parent
STATES = {
    1: ["1, 'a', '2026-01-01'", "2, 'b', '2026-01-01'", "3, 'c', '2026-01-01'", "5, null, '2026-01-01'"],
    2: ["1, 'a', '2026-01-01'", "2, 'b2', '2026-01-02'", "4, 'd', '2026-01-02'", "5, 'e', '2026-01-02'"],
    3: ["1, 'a3', '2026-01-03'", "2, 'b2', '2026-01-02'", "3, 'c3', '2026-01-03'", "5, null, '2026-01-03'"],
}
SNAPSHOTS = {
    ("timestamp", "ignore"): "updated_at='at'",
    ("timestamp", "invalidate"): "updated_at='at'",
    ("check", "ignore"): "check_cols='all'",
    ("check", "new_record"): "check_cols=['kind']",
}
SETTINGS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.memory": "1g",
}
CLOCK = ("dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
Row = tuple[Any, ...]
Window = tuple[datetime, datetime]

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]  # dbt starts a Spark of its own


def name_of(strategy: str, deletes: str) -> str:
    return f"{strategy}_{deletes}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of snapshots alone, whose queries give the rows of `var("state")`."""
    folder = tmp_path_factory.mktemp("snapshots_under_dbt")
    (folder / "project.yml").write_text("name: kept\ntargets: {dev: {warehouse: warehouse, schema: marts}}\n")
    (folder / "snapshots").mkdir()
    cases = "".join(
        f"{{% {'if' if state == 1 else 'elif'} var('state') == {state} %}}" + ", ".join(f"({row})" for row in rows)
        for state, rows in STATES.items()
    )
    select = f"select id, kind, cast(at as timestamp) as at from values {cases}{{% endif %}} as given(id, kind, at)"
    for (strategy, deletes), more in SNAPSHOTS.items():
        config = f"strategy='{strategy}', unique_key='id', {more}, hard_deletes='{deletes}', file_format='delta'"
        name = name_of(strategy, deletes)
        text = f"{{% snapshot {name} %}}\n{{{{ config({config}) }}}}\n{select}\n{{% endsnapshot %}}\n"
        (folder / "snapshots" / f"{name}.sql").write_text(text)
    return folder


@pytest.fixture(scope="module")
def ours(place: Path, spark: SparkSession) -> list[Window]:
    """Takes the snapshots of each state; returns when."""
    spark.sql("drop schema if exists marts cascade")
    windows = []
    for state in STATES:
        began = datetime.now(UTC)
        project = load_project(place, variables={"state": state})
        builder = Builder(project, load_quality(project), spark, run_id=f"state-{state}", options=BuildOptions())
        results = builder.run(project.select(kinds=("snapshot",)))
        assert {result.status for result in results} == {"success"}, [result.message for result in results]
        windows.append((began, datetime.now(UTC)))
    spark.sql("drop schema if exists marts cascade")
    return windows


@pytest.fixture(scope="module")
def theirs(place: Path, dbt: Path) -> list[Window]:
    """Lets dbt take them, in a project that we wrote over the same files; returns when."""
    folder = place / "dbt"
    write_dbt_project(load_project(place, variables={"state": 1}), folder, jars=delta_jars())
    with (folder / "spark" / "spark-defaults.conf").open("a", encoding="utf-8") as settings:
        settings.writelines(f"{key} {value}\n" for key, value in SETTINGS.items())
    environment = {**os.environ, "SPARK_CONF_DIR": str(folder / "spark"), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYSPARK_PYTHON": str(dbt.with_name("python"))}
    program = [str(dbt.with_name("python")), str(HERE / "snapshots_with_dbt.py"), *map(str, STATES)]
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return [(datetime.fromisoformat(began), datetime.fromisoformat(ended)) for began, ended in found]


def history(path: Path, windows: Sequence[Window]) -> Counter[Row]:
    """Returns a snapshot's rows as a multiset: a moment of the clock as the number of the state in whose run it lies.

    An id that holds such a moment is `by the clock`; of the others nothing is changed.
    """
    rows = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    assert len({row["dbt_scd_id"] for row in rows}) == len(rows), "each state has an id of its own"
    return Counter(
        tuple((name, _steady(name, value, row, windows)) for name, value in sorted(row.items())) for row in rows
    )


def _steady(name: str, value: Any, row: dict[str, Any], windows: Sequence[Window]) -> Any:
    if name in CLOCK:
        return _run_of(value, windows)
    if name == "dbt_scd_id" and isinstance(_run_of(row["dbt_valid_from"], windows), int):
        return "by the clock"
    return value


def _run_of(moment: datetime | None, windows: Sequence[Window]) -> int | str | None:
    """Returns in which run the clock showed a moment, from 1; any other moment as text."""
    if moment is None:
        return None
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return next((number for number, (began, ended) in enumerate(windows, 1) if began <= at <= ended), at.isoformat())


def _by_dbt_spark(row: Row) -> Row:
    """Returns a row as dbt-spark 1.11 writes it: the record of a deletion has no value of the row, nor its key.

    So it never ends either, when the row is back. dbt's other adapters write the values, as we do.
    """
    found = dict(row)
    if found.get("dbt_is_deleted") == "True":
        assert None not in (found["id"], found["kind"], found["at"])
        found |= {"id": None, "kind": None, "at": None, "dbt_valid_to": None}
    return tuple(found.items())


@pytest.mark.parametrize(("strategy", "deletes"), SNAPSHOTS)
def test_histories_are_the_same(
    place: Path, ours: list[Window], theirs: list[Window], strategy: str, deletes: str
) -> None:
    name = name_of(strategy, deletes)
    mine = history(place / "warehouse/marts" / name, ours)
    dbts = history(place / "dbt/metastore/warehouse/marts.db" / name, theirs)
    mine = Counter({_by_dbt_spark(row): count for row, count in mine.items()})
    assert mine == dbts, f"only ours: {list(mine - dbts)}; only dbt's: {list(dbts - mine)}"
    assert sum(mine.values()) == (12 if deletes == "new_record" else 10)

"""run restore: back to a published version, one table or a set, all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.warehouse import read_view, view_versions

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town


def ids(town: Town, name: str = "priced") -> list[int]:
    return [row["order_id"] for row in town.rows(name)]


def test_tables_and_views_go_back_alone_and_together(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    first = delta.metadata(town.path("priced"))["run_id"]
    town.land((2, 20.0), (3, 1.0))
    town.file("models/staging/stg_orders.sql", "select order_id, total, 1 as one from {{ source('shop', 'orders') }}")
    town.file("models/priced.sql", "select order_id, total, total * 3 as doubled from {{ ref('stg_orders') }}")
    town.build()
    second = delta.metadata(town.path("priced"))["run_id"]

    dry = town.run("restore", "priced", "--version", "0", "--target", "prod", "--dry-run")
    assert dry.err.startswith("would go  priced  version 1 -> 0  of ") and dry.err.endswith("run: 1 to restore.\n")
    assert ids(town) == [2, 3]
    one = town.run("restore", "priced", "--version", "0", "--target", "prod")
    assert (one.code, one.err.splitlines()[-2]) == (0, "run: 1 restored."), one.err
    assert one.err.splitlines()[-1] == (
        "     Runs leave it so until the SQL, the settings or what is read change. What would run: run plan"
    )
    assert ids(town) == [1]
    said = delta.metadata(town.path("priced"))
    assert (said["run_id"], said["restored"]["version"], delta.version(town.path("priced"))) == (first, 0, 2)
    spark = town.spark.read.format("delta").load(str(town.path("priced")))
    assert [(row.order_id, float(row.doubled)) for row in spark.collect()] == [(1, 20.0)]
    assert (
        town.run("restore", "priced", "--version", "0", "--target", "prod").err == "run: 0 restored, 1 there already.\n"
    )
    town.run("restore", "priced", "--version", "1", "--target", "prod")
    assert ids(town) == [2, 3]

    undone = town.run("restore", "--before", second[:8], "--target", "prod")
    assert undone.code == 0, undone.err
    assert [line.split()[1] for line in undone.err.splitlines()[:-2]] == ["stg_orders", "priced", "totals"]
    assert ids(town) == [1]
    assert "one" not in read_view(town.path("stg_orders", schema="marts_staging"))["sql"]
    assert town.rows("totals")[0]["order_count"] == 1
    kept = town.build().err  # a run leaves alone what was restored
    assert kept.count("it was restored to version 0 on ") == 3
    assert (ids(town), kept.splitlines()[-1].endswith(": 3 reused; --force builds them again.")) == ([1], True)
    again = town.run("restore", "--run", second, "--target", "prod")
    assert (again.code, ids(town), town.rows("totals")[0]["order_count"]) == (0, [2, 3], 2)
    assert len(view_versions(town.path("stg_orders", schema="marts_staging"))) == 4
    early = town.run("restore", "priced", "--before", "2001-01-01", "--target", "prod")
    assert early.err.startswith("run: priced had not been published then. Its first version that is left is of 2")

    for file in town.path("priced").rglob("*.parquet"):
        if "candidate" in str(file) and file.stat().st_nlink == 1:
            file.unlink()
    gone = town.run("restore", "priced", "--version", "0", "--target", "prod")
    assert "files of version 0 are gone, removed by a VACUUM (" in gone.err
    assert gone.err.endswith("Nothing was restored. Choose a later version, or build it again.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run: say where to go back to: one of --version N, --run RUN_ID, --before RUN_ID or TIME.\n"),
        (["--version", "1", "--run", "a"], "run: say where to go back to: one of --version N, --run RUN_ID, --before RUN_ID or TIME.\n"),
        (["--version", "1"], "run: --version is of one table, and 3 are selected. Name one model.\n"),
        (["priced", "--version", "1"], "run: priced has not been built. Build it: run models --select +priced\n"),
        (["--run", "abc"], 'run: no run "abc" has published anything here. The last ones: none.\n'),
    ],
)  # fmt: skip
def test_what_cannot_be_restored_is_said(town: Town, arguments: list[str], message: str) -> None:
    said = town.run("restore", *arguments)
    assert (said.code, said.err) == (2, message)

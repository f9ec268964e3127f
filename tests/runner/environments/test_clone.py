"""run clone: tables of another target without copying their data, and what protects them from a VACUUM."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.delta import log as delta_log
from runner.environments.clone import clone_said, clones_of, refers_elsewhere
from runner.environments.transfer import _number
from runner.environments.vacuum import remove_waste, waste_of
from runner.warehouse import read_view

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town


def test_a_whole_environment_is_linked_and_nothing_in_it_is_built_again(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    said = town.run("clone", "--from", "prod")
    assert said.code == 0, said.err
    assert [line.rstrip() for line in said.err.splitlines()[:-1]] == [
        "cloned    shop.orders  version 0",
        "view      stg_orders",
        "cloned    priced  version 0",
        "cloned    totals  version 0",
    ]
    assert said.err.splitlines()[-1].startswith("run: 4 cloned from prod (")
    assert town.rows("priced", "dev") == town.rows("priced")
    assert read_view(town.path("stg_orders", "dev", "marts_staging"))["inputs"] == ["shop.orders"]
    assert clone_said(town.path("priced", "dev"))["target"] == "prod"
    theirs = {file.stat().st_ino for file in town.path("priced").rglob("part*.parquet")}
    assert theirs == {file.stat().st_ino for file in town.path("priced", "dev").rglob("part*.parquet")}
    assert not refers_elsewhere(town.path("priced", "dev"))
    again = town.run("models")
    assert "3 reused" in again.err, again.err
    assert town.run("clone", "--from", "prod").err.startswith(
        "run: 0 cloned from prod (0 bytes not copied), 4 here already (-f clones them anew) in "
    )
    town.land((1, 10.0), (2, 5.5), (3, 1.0))
    town.build()
    assert town.run("clone", "--from", "prod", "priced", "-f").err.startswith("cloned    priced  version 1\n")
    assert len(town.rows("priced", "dev")) == 3
    old = town.spark.read.format("delta").option("versionAsOf", 0).load(str(town.path("priced", "dev")))
    assert old.count() == 2  # the clone before is a version of the table


def test_a_linked_clone_outlives_a_vacuum_of_its_source_by_anybody(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build("priced+", "stg_orders")
    town.run("clone", "--from", "prod", "priced", "stg_orders")
    view = read_view(town.path("stg_orders", "dev", "marts_staging"))
    assert view["inputs"] == ["in_prod__shop.orders"]  # what was not cloned is read there
    town.land((1, 11.0))
    town.build("priced")
    town.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    town.spark.sql(f"vacuum delta.`{town.path('priced')}` retain 0 hours")
    assert town.spark.read.format("delta").load(str(town.path("priced", "dev"))).count() == 2


def test_deleted_rows_stay_deleted_in_a_linked_clone(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5), (3, 1.0))
    town.build()
    path = town.path("priced")
    town.spark.sql(f"alter table delta.`{path}` set tblproperties ('delta.enableDeletionVectors' = 'true')")
    town.spark.sql(f"delete from delta.`{path}` where order_id = 2")
    assert any("deletionVector" in add for add in delta_log.read_snapshot(path).files.values())
    assert town.run("clone", "--from", "prod", "priced").code == 0
    cloned = town.spark.read.format("delta").load(str(town.path("priced", "dev")))
    assert sorted(row.order_id for row in cloned.collect()) == [1, 3]


def test_a_shallow_clone_is_heeded_by_our_vacuum_and_says_so_when_its_files_are_gone(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    said = town.run("clone", "--from", "prod", "priced", "--shallow")
    assert said.err.startswith("shallow   priced  version 0\n")
    clone, source = town.path("priced", "dev"), town.path("priced")
    assert refers_elsewhere(clone)
    shown = town.run("show", "priced", "--output", "json")
    assert len(shown.out.splitlines()) == 2, shown.err
    there = town.run("clone", "--from", "prod", "priced", "--shallow", "-f")
    assert there.err == (
        "run: priced is here already, and Delta cannot put a shallow clone in its place. "
        "Remove dev/marts/priced first, or leave --shallow out.\n"
    )
    town.land((1, 11.0))
    town.build("priced")
    later = datetime.now(UTC) + timedelta(days=30)
    waste = waste_of(source, now=later)
    assert (waste.files, waste.kept, waste.clones) == ((), 2, (clone.absolute(),))
    assert [one.clone for one in clones_of(source)] == [clone.absolute()]
    for file in clones_of(source)[0].files:
        file.unlink()  # as somebody else's VACUUM would
    gone = town.run("sql", "select sum(total) from {{ ref('priced') }}")
    assert "clone" in gone.err and "run clone" in gone.err, gone.err
    remove = town.run("clone", "--from", "prod", "priced", "-f")
    assert remove.code == 0, remove.err  # linked, in its place
    assert [row["order_id"] for row in town.rows("priced", "dev")] == [1]


def test_our_vacuum_removes_what_nothing_refers_to(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    town.land((2, 10.0))
    town.build()
    path = town.path("priced")
    assert waste_of(path).files == ()
    waste = waste_of(path, retain=timedelta(0), now=datetime.now(UTC) + timedelta(minutes=1))
    assert (len(waste.files), waste.kept) == (1, 0)
    remove_waste(waste)
    assert not waste.files[0].exists()
    assert [row["order_id"] for row in town.rows("priced")] == [2]
    assert delta.missing_files(path, delta_log.read_snapshot(path, version=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "dev"], 'run: "dev" is the target that you work on. Name another, or work on another with --target.\n'),
        (["--from", "prd"], 'run: project.yml:7: no target is named "prd". Targets: dev, prod, beside. Did you mean "prod"?\n'),
        (["--from", "prod", "pricd"], 'run: no model is named "pricd". Did you mean "priced"?\n'),
    ],
)  # fmt: skip
def test_what_cannot_be_cloned_is_said(town: Town, arguments: list[str], message: str) -> None:
    said = town.run("clone", *arguments)
    assert (said.code, said.err) == (2, message)


def test_the_letters_of_a_deletion_vectors_name_are_its_number() -> None:
    assert _number("HelloWorld"[:5]) == bytes([0x86, 0x4F, 0xD2, 0x6F])  # ZeroMQ's RFC 32: its own example

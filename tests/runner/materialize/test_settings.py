"""What a model says of its table, on real Delta: constraints, properties, comments, partitions, clustering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.delta import log as delta_log

if TYPE_CHECKING:
    from conftest import Work

CONSTRAINED = """
    models:
      - name: m
        description: One row per thing.
        constraints:
          - {type: check, name: small, expression: "n < 100", columns: [n]}
          - {type: primary_key, columns: [id]}
        columns:
          - name: id
            description: The thing.
            constraints: [{type: not_null}]
          - {name: n, description: How many.}
    """


def test_constraints_are_enforced_in_the_commit(work: Work) -> None:
    work.file("models/_m.yml", CONSTRAINED)
    work.model("select 1 as id, 10 as n", materialized="table")
    work.ok()
    assert delta_log.read_snapshot(work.path()).metadata["configuration"] == {
        "delta.constraints.id_not_null": "`id` is not null",
        "delta.constraints.small": "n < 100",
        "sluice.properties": "delta.constraints.id_not_null,delta.constraints.small",
    }
    work.model("select 1 as id, 200 as n", materialized="table")
    assert "small" in work.fails()
    work.model("select cast(null as int) as id, 2 as n", materialized="table")
    assert "id_not_null" in work.fails()
    assert work.rows() == [(1, 10)]


def test_constraints_of_an_incremental_model_are_tried_on_what_is_there(work: Work) -> None:
    work.model("select 1 as id, 200 as n", materialized="incremental")
    work.ok()
    work.file("models/_m.yml", CONSTRAINED)
    assert "small" in work.fails()
    work.file("models/_m.yml", CONSTRAINED.replace("n < 100", "n < 300"))
    work.ok()
    work.model("select 1 as id, 500 as n", materialized="incremental")
    assert "small" in work.fails()
    assert work.rows() == [(1, 200), (1, 200)]


def test_what_somebody_gave_the_table_stays_and_what_the_model_gave_goes(work: Work) -> None:
    work.model(
        "select 1 as id",
        materialized="table",
        tblproperties={"team": "shop", "delta.logRetentionDuration": "interval 90 days"},
    )
    work.ok()
    work.spark.sql("alter table marts.m set tblproperties ('by.hand' = 'yes')")
    work.spark.sql("alter table marts.m add constraint positive check (id > 0)")
    work.model("select 2 as id", materialized="table", tblproperties={"team": "other"})
    work.ok()
    configuration = delta_log.read_snapshot(work.path()).metadata["configuration"]
    assert configuration == {
        "by.hand": "yes", "delta.constraints.positive": "id > 0", "team": "other", "sluice.properties": "team",
    }  # fmt: skip
    work.model("select -2 as id", materialized="table")
    assert "positive" in work.fails()


def test_descriptions_are_kept_with_the_table(work: Work) -> None:
    work.file("models/_m.yml", CONSTRAINED)
    docs = {"relation": True, "columns": True}
    for materialized in ("table", "incremental"):
        work.model("select 1 as id, 2 as n", materialized=materialized, persist_docs=docs)
        work.ok(full_refresh=materialized == "table")
        described = {row.col_name: row.comment for row in work.spark.sql("describe table marts.m").collect()}
        assert (described["id"], described["n"]) == ("The thing.", "How many.")
        assert delta_log.read_snapshot(work.path()).metadata["description"] == "One row per thing."
    work.file("models/_m.yml", CONSTRAINED.replace("How many.", "It's \\how many."))
    work.model("select 2 as n, 1 as more, 1 as id", materialized="view", persist_docs=docs)
    work.ok()
    described = {row.col_name: row.comment for row in work.spark.sql("describe table marts.m").collect()}
    assert described == {"n": "It's \\how many.", "more": None, "id": "The thing."}
    said = {row.col_name: row.data_type for row in work.spark.sql("describe table extended marts.m").collect()}
    assert said["Comment"] == "One row per thing."
    work.model("select 2 as n", materialized="view", persist_docs={})
    work.ok()
    assert [row.comment for row in work.spark.sql("describe table marts.m").collect()] == [None]


def test_a_clustered_table_is_clustered_by_optimize(work: Work) -> None:
    work.model("select id, id % 3 as k from range(100)", materialized="table", liquid_clustered_by=["k"])
    work.ok()
    detail = work.spark.sql("describe detail marts.m").first()
    assert detail is not None and detail.clusteringColumns == ["k"]
    work.spark.sql("optimize marts.m")
    assert len(work.rows()) == 100
    work.model("select id, id % 3 as k from range(10)", materialized="table")
    work.ok()
    detail = work.spark.sql("describe detail marts.m").first()
    assert detail is not None and not detail.clusteringColumns
    assert len(work.rows()) == 10


def test_vectors_of_deleted_rows_are_published(work: Work) -> None:
    sql = "{% if is_incremental() %}select 3L as id, 'x' as kind{% else %}select id, 'a' as kind from range(0, 50, 1, 1){% endif %}"
    properties = {"delta.enableDeletionVectors": True}
    work.model(sql, materialized="incremental", unique_key="id", tblproperties=properties)
    work.ok()
    assert work.ok().rows == 50
    added = [one for one in delta_log.read_snapshot(work.path()).files.values() if "deletionVector" in one]
    assert [one["deletionVector"]["cardinality"] for one in added] == [1]
    found = work.spark.table("marts.m")
    assert (found.count(), found.where("kind = 'x'").count()) == (50, 1)
    assert work.ok(full_refresh=True).rows == 50
    assert work.spark.table("marts.m").where("kind = 'a'").count() == 50

"""What is built, judged again or left alone: each rule on its own, without Spark."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from runner import delta
from runner.state.commits import changed, commits, standing
from runner.state.fingerprint import Fingerprint, read_fingerprint
from runner.state.published import published
from runner.state.unseen import unseen_tables
from tests.runner.state.conftest import Settled


def test_what_did_not_change_is_reused(settled: Settled) -> None:
    for name in ("shop.orders", "stg_orders", "totals", "report"):
        assert settled.why(name) == "reuse"


def test_what_was_never_built_is_built(settled: Settled) -> None:
    shutil.rmtree(settled.path("marts/report"))
    assert settled.why("report") == "build: never built"


def test_asked_for(settled: Settled) -> None:
    assert settled.why("report", force=True) == "build: --force"
    assert settled.why("report", full_refresh=True) == "reuse"  # it is no incremental model
    settled.edit("models/report.sql", "select", "{{ config(materialized='incremental') }}select")
    settled.publish("report")
    assert settled.why("report", full_refresh=True) == "build: --full-refresh"


def test_sql_and_through_what_it_changed(settled: Settled) -> None:
    settled.edit("macros/doubled.sql", "* 2", "* 3")
    settled.edit("project.yml", "least: 2", "least: 3")
    assert settled.why("totals") == "build: its SQL changed, through macro doubled"
    assert settled.why("report") == "build: its SQL changed, through variable least: 2 → 3"
    assert settled.why("stg_orders") == "reuse"


def test_both_texts_of_an_incremental_model_count(settled: Settled) -> None:
    text = "{{ config(materialized='incremental') }}select 1 as a{% if is_incremental() %} where 1 = 1{% endif %}"
    (settled.root / "models/report.sql").write_text(text)
    settled.publish("report")
    assert settled.why("report") == "reuse"
    settled.edit("models/report.sql", "1 = 1", "1 = 2")
    assert settled.why("report") == "build: its SQL changed"


def test_a_column_of_an_enforced_contract_counts(settled: Settled) -> None:
    contract = (
        "- name: report\n    config: {contract: {enforced: true}}\n    columns: [{name: revenue, data_type: %s}]\n"
    )
    file = settled.root / "models/_report.yml"
    file.write_text("models:\n  " + contract % "int")
    settled.publish("report")
    assert settled.why("report") == "reuse"
    file.write_text("models:\n  " + contract % "bigint")
    assert settled.why("report").startswith('build: columns of the contract: [["revenue", "int"')


def test_versions_of_the_engine_count(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.state.fingerprint._installed", lambda package: "9.9")
    assert settled.why("report").startswith("build: Delta ")
    assert "Spark 4." in settled.why("report")


def test_a_parent_with_new_rows(settled: Settled) -> None:
    settled.rows("shop/orders", 3, mode="append")
    assert settled.why("totals") == "build: shop.orders has new data: version 0 → 1"
    assert settled.why("stg_orders") == "reuse"  # a view without checks holds no rows
    assert settled.why("report") == "reuse"  # its parent was not built yet
    settled.publish("totals")
    assert settled.why("report") == "build: totals has new data: version 0 → 1"


def test_a_parent_that_was_tidied_up(settled: Settled) -> None:
    settled.rows("shop/orders", 3, mode="append")
    settled.publish("totals")
    DeltaTable(str(settled.path("shop/orders"))).optimize.compact()
    delta.note(settled.path("shop/orders"), user_metadata={"kind": "landing"})
    assert delta.version(settled.path("shop/orders")) == 3
    assert settled.why("totals") == "reuse"


def test_a_parent_made_anew(settled: Settled) -> None:
    shutil.rmtree(settled.path("shop/orders"))
    settled.rows("shop/orders", 1, 2)
    assert settled.why("totals") == "build: shop.orders was made anew"


def test_a_parent_whose_log_was_cleared(settled: Settled) -> None:
    for _ in range(2):
        delta.note(settled.path("shop/orders"), user_metadata={"kind": "landing"})
    now = standing(settled.path("shop/orders"))
    assert now is not None
    assert changed(settled.path("shop/orders"), now, table_id=now.table_id, version=0) is False
    (settled.path("shop/orders") / "_delta_log" / f"{1:020}.json").unlink()
    assert changed(settled.path("shop/orders"), now, table_id=now.table_id, version=0) is True


def test_a_view_with_checks_is_judged_again_over_new_rows(settled: Settled) -> None:
    text = "models: [{name: stg_orders, columns: [{name: total, data_tests: [not_null]}]}]"
    (settled.root / "models/staging/_staging.yml").write_text(text)
    assert settled.why("stg_orders") == "recheck: check added: expect_column_values_to_not_be_null(total)"
    settled.judge("stg_orders")
    assert settled.why("stg_orders") == "reuse"
    settled.rows("shop/orders", 3, mode="append")
    assert settled.why("stg_orders") == "recheck: shop.orders has new data: version 0 → 1"


def test_a_view_in_between_counts_by_its_sql(settled: Settled) -> None:
    settled.edit("models/staging/stg_orders.sql", "select", "-- all\nselect")
    settled.publish("stg_orders")
    assert settled.why("totals") == "reuse"
    settled.edit("models/staging/stg_orders.sql", "total from", "total + 1 as total from")
    assert settled.why("totals") == "reuse"  # what it would read stands as it stood
    settled.publish("stg_orders")
    assert settled.why("totals") == "build: the view stg_orders changed"


def test_the_time_through_a_view(settled: Settled) -> None:
    settled.edit("models/staging/stg_orders.sql", "total from", "total, current_date as today from")
    settled.publish("stg_orders")
    settled.publish("totals")
    settled.now += timedelta(hours=11)
    assert settled.why("totals") == "reuse"
    settled.now += timedelta(hours=1)
    assert settled.why("totals") == "build: current_date was 2026-11-21, is 2026-11-22"
    assert settled.why("stg_orders") == "reuse"


def test_a_check_alone_is_judged_on_what_is_published(settled: Settled) -> None:
    settled.edit("models/_models.yml", "not_null", "unique")
    assert settled.why("totals") == "recheck: check added: expect_column_values_to_be_unique(revenue)"
    before = published(settled.path("marts/totals"))
    settled.judge("totals")
    assert settled.why("totals") == "reuse"
    after = published(settled.path("marts/totals"))
    assert before and after
    assert after.said["run_id"] == "run-1"
    assert after.said["checked_by"] == "run-2"
    assert settled.why("report") == "reuse"  # a note is no new row


def test_a_check_that_reads_another_table(settled: Settled) -> None:
    relation = """{relationships: {to: "source('shop', 'orders')", field: total}}"""
    settled.edit("models/_models.yml", "[not_null]", f"[{relation}]")
    settled.edit("models/totals.sql", "from {{ ref('stg_orders') }}", "")
    settled.publish("totals")
    assert settled.why("totals") == "reuse"
    settled.rows("shop/orders", 3, mode="append")
    assert settled.why("totals") == "recheck: a check reads another table: shop.orders has new data: version 0 → 1"


def test_published_without_checks(settled: Settled) -> None:
    settled.publish("totals", checked=False)
    assert settled.why("totals", checked=False) == "reuse"
    assert settled.why("totals") == "recheck: it was published without checks"


def test_a_source_is_judged_again_when_it_has_new_rows_or_checks(settled: Settled) -> None:
    settled.rows("shop/orders", 3, mode="append")
    assert settled.why("shop.orders") == "recheck: shop.orders has new data: version 0 → 1"
    settled.judge("shop.orders")
    assert settled.why("shop.orders") == "reuse"
    settled.edit("sources.yml", "not_null", "unique")
    assert settled.why("shop.orders") == "recheck: check added: expect_column_values_to_be_unique(order_id)"
    (settled.path("shop/orders") / "_checked.json").write_text("{")
    assert settled.why("shop.orders") == "recheck: never checked"


def test_rows_that_others_put_in(settled: Settled) -> None:
    settled.rows("marts/totals", 9, columns=["revenue"], mode="append")
    assert settled.why("totals") == "build: it was changed by others: version 1, WRITE"


def test_a_return_to_an_older_version(settled: Settled) -> None:
    settled.publish("totals")
    DeltaTable(str(settled.path("marts/totals"))).restore(0)
    assert settled.why("totals") == "build: it was changed by others: version 2, RESTORE"


def test_a_property_that_others_set(settled: Settled) -> None:
    DeltaTable(str(settled.path("marts/totals"))).alter.set_table_properties({"delta.appendOnly": "false"})
    assert settled.why("totals") == "reuse"
    assert settled.why("report") == "reuse"


def test_what_others_put_there(settled: Settled) -> None:
    shutil.rmtree(settled.path("marts/totals"))
    settled.rows("marts/totals", 9)
    assert settled.why("totals") == "build: what stands at marts.totals was not published by a run"


def test_a_name_that_was_another_models(settled: Settled) -> None:
    settled.edit("models/report.sql", "select", "{{ config(alias='totals') }}select")
    settled.edit("models/totals.sql", "select", "{{ config(alias='report') }}select")
    assert settled.why("report").startswith("build: marts.totals was built as model.tiny.totals")


def test_an_older_runs_commit_has_no_fingerprint(settled: Settled) -> None:
    settled.rows(
        "marts/totals", 1, columns=["revenue"], said={"sluice": 1, "run_id": "old", "model": "model.tiny.totals"}
    )
    assert settled.why("totals") == "build: it was built without a fingerprint"


def test_commits_say_what_they_did(settled: Settled) -> None:
    settled.rows("shop/orders", 3, mode="append")
    newest, first = commits(settled.path("shop/orders"))
    assert (newest.version, newest.operation, newest.changes_rows, newest.columns) == (1, "WRITE", True, None)
    assert (first.version, first.changes_rows, first.columns is None) == (0, True, False)


MICROBATCH = """{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='%s',
begin='2026-01-01') }}select revenue from {{ ref('totals') }}"""


def test_a_microbatch_model_waits_for_its_next_batch(settled: Settled) -> None:
    file = settled.root / "models/report.sql"
    file.write_text(MICROBATCH % "day")
    settled.publish("report")
    assert settled.why("report") == "reuse"
    assert settled.why("report", window=True) == "build: its batches were asked for"
    settled.now += timedelta(days=1)
    assert settled.why("report") == "build: current_date was 2026-11-21, is 2026-11-22"
    file.write_text(MICROBATCH % "hour")
    settled.publish("report")
    assert settled.why("report").startswith("build: its SQL gives another result each time")


def test_what_a_run_could_not_finish_goes_on(settled: Settled) -> None:
    settled.publish("report", incomplete="some of its batches failed")
    assert settled.why("report") == "build: some of its batches failed"
    settled.publish("report")
    assert settled.why("report") == "reuse"


def test_a_table_that_is_named_by_hand_cannot_be_seen(settled: Settled) -> None:
    settled.edit("models/report.sql", "{{ ref('totals') }}", "marts.`totals`")
    settled.publish("report")
    assert settled.why("report") == "build: it reads marts.totals without ref or source: a change would not be seen"
    settled.edit("models/report.sql", "marts.`totals`", "{{ ref('totals') }}")
    settled.publish("report")
    assert settled.why("report") == "reuse"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from a.b join c.d on true", ["c.d"]),
        ("select extract(year from o.at) from a.b as o", []),
        ("with t as (select 1) select * from t", []),
        ("select * from csv.`/data/x.csv`", ["csv./data/x.csv"]),
        ("select * from lake.c.d where x = 'from e.f'", ["lake.c.d"]),
        ("select trim(both from o.name) from a.b o", []),
        ("this is ( no sql from c.d", []),
    ],
)
def test_tables_without_ref(sql: str, expected: list[str]) -> None:
    assert unseen_tables(sql, {"a.b"}) == expected


def test_a_macro_that_is_its_strategy_counts(settled: Settled) -> None:
    macro = settled.root / "macros/own.sql"
    macro.write_text("{% macro get_incremental_own_sql(arg_dict) %}select {{ doubled(1) }}{% endmacro %}")
    config = "{{ config(materialized='incremental', incremental_strategy='own') }}"
    settled.edit("models/report.sql", "select", f"{config}select")
    settled.publish("report")
    assert settled.why("report") == "reuse"
    settled.edit("macros/own.sql", "select", "delete")
    assert settled.why("report").startswith("build: macros of its strategy: ")


def test_a_macro_of_a_hook_counts(settled: Settled) -> None:
    settled.edit("models/report.sql", "select", "{{ config(post_hook='select {{ doubled(1) }}') }}select")
    settled.publish("report")
    assert settled.why("report") == "reuse"
    settled.edit("macros/doubled.sql", "* 2", "* 3")
    assert settled.why("report").startswith("build: macros of its hooks: ")


ASKING = """{% set found = run_query("select 1 from " ~ ref("totals")) %}
select {% if execute %}{% for row in found.rows %}{{ row[0] }} + {% endfor %}{% endif %}0"""


def test_a_template_that_asks_the_warehouse_counts_by_its_text(settled: Settled) -> None:
    (settled.root / "models/report.sql").write_text(ASKING)
    settled.publish("report")
    assert settled.why("report") == "reuse"
    settled.edit("models/report.sql", "{% for", "{# each #}{% for")
    assert settled.why("report") == "reuse"
    settled.edit("models/report.sql", "}} +", "}} -")
    assert settled.why("report") == "build: its SQL changed"


def test_a_fingerprint_is_read_as_it_was_stored() -> None:
    written = Fingerprint(code="c", config={"a": "1"}, checks=None, text="\n".join(["select 'é'"] * 100))
    stored = json.loads(json.dumps(written.stored()))
    assert read_fingerprint(stored) == written
    assert len(json.dumps(stored)) < 400
    assert read_fingerprint({**stored, "format": 0}) is None
    assert read_fingerprint({**stored, "text": "?"}) is None
    assert read_fingerprint(None) is None


def test_a_secret_does_not_stand_in_the_commit(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "open sesame")
    settled.edit(
        "models/report.sql",
        "select",
        "{{ config(note=env_var('SHOP_PASSWORD')) }}select '{{ env_var(\"SHOP_PASSWORD\") }}',",
    )
    settled.publish("report")
    said = published(settled.path("marts/report"))
    assert said is not None and said.fingerprint is not None
    assert "open sesame" not in json.dumps(said.said)
    assert said.fingerprint.text.startswith("select '*****'")

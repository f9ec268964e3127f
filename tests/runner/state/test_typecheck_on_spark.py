"""Type-checking on real Spark, over a warehouse that no Spark made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType, StructType

from runner.quality import load_quality
from runner.typecheck import Types, check_types
from tests.runner.state.conftest import Settled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Checked:
    """A settled project that is type-checked after each edit."""

    def __init__(self, settled: Settled, spark: SparkSession) -> None:
        self.settled, self.spark = settled, spark

    def write(self, name: str, text: str) -> None:
        (self.settled.root / name).write_text(text)

    def types(self, *select: str, full_refresh: bool = False) -> Types:
        project = self.settled.project()
        found = check_types(
            project, load_quality(project), project.select(select), self.spark, full_refresh=full_refresh
        )
        assert not [row for row in self.spark.sql("show schemas").collect() if row[0].startswith("plan_")]
        return found

    def messages(self, *select: str) -> list[str]:
        return [finding.message for finding in self.types(*select).findings]


@pytest.fixture
def checked(settled: Settled, spark: SparkSession) -> Checked:
    return Checked(settled, spark)


def test_what_fits(checked: Checked) -> None:
    assert checked.types() == Types(findings=(), changes={}, unchecked={})


def test_a_wrong_name_has_its_place_and_what_is_near(checked: Checked) -> None:
    checked.write("models/report.sql", "{# the revenue #}\nselect\n    revenu\nfrom {{ ref('totals') }}")
    assert checked.messages() == [
        "models/report.sql:3: A column, variable, or function parameter with name `revenu` cannot be resolved. "
        "Did you mean one of the following? [`revenue`]."
    ]


def test_a_wrong_type(checked: Checked) -> None:
    checked.write("models/report.sql", "select revenue,\n  explode(revenue) from {{ ref('totals') }}")
    (message,) = checked.messages("report")
    assert message.startswith('models/report.sql:2: Cannot resolve "explode(revenue)" due to data type mismatch')


def test_what_breaks_further_down(checked: Checked) -> None:
    checked.settled.edit("models/totals.sql", "as revenue", "as income")
    types = checked.types()
    assert [(one.unique_id, one.kind) for one in types.findings] == [
        ("model.tiny.totals", "check"),
        ("model.tiny.report", "sql"),
    ]
    assert types.findings[0].message.startswith('models/_models.yml:4: totals has no column "revenue".')
    assert types.findings[1].message == (
        "models/report.sql:1: A column, variable, or function parameter with name `revenue` cannot be resolved. "
        "Did you mean one of the following? [`income`]. totals will not have it any more."
    )
    assert types.changes == {"model.tiny.totals": ["+ income bigint", "- revenue bigint"]}


def test_columns_that_change_their_type(checked: Checked) -> None:
    checked.settled.edit("models/report.sql", "select revenue", "select cast(revenue as string) as revenue")
    assert checked.types("report").changes == {"model.tiny.report": ["revenue: bigint → string"]}


def test_below_what_spark_does_not_take_the_published_columns_count(checked: Checked) -> None:
    checked.write("models/totals.sql", "selec 1")
    checked.settled.edit("models/report.sql", "select revenue", "select revenu")
    first, second = checked.messages()
    assert first == "models/totals.sql:1: Syntax error at or near 'selec'."
    assert "`revenu` cannot be resolved. Did you mean one of the following? [`revenue`]." in second


def test_broken_contracts(checked: Checked) -> None:
    checked.write(
        "models/_report.yml",
        "models:\n  - name: report\n    config: {contract: {enforced: true}}\n    columns:\n"
        "      - {name: revenue, data_type: 'decimal(12, 2)'}\n      - {name: rank, data_type: long}\n",
    )
    checked.write("models/report.sql", "select revenue, 1 as place from {{ ref('totals') }}")
    assert checked.messages("report") == [
        'models/_report.yml: the contract of "report" promises revenue as decimal(12,2); the query gives bigint.',
        'models/_report.yml: the contract of "report" promises the column "rank", which the query lacks.',
        'models/_report.yml: the query of "report" gives the column "place", which its contract lacks.',
    ]
    checked.write("models/report.sql", "select cast(1 as decimal(12,2)) as revenue, 1L as rank")
    assert checked.messages("report") == []


def test_a_source_that_was_not_landed_has_the_columns_of_its_contract(checked: Checked) -> None:
    shutil.rmtree(checked.settled.path("shop/orders"))
    shutil.rmtree(checked.settled.root / "warehouse/marts")
    assert checked.types().findings == ()
    checked.settled.edit("models/staging/stg_orders.sql", "total from", "totl, _landed_at from")
    (message,) = checked.messages("stg_orders")
    assert "`totl` cannot be resolved. Did you mean one of the following? [`total`, " in message
    assert checked.types("report").unchecked == {
        "model.tiny.report": "the columns of totals are not known yet",
        "model.tiny.totals": "the columns of stg_orders are not known yet",
        "model.tiny.stg_orders": message,
    }


def test_an_ephemeral_model_has_its_own_place(checked: Checked) -> None:
    checked.write(
        "models/large.sql", "{{ config(materialized='ephemeral') }}\nselect totl from {{ ref('stg_orders') }}"
    )
    checked.write("models/report.sql", "select total from {{ ref('large') }}")
    (message,) = checked.messages("report")
    assert message.startswith("models/large.sql:2: ")


AT_LEAST = "{% test at_least(model, column_name, least) %}select * from {{ model }} where {{ column_name }} < {{ least }}{% endtest %}"


def test_queries_of_data_tests_are_resolved_as_well(checked: Checked) -> None:
    (checked.settled.root / "tests").mkdir()
    checked.write("tests/dear.sql", "select * from {{ ref('report') }}\nwhere revenu < 0")
    checked.write("macros/at_least.sql", AT_LEAST)
    tests = "[{at_least: {least: 0}}, {at_least: {least: 1, config: {where: 'price > 1'}}}]"
    checked.write(
        "models/_report.yml", f"models:\n  - name: report\n    columns: [{{name: revenue, data_tests: {tests}}}]\n"
    )
    types = checked.types("report")
    assert [(one.unique_id, one.kind) for one in types.findings] == [("model.tiny.report", "check")] * 2
    first, second = sorted((one.message for one in types.findings), reverse=True)
    assert first == (
        "tests/dear.sql:2: A column, variable, or function parameter with name `revenu` cannot be resolved. "
        "Did you mean one of the following? [`revenue`]."
    )
    assert second == (
        "models/_report.yml:3: at_least(revenue, least=1) where price > 1: A column, variable, or function parameter "
        "with name `price` cannot be resolved. Did you mean one of the following? [`revenue`]."
    )
    assert checked.messages("totals") == []  # a test is looked at with what it reads


def test_what_is_left_out_is_said_with_its_reason(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from contextlib import nullcontext

    from runner.cli import main
    from runner.cli.session import Command

    (checked.settled.root / "tests").mkdir()
    checked.write("models/guess.py", "def model(session, ref):\n    return ref('totals')\n")
    checked.write("tests/guessed.sql", "select * from {{ ref('guess') }} where revenue < 0")
    checked.write(
        "models/report.sql",
        "{% set n = run_query('select 1')[0][0] %}select {{ n }} as revenue from {{ ref('totals') }}",
    )
    assert checked.types("guess", "report").unchecked == {
        "model.tiny.guess": "a Python model's columns are known once it has run",
        "model.tiny.report": "models/report.sql:1: the template asks the warehouse (run_query, statement): select 1. "
        "That is answered when the model is built, or by run compile.",
        "test.tiny.guessed": "the columns of guess are not known yet",
    }
    monkeypatch.setattr(Command, "spark", lambda self, **how: nullcontext(checked.spark))
    with pytest.raises(SystemExit) as ended:
        main(["plan", "guess", "--project-dir", str(checked.settled.root)])
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert said.out.splitlines()[:2] == [
        "no types     guess: a Python model's columns are known once it has run",
        "no types     guessed: the columns of guess are not known yet",
    ]
    assert said.err.endswith("; types fit, but for 2 not looked at.\n")


INCREMENTAL = """{{ config(materialized='incremental', unique_key='revenue') }}
select revenue, 1 as more from {{ ref('totals') }}
{% if is_incremental() %}
where revenue > (select max(revenu) from {{ this }})
{% endif %}
"""


def test_an_incremental_model_is_checked_as_it_would_run(checked: Checked) -> None:
    checked.write("models/report.sql", INCREMENTAL)
    (message,) = checked.messages("report")
    assert message.startswith("models/report.sql:4: ")
    assert "`revenu` cannot be resolved" in message
    assert checked.types("report", full_refresh=True).findings == ()
    checked.settled.edit("models/report.sql", "revenu)", "revenue)")
    assert checked.types("report").changes == {"model.tiny.report": ["+ more int"]}


def test_names_are_found_by_table_and_inside_structs(checked: Checked, tmp_path: Path) -> None:
    place = StructType([Field("the city", PrimitiveType("string")), Field("size", PrimitiveType("decimal(5,1)"))])
    shutil.rmtree(checked.settled.path("shop/orders"))
    DeltaTable.create(str(checked.settled.path("shop/orders")), Schema([Field("place", place)]))
    checked.write(
        "models/staging/stg_orders.sql",
        "select orders.place.`the city` as city, {{ source('shop', 'orders') }}.place.size from {{ source('shop', 'orders') }}",
    )
    assert checked.types("stg_orders").findings == ()


def test_the_command(checked: Checked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from contextlib import nullcontext

    from runner.cli import main
    from runner.cli.session import Command

    monkeypatch.setattr(Command, "spark", lambda self, **how: nullcontext(checked.spark))
    checked.settled.edit("models/totals.sql", "as revenue", "as income")
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--project-dir", str(checked.settled.root)])
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert said.out.splitlines()[0].startswith('error        models/_models.yml:4: totals has no column "revenue".')
    assert "               - revenue bigint\n" in said.out
    assert said.err == (
        "run: 2 of 3 would be built, 1 unchanged; about 4.0 s by what they took the last times; "
        "2 errors found by type-checking.\n"
    )
    with pytest.raises(SystemExit):
        main(["plan", "--output", "json", "--project-dir", str(checked.settled.root)])
    assert [one["kind"] for one in json.loads(capsys.readouterr().out)["errors"]] == ["check", "sql"]

"""The integration report of a small project: every section, as a page and as Markdown, from what is built and recorded."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from expectations.history import results
from runner.cli import main
from runner.insights.finding import plural
from runner.names import CHECK_RESULTS
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.integration.document import some
from runner.site.integration.markdown import escaped
from runner.site.integration.scale import Built, growth
from runner.site.write import write_site

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TAKEN = datetime.now(UTC) - timedelta(seconds=10)

FILES = {
    "project.yml": """
        name: corner
        models: {corner: {+materialized: table, staging: {+materialized: view}}}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: till
            store: mongodb
            tables:
              - name: sales
                key: [sale_id]
                columns:
                  - {name: sale_id, data_type: int}
                  - {name: sold_on, data_type: date}
                  - {name: buyer, data_type: "struct<id:int,town:string>"}
                  - {name: total, data_type: double}
                  - {name: coupon, data_type: string}
        """,
    "models/staging/stg_sales.sql": """
        select sale_id, sold_on, buyer.town as town, buyer.id as buyer_id, total from {{ source('till', 'sales') }}
        """,
    "models/marts/town_sales.sql": "select town, buyer_id, total as spend from {{ ref('stg_sales') }}",
    "models/marts/schema.yml": """
        version: 2
        models:
          - name: town_sales
            description: What each <b>buyer</b> spends, by town. One row per sale.
        """,
    "expectations/suites/town_sales.yml": """
        model: town_sales
        expectations:
          - {expect: expect_column_values_to_be_between, column: spend, min_value: 0, name: spend is positive}
          - {expect: expect_column_values_to_not_be_null, column: town}
        """,
    "report.yml": """
        insights:
          - name: spend_by_town
            kind: means
            model: town_sales
            group: town
            value: spend
            things: sales
          - name: spend
            kind: distribution
            model: town_sales
            value: spend
            things: sales
            note: Only what went over the till.
        """,
}


def build(
    root: Path, *, status: str = "pass", is_published: bool = True, without: tuple[str, ...] = (), built: bool = True
) -> Facts:
    """Builds the corner shop: landed, built, checked.

    Args:
        status: what the newest check said.
        without: files that are left out.
    """
    for name, text in FILES.items():
        if name not in without:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(dedent(text).lstrip(), encoding="utf-8")
    project = load_project(root)
    if built:
        _land(root)
        towns = [["Ayr", "Bray", "Cork"][place % 3] for place in range(60)]
        rows = {"town": towns, "buyer_id": list(range(60)), "spend": [10.0 + place % 7 for place in range(60)]}
        write_deltalake(str(root / "warehouse/marts/town_sales"), pa.table(rows))
        results.append(CHECK_RESULTS.path(project.warehouse), [_result(status, is_published=is_published)])
        _record(root)
    return Facts(project=project, quality=load_quality(project), now=NOW)


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, str, str]:
    """The shop in which all is well, with its page and its Markdown."""
    facts = build(tmp_path_factory.mktemp("well"))
    return facts, *pages(facts)


def _land(root: Path) -> None:
    said = {
        "kind": "landing", "version": 0, "snapshot_id": "s1", "taken_at": TAKEN.isoformat(), "contract": "c",
        "read": 61, "landed": 60, "quarantined": 1, "rescued": 0, "paths_missing": ["coupon"], "store": "mongodb",
        "cut": {"taken_at": TAKEN.isoformat(), "kind": "none", "at": None, "note": "this server has no snapshots"},
        "drift": {"table": "till.sales", "rows": 60, "filled": {"sale_id": 60, "buyer": 20, "buyer.town": 20, "coupon": 0}},
    }  # fmt: skip
    write_deltalake(
        str(root / "warehouse/till/sales"),
        pa.table({"sale_id": list(range(60))}),
        commit_properties=CommitProperties(custom_metadata={"userMetadata": json.dumps(said)}),
    )


def _result(status: str, *, is_published: bool) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys((name for name, kind, _ in results.COLUMNS if kind == "string"), "")
    return {
        **values,
        "run_id": "r1",
        "run_at": NOW - timedelta(days=1),
        "target": "dev",
        "model": "town_sales",
        "check_id": "expect_column_values_to_be_between.spend",
        "title": "spend is positive",
        "severity": "error",
        "status": status,
        "observed": "3 of 60",
        "message": "3 of 60 rows have a spend below 0.",
        "cause": "refunds" if status == "fail" else "",
        "is_published": is_published,
        "row_count": 60,
    }


def _record(root: Path) -> None:
    def node(seconds: float, rows: int) -> dict[str, Any]:
        parents = {"source.corner.till.sales": {"table_id": "t", "version": 0, "columns": "c"}}
        return {"unique_id": "model.corner.town_sales", "status": "success", "why": "", "message": "", "seconds": seconds,
                "rows": rows, "version": 0, "parents": parents}  # fmt: skip

    folder = root / "target/runs"
    folder.mkdir(parents=True)
    record = {"run_id": "r1", "command": "models", "arguments": {}, "target": "dev",
              "started_at": (NOW - timedelta(days=1)).isoformat(), "seconds": 3.0, "nodes": [node(2.0, 60)]}  # fmt: skip
    (folder / "r1.json").write_text(json.dumps(record))


def pages(facts: Facts) -> tuple[str, str]:
    folder = write_site(facts).parent
    return (folder / "report.html").read_text(encoding="utf-8"), (folder / "report.md").read_text(encoding="utf-8")


def part(markdown: str, title: str) -> str:
    """Returns one section of the Markdown."""
    return markdown.split(f"## {title}\n\n")[1].split("\n## ")[0].strip()


def test_the_overview_says_what_is_there_and_as_of_when(well: tuple[Facts, str, str]) -> None:
    _, _, text = well
    assert part(text, "Overview") == (
        "corner reads 1 table of MongoDB and builds 2 tables and views of them. 2 of these 3 stand in the warehouse, 1 of them "
        "landed; its tables hold 120 rows.\n\n"
        f"- 1 table of the landing taken at {TAKEN:%Y-%m-%d %H:%M:%S} UTC (till.sales): not all stores could be read as of one "
        "moment; see Limits."
    )


def test_sources_are_followed_to_fields_of_the_store(well: tuple[Facts, str, str]) -> None:
    _, _, text = well
    assert part(text, "Sources of each analysis").splitlines()[-1] == (
        "| town\\_sales | MongoDB | sales | 3 | 3 | buyer.id, buyer.town, total |"
    )


def test_the_method_is_what_the_property_file_says(well: tuple[Facts, str, str]) -> None:
    _, page, text = well
    assert part(text, "Method").splitlines()[-1] == (
        "| town\\_sales | What each \\<b\\>buyer\\</b\\> spends, by town. One row per sale. | models/marts/town\\_sales.sql | 1 | "
        "spend is positive |"
    )
    assert "What each &lt;b&gt;buyer&lt;/b&gt; spends" in page


def test_the_flow_counts_tables_and_rows(well: tuple[Facts, str, str]) -> None:
    _, page, text = well
    steps = part(text, "Data flow").splitlines()
    assert steps[2] == "1. **stores**: MongoDB: 1 table, 61 records read"
    assert steps[3].startswith("2. **landed**: 1 table, 60 rows; ")
    assert steps[4] == "3. **staging**: 1 without a table"
    assert steps[5].startswith("4. **marts**: 1 table, 60 rows; ")
    assert page.count("<li><strong>") == 5


def test_insights_are_sentences_of_numbers(well: tuple[Facts, str, str]) -> None:
    _, page, text = well
    told = part(text, "Insights")
    assert told.startswith(
        "2 of 2 questions could be answered, with 1 test against chance: none finds more than chance gives. All are judged"
    )
    assert "The median spend of 60 sales is 13 (95 % interval 12 to 14)" in told
    assert "Only what went over the till." in told
    assert 'id="insight-spend_by_town"' in page
    assert '<span class="badge none">consistent with chance</span>' in page


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (
            {"status": "fail"},
            "town_sales fails a check: spend is positive, refunds: 3 of 60 rows have a spend below 0.",
        ),
        (
            {"status": "fail", "is_published": False},
            "the newest town_sales was withheld in the run of 2026-02-28 12:30 UTC, since it failed its checks: spend is positive, "
            "refunds: 3 of 60 rows have a spend below 0. Readers have the version before.",
        ),
    ],
)
def test_what_failed_its_checks_is_left_out_with_the_reason(tmp_path: Path, state: dict[str, Any], reason: str) -> None:
    page, text = pages(build(tmp_path, **state))
    assert text.count(f"Left out: {escaped(reason)}") == 2
    assert "The median spend" not in text
    assert page.count('<span class="badge warn">left out</span>') == 2
    assert "- 2 questions of 2 could not be answered: Spend by town, Spend." in part(text, "Limits")
    assert "- 1 table has not been built: stg\\_sales." in part(text, "Limits").splitlines()
    assert "1 check of 1 table, each by the newest run that asked it: 1 failed, 0 warned, 0 passed." in text


def test_what_a_later_run_did_not_ask_stands_as_it_was(tmp_path: Path) -> None:
    facts = build(tmp_path, status="fail")
    path = CHECK_RESULTS.path(facts.project.warehouse)
    other = {
        "check_id": "expect_column_values_to_not_be_null.town",
        "title": "town is there",
        "run_id": "r2",
        "run_at": NOW,
    }
    results.append(path, [{**_result("pass", is_published=True), **other}])
    results.append(
        path, [{**_result("fail", is_published=True), **other, "check_id": "gone", "title": "asked no more"}]
    )
    _, text = pages(facts)
    assert text.count(escaped("Left out: town_sales fails a check: spend is positive, refunds")) == 2
    assert (
        "2 checks of 1 table, each by the newest run that asked it: 1 failed, 0 warned, 1 passed. 2 runs are kept"
        in text
    )
    assert "5. **checks**: 2 checks of 1 table" in part(text, "Data flow").splitlines()


def test_what_is_sensitive_is_not_shown(tmp_path: Path) -> None:
    facts = build(tmp_path, without=("models/marts/schema.yml",))
    marked = dedent(FILES["sources.yml"]).replace(
        "total, data_type: double", "total, data_type: double, meta: {sensitive: true}"
    )
    (tmp_path / "sources.yml").write_text(marked)
    project = load_project(facts.project.root)
    _, text = pages(Facts(project=project, quality=load_quality(project), now=NOW))
    reason = "town_sales has sensitive columns, and nothing made of them is shown: spend."
    assert text.count(f"Left out: {escaped(reason)}") == 2


def test_a_warning_stands_beside_the_insight(tmp_path: Path) -> None:
    _, text = pages(build(tmp_path, status="warn"))
    assert "- A check warns: spend is positive: 3 of 60 rows have a spend below 0." in text
    assert "The median spend" in text


def test_speed_is_what_records_say_and_no_more(well: tuple[Facts, str, str]) -> None:
    _, _, text = well
    scale = part(text, "Scale, as measured")
    assert "| town\\_sales | 1 | 60 | 60 | 2 s | 30 | one size |" in scale
    assert "how time grows with data is not known from these records, and nothing is extrapolated." in scale
    assert "brought 61 records into 1 table; its last commit stood " in scale


def test_limits_are_those_of_the_landing(well: tuple[Facts, str, str]) -> None:
    _, _, text = well
    limits = part(text, "Limits").splitlines()
    assert limits[0] == "- till.sales: this server has no snapshots."
    assert limits[1] == "- 1 record of till.sales, 1.6 % of those read, could not be decoded and is in no figure here."
    assert limits[2] == "- till.sales: no record has coupon. What is computed from it is empty."
    assert limits[3] == "- till.sales: fewer than half of 60 records have buyer (33 %)."


def test_a_project_that_asks_nothing_and_built_nothing_has_a_report_all_the_same(tmp_path: Path) -> None:
    page, text = pages(build(tmp_path, without=("report.yml",), built=False))
    assert part(text, "Insights") == (
        "This project asks nothing of its tables: it has no report.yml. docs/integration-report.md says how to write one."
    )
    assert "- 2 tables have not been built: stg\\_sales, town\\_sales." in part(text, "Limits").splitlines()
    assert "Nothing has been landed yet." in text
    assert "No check has been recorded: nothing is known of the quality of the data." in text
    assert "No build of a table is recorded, so no speed is known." in text
    assert "<h1>Analytics integration report</h1>" in page


def test_run_report_prints_what_the_site_has(well: tuple[Facts, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    facts, _, text = well
    with pytest.raises(SystemExit) as ended:
        main(["report", "--project-dir", str(facts.project.root)])
    assert not ended.value.code
    without_time = re.compile(r"written [-0-9]+ [:0-9]+ UTC")
    assert without_time.sub("", capsys.readouterr().out) == without_time.sub("", text)


def test_growth_is_a_power_of_what_was_read() -> None:
    assert growth([Built(1000, 1, 2.0), Built(4000, 1, 8.0)]) == pytest.approx(1)
    assert growth([Built(1000, 1, 2.0), Built(4000, 1, 4.0)]) == pytest.approx(0.5)
    assert growth([Built(1000, 1, 2.0), Built(1900, 1, 8.0)]) is None
    assert growth([Built(1000, 1, 2.0)]) is None


def test_words() -> None:
    assert [plural(1, "day"), plural(2, "day"), plural(2, "query"), plural(3, "analysis")] == [
        "1 day", "2 days", "2 queries", "3 analyses",
    ]  # fmt: skip
    assert some(list("abcdefghij"), 3) == "a, b, c and 7 more"
    assert escaped("a|b\n*c* <d> `e` [f](g)") == r"a\|b \*c\* \<d\> \`e\` \[f\](g)"

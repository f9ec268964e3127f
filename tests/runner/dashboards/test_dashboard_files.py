"""Dashboards as files: what they say, what is wrong with them, and that each is a node of the project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.artifacts import manifest
from runner.errors import ProjectError
from runner.project.cache import open_listing, open_project
from runner.project.dashboards import Dashboard
from runner.project.parse import load_project

if TYPE_CHECKING:
    from tests.runner.conftest import Write

ROOT = Path(__file__).resolve().parents[3]
DAILY = """
    title: Daily {{ var('least') }}
    description: Orders by day.
    owner: {name: Ann, email: ann@shop.example}
    tags: [daily]
    period: {query: "select min(order_id), max(order_id) from {{ source('shop', 'orders') }}"}
    panels:
      - text: All *orders*.
      - title: Orders
        width: half
        query: |
          select order_count, revenue
          from {{ ref('totals') }}
        chart:
          mark: line
          x: order_count
          y:
            - {field: revenue, title: what was paid, unit: money}
        n: {sum: order_count, of: orders}
      - title: Revenue
        query: select revenue from {{ ref('totals') }}
        chart: {mark: number, values: [revenue]}
        period: none
    """


@pytest.fixture
def files(tiny: dict[str, str]) -> dict[str, str]:
    return {**tiny, "dashboards/daily.yml": DAILY}


def daily(write: Write, files: Mapping[str, str]) -> Dashboard:
    return load_project(write(files)).files.dashboards["daily"]


def test_a_file_says_what_a_dashboard_is(write: Write, files: dict[str, str]) -> None:
    found = daily(write, files)
    assert (found.title, found.description, found.tags) == ("Daily 2", "Orders by day.", ("daily",))
    assert found.owner == {"name": "Ann", "email": "ann@shop.example"}
    text, orders, revenue = found.panels
    assert (text.text, text.query, text.width) == ("All *orders*.", None, "full")
    assert orders.chart is not None and orders.n is not None and orders.period is not None
    assert (orders.chart.mark, orders.width) == ("line", "half")
    assert [(one.name, one.title, one.unit) for one in orders.chart.fields("y")] == [
        ("revenue", "what was paid", "money")
    ]
    assert [one.title for one in orders.chart.fields("x")] == ["order count"]
    assert (orders.n.sum, orders.n.of) == ("order_count", "orders")
    assert len(orders.queries) == 2 and len(revenue.queries) == 1
    assert revenue.period is None


def test_a_query_has_the_lines_of_its_file(write: Write, files: dict[str, str]) -> None:
    lines = (write(files) / "dashboards/daily.yml").read_text(encoding="utf-8").splitlines()
    for panel in daily(write, files).panels:
        for query in panel.queries:
            for number, line in enumerate(query.text.splitlines()):
                if line.strip():
                    assert line.strip() in lines[number]


def test_a_dashboard_is_an_exposure_that_depends_on_its_queries(write: Write, files: dict[str, str]) -> None:
    project = load_project(write(files))
    found = project.exposures["exposure.tiny.daily"]
    assert (found.type, found.label, found.fqn) == ("dashboard", "Daily 2", ("tiny", "daily"))
    assert set(found.parents) == {"model.tiny.totals", "source.tiny.shop.orders"}
    assert found.config.tags == ("daily",)
    assert project.select(["+exposure:daily"], kinds=("model", "source", "exposure")) == [
        "source.tiny.shop.orders", "model.tiny.stg_orders", "model.tiny.totals", "exposure.tiny.daily",
    ]  # fmt: skip
    assert project.select(["stg_orders+"], kinds=("exposure",)) == ["exposure.tiny.daily"]
    written = manifest(project, invocation_id="x")["exposures"]["exposure.tiny.daily"]
    assert (written["type"], written["original_file_path"]) == ("dashboard", "dashboards/daily.yml")
    assert json.dumps(written)


def test_an_exposure_that_is_written_stays(write: Write, files: dict[str, str]) -> None:
    files["models/_exposures.yml"] = "exposures: [{name: daily, type: application, owner: {name: Bea}}]"
    assert load_project(write(files)).exposures["exposure.tiny.daily"].type == "application"


def test_the_kept_project_sees_dashboards_come_change_and_go(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    assert open_project(root).files.dashboards == {}
    write({"dashboards/sales/daily.yml": DAILY})
    assert open_project(root).exposures["exposure.tiny.daily"].fqn == ("tiny", "sales", "daily")
    assert "exposure.tiny.daily" in {node.id for node in open_listing(root).nodes}
    write({"dashboards/sales/daily.yml": DAILY.replace("ref('totals')", "ref('stg_orders')")})
    assert "model.tiny.totals" not in open_project(root).exposures["exposure.tiny.daily"].parents
    assert open_project(root) == load_project(root) or open_project(root).files == load_project(root).files
    (root / "dashboards/sales/daily.yml").unlink()
    assert open_project(root).exposures == {}


def test_other_tools_files_in_a_dbt_project_are_left_alone(write: Write, tiny: dict[str, str]) -> None:
    files = {
        "dbt_project.yml": tiny.pop("project.yml").replace("        targets:", "        flags:").partition("flags:")[0]
    }
    files |= {name: text for name, text in tiny.items() if name != "sources.yml"}
    files["models/sources.yml"] = tiny["sources.yml"]
    files["dashboards/looker.yml"] = "elements: [{type: tile}]"
    files["dashboards/daily.yml"] = DAILY
    assert list(load_project(write(files)).files.dashboards) == ["daily"]


def test_a_folder_of_property_files_is_none_of_dashboards(write: Write, tiny: dict[str, str]) -> None:
    tiny["project.yml"] = tiny["project.yml"].replace(
        "name: tiny", "name: tiny\n        model-paths: [models, dashboards]"
    )
    tiny["dashboards/_models.yml"] = "models: [{name: totals, description: All.}]"
    assert load_project(write(tiny)).models["totals"].description == "All."


# What is written instead of what, and what is said of it.
WRONG = {
    "an unknown key": (
        "    owner: {name", "    ower: {name",
        'dashboards/daily.yml:3: this dashboard has an unknown key "ower". Did you mean "owner"?',
    ),
    "an unknown key of a panel": (
        "        width: half", "        widht: half",
        'dashboards/daily.yml:9: panel "Orders" has an unknown key "widht". Did you mean "width"?',
    ),
    "a mark that there is not": (
        "mark: line", "mark: lin",
        'dashboards/daily.yml:14: "mark" of the chart of panel "Orders" is one of line, area, point, bar, ranking, histogram, '
        'boxplot, heatmap, funnel, number, table, not "lin". Did you mean "line"?',
    ),
    "a channel that a mark does not take": (
        "x: order_count", "x: order_count\n          sizes: 3",
        'dashboards/daily.yml:16: the chart of panel "Orders" has a "sizes", which a line does not take. '
        "It takes: x, y, color, rule.",
    ),
    "a channel that is missing": (
        "          x: order_count\n", "",
        'dashboards/daily.yml:14: the chart of panel "Orders" needs "x": a line is drawn on x and y.',
    ),
    "a ranking that does not say how sure it is": (
        "mark: line", "mark: ranking",
        'dashboards/daily.yml:14: the chart of panel "Orders" needs "noise": a ranking is drawn on x and y and noise. '
        'What tells its order from chance; "noise: exact" where there is none.',
    ),
    "noise of half a kind": (
        "mark: line", "mark: ranking\n          noise: {deviation: spread}",
        'dashboards/daily.yml:15: the noise of the chart of panel "Orders" names one of: of, deviation and of, error, or '
        "low and high.",
    ),
    "a model that there is not": (
        "from {{ ref('totals') }}", "from {{ ref('total') }}",
        'dashboards/daily.yml:12: ref("total") names no model. Did you mean "totals"?',
    ),
    "units that do not go together": (
        "unit: money}", "unit: money}\n            - {field: order_count, unit: orders}",
        'dashboards/daily.yml:16: "y" of the chart of panel "Orders" mixes units: money, orders. Draw a panel for each.',
    ),
    "no title": (
        "      - title: Orders\n        width: half", "      - width: half",
        'dashboards/daily.yml:8: panel 2 needs a "title": what its chart shows.',
    ),
    "no chart": (
        "        chart: {mark: number, values: [revenue]}\n", "",
        'dashboards/daily.yml:20: panel "Revenue" has a query and no "chart". A table is one: chart: {mark: table}',
    ),
    "n of two kinds": (
        "n: {sum: order_count, of: orders}", "n: {sum: order_count, value: order_count, of: orders}",
        'dashboards/daily.yml:18: n of panel "Orders" is a sum, a value or a query: one of the three.',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_file_line_and_nearest_name(write: Write, files: dict[str, str], case: str) -> None:
    before, after, said = WRONG[case]
    assert before in DAILY
    files["dashboards/daily.yml"] = DAILY.replace(before, after, 1)
    with pytest.raises(ProjectError) as error:
        load_project(write(files))
    assert str(error.value) == said


def test_two_dashboards_of_one_name_are_refused(write: Write, files: dict[str, str]) -> None:
    with pytest.raises(ProjectError) as error:
        load_project(write({**files, "dashboards/more/daily.yml": DAILY}))
    assert str(error.value) == (
        'dashboards/more/daily.yml: the dashboard "daily" exists already, in dashboards/daily.yml. '
        "Rename one of the two files."
    )


def test_index_is_the_page_of_all(write: Write, tiny: dict[str, str]) -> None:
    with pytest.raises(ProjectError) as error:
        load_project(write({**tiny, "dashboards/index.yml": DAILY}))
    assert str(error.value) == 'dashboards/index.yml: "index" is the page that lists all dashboards. Rename the file.'


def test_the_example_of_the_documentation_is_a_dashboard_of_the_shop(tmp_path: Path) -> None:
    for name in ("models", "macros", "sources.yml", "project.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "dashboards").mkdir()
    text = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8").split("```yaml")[1].split("```")[0]
    (tmp_path / "dashboards" / "orders.yml").write_text(text, encoding="utf-8")
    project = load_project(tmp_path)
    titles = [panel.title for panel in project.files.dashboards["orders"].panels]
    assert titles == ["", "Revenue by day", "Orders by payment method"]
    assert "model.shop.daily_trends" in project.exposures["exposure.shop.orders"].parents


def test_the_projects_own_dashboards_are_read() -> None:
    project = load_project(ROOT)
    assert "daily_performance" in project.files.dashboards
    for name, dashboard in project.files.dashboards.items():
        assert dashboard.description and dashboard.owner and project.exposures[f"exposure.shop.{name}"].parents
        for panel in dashboard.panels:
            assert panel.query is None or (panel.n is not None and panel.period is not None), panel.place

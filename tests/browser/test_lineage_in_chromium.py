"""Lineage as readers meet it: selectors typed in the page choose what they choose on the command line; the graph is used by
mouse and keyboard; columns are followed by clicking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.documents import read_yaml
from runner.errors import NothingSelected, ProjectError
from runner.project.listing import Listing
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.selection import INDIRECT, NamedSelectors, Selectable, StateView, read_selectors, select
from runner.site.facts import Facts
from runner.site.graph.tables import selection_data
from runner.site.write import write_site
from tests.browser.conftest import Look
from tests.browser.small_shop import NOW
from tests.dbt.test_selection_as_dbt import CASES, SHOP
from tests.runner import test_selection as table

HERE = Path(__file__).resolve().parent
SELECTION = HERE.parents[1] / "runner/site/assets/selection.js"
STATUSES = {"clv": "error", "daily": "success", "gone": "error"}
STALE = {"stg_users"}
STATE = StateView(statuses=lambda: STATUSES, stale=lambda: STALE)
Case = tuple[str, Mapping[str, Any]]


def of_the_table(nodes: Sequence[Selectable]) -> Listing:
    return Listing(nodes=tuple(nodes), named=NamedSelectors(), project="shop", root=Path("nowhere"))


def asked(*include: str, exclude: Sequence[str] = (), indirect: str = "eager", strict: bool = True) -> dict[str, Any]:
    return {
        "include": include, "exclude": exclude, "selector": None, "indirect": indirect, "strict": strict,
    }  # fmt: skip


OURS: list[Case] = [
    *(("nodes", asked(one)) for one, _ in table.CHOSEN),
    *(("nodes", asked(*include, exclude=exclude)) for include, exclude, _ in table.EXCLUDED),
    *(("nodes", asked(include, exclude=[exclude])) for include, exclude, _ in table.REFUSED),
    *(("nodes", asked(one)) for pair in table.PARENTHESES for one in pair),
    *(("nodes", asked(one)) for one, _ in table.EARLIER if "source_status" not in one),
    *(("nodes", asked(one)) for one in ("result:skipped", "failed:,tag:daily", "stale:,failed:", "(result:warn)+")),
    *(("tested", asked(include, indirect=indirect)) for include, indirect, _ in table.WITH_TESTS),
    *(
        ("tested", asked("clv stg_orders", exclude=["clv"], indirect=indirect))
        for indirect in ("eager", "cautious", "buildable", "empty")
    ),
    *(("nodes", asked(one, strict=False)) for one, _ in table.FINER),
    *(
        ("shop", asked(one))
        for one in (
            "config.nosuch:1", "ordres", "tag:fin", "exposure:a.b.c", "version:newest", "selector:nightly+", "selector:nigthly",
            "shop.marts.[z-a]", "[!]*", "st[g-_]_users", "tag:[finance", "path:models/marts/[of]*", "_marts.yl", "test_type:units",
            "group:finace", "package:extr", "path:modles", "source:ap", "exposure:board", "test_name:uniqe", "resource_type:modle",
            "config.materialized:tabel", "tagg:x", "access:publc", "(orders customers)+1,tag:web (days)", "@(orders),path:seeds",
        )
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def listings() -> dict[str, Listing]:
    shop = load_project(SHOP).listing()
    named = read_selectors(read_yaml(SHOP / "selectors.yml", name="selectors.yml"))
    return {
        "shop": Listing(nodes=shop.nodes, named=named, project="shop", root=SHOP),
        "nodes": of_the_table(table.NODES),
        "tested": of_the_table(table.TESTED),
    }


@pytest.fixture(scope="module")
def in_the_page(
    run_look: Look, listings: dict[str, Listing], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Case, dict[str, Any]]]:
    """Each case with what the page makes of it: those of the tests against dbt, and those of ours."""
    graphs: dict[str, Any] = {
        f"{name} {mode}": selection_data(listing, indirect=mode) | {"statuses": STATUSES, "stale": sorted(STALE)}
        for name, listing in listings.items()
        for mode in INDIRECT
    }
    cases: list[Case] = [*OURS]
    cases += (
        ("shop", {**one, "include": [one["include"]], "exclude": [one["exclude"]], "strict": False}) for one in CASES
    )
    file = tmp_path_factory.mktemp("cases") / "cases.json"
    file.write_text(json.dumps([graphs, [(f"{name} {one['indirect']}", one) for name, one in cases]]))
    return list(zip(cases, run_look("lineage_look.py", "choose", SELECTION, file), strict=True))


def on_the_command_line(listing: Listing, case: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what runner.selection makes of a case, in the words of the page."""
    try:
        found = select(
            listing.nodes,
            include=case["include"],
            exclude=case["exclude"],
            selector=case["selector"],
            indirect=case["indirect"],
            named=listing.named,
            state=STATE,
            project=listing.project,
            root=listing.root if listing.root == SHOP else None,
            strict=case["strict"],
        )
    except ProjectError as error:
        said = str(error)
        return {"said": said, "quiet": isinstance(error, NothingSelected), "unknown": "unknown method" in said}
    return {"chosen": sorted(found)}


def test_a_selector_chooses_in_the_page_what_it_chooses_on_the_command_line(
    in_the_page: list[tuple[Case, dict[str, Any]]], listings: dict[str, Listing]
) -> None:
    different = []
    for (name, case), found in in_the_page:
        wanted = on_the_command_line(listings[name], case)
        if found != wanted:
            different.append((name, case, found, wanted))
    assert different == [], json.dumps(different, indent=1)
    assert len(in_the_page) > 450
    assert sum("chosen" in found for _, found in in_the_page) > 300


@pytest.fixture(scope="module")
def seen(run_look: Look, small_site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there was to see on the lineage page of the small shop."""
    found: dict[str, Any] = run_look("lineage_look.py", "lineage", small_site, tmp_path_factory.mktemp("lineage"))
    return found


@pytest.fixture(scope="module")
def ways(run_look: Look, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there was to see on the way of a column through the shop's own models, none of them built."""
    project = load_project(root)
    facts = Facts(project=project, quality=load_quality(project), now=NOW)
    site = write_site(facts, tmp_path_factory.mktemp("shop") / "site").parent
    found: dict[str, Any] = run_look("lineage_look.py", "columns", site, tmp_path_factory.mktemp("columns"))
    return found


@pytest.mark.parametrize("pages", ["seen", "ways"])
def test_pages_of_lineage_are_silent_fit_and_can_be_read_by_all(pages: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(pages)
    assert found["console"] == []
    assert {one for one in found["requests"] if not one.startswith("file:///")} == set()
    assert set(found["overflow"].values()) == {0}
    assert len(found["overflow"]) == 4
    assert list(found["axe"].values()) == [[], []]


def test_every_node_is_drawn_with_its_state(seen: dict[str, Any]) -> None:
    assert seen["all"]["nodes"] == {
        "cities": "fresh", "store.orders": "stale", "stg_orders": "fresh", "daily": "fresh", "forecast": "missing",
        "refunds": "failed", "store.people": "fresh", "stg_people": "fresh", "spenders": "stale", "board": "stale",
    }  # fmt: skip
    assert sorted(seen["all"]["rows"]) == sorted(seen["all"]["nodes"])
    assert seen["legend"] == ["failed", "skipped", "stale", "missing", "fresh", "through", "others"]


def test_a_selector_filters_the_drawing_and_the_table(seen: dict[str, Any]) -> None:
    asked = seen["asked"]
    assert asked["1+spenders"]["said"] == "3 of 10 nodes, with 1 test."
    assert sorted(asked["1+spenders"]["nodes"]) == ["spenders", "stg_orders", "stg_people"]
    assert asked["1+spenders"]["rows"] == ["stg_orders", "stg_people", "spenders"]
    assert sorted(asked["+board ! stg_people+"]["nodes"]) == ["daily", "stg_orders", "store.orders", "store.people"]
    assert sorted(asked["source:store"]["nodes"]) == ["store.orders", "store.people"]
    assert sorted(asked["stale:"]["nodes"]) == ["forecast", "refunds", "spenders", "store.orders"]
    assert sorted(asked["failed:"]["nodes"]) == ["refunds"]
    assert asked["test_name:unique"]["said"] == "2 tests; drawn: what they read, 2 nodes."


def test_what_cannot_be_chosen_is_said_and_the_drawing_stays(seen: dict[str, Any]) -> None:
    asked = seen["asked"]
    assert asked["spendrs"]["said"] == 'no model is named "spendrs". Did you mean "spenders"? Use "spenders"'
    assert asked["spendrs"]["nodes"] == asked["+board ! stg_people+"]["nodes"]
    assert asked["changed:main"]["said"] == (
        '"changed:main" needs what git says has changed, which a page does not have. '
        'Ask the project: run ls -s "changed:main".'
    )
    assert seen["mended"] == ["spenders", "1 of 10 nodes, with 1 test."]


def test_words_are_offered_while_one_types(seen: dict[str, Any]) -> None:
    assert seen["offered"] == ["spenders"]
    chosen = ["spenders", "stg_orders", "stg_people", "store.orders", "store.people"]
    assert seen["taken"] == ["+spenders", "?select=%2Bspenders", chosen]
    assert seen["values"] == ["view"]
    assert seen["back"] == "spenders"


def test_a_click_tells_of_a_node_and_escape_goes_back_to_it(seen: dict[str, Any]) -> None:
    told = " ".join(seen["panel"].split())
    assert told.startswith("daily × fresh: as a run would build it now Sales by day and city.")
    for text in (
        "Owner Ann Till",
        "Reads (1) stg_orders",
        "Read by (2) forecast board",
        "order_count from rows of store.orders",
    ):
        assert text in told
    assert seen["address"] == "?node=daily"
    assert seen["links"][2] == "columns.html#column=daily.order_count"
    assert seen["closed"] == [True, "dailytable"]


def test_the_keyboard_goes_along_the_graph(seen: dict[str, Any]) -> None:
    assert seen["keys"] == ["stg_ordersview", "store.orderssource", "stg_ordersview", "stg_orders"]
    assert sorted(seen["lit"]) == ["board", "daily", "forecast", "refunds", "spenders", "stg_orders", "store.orders"]


def test_buttons_the_wheel_and_fingers_move_the_drawing(seen: dict[str, Any]) -> None:
    start, button, wheel, fit = (float(one.partition("(")[2].split(",")[0]) for one in seen["moves"])
    assert start < button < wheel
    assert fit == start
    before, moved, spread = ([float(part) for part in one[7:-1].split(",")] for one in seen["touched"])
    assert moved == [*before[:4], pytest.approx(before[4] + 30), pytest.approx(before[5] + 20)]
    assert spread[0] == pytest.approx(3 * before[0], rel=0.01)


def test_an_address_holds_what_is_chosen(seen: dict[str, Any]) -> None:
    assert seen["deep"] == {
        "nodes": {"daily": "fresh", "stg_orders": "fresh"},
        "said": "2 of 10 nodes, with 3 tests.",
        "rows": ["stg_orders", "daily"],
        "panel": "stg_orders",
        "boxes": ["+daily", "source:*"],
    }


def test_without_a_script_the_table_is_there_and_no_dead_box(seen: dict[str, Any]) -> None:
    assert seen["without"] == [False, 10, True]


def test_of_many_models_the_folders_are_drawn_first(run_look: Look, tmp_path: Path) -> None:
    (tmp_path / "project.yml").write_text("name: many\ntargets: {dev: {warehouse: warehouse, schema: marts}}\n")
    for number in range(320):
        folder = tmp_path / "models" / ("staging" if number < 160 else "marts") / f"area_{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        read = f"{{{{ ref('m_{number - 160}') }}}}" if number >= 160 else "(select 1 as id)"
        (folder / f"m_{number}.sql").write_text(f"select id from {read}")
    project = load_project(tmp_path)
    facts = Facts(project=project, quality=load_quality(project), now=NOW)
    found = run_look("lineage_look.py", "folders", write_site(facts, tmp_path / "site").parent)
    folders = ["marts / area_0", "marts / area_1", "staging / area_0", "staging / area_1"]
    assert sorted(found["first"]) == folders
    assert found["spoken"] in {f"Folder {name}: 80 models. Unfold" for name in folders}
    assert (found["one"], found["all"], sorted(found["again"])) == (83, 320, folders)
    assert found["rows"] == [300, "320 nodes"]
    assert found["few"] == [2, False]
    assert found["console"] == []


def test_a_column_is_clicked_through_to_the_cell_of_hbase(ways: dict[str, Any]) -> None:
    said = [one["said"].partition(":")[0] for one in ways["way"]]
    assert said == [
        "clv.engagement_score",
        "int_user_sessions_aggregated.cart_session_count",
        "int_sessions_enriched.stage_order",
        "stg_hbase__sessions.cart_contents{value}.quantity",
        "hbase.sessions.cart_contents{value}.quantity",
    ]
    first, last = ways["way"][0], ways["way"][-1]
    assert first["chosen"] == ["engagement_score"]
    assert {"events:cart {value}.quantity", "meta:timestamp", "timestamp"} <= set(first["stored"])
    assert "= hbase.sessions.start_time HBase sessions: meta:timestamp" in first["told"]
    assert last["stored"] == ["events:cart {value}.quantity"]
    assert "stg_hbase__sessions.cart_contents{value}.quantity" in last["told"]
    assert ways["hash"] == "#column=hbase.sessions.cart_contents%7Bvalue%7D.quantity"


def test_a_count_of_rows_leads_to_the_records_of_the_store(ways: dict[str, Any]) -> None:
    found = ways["counted"]
    assert [one for one in found["tables"] if " " not in one] == [
        "daily_sales", "daily_trends", "mongodb.transactions", "stg_mongodb__transactions", "transactions",
    ]  # fmt: skip
    assert {"The period in figures", "Orders by day"} < set(found["tables"])
    assert found["stored"] == ["its records"]
    assert "~ rows of stg_mongodb__transactions" in found["told"]


def test_a_cell_of_hbase_leads_to_the_charts_that_show_it_and_a_chart_back_to_the_cell(ways: dict[str, Any]) -> None:
    found = ways["dashboards"]
    assert "Durations in figures" in found["store"]["tables"]
    said = " ".join(found["store"]["told"].split())
    assert "Session durations: Durations in figures: median_seconds the chart " in said.partition("On dashboards ")[2]
    assert found["panel"]["said"].startswith("Session durations: Durations in figures: median_seconds: ")
    assert found["panel"]["said"].endswith(" tables and 1 panel.")
    assert found["panel"]["chosen"] == ["median_seconds"]
    assert "~ session_durations.duration_seconds" in found["panel"]["told"]
    assert " ".join(found["panel"]["told"].split()).endswith(
        "Shown on Session durations: Durations in figures the chart"
    )
    assert found["address"] == "#column=sessions%231.median_seconds"
    assert found["chart"] == "/dashboards/sessions.html#panel-1"
    assert found["lines"][0] == (
        "median_seconds ~ session_durations.duration_seconds in the stores: hbase.sessions stats:duration"
    )
    assert len(found["lines"]) == 5
    assert found["back"].startswith("hbase.sessions.duration_seconds: ")
    assert found["axe"] == []
    assert (found["ways"], found["second"]) == ("Open the dashboard", "/dashboards/sessions.html#panel-2")


def test_a_table_is_picked_and_a_wrong_column_is_said(ways: dict[str, Any]) -> None:
    assert ways["picked"] == ["#table=clv_tiers", "8 columns: choose one."]
    assert ways["nosuch"] == '"clv" has no column "nosuch".'

"""Lineage as readers meet it: selectors typed in the page choose what they choose on the command line; the graph is used by
mouse and keyboard; columns are followed by clicking."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.documents import read_yaml
from runner.errors import NothingSelected, ProjectError
from runner.project.listing import Listing
from runner.project.parse import load_project
from runner.selection import INDIRECT, NamedSelectors, Selectable, StateView, read_selectors, select
from runner.site.graph.tables import selection_data
from tests.dbt.test_selection_as_dbt import CASES, SHOP
from tests.runner import test_selection as table

HERE = Path(__file__).resolve().parent
SELECTION = HERE.parents[1] / "runner/site/assets/selection.js"
STATUSES = {"clv": "error", "daily": "success", "gone": "error"}
STALE = {"stg_users"}
STATE = StateView(statuses=lambda: STATUSES, stale=lambda: STALE)
Case = tuple[str, Mapping[str, Any]]


def looked(browser: tuple[Path, str], what: str, *arguments: object) -> Any:
    """Returns what lineage_look.py prints."""
    python, program = browser
    done = subprocess.run(
        [python, HERE / "lineage_look.py", program, what, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


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
    browser: tuple[Path, str], listings: dict[str, Listing], tmp_path_factory: pytest.TempPathFactory
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
    return list(zip(cases, looked(browser, "choose", SELECTION, file), strict=True))


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

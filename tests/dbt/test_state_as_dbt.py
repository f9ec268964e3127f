"""`state:` against dbt Core itself: what `dbt ls --state` lists after a series of edits is what ours has to choose."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.artifacts import manifest
from runner.project.parse import load_project
from runner.selection.state import STATES, Comparison

HERE = Path(__file__).resolve().parent
EDITS = [
    ("models/staging/app/stg_users.sql", "select *", "select id"),
    ("models/staging/app/stg_items.sql", "select *", "-- why\nselect *"),
    ("models/staging/app/_app.yml", "One row per user.", "A row per user."),
    ("models/staging/app/_app.yml", "severity: warn", "severity: error"),
    ("models/staging/web/_web.yml", "meta: {owner: ann", "materialized: table\n      meta: {owner: bob"),
    ("models/marts/_marts.yml", "on_schema_change: append_new_columns", "on_schema_change: fail"),
    ("models/marts/_marts.yml", "access: protected", "access: public"),
    ("models/marts/_marts.yml", "rows: [{total: 1}]}", "rows: [{total: 2}]}"),
    ("models/marts/_marts.yml", "contract: {enforced: false}", "contract: {enforced: true}"),
    ("models/marts/finance/_finance.yml", "tags: [report]", "tags: [reports]"),
    ("models/marts/finance/_finance.yml", "group: growth}", "group: growth, alias: forecasts}"),
    ("macros/cents.sql", "* 100", "* 1000"),
    ("seeds/segments.csv", "Alpha", "Beta"),
    ("models/sources.yml", "schema: web_raw", "schema: web_landed"),
    ("models/exposures.yml", "maturity: high", "maturity: low"),
    ("tests/no_orphans.sql", "left anti join", "anti join"),
    ("snapshots/customers_history.yml", "check_cols: all", "check_cols: [id]"),
    ("dbt_project.yml", "+tags: staging", "+tags: staged"),
]
NEW = {"models/marts/fresh.sql": "select * from {{ ref('orders') }}\n"}
GONE = "packages/extra/models/calendar/weeks.sql"
BEFORE = [
    ("dbt_project.yml", "+materialized: view\n", "+materialized: view\n      +persist_docs: {relation: true}\n"),
    ("models/marts/finance/revenue.sql", "select *", "select *, {{ cents('1') }} as cents"),
    ("models/marts/_marts.yml", "columns:\n      - name: user_id\n", "columns:\n      - name: user_id\n        data_type: bigint\n"),
]  # fmt: skip
SELECTORS = [*(f"state:{how}" for how in STATES), "state:modified+1", "1+state:new", "state:modified,tag:finance"]


def edit(shop: Path, edits: Sequence[tuple[str, str, str]]) -> None:
    for name, old, new in edits:
        text = (shop / name).read_text(encoding="utf-8")
        assert old in text, (name, old)
        (shop / name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "shop"
    shutil.copytree(HERE / "shop", folder)
    edit(folder, BEFORE)
    return folder


def asked(dbt: Path, shop: Path, cases: Sequence[Sequence[str]]) -> list[set[str] | None]:
    done = subprocess.run(
        [dbt.parent / "python", HERE / "ls_with_dbt.py", shop],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [None if found is None else set(found) for found in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def compared(dbt: Path, shop: Path) -> tuple[dict[str, set[str] | None], dict[str, tuple[Any, Any]]]:
    """What dbt lists for each selector, and the manifests of before and after, dbt's and ours."""
    asked(dbt, shop, [])
    then = shop.parent / "then"
    then.mkdir()
    shutil.copy(shop / "target/manifest.json", then)
    ours = manifest(load_project(shop), invocation_id="then")
    edit(shop, EDITS)
    for name, text in NEW.items():
        (shop / name).write_text(text, encoding="utf-8")
    (shop / GONE).unlink()
    options = ["--resource-type", "all", "--indirect-selection", "empty", "--state", str(then)]
    listed = asked(dbt, shop, [[*options, "--select", selector] for selector in SELECTORS])
    theirs = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in (then, shop / "target")]
    manifests = {"dbt's": (theirs[0], theirs[1]), "ours": (ours, manifest(load_project(shop), invocation_id="now"))}
    return dict(zip(SELECTORS, listed, strict=True)), manifests


@pytest.mark.parametrize("whose", ["dbt's", "ours"])
@pytest.mark.parametrize("how", STATES)
def test_what_differs_is_what_dbt_says(
    how: str, whose: str, compared: tuple[dict[str, set[str] | None], Mapping[str, tuple[Any, Any]]]
) -> None:
    listed, manifests = compared
    old, new = manifests[whose]
    comparison = Comparison(old, new)
    enabled = {name for name, node in comparison.new.items() if (node.get("config") or {}).get("enabled", True)}
    assert {name for name in enabled if comparison.is_so(how, name)} == listed[f"state:{how}"]


def test_the_edits_are_told_apart(compared: tuple[dict[str, set[str] | None], object]) -> None:
    listed, _ = compared
    assert len({frozenset(listed[f"state:{how}"] or ()) for how in STATES}) == len(STATES)

"""--as-of: tables as a run read and published them, and today's SQL over them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from runner import delta

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town

VIEW = "select order_id, total{} as total from {{{{ source('shop', 'orders') }}}}"


def test_a_run_is_looked_at_and_replayed(town: Town) -> None:
    town.file("models/staging/stg_orders.sql", VIEW.format(""))
    town.land((1, 10.0), (2, 5.0))
    town.build()
    run = delta.metadata(town.path("priced"))["run_id"][:8]
    town.land((9, 1.0))
    town.file("models/staging/stg_orders.sql", VIEW.format(" + 100"))
    town.build()
    prod = ("--target", "prod")

    shown = town.run("show", "priced", "--as-of", run, "--output", "json", *prod)
    assert sorted(json.loads(line)["order_id"] for line in shown.out.splitlines()) == [1, 2], shown.err
    sql = "select count(*) as n, cast(sum(total) as int) as total from {{ ref('stg_orders') }}"
    then = town.run("sql", sql, "--as-of", run, "--output", "json", *prod)
    assert json.loads(then.out) == {"n": 2, "total": 15}, then.err  # the view as it was, over the rows as they were
    assert json.loads(town.run("sql", sql, "--output", "json", *prod).out) == {"n": 1, "total": 101}

    same = town.run("models", "priced", "totals", "--as-of", run, *prod)
    assert same.out.splitlines() == [
        f"priced: run {run} -> replayed, by order_id",
        "  no difference: 2 rows on both sides",
        f"totals: run {run} -> replayed, whole rows (no key: give one with --key)",
        "  no difference: 1 rows on both sides",
    ]
    town.file("models/priced.sql", "select order_id, total, total * 3 as doubled from {{ ref('stg_orders') }}")
    edited = town.run("models", "priced+", "--as-of", run, *prod)
    assert edited.out.splitlines()[:3] == [
        f"priced: run {run} -> replayed, by order_id",
        "  rows     2 -> 2: 0 added, 0 removed, 2 changed, 0 the same",
        "  changed  doubled          2 rows  by at most 10",
    ]
    assert edited.err == (f"run: 2 models replayed over what run {run} read: 2 differ from what it published.\n")
    assert delta.version(town.path("priced")) == 1
    assert list((town.root / "target/scratch").iterdir()) == []
    unknown = town.run("models", "priced", "--as-of", "zzz", *prod)
    assert unknown.err.startswith('run: no run "zzz" has published anything here. The last ones: ')

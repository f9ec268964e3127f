"""run promote: what was built and checked on one target is published on another, or what differs is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner import delta

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town


def test_what_prod_would_build_is_promoted_and_then_reused(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    assert town.run("clone", "--from", "prod", "source:shop", "stg_orders").code == 0
    town.file("models/priced.sql", "select order_id, total, total * 3 as doubled from {{ ref('stg_orders') }}")
    town.build("priced+", target="dev")

    alone = town.run("promote", "totals", "--from", "dev", "--to", "prod")
    assert (alone.code, alone.err.splitlines()) == (1, [
        "differs   totals: it was built from priced of dev, whose rows are not known to be those of prod: promote it as well",
        "run: nothing was promoted: 1 of 1 differ from what prod would build.",
    ])  # fmt: skip
    dry = town.run("promote", "priced+", "--from", "dev", "--to", "prod", "--dry-run")
    assert dry.err.startswith("would go  priced\nwould go  totals\nrun: 2 to promote from dev to prod in "), dry.err
    assert delta.version(town.path("priced")) == 0
    said = town.run("promote", "priced+", "--from", "dev", "--to", "prod")
    assert said.err.startswith("promoted  priced  version 1\npromoted  totals  version 1\n"), said.err
    assert town.rows("priced") == town.rows("priced", "dev")
    assert float(town.rows("totals")[0]["revenue"]) == 46.5
    assert delta.metadata(town.path("totals"))["promoted"]["target"] == "dev"
    assert "3 reused" in town.build().err  # as if prod had built them
    again = town.run("promote", "priced+", "--from", "dev", "--to", "prod")
    assert "run: 0 promoted from dev to prod, 2 there already" in again.err


def test_over_deferred_parents_and_from_another_schema(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    town.file("models/totals.sql", "select count(*) as order_count, max(doubled) as revenue from {{ ref('priced') }}")
    for target, schema in (("dev", "marts"), ("beside", "mine")):
        folder = "prod" if target == "beside" else "dev"
        assert town.run("models", "totals", "--defer", "--target", target).code == 0
        assert town.rows("totals", folder, schema)[0]["order_count"] == 2
        said = town.run("promote", "totals", "--from", target, "--to", "prod")
        assert said.code == 0, said.err
    assert delta.version(town.path("totals")) == 2
    assert "3 reused" in town.build().err


def test_what_differs_is_said_and_nothing_is_promoted(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    assert town.run("models", "priced", "--defer").code == 0
    town.file("models/priced.sql", "select order_id, total, total * 4 as doubled from {{ ref('stg_orders') }}")
    sql = town.run("promote", "priced", "--from", "dev", "--to", "prod")
    assert sql.err.splitlines()[0] == "differs   priced: its SQL in dev is not what prod would run"
    assert town.run("models", "priced", "--defer").code == 0
    town.land((1, 10.0), (2, 1.0))
    rows = town.run("promote", "priced", "--from", "dev", "--to", "prod")
    assert rows.err.splitlines() == [
        "differs   priced: it was built from version 0 of shop.orders, and prod has version 1: build it again in dev",
        "run: nothing was promoted: 1 of 1 differ from what prod would build.",
    ]
    town.file("models/totals.sql", "select 1 as order_count, 1 as revenue, current_timestamp() as at")
    assert town.run("models", "totals", "--defer").code == 0
    clock = town.run("promote", "totals", "--from", "dev", "--to", "prod")
    assert clock.err.splitlines()[0] == (
        "differs   totals: its SQL gives another result each time (now(), rand() or the like)"
    )
    assert (delta.version(town.path("priced")), delta.version(town.path("totals"))) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "dev", "--to", "prod"], "run: name what is to be promoted: run promote clv+ --from dev --to prod.\n"),
        (["priced", "--from", "dev"], 'run: "dev" is the target that you work on. Name another, or work on another with --target.\n'),
        (["pricd", "--from", "dev", "--to", "prod"], 'run: no model is named "pricd". Did you mean "priced"?\n'),
    ],
)  # fmt: skip
def test_what_cannot_be_promoted_is_said(town: Town, arguments: list[str], message: str) -> None:
    said = town.run("promote", *arguments)
    assert (said.code, said.err) == (2, message)


def test_what_is_not_built_is_said(town: Town) -> None:
    said = town.run("promote", "priced", "--from", "dev", "--to", "prod")
    assert (said.code, said.err.splitlines()[0]) == (1, "differs   priced: it has not been built in dev")

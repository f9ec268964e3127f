"""run diff: its sides, what it prints, how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town

SAME = "priced: version 0 -> version 1, by order_id\n  no difference: 2 rows on both sides\n"


def test_versions_targets_edits_and_what_is_below(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    alone = town.run("diff", "priced", "--target", "prod")
    assert (alone.code, alone.err) == (
        2,
        "run: priced has one version only, 0: there is nothing before it to compare with. "
        "Compare with another target (--with-target), or with its SQL as edited (--edited).\n",
    )
    town.land((1, 10.0), (3, 1.0))
    town.build()

    versions = town.run("diff", "priced", "--target", "prod", "--fail-on-change")
    assert versions.code == 1
    assert versions.out.splitlines() == [
        "priced: version 0 -> version 1, by order_id",
        "  rows     2 -> 2: 1 added, 1 removed, 0 changed, 1 the same",
        "  added    order_id=3, total=1.00, doubled=2.00",
        "  removed  order_id=2, total=5.50, doubled=11.00",
    ]
    assert town.run("diff", "priced", "--target", "prod", "--version", "1").out == SAME.replace("n 0", "n 1")
    nine = town.run("diff", "priced", "--target", "prod", "--version", "9")
    assert nine.err == "run: priced has no version 9. Its versions: 0, 1.\n"

    town.file("models/priced.sql", "select order_id, total * 3 as doubled, 1 as one from {{ ref('stg_orders') }}")
    before = town.path("priced").stat().st_mtime_ns, sorted(town.path("priced").iterdir())
    edited = town.run("diff", "priced", "--target", "prod", "--edited", "--downstream")
    assert edited.out.splitlines() == [
        "priced: published -> as edited, by order_id",
        "  rows     2 -> 2: 0 added, 0 removed, 2 changed, 0 the same",
        "  columns  + one int; - total decimal(12,2)",
        "  changed  doubled          2 rows  by at most 10",
        "             1: 20.00 -> 30.00",
        "             3: 2.00 -> 3.00",
        "totals: published -> rebuilt in scratch, whole rows (no key: give one with --key)",
        "  rows     1 -> 1: 1 added, 1 removed, 0 the same",
    ]
    assert edited.err == "run: 1 models below priced rebuilt in scratch: 1 would change.\n"
    assert (town.path("priced").stat().st_mtime_ns, sorted(town.path("priced").iterdir())) == before
    assert list((town.root / "target/scratch").iterdir()) == []

    town.land((1, 10.0), (2, 5.5), target="dev")
    town.build(target="dev")
    targets = town.run("diff", "priced", "--with-target", "prod", "--output", "json", "--ignore", "doubled")
    found = json.loads(targets.out)
    assert (found["before"], found["after"], found["added"], found["removed"]) == ("prod", "version 0", 1, 1)
    assert found["added_columns"] == [["one", "int"]]
    view = town.run("diff", "stg_orders", "--with-target", "prod", "--key", "order_id")
    assert view.out.splitlines()[1] == "  rows     2 -> 2: 1 added, 1 removed, 0 changed, 1 the same"


def test_a_withheld_candidate(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    town.file("models/priced.sql", "select 1 as order_id, 1 as total, 2 as doubled union all select 1, 1, 2")
    assert town.run("models", "priced", "--target", "prod").code == 1
    told = town.run("diff", "priced", "--target", "prod", "--candidate", "--ignore", "total,doubled").out
    assert told.splitlines() == [
        "priced: published -> withheld candidate, by order_id",
        "  rows     1 -> 2: 0 added, 0 removed, 0 changed, 0 the same",
        "  keys     after: 1 keys have more than one row (2 rows)",
        "  keys     1 such keys are on both sides; not compared by column; the rows of 1 of them differ",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pricd"], 'run: no model is named "pricd". Did you mean "priced"?\n'),
        (["priced"], "run: priced has not been built. Build it: run models --select +priced\n"),
        (["shop.orders"], "run: shop.orders has not been landed. Land it: run ingest shop.orders\n"),
        (["shop.orders", "--edited"], "run: shop.orders is landed, not built: it has no candidate. Compare its versions.\n"),
        (["priced", "--with-target", "prd"], 'run: project.yml:7: no target is named "prd". Targets: dev, prod, beside. Did you mean "prod"?\n'),
        (["priced", "--with-target", "prod", "--version", "1"], "run: --version and --with-target both name the older side. Leave one of them out.\n"),
        (["priced", "--downstream"], "run: --downstream needs a change to follow: add --edited or --candidate.\n"),
        (["priced", "--key", "a", "--no-key"], "run: --key and --no-key contradict each other. Leave one of them out.\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(town: Town, arguments: list[str], message: str) -> None:
    said = town.run("diff", *arguments)
    assert (said.code, said.err) == (2, message)

"""What was restored stays so until something else would be built than what was taken back; without Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.cli import main
from runner.state.fingerprint import read_fingerprint
from runner.state.reuse import STAYS, all_reused

if TYPE_CHECKING:
    from tests.runner.state.conftest import Settled

Run = Callable[..., tuple[int, str, str]]
BACK = r"it was restored to version 0 on \d\d \w{3} \d\d:\d\d"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], settled: Settled) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--project-dir", str(settled.root)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def newer(settled: Settled) -> Settled:
    """The project after another SQL of totals was built, and report over it."""
    settled.edit("models/totals.sql", "sum(", "max(")
    settled.publish("totals", run_id="run-bad")
    settled.publish("report", run_id="run-bad")
    return settled


def restore(run: Run, *arguments: str) -> None:
    code, _, err = run("restore", *arguments)
    assert code == 0, err


def same(settled: Settled, name: str, pattern: str) -> None:
    why = settled.why(name)
    assert re.fullmatch(pattern, why), why


def test_a_restored_table_is_not_built_back_to_what_was_taken_back(newer: Settled, run: Run) -> None:
    restore(run, "totals", "--version", "0")
    decision = newer.decide("totals")
    assert decision.act == "reuse"
    assert re.fullmatch(BACK, decision.kept)
    assert newer.why("report") == "build: totals has new data: version 1 → 2"  # it was built over what was taken back
    code, out, err = run("plan", "--no-types")
    assert code == 0
    assert out.splitlines()[1:] == [
        f"unchanged    totals (table)  {decision.kept}, and stays so: {STAYS}",
        "unchanged    stg_orders",
    ]
    assert "1 of 3 would be built, 2 unchanged" in err
    (found,) = [one for one in json.loads(run("plan", "--no-types", "--output", "json")[1])["nodes"] if one["kept"]]
    assert (found["name"], found["action"], found["kept"]) == ("totals", "reuse", decision.kept)
    (told,) = all_reused(newer.state(), ["model.tiny.totals"]) or ()
    assert told.message == f"{decision.kept}, and stays so: {STAYS}"
    assert newer.why("totals", force=True) == "build: --force; its SQL changed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: it.edit("models/totals.sql", "max(", "min("), "its SQL changed"),
        (lambda it: it.rows("shop/orders", 7), "shop.orders has new data: version 0 → 1"),
        (lambda it: it.edit("models/totals.sql", "select", "{{ config(partition_by='revenue') }} select"), r"partition_by: .*"),
        (lambda it: it.rows("marts/totals", 5, columns=["revenue"], mode="append"), "it was changed by others: version 3, WRITE"),
    ],
)  # fmt: skip
def test_it_is_built_once_something_else_would_come_of_it(
    newer: Settled, run: Run, change: Callable[[Any], None], why: str
) -> None:
    restore(run, "totals", "--version", "0")
    change(newer)
    decision = newer.decide("totals")
    assert decision.act == "build"
    assert re.fullmatch(f"{BACK}; since then {why}", decision.reasons[0].text)
    assert newer.why("totals").count(why) <= 2
    newer.publish("totals", run_id="run-mended")
    assert newer.why("totals") == "reuse"
    assert "restored" not in delta.metadata(newer.path("marts/totals"))


def test_a_run_that_was_undone_stays_undone(newer: Settled, run: Run) -> None:
    restore(run, "--before", "run-bad")
    assert [newer.decide(name).act for name in ("stg_orders", "totals", "report")] == ["reuse"] * 3
    assert newer.decide("report").kept
    newer.edit("models/totals.sql", "max(", "min(")
    code, out, _ = run("plan", "--no-types")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 6)
    assert re.fullmatch(
        rf"build        totals \(table\)  {BACK}; since then its SQL changed  \(about 2.0 s\)", lines[0]
    )
    assert re.fullmatch(rf"build        report \(table\)  {BACK}; it would be built again  \(about 2.0 s\)", lines[3])
    assert lines[4].strip() == "totals is built before it"
    newer.edit("models/totals.sql", "min(", "sum(")  # the SQL goes back as well: all is as it was
    assert newer.why("totals") == "reuse"
    assert newer.decide("totals").kept == ""


def test_one_after_the_other_parents_first_counts_as_together(newer: Settled, run: Run) -> None:
    restore(run, "totals", "--version", "0")
    restore(run, "report", "--version", "0")
    assert newer.decide("report").act == "reuse"
    restore(run, "totals", "--version", "1")  # and forward again: report's own return is older
    assert newer.why("totals") == "reuse"
    assert newer.decide("report").act == "build"


def test_a_view_stays_restored_and_lets_what_reads_it_stay(settled: Settled, run: Run) -> None:
    settled.edit("models/staging/stg_orders.sql", "total from", "total + 1 as total from")
    for name in ("stg_orders", "totals", "report"):
        settled.publish(name, run_id="run-bad")
    restore(run, "--before", "run-bad")
    assert [settled.decide(name).act for name in ("stg_orders", "totals", "report")] == ["reuse"] * 3
    settled.edit("models/staging/stg_orders.sql", "total + 1", "total + 2")
    assert settled.decide("stg_orders").act == "build"


def test_a_check_that_changes_later_is_asked_of_what_stands(newer: Settled, run: Run) -> None:
    restore(run, "totals", "--version", "0")
    newer.edit("models/_models.yml", "[not_null]", "[not_null, unique]")
    decision = newer.decide("totals")
    assert decision.act == "recheck"
    assert decision.why.startswith("check added: ")
    newer.judge("totals")
    after = newer.decide("totals")
    assert (after.act, after.kept) == ("reuse", decision.kept)
    built_from = read_fingerprint(delta.metadata(newer.path("marts/totals"))["fingerprint"])
    assert built_from is not None and "sum(" in built_from.text  # what it was built from is what it was


def test_what_no_run_published_is_restored_as_before(settled: Settled, run: Run) -> None:
    settled.rows("marts/totals", 9, columns=["revenue"])
    settled.rows("marts/totals", 10, columns=["revenue"])
    restore(run, "totals", "--version", "0")
    assert settled.why("totals") == "reuse"

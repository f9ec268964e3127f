"""The truth that the scorecard judges by fits the project, and trials are counted as the scorecard says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from expectations.catalogue import definitions
from expectations.causes import BY_PHRASE
from runner.project.parse import load_project
from simulate.defects import KINDS
from simulate.expected import EXPECTED, MODEL_FAULTS, STRENGTHS

ROOT = Path(__file__).resolve().parents[2]
LABELS = {node.label for node in load_project(ROOT).nodes()}


@pytest.fixture(scope="module")
def scoring() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import scoring

        yield scoring


def test_every_defect_has_its_truth_and_there_are_twenty_kinds() -> None:
    assert set(EXPECTED) == set(KINDS)
    assert len(EXPECTED) + len(MODEL_FAULTS) >= 20


@pytest.mark.parametrize("kind", [*EXPECTED, *MODEL_FAULTS])
def test_the_truth_names_what_there_is(kind: str) -> None:
    truth = EXPECTED.get(kind) or MODEL_FAULTS[kind]
    causes = {cause for listed in truth.causes.values() for cause in listed} if kind in MODEL_FAULTS else truth.causes  # type: ignore[union-attr]
    assert set(causes) <= set(BY_PHRASE)
    assert set(truth.tables) <= LABELS
    assert all(check in definitions() or check == "quarantine" for check in truth.checks)


@pytest.mark.parametrize("kind", EXPECTED)
def test_strengths_grow(kind: str) -> None:
    weak, medium, strong = (EXPECTED[kind].rate(strength) for strength in STRENGTHS)
    assert 0 < weak < medium < strong <= 1
    assert set(EXPECTED[kind].landed) <= LABELS


def test_a_detection_is_a_new_flag_on_a_table_of_the_defect(scoring: ModuleType) -> None:
    flag = scoring.Flag(table="stg_hbase__sessions", check="unique", title="u", cause="duplicate keys", blocks=True)
    found = scoring.Trial(
        kind="duplicate_sessions",
        strength="medium",
        seed=1,
        flags=(replace(flag, table="clv"), flag),
        causes={"stg_hbase__sessions": "duplicate keys", "clv": "missing values"},
    )
    elsewhere = replace(found, flags=(replace(flag, table="clv"),))
    misnamed = replace(found, causes={"stg_hbase__sessions": "missing values"})
    assert (found.is_found, found.is_named, found.cause) == (True, True, "duplicate keys")
    assert (elsewhere.is_found, elsewhere.is_named) == (False, False)
    assert (misnamed.is_found, misnamed.is_named) == (True, False)
    score = scoring.score([found, elsewhere, misnamed])
    assert (score.trials, score.recall, score.cause_right) == (3, pytest.approx(2 / 3), 0.5)
    assert scoring.is_good([found])
    assert not scoring.is_good([found, misnamed])
    assert scoring.is_good([found, replace(misnamed, strength="weak")])


def test_the_verdict_of_the_nearest_table_counts(scoring: ModuleType) -> None:
    flags = tuple(
        scoring.Flag(table=table, check="c", title="t", cause="", blocks=False)
        for table in ("int_conversions_matched", "mongodb.transactions")
    )
    causes = {"int_conversions_matched": "cut off in time", "mongodb.transactions": "orphan keys"}
    trial = scoring.Trial(kind="orphan_orders", strength="weak", seed=1, flags=flags, causes=causes)
    assert trial.cause == "orphan keys"


def test_an_error_on_clean_data_is_no_good_and_a_warning_is(scoring: ModuleType) -> None:
    flag = scoring.Flag(table="clv", check="c", title="values", cause="x", blocks=False)
    clean = scoring.Trial(kind="realistic", strength="clean", seed=1, flags=(flag,), checks=270)
    assert scoring.is_good([clean])
    assert not scoring.is_good([replace(clean, flags=(replace(flag, blocks=True),))])


def test_trials_are_kept_and_read_again(scoring: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    flag = scoring.Flag(table="clv", check="c", title="values", cause="x", blocks=False)
    trial = scoring.Trial(kind="uniform", strength="clean", seed=5, flags=(flag,), causes={"clv": "x"}, code="a")
    scoring.append(path, replace(trial, seconds=1.0))
    scoring.append(path, replace(trial, code="b"))
    scoring.append(path, trial)
    with path.open("a") as file:
        file.write('{"kind": "unif')  # the line that was being written when it was stopped
    assert scoring.read(path, {"a"}) == [trial]
    assert [one.code for one in scoring.read(path, {"b"})] == ["b"]
    assert scoring.read(tmp_path / "none.jsonl", {"a"}) == []
    assert len(path.read_text().splitlines()) == 4
    assert json.loads(path.read_text().splitlines()[0])["seconds"] == 1.0


def test_the_page(scoring: ModuleType) -> None:
    flag = scoring.Flag(
        table="mongodb.transactions",
        check="expect_column_values_to_be_unique",
        title="u",
        cause="duplicate keys",
        blocks=True,
    )
    found = scoring.Trial(
        kind="doubled_orders",
        strength="medium",
        seed=1,
        flags=(flag, flag),
        causes={"mongodb.transactions": "duplicate keys"},
        seconds=30,
    )
    missed = scoring.Trial(kind="doubled_orders", strength="medium", seed=2, seconds=30)
    warned = scoring.Flag(table="clv", check="c", title="values", cause="a figure outside its limits", blocks=False)
    clean = [
        scoring.Trial(kind="realistic", strength="clean", seed=seed, checks=270, flags=(warned,) * (seed == 1))
        for seed in (1, 2)
    ]
    page = scoring.markdown([found, missed, *clean], 3_000)
    assert page.splitlines()[0] == (
        "2 data sets with one planted defect each (1 kinds) and 2 clean ones, of 3,000 sessions, in 1 minutes."
    )
    assert "The whole scorecard has 390 and 50: the others were not run." in page
    assert "| medium | 2 | 0.500 | 1.000 |" in page
    assert "| doubled_orders | 0.002, 0.02, 1 |  | 1/2 (1) |  | values_to_be_unique (1) | duplicate keys (1) |" in page
    assert "| values_to_be_unique | 2 | 1 (50%) | 0 | 0 |" in page
    assert "| c |  |  | 0 | 1 (50%) |" in page
    assert "| duplicate keys | 1 | 0 | 0 |" in page
    assert "| realistic | 2 | 270 | 0 | 1 (50%) |" in page
    assert "| realistic | clv | values | a figure outside its limits | 0 | 1 (50%) |" in page

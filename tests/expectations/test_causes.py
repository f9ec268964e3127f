"""The table of causes: one of each, explained, in the order that the data's specification gives."""

from __future__ import annotations

import re

import pytest

from expectations import causes
from expectations.catalogue import CUSTOM, definitions
from expectations.causes import BY_PHRASE, CAUSES, UNNAMED, Cause, advice, rank
from expectations.definition import Slice
from expectations.diagnosis.verdict import verdict
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation

OWN_CHECKS = {definition.check for definition in CUSTOM if definition.check} | {
    "contract",
    "D6",
    "D8",
    "D9",
    "D10b",
    "D13",
    "nulls",
    "unit",
}


@pytest.mark.parametrize("cause", CAUSES, ids=[cause.id for cause in CAUSES])
def test_a_cause_is_explained(cause: Cause) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.id)
    assert cause.phrase[0].islower() and not cause.phrase.endswith(".")
    assert cause.explanation.endswith(".") and cause.what_to_do[-1] in ".?"
    for explained in cause.explains:
        assert explained in OWN_CHECKS or explained in definitions(), explained


def test_each_phrase_and_each_id_is_there_once() -> None:
    assert len({cause.phrase for cause in CAUSES}) == len({cause.id for cause in CAUSES}) == len(CAUSES)
    named = {value for name, value in vars(causes).items() if name.isupper() and isinstance(value, str)}
    assert named == set(BY_PHRASE)


def test_the_order_of_the_specification() -> None:
    order = [causes.DEAD, causes.SPAN, causes.AVERAGE, causes.QUANTISED]
    assert [cause.phrase for cause in CAUSES[:4]] == order
    assert CAUSES[-1].phrase == causes.GENERATED
    assert rank(causes.DEAD) == 0
    assert rank("") == UNNAMED > rank(causes.GENERATED)
    assert advice("") == ""


def flagged(kind: str, cause: str, check: str, where: tuple[Slice, ...] = ()) -> CheckResult:
    one = Expectation(type=kind, arguments={"column": "x"})
    return CheckResult(
        expectation=one,
        status="fail",
        level="fail",
        check=check,
        cause=cause,
        slice=where[0] if where else None,
        where=where[1:],
    )


def test_a_verdict_says_what_its_cause_means_and_where_it_is() -> None:
    mobile = Slice(column="device_type", value="mobile", rows=10, failing=9, share=0.9)
    store = Slice(column="store", value="hbase")
    found = verdict(
        SuiteResult(
            model="m",
            results=(
                flagged("expect_column_not_to_be_a_lattice", causes.QUANTISED, "D5", (mobile, store)),
                flagged("expect_column_dispersion_above_floor", causes.CLUSTERED, "D4", (store,)),
            ),
        )
    )
    assert (found.cause, found.cause_id) == (causes.QUANTISED, "clock")
    assert found.explanation == BY_PHRASE[causes.QUANTISED].explanation
    assert found.what_to_do == BY_PHRASE[causes.QUANTISED].what_to_do
    assert (found.slice, found.where) == (mobile, (store,))
    assert [one.check for one in found.explained] == ["D4"]
    assert found.lead is not None and found.lead.cause_id == "clock"

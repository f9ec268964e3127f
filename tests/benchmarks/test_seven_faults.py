"""The report's own metrics, computed as it did: each of its seven faults is stated of them and of no model of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from expectations import causes
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
SLOW = {"product_affinity"}  # of ours; the benchmark judges it, too


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import seven_faults
        import trial

        yield {"seven_faults": seven_faults, "trial": trial}


@pytest.fixture(scope="module")
def results(
    benchmarks: dict[str, ModuleType], spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, SuiteResult]:
    """What the checks say of the report's models and of ours, over a small shop of uniform draws."""
    faults, trial = benchmarks["seven_faults"], benchmarks["trial"]
    project = load_project(ROOT, variables={"reported": True})
    settings = replace(faults.settings_of(2_500), products=300)  # pairs that are too rare to be scored one by one
    shop = trial.land_shop(spark, project, tmp_path_factory.mktemp("seven") / "shop", settings)
    tables = {name for fault in faults.FAULTS for name in (fault.model, *fault.ours)} - SLOW
    found: dict[str, SuiteResult] = trial.judge(spark, shop, load_quality(project), sorted(tables))
    return found


def test_all_seven_are_stated_of_the_report(benchmarks: dict[str, ModuleType], results: dict[str, SuiteResult]) -> None:
    found = benchmarks["seven_faults"].stated(results)
    assert {one.fault.model: one.cause for one in found if one.cause not in one.fault.causes} == {}
    assert len(found) == 7


def test_none_is_stated_of_ours(benchmarks: dict[str, ModuleType], results: dict[str, SuiteResult]) -> None:
    found = benchmarks["seven_faults"].stated(results)
    assert {one.fault.model: dict(one.of_ours) for one in found if one.of_ours} == {}
    ours = {name for fault in benchmarks["seven_faults"].FAULTS for name in fault.ours}
    assert ours - SLOW <= set(results)
    assert [name for name in ours - SLOW if not results[name].success] == []
    durations = [one.expectation.type for one in results["session_durations"].results if one.status != "pass"]
    assert durations == ["expect_column_to_have_a_tail", "expect_column_values_not_to_be_too_even"]  # they are drawn


def test_the_models_of_the_report_are_off_unless_asked_for() -> None:
    ordinary, asked = load_project(ROOT), load_project(ROOT, variables={"reported": True})
    extra = set(asked.models) - set(ordinary.models)
    assert extra == {path.stem for path in (ROOT / "models/marts/reported").glob("*.sql")}
    assert len(extra) == 7
    assert not [name for name in load_quality(ordinary).suites if "reported_" in name]


def said(model: str, cause: str) -> SuiteResult:
    one: Any = CheckResult(
        expectation=Expectation(type="expect_rows_to_satisfy", severity="warn"),
        status="warn",
        level="fail",
        cause=cause,
        message=f"{model} is wrong.",
    )
    return SuiteResult(model=model, results=(one,) if cause else ())


def test_a_fault_that_is_missed_or_said_of_ours_is_told(benchmarks: dict[str, ModuleType]) -> None:
    faults = benchmarks["seven_faults"]
    results = {fault.model: said(fault.model, sorted(fault.causes)[0]) for fault in faults.FAULTS}
    assert all(one.is_right for one in faults.stated(results))
    results["reported_funnel"] = said("reported_funnel", causes.RULE)
    results["reported_daily_orders"] = said("reported_daily_orders", "")
    results["session_durations"] = said("session_durations", causes.SPAN)
    found = faults.stated(results)
    assert [number for number, one in enumerate(found, 1) if not one.is_right] == [1, 5, 7]
    lines = faults.told(found)
    assert "   SAID OF OURS, session_durations: session_durations is wrong." in lines
    assert f"   MISSED: expected {causes.FUNNEL_UNITS} or {causes.FUNNEL_ORDERS}." in lines or (
        f"   MISSED: expected {causes.FUNNEL_ORDERS} or {causes.FUNNEL_UNITS}." in lines
    )
    assert "   reported_daily_orders: NOTHING IS SAID." in lines

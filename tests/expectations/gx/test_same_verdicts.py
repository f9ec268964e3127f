"""The one pass, with Spark alone and in this process, and Great Expectations' own Spark engine: the same results on random
small tables.

A few tables by default; VERDICT_TABLES=500 for a long look, VERDICT_FROM for other ones.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from random_tables import COLUMNS, Case, cases, table

from expectations.at_hand import Collected, Files
from expectations.compute.metrics import METRICS, SAMPLE, name_in_table
from expectations.suite import Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Great Expectations warns of row conditions as text, which are what people write, each time it copies one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")

TABLES = int(os.environ.get("VERDICT_TABLES", "5"))
FROM = int(os.environ.get("VERDICT_FROM", "0"))
FIGURES = ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "missing_percent")
LISTS = ("partial_unexpected_list", "partial_missing_list")


def asked_metrics(seed: int) -> dict[str, set[str]]:
    """Returns the types of a table's cases and the metrics that each asks for, as they stand in the table of metrics."""
    from expectations import gx
    from expectations.definition import Table

    found: dict[str, set[str]] = {}
    for case in cases(random.Random(seed)):
        metrics = gx.metrics_of(gx.build(case.expectation, Table(columns=dict.fromkeys(COLUMNS, ""))))
        found.setdefault(case.expectation.type, set()).update(map(name_in_table, metrics))
    return found


def test_every_metric_that_the_one_pass_takes_over_is_tested() -> None:
    tested = asked_metrics(0)
    assert set().union(*tested.values()) == METRICS


def test_every_expectation_that_the_one_pass_takes_over_is_tested() -> None:
    from expectations.gx import metric_names

    taken_over = {kind for kind, names in metric_names().items() if names and names <= METRICS}
    taken_over -= {"expect_table_row_count_to_equal_other_table"}  # asks its one metric of two tables
    assert set(asked_metrics(0)) == taken_over


@pytest.mark.parametrize("seed", range(FROM, FROM + TABLES))
def test_results_are_great_expectations_own(spark: SparkSession, seed: int, tmp_path: Path) -> None:
    from expectations import gx
    from expectations.compute import types_of
    from expectations.definition import Table
    from expectations.validate import validate

    rng = random.Random(seed)
    frame = spark.createDataFrame(table(rng))
    asked = cases(rng)
    asked = rng.sample(asked, len(asked) // 2) if seed else asked
    suite = Suite(model="t", expectations=tuple(case.expectation for case in asked))
    ours = validate(frame, suite, inputs={})
    nearby = validate(frame, suite, inputs={}, here={"": at_hand(frame, tmp_path if seed % 2 else None)})
    known = Table(columns=types_of(frame))
    theirs = gx.Engine(frame, f"table {seed}").validate_suite([gx.build(case.expectation, known) for case in asked])
    wrong = []
    results = zip(asked, ours.results, ours.gx_result.results, nearby.gx_result.results, theirs, strict=True)
    for case, check, mine, near, other in results:
        engine = "one pass" if case.taken_over else "great expectations"
        found = [*differences(case, mine, other)]
        if check.engine != engine and not (check.engine == "none" and gx.exception_of(other)):
            found.append(f"computed by {check.engine}")
        found += [f"in this process: {one}" for one in differences(case, near, other)]
        told = (case.expectation.type, dict(case.expectation.arguments), case.expectation.where)
        wrong += [f"{told}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)
    assert nearby.jobs < ours.jobs + 2


def at_hand(frame: DataFrame, folder: Path | None) -> Files | Collected:
    """Returns a frame's rows at hand: in files of the folder, or collected where there is none."""
    from expectations.compute import types_of

    if folder is None:
        return Collected(types_of(frame), lambda columns: frame.select(*columns).toArrow())
    frame.write.parquet(str(folder / "rows"))
    return Files(tuple((folder / "rows").glob("*.parquet")), types_of(frame))


def differences(case: Case, mine: Any, theirs: Any) -> Iterable[str]:
    """Yields what differs between two results of one expectation."""
    from expectations.gx import exception_of

    if exception_of(mine) or exception_of(theirs):
        if bool(exception_of(mine)) != bool(exception_of(theirs)):
            yield f"raised here {exception_of(mine)!r}, there {exception_of(theirs)!r}"
        return
    if bool(mine.success) != bool(theirs.success):
        yield f"success here {mine.success}, there {theirs.success}"
    for key in FIGURES:
        # Great Expectations counts none as null where there is no row at all; here that is 0.
        if not same(mine.result.get(key) or 0, theirs.result.get(key) or 0):
            yield f"{key} here {mine.result.get(key)}, there {theirs.result.get(key)}"
    if not same(*(observed(result) for result in (mine, theirs))):
        yield f"observed here {mine.result.get('observed_value')}, there {theirs.result.get('observed_value')}"
    if mine.success or theirs.result.get("unexpected_count", 0) > SAMPLE:
        return  # what passes is not sampled; of many, each takes the first that it meets
    for key in LISTS:
        one, other = ({shown(value) for value in result.result.get(key) or ()} for result in (mine, theirs))
        if one != other:
            yield f"{key} here {sorted(one)}, there {sorted(other)}"


def observed(result: Any) -> Any:
    """Returns what was observed; nothing for what is not finite: a spread beyond a double's reach is infinite or undefined
    by the order in which Spark merges its partitions."""
    value = result.result.get("observed_value")
    return None if isinstance(value, float) and not math.isfinite(value) else value


def shown(value: Any) -> str:
    """Returns a value as text; a zero without its sign, for keys of both signs are one, and each may stand for both."""
    if isinstance(value, dict):
        return str({name: shown(one) for name, one in value.items()})
    return repr(value + 0.0 if isinstance(value, float) else value)


def same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, float) and isinstance(theirs, float):
        return bool(mine == pytest.approx(theirs, nan_ok=True))
    return bool(mine == theirs) or str(mine) == str(theirs)

"""D14 across stores: what has no match is cut off, lost in a gap, or lost at random, by plain numbers and on Spark."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from expectations.checks import matching
from expectations.definition import Finding
from expectations.diagnosis.verdict import verdict
from expectations.result import SuiteResult
from expectations.suite import Expectation, Suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Lost = NDArray[np.bool_]
START = int(datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC).timestamp() * 1e6)
DAY = 86_400_000_000  # microseconds
N = 3_000
RANDOM, CUT = matching.RANDOM, matching.CUT_OFF


def moments(seed: int, rows: int = N) -> NDArray[np.int64]:
    """Event times over 90 days, in order: the quiet of the night, and more of them towards the end."""
    rng = np.random.default_rng(seed)
    day = np.floor(90 * rng.beta(1.3, 1.0, rows))
    hour = rng.normal(15, 3.5, rows).clip(0, 23.99)
    return np.sort(START + (day * DAY + hour * DAY / 24).astype(np.int64))


def buckets(time: NDArray[np.int64], lost: Lost) -> list[dict[str, Any]]:
    """What the check's query gives for these rows; the test on Spark holds it against the query."""
    first, last = int(time.min()), int(time.max())
    bucket = np.minimum(999, np.floor(1000.0 * (time - first) / max(last - first, 1))).astype(int)
    known = time[~lost]
    first_found = int(known.min()) if len(known) else None
    last_found = int(known.max()) if len(known) else None
    rows: list[dict[str, Any]] = []
    for one in np.unique(bucket):
        here, gone = bucket == one, (bucket == one) & lost
        rows.append(
            {
                "bucket": int(one),
                "found": int((here & ~lost).sum()),
                "lost": int(gone.sum()),
                "first_lost": int(time[gone].min()) if gone.any() else None,
                "last_lost": int(time[gone].max()) if gone.any() else None,
                "first_found": first_found,
                "last_found": last_found,
                "late": int((gone & (time > last_found)).sum()) if last_found is not None else 0,
                "early": int((gone & (time < first_found)).sum()) if first_found is not None else 0,
            }
        )
    return rows


def judge(time: NDArray[np.int64], lost: Lost, **arguments: Any) -> Finding:
    definition = matching.MATCHED
    assert definition.judge is not None
    named = {"matched": "ok", "time": "at", "what": "converted sessions", "match": "order", **arguments}
    return definition.judge(definition.complete(named), {"buckets": buckets(time, lost)})


def at_random(time: NDArray[np.int64], share: float, seed: int = 0) -> Lost:
    return np.random.default_rng(seed).random(len(time)) < share


def after(time: NDArray[np.int64], day: float) -> Lost:
    return np.asarray(time > START + day * DAY)


@pytest.mark.parametrize("share", [0.006, 0.02, 0.15, 0.4, 0.8])
@pytest.mark.parametrize("seed", range(8))
def test_random_loss_is_never_taken_for_a_cut(share: float, seed: int) -> None:
    time = moments(seed)
    lost = at_random(time, share, seed)
    if lost.mean() <= 0.005:
        lost[: N // 100 : 1] = False
        lost[5 :: N // 30] = True
    found = judge(time, lost)
    assert (found.level, found.cause) == ("fail", RANDOM), found.message
    assert found.numbers["spread"] == found.numbers["unmatched"] == int(lost.sum())


@pytest.mark.parametrize("day", [40, 70, 82, 88, 89])
@pytest.mark.parametrize("seed", range(8))
def test_a_cut_is_never_taken_for_random_loss(day: int, seed: int) -> None:
    time = moments(seed)
    lost = after(time, day)
    found = judge(time, lost)
    assert (found.level, found.cause) == ("fail", CUT), found.message
    assert (found.numbers["late"], found.numbers["spread"]) == (int(lost.sum()), 0)
    assert found.numbers["ks_distance"] > 0.99


def test_the_words_of_a_cut() -> None:
    time = START + np.arange(100) * DAY // 2
    found = judge(time, np.arange(100) >= 80)
    assert found.message == (
        "20 of 100 converted sessions (20 %) have no order: "
        "cut off, all 20 come after 2025-02-09 12:00:00 and no order does."
    )
    assert found.evidence == (
        "Those without: 2025-02-10 00:00:00 to 2025-02-19 12:00:00; "
        "those with: 2025-01-01 00:00:00 to 2025-02-09 12:00:00 (UTC).",
        "Kolmogorov-Smirnov distance between the times of both: 1.",
        "Elsewhere 0 of 80 converted sessions (0 %) have no order.",
    )
    assert found.what_to_do == (
        "Writing of each order stopped then, or it was landed before the converted sessions: land both stores at one "
        "moment, and if the gap stays, find what stopped."
    )
    assert found.failing == "NOT coalesce((ok), FALSE)"


def test_the_words_of_random_loss() -> None:
    time = START + np.arange(100) * DAY // 2
    found = judge(time, np.arange(100) % 5 == 2)
    assert found.message == (
        "20 of 100 converted sessions (20 %) have no order: spread over the window, as random loss is."
    )
    assert found.evidence[1:] == (
        "Kolmogorov-Smirnov distance between the times of both: 0.025.",
        "Of the spread ones the distance is 0.025; chance gives up to 0.557.",
    )


CASES: list[tuple[str, Callable[[NDArray[np.int64]], Lost], str, str]] = [
    (
        "orders that begin late",
        lambda time: ~after(time, 10),
        CUT,
        "cut off, all {early} come before 2025-01-11 ",
    ),
    (
        "both ends",
        lambda time: ~after(time, 10) | after(time, 80),
        CUT,
        "cut off, all {late} come after 2025-03-21 ",
    ),
    (
        "days without orders",
        lambda time: after(time, 50) & ~after(time, 54),
        matching.GAP,
        "a gap, {in_gaps} from 2025-02-20 ",
    ),
    (
        "a cut and random loss",
        lambda time: after(time, 80) | at_random(time, 0.1),
        matching.CUT_AND_MORE,
        "; the other {spread} are spread over the rest, as random loss is.",
    ),
    (
        "a cut and a gap",
        lambda time: after(time, 80) | (after(time, 50) & ~after(time, 54)),
        CUT,
        "no order there.",
    ),
    (
        "a loss that grows",
        lambda time: np.random.default_rng(1).random(len(time)) < 0.4 * ((time - START) / (90 * DAY)) ** 2,
        matching.CHANGING,
        "spread over the window, but more in one part of it than in another.",
    ),
    ("nothing at all", lambda time: np.ones(len(time), dtype=bool), matching.NOTHING, "None of 3,000 converted"),
]


@pytest.mark.parametrize(("name", "lose", "cause", "words"), CASES, ids=[row[0] for row in CASES])
def test_causes(name: str, lose: Callable[[NDArray[np.int64]], Lost], cause: str, words: str) -> None:
    time = moments(11)
    found = judge(time, lose(time))
    assert (found.level, found.cause) == ("fail", cause), found.message
    assert words.format(**found.numbers) in found.message


def test_every_cause_has_advice() -> None:
    assert {cause for *_, cause, _ in CASES} | {RANDOM, matching.UNDATED} == set(matching._ADVICE)


def test_rows_without_times_cannot_be_placed() -> None:
    definition = matching.MATCHED
    assert definition.judge is not None
    undated = {"bucket": None, "found": 90, "lost": 10}
    found = definition.judge(definition.complete({"matched": "ok", "time": "at"}), {"buckets": [undated]})
    assert (found.level, found.cause) == ("fail", matching.UNDATED)
    assert found.message == "10 of 100 rows (10 %) have no match; their times are not known."


def test_what_is_allowed_passes_unless_it_lies_together() -> None:
    time = moments(3)
    scattered = np.zeros(N, dtype=bool)
    scattered[100::250] = True
    found = judge(time, scattered)
    assert (found.level, found.message) == ("pass", "2,988 of 3,000 converted sessions have an order.")
    last = np.arange(20 * N) >= 20 * N - 40  # 40 of 60,000 are within .5 %
    found = judge(moments(3, 20 * N), last)
    assert (found.level, found.cause) == ("warn", CUT)
    few = np.arange(20 * N) >= 20 * N - 12  # orders on their way
    assert judge(moments(3, 20 * N), few).level == "pass"


def test_nothing_to_match_passes() -> None:
    definition = matching.MATCHED
    assert definition.judge is not None
    found = definition.judge(definition.complete({"matched": "ok", "time": "at"}), {"buckets": []})
    assert (found.level, found.message) == ("pass", "0 of 0 rows have a match.")


def matched(**arguments: Any) -> Expectation:
    given = {"matched": "kind = 'both'", "time": "at", "what": "converted sessions", "match": "order", **arguments}
    return Expectation(type="expect_rows_to_be_matched", arguments=given, severity="warn", place="s.yml:1")


BY_DAY = Expectation(
    type="expect_figures_to_agree_by_day",
    arguments={"date": "day", "figures": {"orders": "sum(if(kind = 'both', 1, 0))", "carts": "count(*)"}},
    severity="warn",
    place="s.yml:9",
)


def checked(spark: SparkSession, time: NDArray[np.int64], lost: Lost, undated: int = 0) -> SuiteResult:
    from expectations.validate import validate

    at = [None if i < undated else int(one) for i, one in enumerate(time)]
    frame = spark.createDataFrame(
        pa.table(
            {
                "kind": np.where(lost, "none", "both"),
                "at": pa.array(at, pa.timestamp("us", "UTC")),
                "day": pa.array(time, pa.timestamp("us", "UTC")).cast(pa.date32()),
            }
        )
    )
    return validate(frame, Suite(model="m", expectations=(matched(), BY_DAY)), inputs={})


def test_a_cut_on_spark_leads_and_explains_the_days(spark: SparkSession) -> None:
    time = moments(5)
    result = checked(spark, time, after(time, 80))
    found = verdict(result)
    lead = result.results[0]
    assert (found.cause, lead.engine, lead.check) == (CUT, "one pass", "D14")
    assert [one.check for one in found.explained] == ["D16"]
    assert result.jobs == 4  # all that is asked, a sample of failing rows, why and where
    assert {row["kind"] for row in lead.failing_rows} == {"none"}
    expected = judge(time, after(time, 80))
    assert lead.message == expected.message
    assert lead.evidence[: len(expected.evidence)] == expected.evidence  # then what is alike in the rows that fail


def test_random_loss_on_spark_with_rows_that_have_no_time(spark: SparkSession) -> None:
    time = moments(6)
    lost = at_random(time, 0.12)
    result = checked(spark, time, lost, undated=7)
    lead = result.results[0]
    assert lead.cause == RANDOM
    dated = judge(time[7:], lost[7:])
    assert lead.numbers["ks_distance"] == pytest.approx(dated.numbers["ks_distance"])
    assert (lead.numbers["rows"], lead.numbers["unmatched"]) == (N, int(lost.sum()))

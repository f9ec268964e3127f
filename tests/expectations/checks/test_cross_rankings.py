"""D12 and D15: rankings of chance and mixed populations are told from real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from expectations.checks import mixture, ranking
from expectations.definition import Definition, Finding
from expectations.suite import Expectation, Suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def judge(definition: Definition, key: str, rows: list[dict[str, Any]], **arguments: Any) -> Finding:
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), {key: rows})


def ranked(counts: list[float], wholes: list[float] | None = None, **arguments: Any) -> Finding:
    rows = [{"name": f"g{index}", "n": n, "whole": wholes[index] if wholes else None} for index, n in enumerate(counts)]
    shares = {"part_of": "sum(w)"} if wholes else {}
    return judge(ranking.SIGNAL, "groups", rows, groups=["state"], count="count(*)", **shares, **arguments)


def test_the_words_of_a_ranking_of_chance() -> None:
    found = ranked([1_010, 1_000, 990])
    assert (found.level, found.message) == (
        "warn",
        "The ranking by state carries no signal: g0 (1,010) is first and g2 (990) last of 3, which chance alone gives "
        "(chi-square 0.2 on 2 degrees of freedom, p = 0.905).",
    )
    assert found.evidence == ("3,000 in 3 groups; p above 0.01.",)


def test_the_words_of_shares() -> None:
    found = ranked([100, 130], [1_000, 1_200], min_count=100)
    assert "g1 (11 %) is first and g0 (10 %) last of 2" in found.message
    found = ranked([100, 330], [1_000, 1_200], min_count=100)
    assert found.message == (
        "The 2 groups by state differ by more than chance: chi-square 106 on 1 degree of freedom, p < 0.000001."
    )


@pytest.mark.parametrize(
    ("name", "counts", "wholes"),
    [
        ("too few in all", [300, 310, 290], None),
        ("one group", [5_000], None),
        ("no group", [], None),
        ("shares of nothing", [0, 0], [0, 0]),
        ("all of all", [900, 900], [900, 900]),
        ("too few of a small whole", [1_500, 1], [3_000, 4]),
    ],
)
def test_too_few_are_not_judged(name: str, counts: list[float], wholes: list[float] | None) -> None:
    found = ranked(counts, wholes)
    assert (found.level, found.observed) == ("pass", "too few to judge")


def test_few_in_each_of_many_groups_are_judged() -> None:
    rng = np.random.default_rng(9)
    assert ranked(rng.multinomial(2_000, np.full(500, 1 / 500)).tolist()).level == "warn"
    assert ranked([8.0] * 250 + [0.0] * 250).level == "pass"


def test_a_tiny_group_does_not_keep_the_others_from_being_judged() -> None:
    found = ranked([100, 330, 1], [1_000, 1_200, 4], min_count=100)
    assert found.message == (
        "The 3 groups by state differ by more than chance: chi-square 106 on 1 degree of freedom, p < 0.000001."
    )


def test_unknown_is_no_group() -> None:
    rows = [{"name": name, "n": n, "whole": None} for name, n in (("a", 1_000), ("b", 1_010), ("unknown", 5))]
    found = judge(ranking.SIGNAL, "groups", rows, groups=["state"], count="count(*)")
    assert (found.level, found.numbers["groups"]) == ("warn", 2)


def test_draws_of_chance_warn_in_99_of_100_and_real_differences_do_not() -> None:
    rng = np.random.default_rng(4)
    even = [ranked(rng.multinomial(4_000, np.full(40, 1 / 40)).tolist()).level for _ in range(500)]
    assert 0.97 <= even.count("warn") / 500 <= 1.0
    zipf = 1 / np.arange(1, 41) ** 0.7
    real = [ranked(rng.multinomial(4_000, zipf / zipf.sum()).tolist()).level for _ in range(100)]
    assert real == ["pass"] * 100
    wholes = [3_000.0, 4_000.0, 1_500.0]
    rates = [rng.binomial(3_000, 0.12), rng.binomial(4_000, 0.16), rng.binomial(1_500, 0.14)]
    assert ranked([float(n) for n in rates], wholes).level == "pass"


def mixed(cells: dict[tuple[str, str], tuple[float, float]], **arguments: Any) -> Finding:
    """Cells: group, population → rows, mean."""
    rows = [
        {"name": name, "population": population, "n": n, "total": n * mean}
        for (name, population), (n, mean) in cells.items()
    ]
    return judge(
        mixture.APART, "cells", rows, population="is_linked", groups=["method"], total="sum(total)", **arguments
    )


TWO = {
    ("card", "true"): (600.0, 100.0),
    ("card", "false"): (400.0, 150.0),
    ("gift", "false"): (500.0, 150.0),
    ("crypto", "true"): (500.0, 100.0),
}


def test_the_words_of_a_mixture() -> None:
    found = mixed(TWO)
    assert (found.level, found.cause) == ("warn", mixture.MIXED)
    assert found.message == (
        "Groups by method mix two populations: is_linked = false is 45 % of 2,000 with a mean of 150, against 100 of the "
        "others (ratio 1.5)."
    )
    assert found.evidence == ("Its share is from 0 % (crypto) to 100 % (gift), so groups differ by what they hold.",)
    assert found.what_to_do == "Compare groups by method within one population: group by is_linked as well."


PURE = {(f"{group}, {population}", population): cell for (group, population), cell in TWO.items()}
SAME = {(name, one): (300.0, 100.0 if one == "true" else 200.0) for name in "abc" for one in ("true", "false")}
CASES = [
    ("kept apart", PURE, "kept apart"),
    ("the same mixture", SAME, "the same mixture"),
    ("means alike", {key: (n, 100.0) for key, (n, _) in TWO.items()}, "ratio 1"),
    ("one population", {("card", "true"): (100.0, 5.0)}, "1 populations"),
    (
        "a few strangers",
        {**{k: v for k, v in TWO.items() if k[1] == "true"}, ("gift", "false"): (20.0, 900.0)},
        "ratio 9",
    ),
    ("nothing", {}, "0 populations"),
]


@pytest.mark.parametrize(("name", "cells", "observed"), CASES, ids=[row[0] for row in CASES])
def test_what_is_no_mixture(name: str, cells: dict[tuple[str, str], tuple[float, float]], observed: str) -> None:
    found = mixed(cells)
    assert (found.level, found.observed) == ("pass", observed)


def test_both_on_spark(spark: SparkSession) -> None:
    from expectations.validate import validate

    frame = spark.sql(
        "SELECT id % 3 = 0 AS is_linked, if(id % 3 = 0, 'card', if(id % 2 = 0, 'card', 'gift')) AS method, "
        "CAST(if(id % 3 = 0, 100, 50) AS DECIMAL(12,2)) AS total, if(id % 7 = 0, 'unknown', concat('{', id % 5, '}')) "
        "AS state FROM range(9000)"
    )
    suite = Suite(
        model="m",
        expectations=(
            Expectation(
                type=mixture.APART.type,
                arguments={"population": "is_linked", "groups": ["method"], "total": "sum(total)"},
                severity="warn",
                place="s.yml:1",
            ),
            Expectation(
                type=ranking.SIGNAL.type,
                arguments={"groups": ["state"], "count": "count(*)"},
                severity="warn",
                place="s.yml:2",
            ),
            Expectation(
                type=ranking.SIGNAL.type,
                arguments={"groups": ["state"], "count": "count_if(is_linked)", "part_of": "count(*)"},
                where="state <> '{0}'",
                severity="warn",
                place="s.yml:3",
            ),
        ),
    )
    result = validate(frame, suite, inputs={})
    assert [one.error for one in result.results] == ["", "", ""]
    assert [one.engine for one in result.results] == ["one pass"] * 3
    assert result.results[0].message == (
        "Groups by method mix two populations: is_linked = true is 33 % of 9,000 with a mean of 100, against 50 of the "
        "others (ratio 2)."
    )
    assert [one.status for one in result.results] == ["warn", "warn", "warn"]
    assert result.results[1].numbers["groups"] == 5
    assert result.results[2].numbers["groups"] == 4

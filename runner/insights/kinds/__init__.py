"""One module for each kind of question: a function from a definition and its table to a finding.

over_time   a straight course, days of the week
ratios      a ratio such as revenue over orders; two of them compared
groups      shares and means of groups, counts against equal ones
spread      a distribution; how much the largest hold
counts      whether a ranking by counts says more than chance; pairs that occur together
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runner.insights.definition import Definition
from runner.insights.finding import Finding
from runner.insights.kinds import counts, groups, over_time, ratios, spread

Compute = Callable[[Definition, Path, float], Finding]

COMPUTE: Mapping[str, Compute] = {
    "trend": over_time.trend,
    "weekdays": over_time.weekdays,
    "ratio": ratios.ratio,
    "compare": ratios.compare,
    "shares": groups.shares,
    "means": groups.means,
    "even": groups.even,
    "ranking": counts.ranking,
    "concentration": spread.concentration,
    "distribution": spread.distribution,
    "pairs": counts.pairs,
}

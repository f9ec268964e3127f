"""What a validation says: one result per expectation, one per suite. Plain values, made for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from expectations.causes import BY_PHRASE
from expectations.definition import Level, Slice
from expectations.suite import Expectation, Severity

EngineName = Literal["one pass", "great expectations", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Quantiles of a distribution, in the column's unit."""

    least: float
    p05: float
    q1: float
    median: float
    q3: float
    p95: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The same column's distribution in an earlier version of the table, over the same bins.

    Attributes:
        label: which version it is, e.g. "version 12 of 2024-03-30".
    """

    label: str
    rows: int
    counts: tuple[int, ...]
    outside: tuple[int, int]
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A distribution to draw.

    Attributes:
        column: the column.
        unit: of its values, e.g. "s"; empty where the name carries none.
        rows: the values it is drawn from; nulls are not among them.
        edges: of the bins, one more than counts, in the column's unit.
        counts: rows per bin.
        outside: rows below the first and above the last edge.
        box: quantiles of all values.
        group, group_counts, group_rows: the part that is shown apart (the slice that carries an anomaly).
        baseline: what the column held when it was last good; None where that is not known.
    """

    column: str
    unit: str
    rows: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    outside: tuple[int, int]
    box: Box
    group: str = ""
    group_rows: int = 0
    group_counts: tuple[int, ...] = ()
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one expectation said of one table.

    Attributes:
        check: its number among the data checks (`D3`); empty for others.
        status: fail, warn or pass; never worse than warn where the severity is warn.
        level: as judged by the thresholds, whatever the severity.
        observed: the measured figure in words.
        cause: a phrase of `expectations.causes`; `cause_id` is its name for machines.
        slice, where: the slice that carries it best, and further ones by other columns.
        failing_rows: a bounded sample; `failing_count` is their number where it is known.
        failing, failing_query: what finds all of them: a condition over the table (its `where` included), or a query;
            both empty where neither is known.
        stored: the table that keeps them, where one does.
        kept: how many of them this run kept beside the table; see `run show MODEL --failures`.
        engine: what computed it; `none` where it could not be computed.
        seconds: time that it took alone; 0 for what was computed in the one pass.
        jobs: the Spark jobs that Great Expectations' own engine took for it; None where nobody counted.
    """

    expectation: Expectation
    status: Level
    level: Level
    check: str = ""
    observed: str = ""
    message: str = ""
    cause: str = ""
    evidence: tuple[str, ...] = ()
    what_to_do: str = ""
    slice: Slice | None = None
    where: tuple[Slice, ...] = ()
    failing_rows: tuple[Mapping[str, Any], ...] = ()
    failing_count: int | None = None
    failing: str = ""
    failing_query: str = ""
    stored: str = ""
    kept: int = 0
    plot: Plot | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    engine: EngineName = "one pass"
    error: str = ""
    seconds: float = 0.0
    jobs: int | None = None

    @property
    def severity(self) -> Severity:
        return self.expectation.severity

    @property
    def column(self) -> str:
        return self.expectation.column

    @property
    def type(self) -> str:
        return self.expectation.type

    @property
    def cause_id(self) -> str:
        """Its cause's id in the table of causes; empty where it names none."""
        return BY_PHRASE[self.cause].id if self.cause in BY_PHRASE else ""

    @property
    def title(self) -> str:
        """How reports call it: its name in the suite, else its type and column."""
        named = self.expectation.name or self.type
        return named if self.expectation.name or not self.column else f"{named} ({self.column})"

    @property
    def told(self) -> str:
        """It in one line for a terminal: what is wrong, the first failing row, where the rows are kept, where it is written."""
        example = next(iter(self.failing_rows), None)
        shown = ", ".join(f"{name}={_short(value)}" for name, value in list(example.items())[:6]) if example else ""
        parts = [self.message, f"For example: {shown}." if shown else ""]
        parts.append(f'All of them: run sql "select * from {self.stored}".' if self.stored else "")
        parts.append(f"({self.expectation.place})" if self.expectation.place else "")
        return " ".join(part for part in parts if part)

    @property
    def blocking(self) -> bool:
        """Whether it keeps the table from being published."""
        return self.status == "fail" and self.severity == "error"


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What a suite said of one table.

    Attributes:
        model: the model or landed table.
        label: what was checked, e.g. a candidate or a published version.
        rows: the table's rows; None where they were not counted.
        jobs: Spark actions that the validation asked for (not counting those inside Great Expectations' engine).
        gx_result: Great Expectations' own `ExpectationSuiteValidationResult`.
    """

    model: str
    results: tuple[CheckResult, ...]
    label: str = ""
    description: str = ""
    seconds: float = 0.0
    rows: int | None = None
    jobs: int = 0
    gx_result: Any = None

    @property
    def success(self) -> bool:
        """Whether the table may be published: no error-level expectation failed."""
        return not any(result.blocking for result in self.results)

    @property
    def status(self) -> Level:
        """fail where the table is withheld, warn where an expectation warns (or fails at severity warn), else pass."""
        if not self.success:
            return "fail"
        return "pass" if all(result.status == "pass" for result in self.results) else "warn"

    def flagged(self) -> tuple[CheckResult, ...]:
        """Returns the results that are no pass: blocking ones first, then in the suite's order."""
        return tuple(sorted((r for r in self.results if r.status != "pass"), key=lambda r: not r.blocking))

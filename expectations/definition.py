"""What an expectation is: its name, its arguments, what it needs to know of the data, and how it judges that.

Pure values: neither Great Expectations nor Spark is imported here, so suites are read and refused in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["pass", "warn", "fail"]
Kind = Literal[
    "any",
    "boolean",
    "bound",
    "choice",
    "column",
    "columns",
    "integer",
    "list",
    "mapping",
    "number",
    "share",
    "sql",
    "sqls",
    "table",
    "text",
    "texts",
]

_RANK: Mapping[Level, int] = {"pass": 0, "warn": 1, "fail": 2}


def worst(levels: Sequence[Level]) -> Level:
    """Returns the worst of the levels; pass where there is none."""
    return max(levels, key=_RANK.__getitem__, default="pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of an expectation.

    Attributes:
        kind: what may stand there. `share` is a number from 0 to 1; `bound` a number, a date or a time; `table` the
            name of another model or landed table; `sql` an expression over the model's columns.
        default: its value where the suite does not give one.
    """

    name: str
    kind: Kind
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One call of an aggregate function in Spark SQL, computed together with all others over the same table.

    Attributes:
        call: the call, e.g. ``count(*)``; nothing around it, so that a filter can follow it.
        of: the name of another table; empty for the model itself.
        where: only these rows.
    """

    call: str
    of: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query of its own, for what no aggregate can say.

    Attributes:
        sql: the query; ``{this}`` is the model (filtered by the expectation's `where`), ``{other}`` the table `of`.
            Text from a suite stands in it only through `escape`.
        of: the name of the other table; empty where there is none.
        limit: rows that are taken at most.
        is_small: it limits its own rows to a few, of numbers, texts, booleans and nulls only, which come as JSON: plans
            of many such queries stay small.
        is_table: its value is an Arrow table instead of a list of rows: for very many.
    """

    sql: str
    of: str = ""
    where: str = ""
    limit: int = 10_000
    is_small: bool = False
    is_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known before Spark is asked: a value that whoever runs the suite hands in.

    Attributes:
        name: what it is; needs of one name are equal.
        value: the value, as `Table.facts` has it.
    """

    name: str
    value: Any = field(default=None, compare=False)


Need = Aggregate | Query | Given


TABLES = re.compile(r"(?<!\{)\{(this|other)\}(?!\})")  # the names of tables in a `Query`


def escape(text: str) -> str:
    """Returns SQL from a suite as it must stand inside a `Query`, whose braces name tables."""
    return text.replace("{", "{{").replace("}", "}}")


def quoted(column: str) -> str:
    """Returns a column's name, or a path into a struct, as Spark SQL takes it."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in column.split("."))


def literal(value: object) -> str:
    """Returns a value as a Spark SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is known before Spark is asked: the types of the columns of the model and of the tables it is held against.

    Attributes:
        columns: column → Spark type in DDL form, e.g. ``decimal(12,2)``.
        others: the same for each referenced table.
        where: the expectation's row condition, empty for all rows.
        facts: what is known of the expectation beside the data, by name: what earlier runs measured, the run's moment.
    """

    columns: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    where: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The part of the rows that carries an anomaly.

    Attributes:
        column, value: the rows in which the column has the value; all rows where the column is empty.
        since, until: the first and last date of the anomaly; None where it is on all dates.
        dates: the number of dates that are affected between them.
        rows: the rows of the slice on those dates.
        failing: how many of them fail; None where no single row does.
        share: the share of all failing rows that lie in the slice; None where no single row fails.
    """

    column: str
    value: str
    since: str | None = None
    until: str | None = None
    dates: int = 0
    rows: int = 0
    failing: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        text = f"{self.column} = {self.value}" if self.column else "all rows"
        if self.since is not None:
            text += f", {self.since}" if self.since == self.until else f", {self.since} to {self.until}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check says of the data.

    Attributes:
        level: by the expectation's own thresholds, whatever its severity.
        observed: the measured figure, in words with its unit.
        message: one sentence: what is so, against what was expected.
        cause: the likeliest cause, a phrase of `expectations.causes`; empty only where the check passes.
        evidence: the figures that speak for the cause, one sentence each.
        what_to_do: the way out.
        numbers: the same figures for machines.
        slice: the slice that carries it best, where one does.
        where: further slices that carry it, by other columns.
        failing: a condition (Spark SQL) that the failing rows satisfy; empty where no single row fails.
        failing_query: a query whose rows are the failing ones, where no condition over the model finds them.
        failing_count: how many rows fail, where that is known.
        rows: a sample of what fails, where it is not rows of the model (keys, groups).
        plot: the column whose distribution shows it; empty where none does.
        group: a condition for the rows that the plot shows apart.
    """

    level: Level
    observed: str
    message: str
    cause: str = ""
    evidence: tuple[str, ...] = ()
    what_to_do: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    slice: Slice | None = None
    where: tuple[Slice, ...] = ()
    failing: str = ""
    failing_query: str = ""
    failing_count: int | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    plot: str = ""
    group: str = ""


Arguments = Mapping[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """An expectation that suites can name.

    Attributes:
        type: its name, e.g. ``expect_metric_grain_to_be``.
        check: its number among the data checks, e.g. ``D1``; empty for general ones.
        filters: whether it takes a row condition.
        doc: formula, thresholds and source, for people.
        needs: what must be computed, by name; None for the ones that Great Expectations itself defines.
        judge: the verdict from the computed values, under the same names.
        refuse: what is wrong with the arguments as a whole, or an empty string.
    """

    type: str
    arguments: tuple[Argument, ...]
    check: str = ""
    filters: bool = True
    doc: str = ""
    needs: Callable[[Arguments, Table], Mapping[str, Need]] | None = None
    judge: Callable[[Arguments, Values], Finding] | None = None
    refuse: Callable[[Arguments], str] | None = None

    def argument(self, name: str) -> Argument | None:
        return next((argument for argument in self.arguments if argument.name == name), None)

    def complete(self, given: Arguments) -> dict[str, Any]:
        """Returns the arguments with defaults for those that are not given."""
        return {argument.name: given.get(argument.name, argument.default) for argument in self.arguments}

"""Expressions of Spark SQL as DuckDB's: those that mean the same there, and no other.

Each kind of node that is taken over stands here with what it takes to mean the same; whatever else a text holds (a function,
a type, a conversion) makes it `Untranslatable`, and Spark computes it. So one list says what the two agree on. Where DuckDB
would go on and Spark raises (a division by zero), the translation raises too, and Spark is asked, which then says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_NUMERIC = frozenset({"integer", "decimal", "double", "float"})
_ORDERED = _NUMERIC | {"string", "boolean", "date", "timestamp"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?")
_LONGEST_INTEGER = 18  # digits that surely fit a bigint


class Untranslatable(Exception):
    """A text holds something that is not known to mean the same in DuckDB."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A translated expression.

    Attributes:
        sql: it in DuckDB's SQL.
        kind: what it is: integer, decimal, double, float, string, boolean, date, timestamp, null; array or nested
            (structs, maps), of which nothing but their presence and size is asked; doubles (an array of them) or commonest
            (what `approx_top_k` gives) for what is handed on.
    """

    sql: str
    kind: str


def identifier(name: str) -> str:
    """Returns a name as DuckDB takes it."""
    return '"' + name.replace('"', '""') + '"'


def translate_expression(text: str, columns: Mapping[str, str]) -> Typed:
    """Returns an expression over one table's columns, e.g. a call of an aggregate function.

    Args:
        columns: name → kind.

    Raises:
        Untranslatable: it holds something that is not taken over.
    """
    return Scope({"": columns}).value(parsed(text))


@lru_cache(maxsize=4096)
def names_in(text: str) -> frozenset[str]:
    """Returns the names of columns that a text holds, and a star where it asks for all; none of one that is not read."""
    try:
        read = parsed(text) if text else None
    except Untranslatable:
        return frozenset()
    if read is None:
        return frozenset()
    stars = any(not isinstance(star.parent, exp.Count) for star in read.find_all(exp.Star))
    return frozenset({column.name for column in read.find_all(exp.Column)} | ({"*"} if stars else set()))


@lru_cache(maxsize=4096)
def parsed(text: str) -> exp.Expression:
    if "\\" in text:  # escapes in texts: read in more than one way
        raise Untranslatable("an escape")
    try:
        read = parse_one(text, read="spark")
    except SqlglotError as error:
        raise Untranslatable(str(error)) from error
    assert isinstance(read, exp.Expression)
    return read


def only(node: exp.Expression, *known: str) -> None:
    """Raises where a node has more parts than are read."""
    for name, value in node.args.items():
        if value and name not in known:
            raise Untranslatable(f"{type(node).__name__} with {name}")


def unknown(node: exp.Expression) -> Untranslatable:
    return Untranslatable(f"{type(node).__name__}: {node.sql('spark')[:80]}")


def whole(node: exp.Expression) -> int:
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdigit():
        raise unknown(node)
    return int(node.name)


class Scope:
    """The columns that an expression may name, by the alias of what they belong to."""

    def __init__(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        self._columns = columns

    def value(self, node: exp.Expression) -> Typed:
        """Returns an expression translated.

        Raises:
            Untranslatable: it holds something that is not taken over.
        """
        found = _NODES.get(type(node))
        if found is None:
            raise unknown(node)
        return found(self, node)

    def truth(self, node: exp.Expression) -> str:
        """Returns a condition translated."""
        return self._of(node, "boolean").sql

    def named(self, name: str, table: str = "") -> Typed:
        """Returns a column by its name; Spark and DuckDB both ignore its case."""
        matches = [
            (alias, own, kind)
            for alias, columns in self._columns.items()
            if not table or alias.lower() == table.lower()
            for own, kind in columns.items()
            if own.lower() == name.lower()
        ]
        if len(matches) != 1 or not matches[0][2]:
            raise Untranslatable(f"column {name}")
        alias, own, kind = matches[0]
        return Typed(f"{identifier(alias)}.{identifier(own)}" if alias else identifier(own), kind)

    def _of(self, node: exp.Expression, *kinds: str) -> Typed:
        found = self.value(node)
        if found.kind not in (*kinds, "null"):
            raise unknown(node)
        return found

    def column(self, node: exp.Expression) -> Typed:
        only(node, "this", "table")
        return self.named(node.name, node.args["table"].name if node.args.get("table") else "")

    def literal(self, node: exp.Expression) -> Typed:
        text = node.name
        if node.args["is_string"]:
            return Typed("'" + text.replace("'", "''") + "'", "string")
        if "e" in text.lower():
            return Typed(text, "double")
        if "." in text:
            return Typed(text, "decimal")
        if len(text) > _LONGEST_INTEGER:
            raise unknown(node)
        return Typed(text, "integer")

    def boolean(self, node: exp.Expression) -> Typed:
        return Typed("TRUE" if node.this else "FALSE", "boolean")

    def null(self, node: exp.Expression) -> Typed:
        return Typed("NULL", "null")

    def paren(self, node: exp.Expression) -> Typed:
        inner = self.value(node.this)
        return replace(inner, sql=f"({inner.sql})")

    def logic(self, node: exp.Expression) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        return Typed(f"({self.truth(node.this)} {word} {self.truth(node.expression)})", "boolean")

    def negation(self, node: exp.Expression) -> Typed:
        return Typed(f"(NOT {self.truth(node.this)})", "boolean")

    def comparison(self, node: exp.Expression) -> Typed:
        one, other = self.value(node.this), self.value(node.expression)
        _comparable(node, one, other)
        return Typed(f"({one.sql} {_COMPARISONS[type(node)]} {other.sql})", "boolean")

    def is_null(self, node: exp.Expression) -> Typed:
        if not isinstance(node.expression, exp.Null):
            raise unknown(node)
        return Typed(f"({self.value(node.this).sql} IS NULL)", "boolean")

    def is_in(self, node: exp.Expression) -> Typed:
        only(node, "this", "expressions")
        one, listed = self.value(node.this), [self.value(value) for value in node.expressions]
        _comparable(node, one, *listed)
        if any(two.kind == "decimal" for two in (one, *listed)) and len({two.kind for two in (one, *listed)}) > 1:
            raise unknown(node)  # the type that all are made one of
        return Typed(f"({one.sql} IN ({', '.join(value.sql for value in listed)}))", "boolean")

    def between(self, node: exp.Expression) -> Typed:
        only(node, "this", "low", "high")
        one, low, high = self.value(node.this), self.value(node.args["low"]), self.value(node.args["high"])
        _comparable(node, one, low)
        _comparable(node, one, high)
        return Typed(f"({one.sql} BETWEEN {low.sql} AND {high.sql})", "boolean")

    def sum_or_difference(self, node: exp.Expression) -> Typed:
        one, other = self._of(node.this, *_NUMERIC), self._of(node.expression, *_NUMERIC)
        sign = "+" if isinstance(node, exp.Add) else "-"
        return Typed(f"({one.sql} {sign} {other.sql})", _wider(node, one, other))

    def product(self, node: exp.Expression) -> Typed:
        one, other = self._of(node.this, "integer", "double"), self._of(node.expression, "integer", "double")
        return Typed(f"({one.sql} * {other.sql})", _wider(node, one, other))

    def quotient(self, node: exp.Expression) -> Typed:
        """A division of doubles or integers, which gives a double; by zero it raises, as Spark does."""
        one, other = self._of(node.this, "integer", "double"), self._of(node.expression, "integer", "double")
        return Typed(f"({one.sql} / {_not_zero(other.sql)})", "double")

    def remainder(self, node: exp.Expression) -> Typed:
        one = self._of(node.this, "integer", "double")
        other = self.value(node.expression)
        if other.kind == "decimal" and isinstance(node.expression, exp.Literal) and one.kind == "double":
            other = Typed(f"{other.sql}e0", "double")  # beside a double, a decimal is one
        if other.kind not in ("integer", "double"):
            raise unknown(node)
        return Typed(f"({one.sql} % {_not_zero(other.sql)})", _wider(node, one, other))

    def negative(self, node: exp.Expression) -> Typed:
        inner = self._of(node.this, *_NUMERIC)
        return replace(inner, sql=f"(-{inner.sql})")

    def absolute(self, node: exp.Expression) -> Typed:
        inner = self._of(node.this, *_NUMERIC)
        return replace(inner, sql=f"abs({inner.sql})")

    def floor(self, node: exp.Expression) -> Typed:
        only(node, "this")
        return Typed(f"CAST(floor({self._of(node.this, 'double').sql}) AS BIGINT)", "integer")

    def rounded(self, node: exp.Expression) -> Typed:
        """To a whole double: half away from zero in both."""
        only(node, "this")
        return Typed(f"round({self._of(node.this, 'double').sql})", "double")

    def logarithm(self, node: exp.Expression) -> Typed:
        """Null for what is not positive, where DuckDB raises."""
        inner = self._of(node.this, "double").sql
        return Typed(f"(CASE WHEN {inner} > 0 THEN ln({inner}) END)", "double")

    def coalesced(self, node: exp.Expression) -> Typed:
        only(node, "this", "expressions")
        return self._one_of(node, "coalesce", [node.this, *node.expressions])

    def least_or_greatest(self, node: exp.Expression) -> Typed:
        only(node, "this", "expressions", "ignore_nulls")
        return self._one_of(
            node, "least" if isinstance(node, exp.Least) else "greatest", [node.this, *node.expressions]
        )

    def _one_of(self, node: exp.Expression, function: str, among: Sequence[exp.Expression]) -> Typed:
        values = [self.value(one) for one in among]
        return Typed(f"{function}({', '.join(value.sql for value in values)})", _wider(node, *values))

    def null_if(self, node: exp.Expression) -> Typed:
        one, other = self.value(node.this), self.value(node.expression)
        _comparable(node, one, other)
        return replace(one, sql=f"nullif({one.sql}, {other.sql})")

    def choice(self, node: exp.Expression) -> Typed:
        only(node, "this", "true", "false")
        return self._choice(node, [(node.this, node.args["true"])], node.args.get("false"))

    def case(self, node: exp.Expression) -> Typed:
        only(node, "ifs", "default")
        return self._choice(node, [(one.this, one.args["true"]) for one in node.args["ifs"]], node.args.get("default"))

    def _choice(
        self,
        node: exp.Expression,
        branches: Sequence[tuple[exp.Expression, exp.Expression]],
        default: exp.Expression | None,
    ) -> Typed:
        values = [self.value(value) for _, value in branches]
        last = self.value(default) if default is not None else Typed("NULL", "null")
        whens = " ".join(
            f"WHEN {self.truth(condition)} THEN {value.sql}"
            for (condition, _), value in zip(branches, values, strict=True)
        )
        return Typed(f"(CASE {whens} ELSE {last.sql} END)", _wider(node, *values, last))

    def cast(self, node: exp.Expression) -> Typed:
        """Conversions that cannot fail or fail in both; of texts, those of literals only."""
        only(node, "this", "to")
        to = node.args["to"]
        if to.expressions:
            raise unknown(node)
        if isinstance(node.this, exp.Literal):
            return _of_literal(node, to.this)
        inner = self.value(node.this)
        if to.this == exp.DType.DOUBLE and inner.kind in (*_NUMERIC, "null"):
            return Typed(f"CAST({inner.sql} AS DOUBLE)", "double")
        if to.this == exp.DType.TEXT and inner.kind in ("string", "integer", "boolean", "date"):
            return Typed(f"CAST({inner.sql} AS VARCHAR)", "string")
        if to.this in (exp.DType.INT, exp.DType.BIGINT) and inner.kind in ("integer", "boolean", "null"):
            return Typed(f"CAST({inner.sql} AS {'INTEGER' if to.this == exp.DType.INT else 'BIGINT'})", "integer")
        if to.this == exp.DType.DATE and inner.kind in ("date", "timestamp", "null"):
            return Typed(f"CAST({inner.sql} AS DATE)", "date")
        if to.this in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ) and inner.kind in ("date", "timestamp"):
            return Typed(f"CAST({inner.sql} AS TIMESTAMP)", "timestamp")
        raise unknown(node)

    def trimmed(self, node: exp.Expression) -> Typed:
        """Of spaces alone: without saying so, DuckDB would trim every blank of Unicode."""
        only(node, "this")
        return Typed(f"trim({self._of(node.this, 'string').sql}, ' ')", "string")

    def length(self, node: exp.Expression) -> Typed:
        only(node, "this")
        return Typed(f"length({self._of(node.this, 'string').sql})", "integer")

    def size(self, node: exp.Expression) -> Typed:
        only(node, "this")
        return Typed(f"len({self._of(node.this, 'array').sql})", "integer")

    def joined(self, node: exp.Expression) -> Typed:
        separator, *texts = node.expressions
        listed = ", ".join(self._of(one, "string").sql for one in texts)
        return Typed(f"concat_ws({self._of(separator, 'string').sql}, {listed})", "string")

    def microseconds(self, node: exp.Expression) -> Typed:
        return Typed(f"epoch_us({self._of(node.this, 'timestamp').sql})", "integer")

    def seconds(self, node: exp.Expression) -> Typed:
        """Whole ones, cut towards 1970."""
        moment = self._of(node.this, "timestamp").sql
        return Typed(f"CAST(trunc(epoch_us({moment}) / 1000000.0e0) AS BIGINT)", "integer")

    def hour(self, node: exp.Expression) -> Typed:
        return Typed(f"hour({self._of(node.this, 'timestamp').sql})", "integer")

    def grouping(self, node: exp.Expression) -> Typed:
        return Typed(f"grouping({', '.join(self.value(one).sql for one in node.expressions)})", "integer")

    def count(self, node: exp.Expression) -> Typed:
        if isinstance(node.this, exp.Star):
            return Typed("count(*)", "integer")
        only(node, "this", "big_int")
        if isinstance(node.this, exp.Distinct):
            only(node.this, "expressions")
            if len(node.this.expressions) > 1:
                raise unknown(node)
            return Typed(f"count(DISTINCT {self._of(node.this.expressions[0], *_ORDERED).sql})", "integer")
        return Typed(f"count({self.value(node.this).sql})", "integer")

    def count_if(self, node: exp.Expression) -> Typed:
        """A count of those for which it is true; DuckDB's own is null where it is never known."""
        return Typed(f"count(CASE WHEN {self.truth(node.this)} THEN 1 END)", "integer")

    def total(self, node: exp.Expression) -> Typed:
        inner = self._of(node.this, "integer", "decimal", "double")
        return replace(inner, sql=f"sum({inner.sql})")

    def extreme(self, node: exp.Expression) -> Typed:
        only(node, "this")
        inner = self._of(node.this, *_ORDERED)
        return replace(inner, sql=f"{'min' if isinstance(node, exp.Min) else 'max'}({inner.sql})")

    def mean(self, node: exp.Expression) -> Typed:
        return Typed(f"avg({self._of(node.this, 'integer', 'double').sql})", "double")

    def spread(self, node: exp.Expression) -> Typed:
        """Of finite numbers; what infinities and NaN come to is left to Spark."""
        found = f"{_SPREADS[type(node)]}(CAST({self._of(node.this, *_NUMERIC).sql} AS DOUBLE))"
        return Typed(
            f"(CASE WHEN isfinite({found}) THEN {found} WHEN {found} IS NOT NULL THEN error('not finite') END)",
            "double",
        )

    def distinct_count(self, node: exp.Expression) -> Typed:
        """Exact, where Spark's is a sketch."""
        return Typed(f"count(DISTINCT {self._of(node.this, *_ORDERED).sql})", "integer")

    def quantiles(self, node: exp.Expression) -> Typed:
        """Exact, where Spark's is a sketch: the least value that so many are not above."""
        points = node.args["quantile"]
        if not isinstance(points, exp.Array):
            return Typed(f"quantile_disc({self._of(node.this, 'double').sql}, {_point(points)})", "double")
        listed = ", ".join(_point(one) for one in points.expressions)
        return Typed(f"quantile_disc({self._of(node.this, 'double').sql}, [{listed}])", "doubles")

    def commonest(self, node: exp.Expression) -> Typed:
        """The commonest value and how many rows have it, exact where Spark's is a sketch."""
        if whole(node.expression) != 1:
            raise unknown(node)
        inner = self._of(node.this, *_ORDERED).sql
        most = f"list_max(map_values(histogram({inner})))"
        return Typed(
            f"(CASE WHEN count({inner}) > 0 THEN [{{'item': mode({inner}), 'n': {most}}}] ELSE [] END)", "commonest"
        )

    def filtered(self, node: exp.Expression) -> Typed:
        inner = self.value(node.this)
        return replace(inner, sql=f"{inner.sql} FILTER (WHERE {self.truth(node.expression.this)})")

    def windowed(self, node: exp.Expression) -> Typed:
        """Over all rows alone."""
        only(node, "this", "over")
        inner = self.value(node.this)
        return replace(inner, sql=f"{inner.sql} OVER ()")


def _comparable(node: exp.Expression, *values: Typed) -> None:
    kinds = {value.kind for value in values} - {"null"}
    alike = len(kinds) <= 1 or kinds <= _NUMERIC or kinds <= {"date", "timestamp"}
    if not alike or not kinds <= _ORDERED:
        raise unknown(node)


def _wider(node: exp.Expression, *values: Typed) -> str:
    """Returns the kind of what is one of several values."""
    kinds = {value.kind for value in values} - {"null"}
    if len(kinds) <= 1:
        return next(iter(kinds), "null")
    for kind, among in (("double", {"integer", "double"}), ("decimal", {"integer", "decimal"})):
        if kinds <= among:
            return kind
    raise unknown(node)


def _not_zero(sql: str) -> str:
    return f"CASE WHEN {sql} = 0 THEN error('a division by zero') ELSE {sql} END"


def _of_literal(node: exp.Expression, to: exp.DType) -> Typed:
    text = node.this.name
    if to == exp.DType.DOUBLE:
        try:
            return Typed(f"CAST('{float(text)!r}' AS DOUBLE)", "double")
        except ValueError:
            raise unknown(node) from None
    if to == exp.DType.BIGINT and text.isdigit() and len(text) <= _LONGEST_INTEGER:
        return Typed(f"CAST({text} AS BIGINT)", "integer")
    if to == exp.DType.DATE and _DAY.fullmatch(text):
        return Typed(f"DATE '{text}'", "date")
    if to in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ) and _MOMENT.fullmatch(text):
        return Typed(f"TIMESTAMP '{text}'", "timestamp")
    raise unknown(node)


def _point(node: exp.Expression) -> str:
    literal = node.this if isinstance(node, (exp.Cast, exp.TryCast)) else node
    if not isinstance(literal, exp.Literal) or literal.is_string:
        raise unknown(node)
    return repr(float(literal.name))


_COMPARISONS: Mapping[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
}

_SPREADS: Mapping[type[exp.Expression], str] = {
    exp.StddevSamp: "stddev_samp",
    exp.Variance: "var_samp",
    exp.VariancePop: "var_pop",
}

_NODES: Mapping[type[exp.Expression], Callable[[Scope, exp.Expression], Typed]] = {
    **dict.fromkeys(_COMPARISONS, Scope.comparison),
    **dict.fromkeys(_SPREADS, Scope.spread),
    exp.Abs: Scope.absolute,
    exp.Add: Scope.sum_or_difference,
    exp.And: Scope.logic,
    exp.ApproxDistinct: Scope.distinct_count,
    exp.ApproxQuantile: Scope.quantiles,
    exp.ApproxTopK: Scope.commonest,
    exp.ArraySize: Scope.size,
    exp.Avg: Scope.mean,
    exp.Between: Scope.between,
    exp.Boolean: Scope.boolean,
    exp.Case: Scope.case,
    exp.Cast: Scope.cast,
    exp.Coalesce: Scope.coalesced,
    exp.Column: Scope.column,
    exp.ConcatWs: Scope.joined,
    exp.Count: Scope.count,
    exp.CountIf: Scope.count_if,
    exp.Div: Scope.quotient,
    exp.Filter: Scope.filtered,
    exp.Floor: Scope.floor,
    exp.Greatest: Scope.least_or_greatest,
    exp.Grouping: Scope.grouping,
    exp.Hour: Scope.hour,
    exp.If: Scope.choice,
    exp.In: Scope.is_in,
    exp.Is: Scope.is_null,
    exp.Least: Scope.least_or_greatest,
    exp.Length: Scope.length,
    exp.Literal: Scope.literal,
    exp.Ln: Scope.logarithm,
    exp.Max: Scope.extreme,
    exp.Min: Scope.extreme,
    exp.Mod: Scope.remainder,
    exp.Mul: Scope.product,
    exp.Neg: Scope.negative,
    exp.Not: Scope.negation,
    exp.Null: Scope.null,
    exp.Nullif: Scope.null_if,
    exp.Or: Scope.logic,
    exp.Paren: Scope.paren,
    exp.Round: Scope.rounded,
    exp.StrToUnix: Scope.seconds,
    exp.Sub: Scope.sum_or_difference,
    exp.Sum: Scope.total,
    exp.Trim: Scope.trimmed,
    exp.TryCast: Scope.cast,
    exp.UnixMicros: Scope.microseconds,
    exp.Window: Scope.windowed,
}

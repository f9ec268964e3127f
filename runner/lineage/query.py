"""Where the columns of a query come from, read from its text: no Spark, no data.

The query is walked as Spark would resolve it: names by scope, without regard to case; stars, structs, arrays, maps,
lambdas, generators, set operations and windows by what they do to their inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.errors import ProjectError
from runner.lineage.shapes import (
    CONSTANT,
    ROWS,
    Array,
    Map,
    Origin,
    Shape,
    Struct,
    Taken,
    beside,
    computed,
    either,
    place_in,
    rows_of,
)

Columns = Mapping[str, Shape]


class LineageError(ProjectError):
    """A query whose columns cannot be followed."""


def trace(sql: str, tables: Mapping[str, Mapping[str, str]]) -> dict[str, frozenset[Origin]]:
    """Returns, for each column of a query in their order, the columns of tables that its values come from.

    A value comes from what is copied or computed into it, and from what a window is divided and ordered by; not from
    what rows are filtered, joined or grouped by. A count of rows comes from the rows of what the query reads.

    Args:
        sql: one query in Spark SQL.
        tables: names and types of the columns of each table that the query reads, by its name as it is written there,
            without quotes; an empty type where nobody knows it.

    Raises:
        LineageError: it is no query, or reads a table or a column that is not known.
    """
    known = {name: typed(name, columns) for name, columns in tables.items()}
    return {name: shape.origins() for name, shape in shapes_of(sql, known).columns.items()}


@dataclass(frozen=True, slots=True)
class Made:
    """What a query makes.

    Attributes:
        columns: name → shape, in order.
        rows: what its rows come from, by origins of `ROWS`.
    """

    columns: dict[str, Shape]
    rows: Shape


def typed(table: str, columns: Mapping[str, str]) -> Columns:
    """Returns the columns of a table by their types as Spark writes them; an empty type where nobody knows it."""
    from sqlglot import exp

    return {
        name: Taken(table, (name,), exp.DataType.build(kind, dialect="spark") if kind else None)
        for name, kind in columns.items()
    }


def shapes_of(sql: str, tables: Mapping[str, Columns], names: Mapping[str, str] | None = None) -> Made:
    """Returns what each column of a query is made of, and its rows; see `trace`.

    Args:
        tables: the columns of each table that the query reads, in their order.
        names: what origins call a table of whose rows they are; its name in `tables` where it has none.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(_with_plain_values(sql), read="spark")
    except (SqlglotError, RecursionError) as error:
        raise LineageError(f"this is no query that can be read: {str(error).splitlines()[0]}") from error
    known = {_plain(name): columns for name, columns in tables.items()}
    called = {_plain(name): (names or {}).get(name, name) for name in tables}
    return _Walk(known, called).query(tree, {}, None)


def _with_plain_values(sql: str) -> str:
    """Returns a query in which a column called `values` is quoted: sqlglot takes it for the clause."""
    from sqlglot.dialects.dialect import Dialect

    if "values" not in sql.lower():
        return sql  # most queries: reading their words twice would be half of the work
    tokens = list(Dialect.get_or_raise("spark").tokenize(sql))
    for token, after in reversed(list(zip(tokens, [*tokens[1:], None], strict=True))):
        if token.token_type.name == "VALUES" and (after is None or after.token_type.name in _AFTER_A_COLUMN):
            sql = f"{sql[: token.start]}`{sql[token.start : token.end + 1]}`{sql[token.end + 1 :]}"
    return sql


_AFTER_A_COLUMN = {
    "L_BRACKET", "DOT", "COMMA", "R_PAREN", "ALIAS", "FROM", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "PLUS", "DASH",
    "STAR", "SLASH", "IS", "IN", "AND", "OR", "THEN", "END", "ASC", "DESC",
}  # fmt: skip


def _plain(name: str) -> str:
    return name.replace("`", "").lower()


@dataclass(slots=True)
class _Relation:
    """Something that a query reads, under a name.

    Attributes:
        names: the parts by which its columns can be qualified, the last one first: `users`, `shop`.
        columns: name → shape, in order.
        rows: what its rows come from.
    """

    names: tuple[str, ...]
    columns: dict[str, Shape]
    rows: Shape = CONSTANT

    def column(self, name: str) -> Shape | None:
        return next((shape for known, shape in self.columns.items() if known.lower() == name.lower()), None)

    def answers_to(self, parts: Sequence[str]) -> bool:
        asked = tuple(part.lower() for part in reversed(parts))
        return self.names[: len(asked)] == asked


@dataclass(slots=True)
class _Scope:
    """What names mean at one place of a query.

    Attributes:
        joined: what a column that tables are joined by (`using`) stands for.
        lambdas: parameters of the lambdas around.
        windows: named windows.
        aliases: columns named earlier in the same list, which later ones may use.
        outer: the scope around a subquery.
    """

    relations: list[_Relation] = field(default_factory=list)
    joined: dict[str, Shape] = field(default_factory=dict)
    lambdas: dict[str, Shape] = field(default_factory=dict)
    windows: dict[str, Any] = field(default_factory=dict)
    aliases: dict[str, Shape] = field(default_factory=dict)
    outer: _Scope | None = None

    def rows(self) -> Shape:
        """Returns what the rows come from that are read here."""
        return either(one.rows for one in self.relations)

    def with_lambdas(self, more: Mapping[str, Shape]) -> _Scope:
        return replace(self, lambdas={**self.lambdas, **more})

    def find(self, parts: Sequence[str]) -> Shape | None:
        """Returns what a dotted name means: a parameter, a column, or a field within one."""
        head = parts[0].lower()
        if head in self.lambdas:
            return _within(self.lambdas[head], parts[1:])
        for size in range(len(parts) - 1, 0, -1):
            for relation in self.relations:
                if relation.answers_to(parts[:size]) and (found := relation.column(parts[size])) is not None:
                    return _within(found, parts[size + 1 :])
        if head in self.joined:
            return _within(self.joined[head], parts[1:])
        for relation in self.relations:
            if (found := relation.column(parts[0])) is not None:
                return _within(found, parts[1:])
        if head in self.aliases:
            return _within(self.aliases[head], parts[1:])
        return self.outer.find(parts) if self.outer is not None else None


def _within(shape: Shape, parts: Iterable[str]) -> Shape:
    for part in parts:
        shape = shape.field(part)
    return shape


Tables = Mapping[str, Made]  # common table expressions in sight


class _Walk:
    """One walk over a query."""

    def __init__(self, tables: Mapping[str, Columns], names: Mapping[str, str]) -> None:
        self._tables = tables
        self._names = names

    # Queries.

    def query(self, tree: Any, ctes: Tables, outer: _Scope | None) -> Made:
        """Returns the columns and rows of a query."""
        from sqlglot import exp

        ctes = {**ctes, **self._named(tree, ctes, outer)}
        if isinstance(tree, exp.Subquery):
            made = self.query(tree.this, ctes, outer)
            return Made(_renamed(made.columns, tree), made.rows)
        if isinstance(tree, exp.SetOperation):
            return self._set_operation(tree, ctes, outer)
        if isinstance(tree, exp.Select):
            return self._select(tree, ctes, outer)
        if isinstance(tree, exp.Values):
            return Made(self._values(tree, ctes, outer), CONSTANT)
        if isinstance(tree, exp.Table):
            relation = self._relation(tree, ctes, outer, _Scope())
            return Made(relation.columns, relation.rows)
        raise LineageError(f"this is no query: {tree.sql(dialect='spark')[:60]}")

    def _named(self, tree: Any, ctes: Tables, outer: _Scope | None) -> dict[str, Made]:
        """Returns what `with` names; a recursive one is walked until nothing new comes from it."""
        found: dict[str, Made] = {}
        given = tree.args.get("with_")
        for one in given.expressions if given is not None else ():
            name = one.alias.lower()
            inner = {**ctes, **found}
            if given.args.get("recursive") and hasattr(one.this, "left"):
                found[name] = self._recursive(one, inner, outer)
            else:
                made = self.query(one.this, inner, outer)
                found[name] = Made(_renamed(made.columns, one), made.rows)
        return found

    def _recursive(self, one: Any, ctes: Tables, outer: _Scope | None) -> Made:
        first = self.query(one.this.left, ctes, outer)
        columns = _renamed(first.columns, one)
        while True:
            made = self.query(one.this, {**ctes, one.alias.lower(): Made(columns, first.rows)}, outer)
            flat = {name: _flat(shape) for name, shape in _renamed(made.columns, one).items()}
            if flat == {name: _flat(shape) for name, shape in columns.items()}:
                return Made(columns, made.rows)
            columns = flat

    def _set_operation(self, tree: Any, ctes: Tables, outer: _Scope | None) -> Made:
        from sqlglot import exp

        one, other = (self.query(side, ctes, outer) for side in (tree.this, tree.expression))
        if isinstance(tree, (exp.Except, exp.Intersect)):
            return one  # the other side only takes rows away
        return Made(self._united(tree, one.columns, other.columns), either([one.rows, other.rows]))

    def _united(self, tree: Any, left: dict[str, Shape], right: dict[str, Shape]) -> dict[str, Shape]:
        if tree.args.get("by_name"):
            theirs = {name.lower(): shape for name, shape in right.items()}
            columns = {name: either([shape, theirs.pop(name.lower(), CONSTANT)]) for name, shape in left.items()}
            return columns | {name: shape for name, shape in right.items() if name.lower() in theirs}
        return {
            name: either([shape, other]) for (name, shape), other in zip(left.items(), [*right.values()], strict=False)
        }

    def _values(self, tree: Any, ctes: Tables, outer: _Scope | None) -> dict[str, Shape]:
        from sqlglot import exp

        scope = _Scope(outer=outer)
        rows = [
            [self._shape(one, scope, ctes) for one in (row.expressions if isinstance(row, exp.Tuple) else [row])]
            for row in tree.expressions
        ]
        columns = {f"col{at + 1}": either(shapes) for at, shapes in enumerate(zip(*rows, strict=False))}
        return _renamed(columns, tree)

    def _select(self, tree: Any, ctes: Tables, outer: _Scope | None) -> Made:
        from sqlglot import exp

        scope = self._from(tree, ctes, outer)
        scope.windows = {one.name.lower(): one for one in tree.args.get("windows") or ()}
        columns: dict[str, Shape] = {}
        for at, one in enumerate(tree.expressions):
            for name, shape in self._projected(one, scope, ctes, at):
                columns[_free(name, columns)] = shape
                scope.aliases.setdefault(name.lower(), shape)
        if tree.args.get("group") is None and any(map(_aggregates, tree.expressions)):
            return Made(columns, CONSTANT)  # one row, whatever is read
        calls = [one.this if isinstance(one, exp.Aliases) else one.unalias() for one in tree.expressions]
        return Made(columns, either([scope.rows(), *(self._elements(one, scope, ctes) for one in calls)]))

    # What a query reads.

    def _from(self, tree: Any, ctes: Tables, outer: _Scope | None) -> _Scope:
        scope = _Scope(outer=outer)
        if (start := tree.args.get("from_")) is not None:
            scope.relations.append(self._relation(start.this, ctes, outer, scope))
            self._attached(start.this, scope, ctes)
        for join in tree.args.get("joins") or ():
            self._join(join, scope, ctes, outer)
        for lateral in tree.args.get("laterals") or ():
            scope.relations.append(self._lateral(lateral, scope, ctes))
        return scope

    def _attached(self, relation: Any, scope: _Scope, ctes: Tables) -> None:
        """Adds what stands beside a table within parentheses or after it."""
        for join in relation.args.get("joins") or ():
            self._join(join, scope, ctes, scope.outer)
        for lateral in relation.args.get("laterals") or ():
            scope.relations.append(self._lateral(lateral, scope, ctes))

    def _join(self, join: Any, scope: _Scope, ctes: Tables, outer: _Scope | None) -> None:
        relation = self._relation(join.this, ctes, outer, scope)
        using = [one.name for one in join.args.get("using") or ()]
        if (join.args.get("method") or "").upper() == "NATURAL":
            left = {name.lower() for one in scope.relations for name in one.columns}
            using = [name for name in relation.columns if name.lower() in left]
        side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        for name in using:
            mine, theirs = scope.find([name]) or CONSTANT, relation.column(name) or CONSTANT
            scope.joined[name.lower()] = {"RIGHT": theirs, "FULL": either([mine, theirs])}.get(side, mine)
        if kind in ("SEMI", "ANTI"):
            return  # rows are filtered, no column is added
        for one in {"LEFT": [relation], "RIGHT": scope.relations}.get(side, []):
            one.rows = CONSTANT  # it is looked up; the rows are those of the other side
        scope.relations.append(relation)
        self._attached(join.this, scope, ctes)

    def _relation(self, tree: Any, ctes: Tables, outer: _Scope | None, scope: _Scope) -> _Relation:
        """Returns a table, a subquery or a function in `from`."""
        from sqlglot import exp

        if isinstance(tree, exp.Lateral):
            return self._lateral(tree, scope, ctes)
        if isinstance(tree, exp.Table) and not isinstance(tree.this, exp.Func):
            relation = self._table(tree, ctes)
        elif isinstance(tree, exp.Table):
            relation = self._of_function(tree.this, tree, scope, ctes)
        elif isinstance(tree, (exp.Subquery, exp.Values)):
            if isinstance(tree, exp.Subquery) and isinstance(tree.this, (exp.Table, exp.Subquery)) and not tree.alias:
                relation = self._relation(tree.this, ctes, outer, scope)
            else:
                made = self.query(tree, ctes, outer)
                relation = _Relation((tree.alias.lower(),), made.columns, made.rows)
        elif isinstance(tree, exp.Func):
            relation = self._of_function(tree, tree, scope, ctes)
        else:
            raise LineageError(f"nothing can be read from {tree.sql(dialect='spark')[:60]}")
        for pivot in tree.args.get("pivots") or ():
            relation = self._pivoted(pivot, relation, ctes)
        return relation

    def _table(self, tree: Any, ctes: Tables) -> _Relation:
        parts = [part.name for part in tree.parts]
        written = ".".join(parts).lower()
        alias = tree.alias.lower()
        names = (alias,) if alias else tuple(part.lower() for part in reversed(parts))
        if len(parts) == 1 and written in ctes:
            return _Relation(names, _renamed(ctes[written].columns, tree), ctes[written].rows)
        if written not in self._tables:
            raise LineageError(f'the query reads "{written}", whose columns are not known.')
        return _Relation(names, _renamed(self._tables[written], tree), Taken(self._names[written], (ROWS,)))

    def _lateral(self, tree: Any, scope: _Scope, ctes: Tables) -> _Relation:
        from sqlglot import exp

        if isinstance(tree.this, exp.Subquery):
            made = self.query(tree.this, ctes, scope)
            return _Relation((tree.alias.lower(),), _renamed(made.columns, tree), made.rows)
        return self._of_function(tree.this, tree, scope, ctes)

    def _of_function(self, call: Any, tree: Any, scope: _Scope, ctes: Tables) -> _Relation:
        """Returns what a function makes that stands in `from`; its rows are the elements of what it is given."""
        columns = _renamed(self._generated(call, scope, ctes), tree)
        return _Relation((tree.alias.lower(),), columns, self._elements(call, scope, ctes))

    def _elements(self, call: Any, scope: _Scope, ctes: Tables) -> Shape:
        """Returns the rows that a generator makes of the elements of an array or a map."""
        if _function(call) not in _OF_ELEMENTS:
            return CONSTANT
        given = self._shape(_arguments(call)[0], scope, ctes)
        return rows_of(given.key() if given.is_map() else given.element())

    def _generated(self, call: Any, scope: _Scope, ctes: Tables) -> dict[str, Shape]:
        """Returns the columns of a function that makes rows: `explode`, `posexplode`, `inline`, `stack`, `range`, …"""
        from sqlglot import exp

        name = _function(call)
        arguments = [self._shape(one, scope, ctes) for one in _arguments(call)]
        first = arguments[0] if arguments else CONSTANT
        if name in ("explode", "explode_outer", "posexplode", "posexplode_outer"):
            position = {"pos": place_in(first)} if name.startswith("pos") else {}
            if first.is_map():
                return {**position, "key": first.key(), "value": first.value()}
            return {**position, "col": first.element()}
        if name in ("inline", "inline_outer"):
            fields = first.element().fields()
            if fields is None:
                raise LineageError(f"the fields that {call.sql(dialect='spark')[:60]} makes are not known.")
            return dict(fields)
        if name == "stack":
            rows = _arguments(call)[0]
            count = int(rows.name) if isinstance(rows, exp.Literal) else 1
            width = -(-(len(arguments) - 1) // count)
            return {f"col{at}": either(arguments[1 + at :: width]) for at in range(width)}
        if name == "json_tuple":
            return {f"c{at}": computed([first]) for at in range(len(arguments) - 1)}
        return {"id" if name == "range" else "col": computed(arguments)}

    def _pivoted(self, pivot: Any, relation: _Relation, ctes: Tables) -> _Relation:
        scope = _Scope([relation])
        if pivot.args.get("unpivot"):
            return self._unpivoted(pivot, relation)
        kept = dict(relation.columns)
        keys = [one.this for one in pivot.args["fields"]]
        for column in (found for tree in (*pivot.expressions, *keys) for found in _columns_in(tree)):
            for name in [known for known in kept if known.lower() == column.lower()]:
                del kept[name]
        makes = [self._shape(one, scope, ctes) for one in pivot.expressions]
        by = computed(self._shape(one, scope, ctes) for one in keys)
        for at, named in enumerate(pivot.args.get("columns") or ()):
            kept[named.name] = either([makes[at % len(makes)], by])
        return _Relation((pivot.alias.lower(),) if pivot.alias else relation.names, kept, relation.rows)

    def _unpivoted(self, pivot: Any, relation: _Relation) -> _Relation:
        kept = dict(relation.columns)
        values: list[Shape] = []
        for within in pivot.args["fields"]:
            for one in within.expressions:
                for column in _columns_in(one):
                    name = next(known for known in kept if known.lower() == column.lower())
                    values.append(kept.pop(name))
            kept[within.this.name] = CONSTANT
        for one in pivot.expressions:
            kept[one.name] = either(values)
        return _Relation((pivot.alias.lower(),) if pivot.alias else relation.names, kept, relation.rows)

    # What a query gives.

    def _projected(self, tree: Any, scope: _Scope, ctes: Tables, at: int) -> Iterator[tuple[str, Shape]]:
        """Yields the columns that one entry of a select list makes."""
        from sqlglot import exp

        if isinstance(tree, exp.Star):
            yield from self._starred(tree, _all_columns(scope), scope, ctes)
        elif isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star):
            parts = [part.name for part in tree.parts[:-1]]
            yield from self._starred(tree.this, self._of_star(parts, scope), scope, ctes)
        elif isinstance(tree, exp.Dot) and isinstance(tree.expression, exp.Star):
            yield from (self._shape(tree.this, scope, ctes).fields() or {}).items()
        elif isinstance(tree, exp.Aliases):
            made = self._generated(tree.this, scope, ctes)
            yield from zip([one.name for one in tree.expressions], made.values(), strict=False)
        elif _is_generator(tree.unalias()):
            made = self._generated(tree.unalias(), scope, ctes)
            if tree.alias and len(made) == 1:
                yield tree.alias, next(iter(made.values()))
            else:
                yield from made.items()
        else:
            shape = self._shape(tree.unalias(), scope, ctes)
            yield tree.alias_or_name or _unnamed(tree, at), shape

    def _starred(
        self, star: Any, columns: Mapping[str, Shape], scope: _Scope, ctes: Tables
    ) -> Iterator[tuple[str, Shape]]:
        left_out = {one.name.lower() for one in star.args.get("except_") or ()}
        replaced = {one.alias.lower(): one.this for one in star.args.get("replace") or ()}
        for name, shape in columns.items():
            if name.lower() in replaced:
                yield name, self._shape(replaced[name.lower()], scope, ctes)
            elif name.lower() not in left_out:
                yield name, shape

    def _of_star(self, parts: Sequence[str], scope: _Scope) -> Mapping[str, Shape]:
        """Returns what `name.*` stands for: the columns of a table or the fields of a struct."""
        for relation in scope.relations:
            if relation.answers_to(parts):
                return relation.columns
        found = scope.find(parts)
        fields = found.fields() if found is not None else None
        if fields is None:
            raise LineageError(f'nothing is known of the columns of "{".".join(parts)}.*".')
        return fields

    # Expressions.

    def _shape(self, tree: Any, scope: _Scope, ctes: Tables) -> Shape:
        """Returns what an expression is made of."""
        from sqlglot import exp

        def of(one: Any, within: _Scope = scope) -> Shape:
            return self._shape(one, within, ctes) if one is not None else CONSTANT

        if isinstance(tree, exp.Column):
            return self._column(tree, scope)
        if isinstance(tree, exp.Identifier):
            return scope.find([tree.name]) or CONSTANT
        if isinstance(tree, (exp.Literal, exp.DataType, exp.Null, exp.Boolean, exp.Star, exp.Var)):
            return CONSTANT
        if isinstance(tree, (exp.Paren, exp.Alias)):
            return of(tree.this)
        if isinstance(tree, exp.Dot):
            return of(tree.this).field(tree.expression.name)
        if isinstance(tree, exp.Bracket):
            within = of(tree.this)
            found = within.value() if within.is_map() else within.element()
            return beside(found, map(of, tree.expressions))
        if isinstance(tree, (exp.Subquery, exp.Select, exp.SetOperation)):
            return either(list(self.query(tree, ctes, scope).columns.values())[:1])
        if isinstance(tree, exp.Exists) and isinstance(tree.this, exp.Query):
            return computed(self.query(tree.this, ctes, scope).columns.values())
        if isinstance(tree, exp.In) and tree.args.get("query") is not None:
            inner = self.query(tree.args["query"], ctes, scope).columns.values()
            return computed([of(tree.this), *inner])
        if isinstance(tree, exp.Case):
            branches = [one.args["true"] for one in tree.args["ifs"]] + [tree.args.get("default")]
            tests = [tree.this, *(one.this for one in tree.args["ifs"])]
            return beside(either(map(of, branches)), map(of, tests))
        if isinstance(tree, exp.If):
            return beside(either([of(tree.args.get("true")), of(tree.args.get("false"))]), [of(tree.this)])
        if isinstance(tree, exp.Window):
            return beside(of(tree.this), map(of, _window_keys(tree, scope.windows)))
        if isinstance(tree, exp.Filter):
            return beside(of(tree.this), [of(tree.expression.this)])
        if isinstance(tree, exp.WithinGroup):
            return computed([of(tree.this), *(of(one) for one in tree.expression.expressions)])
        made = self._made(tree, scope, of)
        if made is not None:
            return made
        found = computed(of(child) for child in tree.iter_expressions())
        counts = found is CONSTANT and isinstance(tree, (exp.Count, exp.Sum))  # count(*), count(1), sum(1)
        return computed([scope.rows()]) if counts else found

    def _column(self, tree: Any, scope: _Scope) -> Shape:
        parts = [part.name for part in tree.parts]
        found = scope.find(parts)
        if found is None:
            if len(parts) == 1 and parts[0].lower() in _NILADIC:
                return CONSTANT
            raise LineageError(f'the query names "{".".join(parts)}", which nothing that it reads has.')
        return found

    def _made(self, tree: Any, scope: _Scope, of: Callable[..., Shape]) -> Shape | None:
        """Returns the shape of what a function makes where it keeps what lies within; None for all others."""
        from sqlglot import exp

        name = _function(tree)
        if not name:
            return None
        if isinstance(tree, exp.Struct):
            return self._struct(tree, scope, of)
        arguments = _arguments(tree)
        if name in _HIGHER_ORDER:
            return self._higher_order(name, arguments, scope, of)
        shapes = [of(one) for one in arguments]
        first = shapes[0] if shapes else CONSTANT
        rest = shapes[1:]
        if name in ("max", "min") and first.fields() is not None:
            return beside(first, [first])  # of structs the first fields choose the others
        if name in _ONE_OF_FIRST:
            return beside(first, rest)
        if name in _ANY_OF:
            return either(shapes)
        if name in ("array", "array_append", "array_prepend"):
            elements = shapes if name == "array" else [first.element(), *rest]
            return Array(either(elements), is_listed=name == "array")
        if name in ("collect_list", "collect_set", "array_agg"):
            return Array(first)
        if name in ("element_at", "try_element_at", "get", "array_max", "array_min"):
            return beside(first.value() if first.is_map() else first.element(), rest)
        if name == "flatten":
            return Array(first.element().element())
        if name == "arrays_zip":
            return Array(Struct(tuple(_zipped(arguments, shapes))))
        if name in ("map_keys", "map_values"):
            return Array(first.key() if name == "map_keys" else first.value())
        if name == "map_entries":
            return Array(Struct((("key", first.key()), ("value", first.value()))))
        if name == "map":
            pairs = shapes
            if isinstance(tree, exp.VarMap) or (arguments and isinstance(arguments[0], exp.Array)):
                return Map(first.element(), either(one.element() for one in rest))
            return Map(either(pairs[::2]), either(pairs[1::2]))
        if name == "map_from_arrays":
            return Map(first.element(), either(one.element() for one in rest))
        if name == "map_from_entries":
            fields = first.element().fields()
            key, value = ([*fields.values(), CONSTANT, CONSTANT])[:2] if fields else (first, first)
            return Map(key, value)
        if name in ("if", "nvl2"):
            return beside(either(rest), [first])
        return None

    def _struct(self, tree: Any, scope: _Scope, of: Callable[..., Shape]) -> Shape:
        from sqlglot import exp

        fields: list[tuple[str, Shape]] = []
        for at, one in enumerate(tree.expressions):
            if isinstance(one, exp.PropertyEQ):
                fields.append((one.this.name, of(one.expression)))
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                fields += self._of_star([part.name for part in one.parts[:-1]], scope).items()
            elif isinstance(one, exp.Star):
                fields += _all_columns(scope).items()
            else:
                fields.append((one.alias_or_name or f"col{at + 1}", of(one.unalias())))
        return Struct(tuple(fields))

    def _higher_order(self, name: str, arguments: Sequence[Any], scope: _Scope, of: Callable[..., Shape]) -> Shape:
        """Returns the shape of what a function makes that takes lambdas."""
        from sqlglot import exp

        first = of(arguments[0])

        def called(function: Any, *given: Shape) -> Shape:
            if not isinstance(function, exp.Lambda):
                return of(function)
            named = [one.name.lower() for one in function.expressions]
            values = (*given, *[CONSTANT] * len(named))
            return of(function.this, scope.with_lambdas(dict(zip(named, values, strict=False))))

        if name == "transform":
            return Array(called(arguments[1], first.element(), place_in(first)))
        if name in ("filter", "array_sort"):
            given = (first.element(), first.element() if name == "array_sort" else place_in(first))
            return beside(first, [called(one, *given) for one in arguments[1:]])
        if name == "map_filter":
            return beside(first, [called(arguments[1], first.key(), first.value())])
        if name in ("exists", "forall", "any_match", "all_match"):
            return computed([called(arguments[1], first.element())])
        if name in ("transform_keys", "transform_values"):
            made = called(arguments[1], first.key(), first.value())
            return Map(made, first.value()) if name == "transform_keys" else Map(first.key(), made)
        if name == "zip_with":
            return Array(called(arguments[2], first.element(), of(arguments[1]).element()))
        if name == "map_zip_with":
            other = of(arguments[1])
            return Map(
                either([first.key(), other.key()]),
                called(arguments[2], either([first.key(), other.key()]), first.value(), other.value()),
            )
        start = of(arguments[1])  # aggregate, reduce
        merged = called(arguments[2], start, first.element())
        merged = either([start, called(arguments[2], merged, first.element())])
        return called(arguments[3], merged) if len(arguments) > 3 and arguments[3] is not None else merged


_HIGHER_ORDER = {
    "transform", "filter", "array_sort", "map_filter", "exists", "forall", "any_match", "all_match", "transform_keys",
    "transform_values", "zip_with", "map_zip_with", "aggregate", "reduce",
}  # fmt: skip
# Functions whose value is their first argument's (or one of its), chosen by the others.
_ONE_OF_FIRST = {
    "max", "min", "first", "first_value", "last", "last_value", "any_value", "lag", "lead", "nth_value", "max_by",
    "min_by", "mode", "nullif", "slice", "sort_array", "reverse", "array_distinct", "array_remove", "array_compact", "shuffle",
    "array_except", "trim_array", "array_repeat",
}  # fmt: skip
_ANY_OF = {"coalesce", "nvl", "ifnull", "greatest", "least", "array_union", "array_intersect"}
_NILADIC = {"current_date", "current_timestamp", "current_user", "user", "now", "localtimestamp", "current_time"}


def _function(tree: Any) -> str:
    """Returns a function's name as Spark writes it; an empty text for what is none."""
    from sqlglot import exp

    if isinstance(tree, exp.Anonymous):
        return str(tree.name).lower()
    if not isinstance(tree, exp.Func) or isinstance(tree, exp.Connector):
        return ""
    key = _SPARK_NAMES.get(type(tree).__name__)
    return key or tree.sql_name().lower()


# Where sqlglot calls a function otherwise than Spark.
_SPARK_NAMES = {
    "ArgMax": "max_by", "ArgMin": "min_by", "ArrayFilter": "filter", "ArrayAny": "exists", "ArrayAll": "forall",
    "Reduce": "aggregate", "Transform": "transform", "ArraySort": "array_sort", "SortArray": "sort_array",
    "ArrayAgg": "collect_list", "ArrayUniqueAgg": "collect_set", "GenerateSeries": "sequence", "Array": "array",
    "VarMap": "map", "Map": "map", "ToMap": "map", "MapFromEntries": "map_from_entries", "FirstValue": "first_value",
    "LastValue": "last_value", "AnyValue": "any_value", "ArraySlice": "slice", "ArrayReverse": "reverse",
    "ArrayDistinct": "array_distinct", "ArrayExcept": "array_except", "ArrayRemove": "array_remove",
    "ArrayCompact": "array_compact", "ArraysZip": "arrays_zip", "MapKeys": "map_keys", "MapValues": "map_values",
    "Explode": "explode", "ExplodeOuter": "explode_outer", "Posexplode": "posexplode",
    "PosexplodeOuter": "posexplode_outer", "Inline": "inline", "InlineOuter": "inline_outer", "Stack": "stack",
    "Coalesce": "coalesce", "Nullif": "nullif", "Nvl2": "nvl2", "Flatten": "flatten", "ElementAt": "element_at",
    "ArrayAppend": "array_append", "ArrayPrepend": "array_prepend", "ArrayMax": "array_max", "ArrayMin": "array_min",
    "StarMap": "map",
}  # fmt: skip


def _arguments(call: Any) -> list[Any]:
    """Returns a call's arguments in the order in which they are written."""
    from sqlglot import exp

    if isinstance(call, exp.Anonymous):
        return list(call.expressions)
    if isinstance(call, exp.Nullif):
        return [call.this, call.expression]
    if isinstance(call, exp.Reduce):
        return [call.this, call.args.get("initial"), call.args.get("merge"), call.args.get("finish")]
    found: list[Any] = []
    for key in call.arg_types:
        given = call.args.get(key)
        if isinstance(given, list):
            found += given
        elif isinstance(given, exp.Expression):
            found.append(given)
    return found


_OF_ELEMENTS = {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer"}


def _is_generator(tree: Any) -> bool:
    return _function(tree) in {*_OF_ELEMENTS, "stack", "json_tuple"}


def _aggregates(tree: Any) -> bool:
    """Whether an entry of a select list makes one value of many rows; one over a window does not, nor a subquery's."""
    from sqlglot import exp

    within = tree.walk(prune=lambda one: isinstance(one, (exp.Window, exp.Query)))
    return any(isinstance(one, exp.AggFunc) for one in within)


def _window_keys(tree: Any, named: Mapping[str, Any]) -> list[Any]:
    """Returns what a window is divided and ordered by, its own words and those of the named one that it builds on."""
    order = tree.args.get("order")
    keys = [*(tree.args.get("partition_by") or ()), *(order.expressions if order is not None else ())]
    base = named.get(tree.alias.lower()) if tree.alias else None
    return keys + (_window_keys(base, {}) if base is not None else [])


def _zipped(arguments: Sequence[Any], shapes: Sequence[Shape]) -> Iterator[tuple[str, Shape]]:
    for at, (tree, shape) in enumerate(zip(arguments, shapes, strict=True)):
        yield tree.alias_or_name or str(at), shape.element()


def _all_columns(scope: _Scope) -> dict[str, Shape]:
    """Returns what `*` stands for: columns that tables are joined by come first, and once."""
    columns: dict[str, Shape] = {}
    for relation in scope.relations:
        for name in relation.columns:
            if name.lower() in scope.joined:
                columns.setdefault(name, scope.joined[name.lower()])
    columns = {name: shape for name, shape in columns.items() if name.lower() in scope.joined}
    seen = {name.lower() for name in columns}
    columns = {name: shape for at, (name, shape) in enumerate(columns.items()) if _first(columns, at)}
    for relation in scope.relations:
        for name, shape in relation.columns.items():
            if name.lower() not in seen or name.lower() not in scope.joined:
                columns[_free(name, columns)] = shape
    return columns


def _first(columns: Mapping[str, Shape], at: int) -> bool:
    names = [name.lower() for name in columns]
    return names.index(names[at]) == at


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Returns a name that is not taken: two columns of a query may have one name."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}__{number}", number + 1
    return found


def _unnamed(tree: Any, at: int) -> str:
    return str(tree.sql(dialect="spark")) or f"col{at + 1}"


def _columns_in(tree: Any) -> list[str]:
    from sqlglot import exp

    return [one.name for one in tree.find_all(exp.Column)]


def _renamed(columns: Mapping[str, Shape], tree: Any) -> dict[str, Shape]:
    """Returns the columns under the names that an alias gives them."""
    alias = tree.args.get("alias")
    names = [one.name for one in alias.args.get("columns") or ()] if hasattr(alias, "args") else []
    if not names:
        return dict(columns)
    return dict(zip(names, columns.values(), strict=False))


def _flat(shape: Shape) -> Shape:
    """Returns a shape that can be compared with others of the same origins."""
    found = shape.origins()
    taken = [(Taken(one.table, one.path), one.is_copy) for one in sorted(found)]
    return either(one if is_copy else computed([one]) for one, is_copy in taken)

"""Where the columns of a query come from, read from its text: no Spark, no data.

The query is walked as Spark would resolve it: names by scope, without regard to case; stars, structs, arrays, maps,
lambdas, generators, set operations and windows by what they do to their inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.lineage.expressions import Expressions
from runner.lineage.functions import OF_ELEMENTS, aggregates, arguments_of, function_of, is_generator
from runner.lineage.scope import Columns, LineageError, Made, Relation, Scope, Tables, free
from runner.lineage.shapes import CONSTANT, ROWS, Origin, Shape, Taken, computed, either, place_in, rows_of


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


class _Walk:
    """One walk over a query."""

    def __init__(self, tables: Mapping[str, Columns], names: Mapping[str, str]) -> None:
        self._tables = tables
        self._names = names
        self._shape = Expressions(self.query).shape

    # Queries.

    def query(self, tree: Any, ctes: Tables, outer: Scope | None) -> Made:
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
            relation = self._relation(tree, ctes, outer, Scope())
            return Made(relation.columns, relation.rows)
        raise LineageError(f"this is no query: {tree.sql(dialect='spark')[:60]}")

    def _named(self, tree: Any, ctes: Tables, outer: Scope | None) -> dict[str, Made]:
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

    def _recursive(self, one: Any, ctes: Tables, outer: Scope | None) -> Made:
        first = self.query(one.this.left, ctes, outer)
        columns = _renamed(first.columns, one)
        while True:
            made = self.query(one.this, {**ctes, one.alias.lower(): Made(columns, first.rows)}, outer)
            flat = {name: _flat(shape) for name, shape in _renamed(made.columns, one).items()}
            if flat == {name: _flat(shape) for name, shape in columns.items()}:
                return Made(columns, made.rows)
            columns = flat

    def _set_operation(self, tree: Any, ctes: Tables, outer: Scope | None) -> Made:
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

    def _values(self, tree: Any, ctes: Tables, outer: Scope | None) -> dict[str, Shape]:
        from sqlglot import exp

        scope = Scope(outer=outer)
        rows = [
            [self._shape(one, scope, ctes) for one in (row.expressions if isinstance(row, exp.Tuple) else [row])]
            for row in tree.expressions
        ]
        columns = {f"col{at + 1}": either(shapes) for at, shapes in enumerate(zip(*rows, strict=False))}
        return _renamed(columns, tree)

    def _select(self, tree: Any, ctes: Tables, outer: Scope | None) -> Made:
        from sqlglot import exp

        scope = self._from(tree, ctes, outer)
        scope.windows = {one.name.lower(): one for one in tree.args.get("windows") or ()}
        columns: dict[str, Shape] = {}
        for at, one in enumerate(tree.expressions):
            for name, shape in self._projected(one, scope, ctes, at):
                columns[free(name, columns)] = shape
                scope.aliases.setdefault(name.lower(), shape)
        if tree.args.get("group") is None and any(map(aggregates, tree.expressions)):
            return Made(columns, CONSTANT)  # one row, whatever is read
        calls = [one.this if isinstance(one, exp.Aliases) else one.unalias() for one in tree.expressions]
        return Made(columns, either([scope.rows(), *(self._elements(one, scope, ctes) for one in calls)]))

    # What a query reads.

    def _from(self, tree: Any, ctes: Tables, outer: Scope | None) -> Scope:
        scope = Scope(outer=outer)
        if (start := tree.args.get("from_")) is not None:
            scope.relations.append(self._relation(start.this, ctes, outer, scope))
            self._attached(start.this, scope, ctes)
        for join in tree.args.get("joins") or ():
            self._join(join, scope, ctes, outer)
        for lateral in tree.args.get("laterals") or ():
            scope.relations.append(self._lateral(lateral, scope, ctes))
        return scope

    def _attached(self, relation: Any, scope: Scope, ctes: Tables) -> None:
        """Adds what stands beside a table within parentheses or after it."""
        for join in relation.args.get("joins") or ():
            self._join(join, scope, ctes, scope.outer)
        for lateral in relation.args.get("laterals") or ():
            scope.relations.append(self._lateral(lateral, scope, ctes))

    def _join(self, join: Any, scope: Scope, ctes: Tables, outer: Scope | None) -> None:
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

    def _relation(self, tree: Any, ctes: Tables, outer: Scope | None, scope: Scope) -> Relation:
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
                relation = Relation((tree.alias.lower(),), made.columns, made.rows)
        elif isinstance(tree, exp.Func):
            relation = self._of_function(tree, tree, scope, ctes)
        else:
            raise LineageError(f"nothing can be read from {tree.sql(dialect='spark')[:60]}")
        for pivot in tree.args.get("pivots") or ():
            relation = self._pivoted(pivot, relation, ctes)
        return relation

    def _table(self, tree: Any, ctes: Tables) -> Relation:
        parts = [part.name for part in tree.parts]
        written = ".".join(parts).lower()
        alias = tree.alias.lower()
        names = (alias,) if alias else tuple(part.lower() for part in reversed(parts))
        if len(parts) == 1 and written in ctes:
            return Relation(names, _renamed(ctes[written].columns, tree), ctes[written].rows)
        if written not in self._tables:
            raise LineageError(f'the query reads "{written}", whose columns are not known.')
        return Relation(names, _renamed(self._tables[written], tree), Taken(self._names[written], (ROWS,)))

    def _lateral(self, tree: Any, scope: Scope, ctes: Tables) -> Relation:
        from sqlglot import exp

        if isinstance(tree.this, exp.Subquery):
            made = self.query(tree.this, ctes, scope)
            return Relation((tree.alias.lower(),), _renamed(made.columns, tree), made.rows)
        return self._of_function(tree.this, tree, scope, ctes)

    def _of_function(self, call: Any, tree: Any, scope: Scope, ctes: Tables) -> Relation:
        """Returns what a function makes that stands in `from`; its rows are the elements of what it is given."""
        columns = _renamed(self._generated(call, scope, ctes), tree)
        return Relation((tree.alias.lower(),), columns, self._elements(call, scope, ctes))

    def _elements(self, call: Any, scope: Scope, ctes: Tables) -> Shape:
        """Returns the rows that a generator makes of the elements of an array or a map."""
        if function_of(call) not in OF_ELEMENTS:
            return CONSTANT
        given = self._shape(arguments_of(call)[0], scope, ctes)
        return rows_of(given.key() if given.is_map() else given.element())

    def _generated(self, call: Any, scope: Scope, ctes: Tables) -> dict[str, Shape]:
        """Returns the columns of a function that makes rows: `explode`, `posexplode`, `inline`, `stack`, `range`, …"""
        from sqlglot import exp

        name = function_of(call)
        arguments = [self._shape(one, scope, ctes) for one in arguments_of(call)]
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
            rows = arguments_of(call)[0]
            count = int(rows.name) if isinstance(rows, exp.Literal) else 1
            width = -(-(len(arguments) - 1) // count)
            return {f"col{at}": either(arguments[1 + at :: width]) for at in range(width)}
        if name == "json_tuple":
            return {f"c{at}": computed([first]) for at in range(len(arguments) - 1)}
        return {"id" if name == "range" else "col": computed(arguments)}

    def _pivoted(self, pivot: Any, relation: Relation, ctes: Tables) -> Relation:
        scope = Scope([relation])
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
        return Relation((pivot.alias.lower(),) if pivot.alias else relation.names, kept, relation.rows)

    def _unpivoted(self, pivot: Any, relation: Relation) -> Relation:
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
        return Relation((pivot.alias.lower(),) if pivot.alias else relation.names, kept, relation.rows)

    # What a query gives.

    def _projected(self, tree: Any, scope: Scope, ctes: Tables, at: int) -> Iterator[tuple[str, Shape]]:
        """Yields the columns that one entry of a select list makes."""
        from sqlglot import exp

        if isinstance(tree, exp.Star):
            yield from self._starred(tree, scope.columns(), scope, ctes)
        elif isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star):
            parts = [part.name for part in tree.parts[:-1]]
            yield from self._starred(tree.this, scope.starred(parts), scope, ctes)
        elif isinstance(tree, exp.Dot) and isinstance(tree.expression, exp.Star):
            yield from (self._shape(tree.this, scope, ctes).fields() or {}).items()
        elif isinstance(tree, exp.Aliases):
            made = self._generated(tree.this, scope, ctes)
            yield from zip([one.name for one in tree.expressions], made.values(), strict=False)
        elif is_generator(tree.unalias()):
            made = self._generated(tree.unalias(), scope, ctes)
            if tree.alias and len(made) == 1:
                yield tree.alias, next(iter(made.values()))
            else:
                yield from made.items()
        else:
            shape = self._shape(tree.unalias(), scope, ctes)
            yield tree.alias_or_name or _unnamed(tree, at), shape

    def _starred(
        self, star: Any, columns: Mapping[str, Shape], scope: Scope, ctes: Tables
    ) -> Iterator[tuple[str, Shape]]:
        left_out = {one.name.lower() for one in star.args.get("except_") or ()}
        replaced = {one.alias.lower(): one.this for one in star.args.get("replace") or ()}
        for name, shape in columns.items():
            if name.lower() in replaced:
                yield name, self._shape(replaced[name.lower()], scope, ctes)
            elif name.lower() not in left_out:
                yield name, shape


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

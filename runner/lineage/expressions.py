"""What an expression is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from runner.lineage.functions import ANY_OF, HIGHER_ORDER, NILADIC, ONE_OF_FIRST, arguments_of, function_of, window_keys
from runner.lineage.scope import LineageError, Made, Scope, Tables
from runner.lineage.shapes import CONSTANT, Array, Map, Shape, Struct, beside, computed, either, place_in


class Expressions:
    """Walks expressions.

    Args:
        query: tells what a subquery makes, by its tree, the common table expressions in sight, and the scope around it.
    """

    def __init__(self, query: Callable[[Any, Tables, Scope | None], Made]) -> None:
        self._query = query

    def shape(self, tree: Any, scope: Scope, ctes: Tables) -> Shape:
        """Returns what an expression is made of."""
        from sqlglot import exp

        def of(one: Any, within: Scope = scope) -> Shape:
            return self.shape(one, within, ctes) if one is not None else CONSTANT

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
            return either(list(self._query(tree, ctes, scope).columns.values())[:1])
        if isinstance(tree, exp.Exists) and isinstance(tree.this, exp.Query):
            return computed(self._query(tree.this, ctes, scope).columns.values())
        if isinstance(tree, exp.In) and tree.args.get("query") is not None:
            inner = self._query(tree.args["query"], ctes, scope).columns.values()
            return computed([of(tree.this), *inner])
        if isinstance(tree, exp.Case):
            branches = [one.args["true"] for one in tree.args["ifs"]] + [tree.args.get("default")]
            tests = [tree.this, *(one.this for one in tree.args["ifs"])]
            return beside(either(map(of, branches)), map(of, tests))
        if isinstance(tree, exp.If):
            return beside(either([of(tree.args.get("true")), of(tree.args.get("false"))]), [of(tree.this)])
        if isinstance(tree, exp.Window):
            return beside(of(tree.this), map(of, window_keys(tree, scope.windows)))
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

    def _column(self, tree: Any, scope: Scope) -> Shape:
        parts = [part.name for part in tree.parts]
        found = scope.find(parts)
        if found is None:
            if len(parts) == 1 and parts[0].lower() in NILADIC:
                return CONSTANT
            raise LineageError(f'the query names "{".".join(parts)}", which nothing that it reads has.')
        return found

    def _made(self, tree: Any, scope: Scope, of: Callable[..., Shape]) -> Shape | None:
        """Returns the shape of what a function makes where it keeps what lies within; None for all others."""
        from sqlglot import exp

        name = function_of(tree)
        if not name:
            return None
        if isinstance(tree, exp.Struct):
            return self._struct(tree, scope, of)
        arguments = arguments_of(tree)
        if name in HIGHER_ORDER:
            return self._higher_order(name, arguments, scope, of)
        shapes = [of(one) for one in arguments]
        first = shapes[0] if shapes else CONSTANT
        rest = shapes[1:]
        if name in ("max", "min") and first.fields() is not None:
            return beside(first, [first])  # of structs the first fields choose the others
        if name in ONE_OF_FIRST:
            return beside(first, rest)
        if name in ANY_OF:
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

    def _struct(self, tree: Any, scope: Scope, of: Callable[..., Shape]) -> Shape:
        from sqlglot import exp

        fields: list[tuple[str, Shape]] = []
        for at, one in enumerate(tree.expressions):
            if isinstance(one, exp.PropertyEQ):
                fields.append((one.this.name, of(one.expression)))
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                fields += scope.starred([part.name for part in one.parts[:-1]]).items()
            elif isinstance(one, exp.Star):
                fields += scope.columns().items()
            else:
                fields.append((one.alias_or_name or f"col{at + 1}", of(one.unalias())))
        return Struct(tuple(fields))

    def _higher_order(self, name: str, arguments: Sequence[Any], scope: Scope, of: Callable[..., Shape]) -> Shape:
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


def _zipped(arguments: Sequence[Any], shapes: Sequence[Shape]) -> Iterator[tuple[str, Shape]]:
    for at, (tree, shape) in enumerate(zip(arguments, shapes, strict=True)):
        yield tree.alias_or_name or str(at), shape.element()

"""An expression to unique ids. Which tests come along follows dbt's rules of indirect selection.

Every expression gives two sets: what it chooses, and the tests that hang on a chosen node but wait for their other parents.
A group combines both; in the modes `cautious` and `buildable` a waiting test is taken as soon as its parents are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from runner.errors import NotFoundError, NothingSelected, ProjectError
from runner.selection.grammar import Around, Expression, Group, Indirect, Parenthesis, Term, parse_selector
from runner.selection.methods import DYNAMIC, METHODS, Context
from runner.selection.named import NamedSelectors
from runner.selection.nodes import Selectable, Universe
from runner.selection.state import StateView
from runner.selection.suggest import nothing_matches

_Sets = tuple[set[str], set[str]]
_EVERYTHING = Term(raw="", method="fqn", arguments=(), value="*", around=Around(), indirect="empty")


def select(
    nodes: Sequence[Selectable],
    *,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    selector: str | None = None,
    indirect: Indirect = "eager",
    named: NamedSelectors | None = None,
    state: StateView | None = None,
    root: Path | None = None,
    project: str = "",
    strict: bool = True,
) -> set[str]:
    """Returns the ids that the selectors choose.

    Args:
        nodes: every node that can be chosen.
        include: selectors; where there are none, `selector`, else the default of selectors.yml, else every node.
        exclude: selectors of what is taken away again.
        selector: the name of a selector in selectors.yml.
        indirect: which tests come along with chosen nodes; a YAML selector may say otherwise.
        named: the selectors of selectors.yml.
        state: what `state:`, `result:`, `stale:` and the like compare with.
        root: the project's folder, for `changed:`.
        project: the project's name, for `package:this`.
        strict: a part that matches nothing is an error, not only a whole that does.

    Raises:
        NothingSelected: only what changes between runs was asked for (`state:`, `failed:`, …), and nothing is so.
        ProjectError: a selector is malformed, or matches nothing.
    """
    universe = Universe(nodes)
    include, exclude = _words(include), _words(exclude)
    named = named or NamedSelectors()
    if selector and (include or exclude):
        raise ProjectError(
            "--selector goes neither with --select nor with --exclude. Write it as selector:NAME, or leave the others out."
        )
    name = selector or (None if include or exclude else named.default)
    evaluation = _Evaluation(
        Context(universe=universe, state=state or StateView(), root=root, project=project), named, strict=strict
    )
    if name is not None:
        expression = named.expression(name, indirect=indirect)
        chosen = evaluation.whole(expression)
        if not chosen:
            raise evaluation.nothing(expression, (), f'the selector "{name}" of {named.file} chooses nothing.')
        return chosen
    if include:
        wanted: Expression = parse_selector(include, indirect=indirect, must_match=strict)
    else:
        wanted = _EVERYTHING
    if not exclude:
        chosen = evaluation.whole(wanted)
    else:
        taken = parse_selector(exclude, indirect=indirect, must_match=strict)
        chosen = evaluation.whole(
            Group(kind="difference", parts=(wanted, taken), raw=" ".join(include), indirect="eager")
        )
    if not chosen:
        raise evaluation.nothing(wanted, exclude)
    return chosen


def _words(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text.strip()]


class _Evaluation:
    """One walk over an expression.

    Attributes:
        misses: for each term that matched nothing, what to say of it.
    """

    def __init__(self, context: Context, named: NamedSelectors, *, strict: bool) -> None:
        self._context = context
        self._universe = context.universe
        self._named = named
        self._strict = strict
        self.misses: list[ProjectError] = []

    def whole(self, expression: Expression) -> set[str]:
        return self._sets(expression)[0]

    def nothing(self, expression: Expression, exclude: Sequence[str], otherwise: str = "") -> ProjectError:
        """Returns the error for a selection that came out empty."""
        if self.misses:
            return self.misses[0]
        if self._is_dynamic(expression):
            return NothingSelected("nothing is selected now.")
        if otherwise:
            return ProjectError(otherwise)
        if exclude:
            return ProjectError(
                "nothing is left to select: --exclude takes away all that --select chooses. Narrow one of them."
            )
        return ProjectError("there is nothing to select: the project holds no model.")

    def _sets(self, expression: Expression) -> _Sets:
        if isinstance(expression, Term):
            if expression.method == "selector":
                return self._sets(self._inherited(expression))
            return self._with_tests(self._reach(self._matching(expression), expression.around), expression.indirect)
        if isinstance(expression, Parenthesis):
            if not expression.around:
                return self._sets(expression.inner)
            return self._with_tests(self._reach(self._plain(expression.inner), expression.around), expression.indirect)
        return self._combined(expression)

    def _combined(self, group: Group) -> _Sets:
        found = [self._sets(part) for part in group.parts]
        combine = _COMBINE[group.kind]
        direct = combine([direct for direct, _ in found])
        waiting = combine([direct | waiting for direct, waiting in found])
        chosen = self._joined(direct, waiting, group.indirect)
        self._must_match(group, chosen)
        return chosen, waiting

    def _must_match(self, group: Group, chosen: set[str]) -> None:
        if group.must_match and self._strict and not chosen and not self._is_dynamic(group):
            raise ProjectError(f'the selector "{group.raw}" matches nothing: no node is in all of its parts.')

    def _is_dynamic(self, expression: Expression) -> bool:
        """Says whether what it chooses comes and goes from run to run."""
        if isinstance(expression, Term):
            return expression.method in DYNAMIC or (
                expression.method == "selector" and self._is_dynamic(self._inherited(expression))
            )
        if isinstance(expression, Parenthesis):
            return self._is_dynamic(expression.inner)
        return any(map(self._is_dynamic, expression.parts))

    def _plain(self, expression: Expression) -> set[str]:
        """Returns what an expression chooses without the tests that would come along."""
        if isinstance(expression, Term):
            if expression.method == "selector":
                return self._plain(self._inherited(expression))
            return self._reach(self._matching(expression), expression.around)
        if isinstance(expression, Parenthesis):
            return self._reach(self._plain(expression.inner), expression.around)
        found = _COMBINE[expression.kind]([self._plain(part) for part in expression.parts])
        self._must_match(expression, found)
        return found

    def _inherited(self, term: Term) -> Expression:
        inherited = self._named.expression(str(term.value), indirect=term.indirect)
        if not term.around:
            return inherited
        return Parenthesis(inner=inherited, raw=term.raw, around=term.around, indirect=term.indirect)

    def _matching(self, term: Term) -> set[str]:
        if term is _EVERYTHING:
            return set(self._universe.nodes)
        if term.method not in METHODS:
            raise NotFoundError(
                f'{_at(term)}the selector "{term.raw}" has an unknown method "{term.method}". '
                f"Methods: {', '.join(sorted(METHODS))}.",
                name=term.method,
                known=METHODS,
            )
        found = METHODS[term.method](self._context, term)
        if not found:
            miss = nothing_matches(term, self._universe)
            if self._strict and not term.place and term.method not in DYNAMIC:
                raise miss
            self.misses.append(miss)
        return found

    def _reach(self, found: set[str], around: Around) -> set[str]:
        chosen = set(found)
        if around.at:
            below = found | self._universe.descendants(found)
            chosen |= below | self._universe.ancestors(below)
        if around.up:
            chosen |= self._universe.ancestors(found, around.up_depth)
        if around.down:
            chosen |= self._universe.descendants(found, around.down_depth)
        return chosen

    def _with_tests(self, chosen: set[str], indirect: Indirect) -> _Sets:
        if indirect == "empty":
            return chosen, set()
        direct, waiting = set(chosen), set()
        reachable = chosen
        if indirect == "buildable":
            sources = {node.id for node in self._universe.nodes.values() if node.resource_type == "source"}
            reachable = chosen | self._universe.ancestors(chosen) | sources
        for test in self._universe.tests_on(chosen):
            parents = set(self._universe.nodes[test].parents)
            if indirect == "eager" or parents <= reachable:
                direct.add(test)
            else:
                waiting.add(test)
        return direct, waiting

    def _joined(self, direct: set[str], waiting: set[str], indirect: Indirect) -> set[str]:
        if direct == waiting or indirect not in ("cautious", "buildable"):
            return direct
        reachable = direct | self._universe.ancestors(direct) if indirect == "buildable" else direct
        nodes = self._universe.nodes
        return direct | {
            node for node in waiting if nodes[node].resource_type == "test" and set(nodes[node].parents) <= reachable
        }


def _union(sets: Sequence[set[str]]) -> set[str]:
    return set().union(*sets)


def _intersection(sets: Sequence[set[str]]) -> set[str]:
    return set.intersection(*sets) if sets else set()


def _difference(sets: Sequence[set[str]]) -> set[str]:
    return set.difference(*sets) if sets else set()


_COMBINE: dict[str, Callable[[Sequence[set[str]]], set[str]]] = {
    "union": _union,
    "intersection": _intersection,
    "difference": _difference,
}


def _at(term: Term) -> str:
    return f"{term.place}: " if term.place else ""

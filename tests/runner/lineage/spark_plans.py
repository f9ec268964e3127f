"""Where columns come from by Spark's own analyzed plans: their text, in which every column has a number.

Whatever makes a column names it (`expression AS name#7`) or lists it, and the columns it is made of stand in the
expression by their numbers. Views stand for tables: below them nothing is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NUMBER = re.compile(r"#(\d+)")
_ALIAS = re.compile(r"lateralAliasReference\((\w+)\)")  # a column named earlier in the same list
_VIEW = re.compile(r"View \(`?(?P<name>[^,]*?)`?, \[(?P<columns>.*)\]\)")


class UnreadPlanError(Exception):
    """A plan of a form that is not read here."""


@dataclass
class _Node:
    text: str
    children: list[_Node] = field(default_factory=list)


def origins(spark: SparkSession, sql: str) -> list[set[tuple[str, str]]]:
    """Returns, for each column of a query in their order, the (view, column) that it is made of."""
    plan = spark.sql(f"explain extended select * from ({sql}) as asked").collect()[0][0]
    if "== Analyzed Logical Plan ==" not in plan:
        raise AssertionError(f"{sql}: {plan[:400]}")
    text = plan.split("== Analyzed Logical Plan ==\n")[1].split("\n== ")[0]
    lines = text.splitlines()
    root = _tree(lines[next(at for at, line in enumerate(lines) if re.match(r"(Project|WithCTE)\b", line)) :])
    reader = _Reader()
    return [reader.leaves(number) for number in reader.output(root)]


def _tree(lines: list[str]) -> _Node:
    """Returns the tree that indentation draws: three characters a level."""
    stack: list[tuple[int, _Node]] = []
    for line in lines:
        match = re.match(r"(?P<bars>(?:[ :]  )*)(?P<arm>[+:]- )?(?P<text>.*)", line)
        assert match is not None
        depth = len(match["bars"]) + len(match["arm"] or "")
        node = _Node(match["text"])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack:
            stack[-1][1].children.append(node)
        stack.append((depth, node))
    return stack[0][1]


class _Reader:
    def __init__(self) -> None:
        self._made_of: dict[str, set[str]] = {}
        self._tables: dict[str, tuple[str, str]] = {}
        self._definitions: dict[str, list[str]] = {}
        self._latest: dict[str, str] = {}  # the number that a name was given last
        self._listed: set[str] = set()  # arrays whose elements are written down one by one

    def leaves(self, number: str) -> set[tuple[str, str]]:
        """Returns the columns of views below a number."""
        found: set[tuple[str, str]] = set()
        waiting, seen = [number], set()
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            if one in self._tables:
                found.add(self._tables[one])
            waiting += self._made_of.get(one, ())
        return found

    def output(self, node: _Node) -> list[str]:
        """Returns the numbers of the columns that a node gives, and learns on the way what they are made of."""
        text = node.text
        word = text.split(" ", 1)[0]
        if re.search(r"\b(subquery|list|exists)#", text):
            raise UnreadPlanError(text)
        if view := _VIEW.match(text):
            return list(self._view(view["name"].split(".")[-1].strip("`"), view["columns"]))
        if word == "WithCTE":
            outputs = [self.output(child) for child in node.children]
            return outputs[-1]
        if word == "CTERelationDef":
            number = text.split()[1].rstrip(",")
            self._definitions[number] = self.output(node.children[0])
            return self._definitions[number]
        if word == "CTERelationRef":
            number = text.split()[1].rstrip(",")
            mine = _NUMBER.findall(_lists(text)[0])
            self._same(mine, self._definitions[number])
            return mine
        below = [self.output(child) for child in node.children]
        if word == "Project":
            text = _ALIAS.sub(lambda match: f"#{self._latest[match[1]]}", text)
            return [self._named(one) for one in _split(_lists(text)[0])]
        if word == "Aggregate":
            return [self._named(one) for one in _split(_lists(text)[-1])]
        if word == "Window":
            return below[0] + [self._named(one) for one in _split(_lists(text)[0])]
        if word == "Generate":
            return self._generate(text, below[0])
        if word == "Expand":
            return self._expand(text)
        if word == "Union":
            for other in below[1:]:
                self._same(below[0], other)
            return below[0]
        if word in ("Join", "LateralJoin"):
            return below[0] if re.match(r"Join Left(Semi|Anti)", text) else below[0] + below[1]
        if word in _AS_BELOW:
            return below[0]
        if word in ("LocalRelation", "OneRowRelation", "Range"):
            return _NUMBER.findall(text)
        raise UnreadPlanError(text)

    def _view(self, name: str, columns: str) -> Iterator[str]:
        for one in _split(columns):
            column, number = one.rsplit("#", 1)
            self._tables[number.rstrip("L")] = (name, column)
            yield number.rstrip("L")

    def _named(self, text: str) -> str:
        """Returns the number of an entry of a list."""
        match = re.search(r"\bAS (?:.*)#(\d+)L?$", text)
        if match is None:
            return _NUMBER.findall(text)[-1]
        expression = _before_name(text)
        self._latest[text[len(expression) + len(" AS ") :].rsplit("#", 1)[0]] = match[1]
        self._made_of.setdefault(match[1], set()).update(set(_NUMBER.findall(expression)) - {match[1]})
        if expression.startswith("array("):
            self._listed.add(match[1])
        return match[1]

    def _same(self, mine: list[str], others: list[str]) -> None:
        for one, other in zip(mine, others, strict=True):
            if one != other:
                self._made_of.setdefault(one, set()).add(other)
                if other in self._listed:
                    self._listed.add(one)

    def _generate(self, text: str, below: list[str]) -> list[str]:
        call, makes = text[len("Generate ") :], _NUMBER.findall(_lists(text)[-1])
        used = set(_NUMBER.findall(call[: call.rindex("[")])) & set(below)
        for at, number in enumerate(makes):
            is_place = call.startswith("posexplode") and at == 0
            self._made_of.setdefault(number, set()).update(used - self._listed if is_place else used)
        return below + makes

    def _expand(self, text: str) -> list[str]:
        rows, makes = _lists(text)
        numbers = _NUMBER.findall(makes)
        for row in _split(rows):
            for number, one in zip(numbers, _split(row.strip("[]")), strict=True):
                self._made_of.setdefault(number, set()).update(set(_NUMBER.findall(one)) - {number})
        return numbers


_AS_BELOW = {
    "SubqueryAlias", "PipeOperator", "Filter", "Sort", "GlobalLimit", "LocalLimit", "Distinct", "Except", "Intersect", "Repartition",
    "RepartitionByExpression", "Deduplicate", "ResolvedHint", "Tail", "Offset", "Sample",
}  # fmt: skip


def _before_name(text: str) -> str:
    """Returns an expression without the name that it is given."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] in ")]") - (text[at] in "([")
        if depth == 0 and text.startswith(" AS ", at):
            return text[:at]
    return text


def _lists(text: str) -> list[str]:
    """Returns what stands in the outermost brackets of a line."""
    found, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        if letter in "([":
            if depth == 0 and letter == "[":
                start = at + 1
            depth += 1
        elif letter in ")]":
            depth -= 1
            if depth == 0 and letter == "]":
                found.append(text[start:at])
    return found


def _split(text: str) -> list[str]:
    """Returns the entries of a list, divided by commas outside of brackets."""
    found, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    return [*found, text[start:].strip()] if text.strip() else []

"""A draft of a table's suite: what is true of what is published and looks meant, tried on it and on its earlier versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality.gather import Quality
from runner.quality.history import facts_of, past_of
from runner.quality.kept import kept_versions
from runner.warehouse import Warehouse, exists

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.propose.draft import Line, Surroundings
    from expectations.suite import Expectation

MOST_VERSIONS = 12  # that a draft is tried on
_UNIQUE = "expect_column_values_to_be_unique"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A drafted suite.

    Attributes:
        text: the suite as YAML.
        new: how many of its lines no check of the table asks yet; `had` are asked already.
        dropped: lines that were tried and that the data do not satisfy.
        versions: earlier versions that it was tried on.
    """

    text: str
    new: int
    had: int
    dropped: int
    versions: int


def propose(project: Project, quality: Quality, warehouse: Warehouse, node: Model | SourceTable) -> Proposal:
    """Returns a suite that the published table satisfies.

    The table is read once for its figures, once for some queries, and once to try the draft; each of its last
    `MOST_VERSIONS` versions once more to see how often the draft would have fired. Tables that it refers to are read as
    they are now.

    Raises:
        ProjectError: the table is not published, or has no rows.
    """
    from expectations.propose.draft import draft, kept
    from expectations.propose.figures import profile
    from expectations.propose.written import written

    frame = warehouse.frame(node.table)
    around = surroundings(project, quality, node)
    inputs = {name: warehouse.frame(_table(project, name)) for name in around.sources}
    found = profile(frame, inputs)
    if not found.rows:
        raise ProjectError(f"{node.label} has no rows: there is nothing to draft a suite from.")
    lines = draft(node.label, found, around)
    for line in lines:
        for name in line.expectation.references:
            if name not in inputs:
                inputs[name] = warehouse.frame(_table(project, name))
    passed = _passes(project, node, frame, inputs, [line.expectation for line in lines])
    good = kept(lines, passed)
    good, versions = _tried(project, warehouse, node, inputs, good)
    note = (
        f"Drafted from {found.rows:,} rows of {node.label}: what is true of them, not what should be. Read each line, and keep\n"
        "those that are meant. A line that is asked already stands as a comment."
    )
    return Proposal(
        text=written(node.label, good, note=note),
        new=sum(not line.had for line in good),
        had=sum(bool(line.had) for line in good),
        dropped=passed.count(False),
        versions=versions,
    )


def surroundings(project: Project, quality: Quality, node: Model | SourceTable) -> Surroundings:
    """Returns what of the project a draft may refer to: no table that is made of this one, none that is not there."""
    from expectations.propose.draft import Surroundings

    below = quality.graph.descendants([node.unique_id]) | {node.unique_id}
    above = quality.graph.ancestors([node.unique_id])
    order = {unique_id: place for place, unique_id in enumerate(quality.graph.order)}
    tables = [
        other
        for other in project.nodes()
        if other.unique_id not in below and exists(other.table.path(project.warehouse)) and other.unique_id in order
    ]
    tables.sort(key=lambda one: (one.unique_id not in above, isinstance(one, SourceTable), -order[one.unique_id]))
    keys: dict[str, list[str]] = {}
    for other in tables:
        for column in _keys_of(quality, other):
            keys.setdefault(column, []).append(other.label)
    suite = quality.suites.get(node.unique_id)
    parents = set(node.parents) if isinstance(node, Model) else set()
    return Surroundings(
        keys=keys,
        sources=[other.label for other in tables if other.unique_id in parents],
        existing=suite.expectations if suite else (),
        sensitive=[column.name for column in node.columns if column.meta.get("sensitive") is True],
        has_history=node.table.path(project.warehouse).joinpath("_delta_log").is_dir(),
    )


def _keys_of(quality: Quality, node: Model | SourceTable) -> list[str]:
    """Returns the columns that alone tell the table's rows apart, by its contract or its checks."""
    suite = quality.suites.get(node.unique_id)
    asked = [one.column for one in (suite.expectations if suite else ()) if one.type == _UNIQUE and not one.where]
    own = list(node.key) if isinstance(node, SourceTable) and len(node.key) == 1 else []
    return list(dict.fromkeys([*own, *asked]))


def _table(project: Project, label: str) -> TableRef:
    return next(node.table for node in project.nodes() if node.label == label)


def _passes(
    project: Project,
    node: Model | SourceTable,
    frame: DataFrame,
    inputs: dict[str, DataFrame],
    expectations: Sequence[Expectation],
) -> list[bool]:
    from expectations.suite import Suite
    from expectations.validate import validate

    suite = Suite(model=node.label, expectations=tuple(expectations))
    found = validate(frame, suite, inputs=inputs, label=node.label, facts=facts_of(project, node))
    return [one.level == "pass" for one in found.results]


def _tried(
    project: Project,
    warehouse: Warehouse,
    node: Model | SourceTable,
    inputs: dict[str, DataFrame],
    lines: Sequence[Line],
) -> tuple[list[Line], int]:
    """Returns the new lines with how often they would have fired on earlier versions, and how many there were."""
    from expectations.checks.trend import TRENDS
    from expectations.history.replay import replay

    trends = {one.type for one in TRENDS}
    path = node.table.path(project.warehouse)
    versions = [one.version for one in kept_versions(path)][:-1][-MOST_VERSIONS:]  # the last one is what it comes from
    asked = [line for line in lines if not line.had and line.expectation.type not in trends]
    fired = [0] * len(asked)
    judged = 0
    for version in versions if asked else []:
        frame = warehouse.spark.read.format("delta").option("versionAsOf", version).load(str(path))
        try:
            passed = _passes(project, node, frame, inputs, [line.expectation for line in asked])
        except Exception as error:
            if type(error).__module__.startswith("pyspark"):
                continue  # its files are gone, or it had other columns
            raise
        judged += 1
        fired = [count + (not good) for count, good in zip(fired, passed, strict=True)]
    told = (
        {id(line): f"{count} of {judged} earlier versions" for line, count in zip(asked, fired, strict=True)}
        if judged
        else {}
    )
    for line in lines:
        if line.expectation.type in trends and not line.had:
            found = replay(line.expectation, past_of(project, node, line.expectation))
            told[id(line)] = f"{found.warned + found.failed} of {found.judged} versions with enough before them"
    return [
        replace(line, fired=f"Would have fired: {told[id(line)]}") if id(line) in told else line for line in lines
    ], judged

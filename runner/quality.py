"""Which checks belong to which table: suites of `expectations/suites` and the checks of property files, as one set."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from expectations.suite import Expectation, Suite, from_generic_test, load_suites
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.graph import Graph
from runner.model import GenericTest, Model, SourceTable
from runner.parse import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The checks of a project.

    Attributes:
        suites: by the unique id of the table they check.
        references: by the same id, the unique ids of other tables that the checks read.
        graph: the project's graph with these references as edges, so that a check finds its tables built.
    """

    suites: Mapping[str, Suite]
    references: Mapping[str, Mapping[str, str]]
    graph: Graph


def load_quality(project: Project) -> Quality:
    """Reads all suites and checks of the project.

    Raises:
        ProjectError: a suite is wrong, or names a model, column or expectation that does not exist.
    """
    by_label: dict[str, Model | SourceTable] = {node.label: node for node in project.buildable.values()}
    by_label |= project.sources
    written: dict[str, Suite] = {}
    for folder in project.files.suite_paths:
        for suite in _suites(project, folder):
            if suite.model in project.disabled:
                continue
            if suite.model not in by_label:
                raise NotFoundError(
                    f'{str(suite.path).removeprefix(str(project.root) + os.sep)}: this suite checks "{suite.model}", which is no model and no source.',
                    name=suite.model,
                    known=by_label,
                )
            written[suite.model] = suite
    suites: dict[str, Suite] = {}
    references: dict[str, dict[str, str]] = {}
    for label, node in by_label.items():
        found = _suite_of(label, node, written.get(label))
        if found is None:
            continue
        if isinstance(node, Model) and node.config.materialized == "ephemeral":
            raise ProjectError(
                f'{node.path}: "{label}" is ephemeral and has checks; nothing is built that they could look at.'
            )
        if node.columns:
            found.check_columns([column.name for column in node.columns])
        suites[node.unique_id] = found
        references[node.unique_id] = {}
        for name in found.references:
            if name not in by_label:
                raise NotFoundError(
                    f'the checks of "{label}" read "{name}", which is no model and no source.',
                    name=name,
                    known=by_label,
                )
            references[node.unique_id][name] = by_label[name].unique_id
    edges = {node: set(project.graph.parents(node)) for node in project.graph.order}
    for node_id, of in references.items():
        edges[node_id] |= set(of.values()) - {node_id}
    return Quality(suites=suites, references=references, graph=Graph(edges))


def _suites(project: Project, folder: Path) -> list[Suite]:
    """Reads a folder's suites, with places relative to the project."""
    if not folder.is_dir():
        return []
    root = f"{project.root}{os.sep}"
    try:
        found = load_suites(folder)
    except ProjectError as error:
        error.args = (str(error).replace(root, ""),)
        raise
    return [
        replace(
            suite,
            expectations=tuple(replace(one, place=one.place.removeprefix(root)) for one in suite.expectations),
        )
        for suite in found
    ]


def _suite_of(label: str, node: Model | SourceTable, written: Suite | None) -> Suite | None:
    own = tuple(_expectation(test) for test in node.tests)
    if written is None:
        return Suite(model=label, description="", expectations=own, path=None) if own else None
    return replace(written, expectations=(*own, *written.expectations))


def _expectation(test: GenericTest) -> Expectation:
    arguments = dict(test.arguments)
    if isinstance(to := arguments.get("to"), str):
        arguments["to"] = _table_name(to, test.place)
    found = from_generic_test(
        test.type, arguments, column=test.column or "", severity=test.severity, where=test.where or "", place=test.place
    )
    return replace(found, name=test.name) if test.name else found


def _table_name(written: str, place: str) -> str:
    """Returns the bare name in `ref('x')` or `source('a', 'b')`; a bare name is itself."""
    match = re.fullmatch(
        r"""\s*(?:\{\{\s*)?(?:ref|source)\(\s*['"](\w+)['"]\s*(?:,\s*['"](\w+)['"]\s*)?\)(?:\s*\}\})?\s*""", written
    )
    if match:
        return match[1] if match[2] is None else f"{match[1]}.{match[2]}"
    if not re.fullmatch(r"[\w.]+", written):
        raise FormatError(f"{place}: \"to\" is written ref('model') or source('source', 'table'), not {written}.")
    return written

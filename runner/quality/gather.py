"""Which checks belong to which table: suites of `expectations/suites` and data tests, as one set."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from expectations.catalogue import definitions
from expectations.setting_aside import QUARANTINE
from expectations.suite import GENERIC, Expectation, Suite, from_generic_test, load_suites
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.graph import Graph
from runner.model import DataTest, GenericTest, Model, Ref, SourceTable
from runner.project.data_tests import read_call
from runner.project.parse import Project
from runner.quality.rendered import macro_of, tables_of, unasked_query_of

_PLAIN_COLUMN = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_THRESHOLDS = ("warn_if", "error_if", "fail_calc", "limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The checks of a project.

    Attributes:
        suites: by the unique id of the table they check.
        references: by the same id, the unique ids of other tables that the checks read.
        queries: data tests that are judged as queries, each with the tables that it reads, the last to be built last.
        graph: the project's graph with these references as edges, so that a check finds its tables built.
    """

    suites: Mapping[str, Suite]
    references: Mapping[str, Mapping[str, str]]
    graph: Graph
    queries: tuple[tuple[DataTest, tuple[str, ...]], ...] = ()
    _last: dict[str, list[DataTest]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for test, tables in self.queries:
            if tables:
                self._last.setdefault(tables[-1], []).append(test)

    def placed(self, nodes: Collection[str]) -> dict[str, tuple[DataTest, ...]]:
        """Returns the queries to judge with each of `nodes`: with the last of the tables it reads that is among them."""
        found: dict[str, list[DataTest]] = {}
        chosen = set(nodes)
        for test, tables in self.queries:
            last = next((table for table in reversed(tables) if table in chosen), None)
            if last is not None:
                found.setdefault(last, []).append(test)
        return {node: tuple(tests) for node, tests in found.items()}

    def asked(self, project: Project, unique_id: str) -> Suite | None:
        """Returns all that is asked of a table as one suite: the queries of which it is the last table, too.

        Raises:
            ProjectError: a test's template is wrong.
        """
        suite = self.suites.get(unique_id)
        tests = self._last.get(unique_id)
        if not tests:
            return suite
        node = project.node(unique_id)
        queries = tuple(unasked_query_of(project, test, node) for test in tests)
        suite = suite or Suite(model=node.label)
        return replace(suite, expectations=(*suite.expectations, *queries))

    def tests_of(self, unique_id: str, nodes: Collection[str]) -> list[str]:
        """Returns the unique ids of the data tests that are judged with a table, where `nodes` are."""
        suite = self.suites.get(unique_id)
        own = [one.test_id for one in suite.expectations if one.test_id] if suite else []
        return [*own, *(test.unique_id for test in self.placed(nodes).get(unique_id, ()))]

    def checked(self, nodes: Iterable[str]) -> list[str]:
        """Returns those of `nodes` that have a check."""
        listed = list(nodes)
        placed = self.placed(listed)
        return [node for node in listed if node in self.suites or node in placed]

    def only(self, tests: Collection[str], *, suites: bool = True) -> Quality:
        """Returns the checks without the data tests that are not among `tests`, and without suites if they are not wanted."""
        kept = {
            node: replace(
                suite,
                expectations=tuple(
                    one for one in suite.expectations if (one.test_id in tests if one.test_id else suites)
                ),
            )
            for node, suite in self.suites.items()
        }
        return replace(
            self,
            suites={node: suite for node, suite in kept.items() if suite.expectations},
            queries=tuple((test, tables) for test, tables in self.queries if test.unique_id in tests),
        )


def load_quality(project: Project) -> Quality:
    """Reads all suites and checks of the project.

    Raises:
        ProjectError: a suite is wrong, or names a model, column or expectation that does not exist.
    """
    by_label: dict[str, Model | SourceTable] = {node.label: node for node in project.buildable.values()}
    by_label |= project.sources
    written = _written(project, by_label)
    own, queries = _data_tests(project)
    suites: dict[str, Suite] = {}
    references: dict[str, dict[str, str]] = {}
    for label, node in by_label.items():
        found = _suite_of(label, tuple(own.get(node.unique_id, ())), written.get(label))
        if found is None:
            continue
        if isinstance(node, Model) and node.config.materialized == "ephemeral":
            raise ProjectError(
                f'{node.path}: "{label}" is ephemeral and has a suite; nothing is built that it could look at.'
            )
        if node.columns:
            found.check_columns([column.name for column in node.columns])
        if wrong := _cannot_quarantine(found, node):
            raise FormatError(wrong)
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
    order = {node: index for index, node in enumerate(Graph(edges).order)}
    ordered = []
    for test in queries:
        tables = sorted(tables_of(project, test), key=lambda table: order.get(table, -1))
        for table in tables[:-1]:
            edges[tables[-1]].add(table)
            references.setdefault(tables[-1], {})[project.node(table).label] = table
        ordered.append((test, tuple(tables)))
    return Quality(suites=suites, references=references, graph=Graph(edges), queries=tuple(ordered))


def _cannot_quarantine(suite: Suite, node: Model | SourceTable) -> str:
    """Returns why rows of a table cannot be put aside by its suite; empty where they can, or nothing asks for it."""
    place = next((one.place for one in suite.expectations if one.on_failure == QUARANTINE), "")
    if not place:
        return ""
    if isinstance(node, SourceTable):
        return (
            f"{place}: {suite.model} is a landed table, and its landing has a quarantine already. Leave on_failure out."
        )
    kind = node.config.materialized
    if kind in ("view", "snapshot"):
        why = "has no rows of its own" if kind == "view" else "keeps every state of a row, also bad ones"
        return f"{place}: {suite.model} is a {kind}, which {why}: nothing can be put aside. Leave on_failure out."
    return ""


def _written(project: Project, by_label: Mapping[str, Model | SourceTable]) -> dict[str, Suite]:
    """Returns the suites of the project's folders by the label of the table that they check."""
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
    return written


def _data_tests(project: Project) -> tuple[dict[str, list[Expectation]], list[DataTest]]:
    """Returns the data tests that are expectations, by the table they are written at, and those that are queries."""
    own: dict[str, list[Expectation]] = {}
    queries: list[DataTest] = []
    for test in project.tests.values():
        if test.test is None or test.attached is None or _is_query(project, test, test.test):
            queries.append(test)
        else:
            own.setdefault(test.attached, []).append(_expectation(test, test.test))
    return own, queries


def _is_query(project: Project, test: DataTest, generic: GenericTest) -> bool:
    """Whether a generic test is judged by its SQL: it has a macro, or settings that an expectation has not.

    Raises:
        NotFoundError: nothing of that name is known.
    """
    if macro_of(project, test):
        return True
    kind = generic.type
    if kind not in GENERIC and kind not in definitions():
        names = [name for of in project.renderer.macros.packages.values() for name in of]
        macros = [name.removeprefix("test_") for name in names if name.startswith("test_")]
        raise NotFoundError(
            f'{generic.place}: "{kind}" is no test that this project knows.',
            name=kind,
            known=[*GENERIC, *definitions(), *macros],
        )
    settings = [key for key in _THRESHOLDS if test.config.values.get(key) is not None]
    if kind not in GENERIC:
        if settings:
            raise FormatError(
                f'{generic.place}: {kind} is an expectation and takes no "{settings[0]}"; it has thresholds of its own.'
            )
        return False
    assert test.attached is not None
    below = project.graph.descendants([test.attached])
    return (
        bool(settings)
        or not _PLAIN_COLUMN.fullmatch(generic.column or "column")  # dbt takes an expression there
        or not _is_plain_reference(generic.arguments.get("to"))
        or any(table not in test.parents for table in tables_of(project, test))  # it is, or reads, an ephemeral model
        or any(parent in below for parent in test.parents if parent != test.attached)
    )


def _is_plain_reference(to: Any) -> bool:
    """Whether an argument `to` names a table of the project without package and version, or is not there."""
    called = read_call(to) if isinstance(to, str) else None
    return not isinstance(called, Ref) or (called.package is None and called.version is None)


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


def _suite_of(label: str, own: tuple[Expectation, ...], written: Suite | None) -> Suite | None:
    if written is None:
        return Suite(model=label, description="", expectations=own, path=None) if own else None
    return replace(written, expectations=(*own, *written.expectations))


def _expectation(test: DataTest, generic: GenericTest) -> Expectation:
    arguments = dict(generic.arguments)
    if isinstance(to := arguments.get("to"), str):
        arguments["to"] = _table_name(to, generic.place)
    found = from_generic_test(
        generic.type,
        arguments,
        column=generic.column or "",
        severity=test.severity,
        where=str(test.config.values.get("where") or ""),
        place=generic.place,
    )
    return replace(
        found,
        name=generic.name or "",
        description=test.description,
        test_id=test.unique_id,
        keeps_failures=bool(test.config.values.get("store_failures")),
    )


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

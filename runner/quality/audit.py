"""Everything that is asked of one table: its suite and its data tests, judged together in as few Spark jobs as it takes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from runner.jinja.render import Relation
from runner.model import DataTest, Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality.failing_rows import keep_failing_rows
from runner.quality.gather import Quality
from runner.quality.history import facts_of
from runner.quality.paths import path_checks
from runner.quality.rendered import query_of, tables_of
from runner.quality.stored import store_failures
from runner.session.jobs import started
from runner.warehouse import Warehouse
from runner.warehouse.introspection import Introspection

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.definition import Need
    from expectations.plot import Earlier
    from expectations.result import SuiteResult
    from expectations.suite import Expectation


def _published(ref: TableRef) -> TableRef:
    return ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Judges tables of one run.

    Attributes:
        placed: the data tests that are judged as queries, by the table with which they are.
        run_id: the run's name, kept with failing rows.
        stores: True keeps the failing rows of every check, whatever its settings say.
        reads: where a table is to be read that others are compared with: its candidate, perhaps.
        memo: figures of other tables that checks of this run asked for; a table is built before checks read it.
    """

    project: Project
    quality: Quality
    warehouse: Warehouse
    placed: Mapping[str, Sequence[DataTest]]
    run_id: str
    stores: bool = False
    reads: Callable[[TableRef], TableRef] = _published
    memo: dict[Need, Any] = field(default_factory=dict, compare=False)

    def asks(self, unique_id: str) -> bool:
        """Whether the table has a check."""
        return (
            unique_id in self.quality.suites
            or bool(self.placed.get(unique_id))
            or bool(self._unwritten(self.project.node(unique_id)))
        )

    def _unwritten(self, node: Model | SourceTable) -> tuple[Expectation, ...]:
        """Returns the checks that a table has without anybody writing them."""
        return path_checks(self.project, node) if isinstance(node, SourceTable) else ()

    def judge(
        self,
        unique_id: str,
        frame: DataFrame,
        *,
        is_candidate: bool,
        earlier: Callable[[], Earlier | None] = lambda: None,
    ) -> SuiteResult | None:
        """Returns what all checks of a table say of `frame`; None where it has none.

        Args:
            frame: the candidate's rows, or those that are published.
            is_candidate: whether queries must read `frame` where they name the table; else they read what is published.
            earlier: gives the table's last good version, to be drawn below what fails.

        Raises:
            MissingTableError: a check reads a table that nobody built.
            ProjectError: a check names a column that is not there, or its template is wrong.
        """
        from expectations.sensitive import masked
        from expectations.suite import Suite
        from expectations.validate import validate
        from runner.quality.origins import origins_of

        node = self.project.node(unique_id)
        suite = self.quality.suites.get(unique_id)
        tests = self.placed.get(unique_id, ())
        unwritten = self._unwritten(node)
        if suite is None and not tests and not unwritten:
            return None
        suite = suite or Suite(model=node.label)
        suite = replace(suite, expectations=(*suite.expectations, *unwritten))
        suite.check_columns(frame.columns)
        with self._named(node, frame, wanted=is_candidate and bool(tests)) as relations:
            queries = tuple(self._query(test, node, relations, frame) for test in tests)
            suite = replace(suite, expectations=(*suite.expectations, *queries))
            inputs = self.inputs(unique_id, frame)
            facts = facts_of(self.project, node, self.warehouse.spark)
            found = validate(
                frame,
                suite,
                inputs=inputs,
                label=suite.model,
                earlier=earlier,
                origins=lambda: origins_of(self.project, node, frame.columns, self.warehouse),
                facts=facts,
                memo=self.memo,
                jobs_so_far=lambda: started(self.warehouse.spark, unique_id),
                here=self.warehouse.all_here({**inputs, "": frame, suite.model: frame}),
            )
            found = store_failures(self.project, self.warehouse, frame, found, run_id=self.run_id, every=self.stores)
            hidden = [column.name for column in node.columns if column.meta.get("sensitive") is True]
            return keep_failing_rows(
                self.warehouse.root,
                node.table,
                frame,
                masked(found, hidden),
                run_id=self.run_id,
                inputs={**inputs, suite.model: frame},
                hidden=hidden,
            )

    def inputs(self, unique_id: str, frame: DataFrame) -> dict[str, DataFrame]:
        """Returns the tables that a table's checks compare with, by their names; `frame` where it is the table itself."""
        return {
            name: frame if other == unique_id else self.warehouse.frame(self.reads(self.project.node(other).table))
            for name, other in self.quality.references.get(unique_id, {}).items()
        }

    @contextmanager
    def _named(self, node: Model | SourceTable, frame: DataFrame, *, wanted: bool) -> Iterator[dict[str, Relation]]:
        """Gives the candidate a name for queries; a label → that name."""
        if not wanted:
            yield {}
            return
        view = f"candidate__{node.table.name}__{uuid.uuid4().hex[:8]}"
        frame.createOrReplaceTempView(view)
        try:
            yield {node.label: Relation(node.table, shown=view)}
        finally:
            frame.sparkSession.catalog.dropTempView(view)

    def _query(
        self, test: DataTest, node: Model | SourceTable, relations: dict[str, Relation], frame: DataFrame
    ) -> Expectation:
        """Returns a data test as an expectation of this table, with what else it reads made known to the session.

        A test's macro may ask for columns; those of this table are the frame's.
        """
        for table in tables_of(self.project, test):
            other = self.project.node(table)
            if other.label not in relations:
                read = self.reads(other.table)
                self.warehouse.register(read)
                relations |= {other.label: Relation(read)} if read != other.table else {}
        own = [(field.name, field.dataType.simpleString()) for field in frame.schema]
        known = [other.table for other in self.project.nodes()]
        database = Introspection(self.project.warehouse, lambda: self.warehouse, known, columns={node.table: own})
        return query_of(self.project, test, node, relations, database=database)

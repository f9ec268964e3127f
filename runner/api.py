"""The Python API: open a project, select, plan, build, check, look; results are values. For notebooks and orchestrators.

    from runner.api import OpenProject

    with OpenProject("path/to/project", target="dev") as shop:
        shop.select("clv+")                  # unique ids, parents before children
        run = shop.build("clv+")             # each model checked as a candidate, then published
        run.success, run.results             # NodeResult values; artifacts are written as by the command line
        shop.frame("clv")                    # a Spark DataFrame
        shop.rows("clv", limit=5)            # dictionaries, without Spark

Everything raises `runner.errors.ProjectError` with the message that the command line prints. Nothing is printed here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from runner import delta
from runner.artifacts.outcome import Pages, write_outcome
from runner.artifacts.records import Invocation
from runner.compile import compile_model, compile_text
from runner.errors import NotFoundError
from runner.execute import NodeResult
from runner.mentions import tables_in
from runner.model import Model, SourceTable
from runner.project.cache import open_project
from runner.project.parse import Project
from runner.project.root import find_root
from runner.quality import Quality, load_quality
from runner.state.decide import State
from runner.state.plan import Plan, make_plan
from runner.state.reuse import all_reused

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from runner.build import BuildOptions
    from runner.typecheck import Types

BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a build or a check did.

    Attributes:
        run_id: names it in commits and artifacts.
        results: one a node, in the order they ended.
        report: the page of the validation report; None where nothing was checked.
    """

    run_id: str
    results: tuple[NodeResult, ...]
    seconds: float
    report: Path | None

    @property
    def success(self) -> bool:
        """True where no node failed, was withheld by a check, or was skipped because of one."""
        return not any(result.stops for result in self.results)

    def result(self, name: str) -> NodeResult:
        """Returns the result of a node by its name, such as `clv`.

        Raises:
            NotFoundError: the run had no such node.
        """
        by_name = {result.unique_id.split(".", 2)[-1]: result for result in self.results}
        if name not in by_name:
            raise NotFoundError(f'the run built nothing named "{name}".', name=name, known=by_name)
        return by_name[name]


class OpenProject:
    """A project that is open to work with. Use it in a `with` statement, or call `close`.

    Args:
        folder: the project's folder or one below it; the current one where None.
        target: the target's name; the project's default where None.
        variables: values that win over the project's.
        spark: a Spark session to work in, with Delta; one is started when it is first needed, and stopped at the end,
            where None.

    Raises:
        ProjectError: there is no project, or it is wrong; the message names file and line.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        target: str | None = None,
        variables: Mapping[str, Any] | None = None,
        spark: SparkSession | None = None,
    ) -> None:
        self.project: Project = open_project(
            find_root(Path(folder or ".").absolute()), target=target, variables=variables or {}
        )
        self._quality: Quality | None = None
        self._spark = spark
        self._owns_spark = spark is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops the Spark session that was started here; one that was given goes on."""
        if self._owns_spark and self._spark is not None:
            self._spark.stop()
            self._spark = None

    @property
    def quality(self) -> Quality:
        """All checks of the project, by the node they judge."""
        if self._quality is None:
            self._quality = load_quality(self.project)
        return self._quality

    @property
    def spark(self) -> SparkSession:
        """The Spark session, started when it is first asked for."""
        if self._spark is None:
            from runner.session.spark import spark_session

            files = self.project.files
            self._spark = spark_session(
                f"sluice {files.name}",
                scratch=files.target_folder / "scratch",
                master=files.target.master,
                settings=files.target.spark,
            )
        return self._spark

    def select(self, *selectors: str, exclude: Sequence[str] = (), kinds: Collection[str] = BUILT) -> list[str]:
        """Returns the unique ids that the selectors choose, parents before children; all where none is given.

        Raises:
            ProjectError: a selector is wrong or matches nothing.
        """
        return self.project.select(selectors, exclude, kinds=kinds)

    def compile(self, name: str) -> str:
        """Returns the SQL that Spark gets for a model."""
        return compile_model(self.project, self._model(name)).sql

    def plan(self, *selectors: str, exclude: Sequence[str] = (), full_refresh: bool = False) -> Plan:
        """Returns what `build` would do and why; starts no Spark and touches nothing."""
        nodes = self.select(*selectors, exclude=exclude)
        state = State(self.project, self.quality, full_refresh=full_refresh)
        return make_plan(self.project, state, nodes, threads=self.project.files.target.threads)

    def type_check(self, *selectors: str, exclude: Sequence[str] = ()) -> Types:
        """Returns what Spark's analyzer finds wrong with the selected models, without reading data."""
        from runner.typecheck import check_types

        return check_types(self.project, self.quality, self.select(*selectors, exclude=exclude), self.spark)

    def build(
        self,
        *selectors: str,
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        force: bool = False,
        fail_fast: bool = False,
        threads: int | None = None,
        publish: str | None = None,
        started: Callable[[str], None] = lambda _: None,
        ended: Callable[[NodeResult], None] = lambda _: None,
    ) -> Run:
        """Builds what is selected, each node checked before it is published; what has not changed is reused.

        Args:
            full_refresh: incremental models are built anew.
            force: what has not changed is built, too.
            publish: `each` or `together`; the target's where None.
            started, ended: are called as a node starts and ends.
        """
        from runner.build import Builder, BuildOptions

        options = BuildOptions(
            threads=threads or self.project.files.target.threads,
            full_refresh=full_refresh,
            fail_fast=fail_fast,
            reuse=not force,
            together=(publish or self.project.files.target.publish) == "together",
        )
        nodes = self.select(*selectors, exclude=exclude)

        def work(run_id: str) -> list[NodeResult]:
            if (settled := self._settled(nodes, options)) is not None:
                return settled
            builder = Builder(self.project, self.quality, self.spark, run_id=run_id, options=options)
            return builder.run(nodes, started=started, ended=ended)

        return self._run("models", {"select": list(selectors), "exclude": list(exclude)}, work)

    def check(self, *selectors: str, exclude: Sequence[str] = ()) -> Run:
        """Checks what is published, models and landed tables, and writes the validation report; builds nothing."""
        from runner.build import Builder, BuildOptions

        chosen = self.select(*selectors, exclude=exclude, kinds=(*BUILT, "source"))
        nodes = [node for node in chosen if node in self.quality.suites]

        def work(run_id: str) -> list[NodeResult]:
            options = BuildOptions(threads=self.project.files.target.threads)
            return Builder(self.project, self.quality, self.spark, run_id=run_id, options=options).check(nodes)

        return self._run("checks", {"select": list(selectors), "exclude": list(exclude)}, work)

    def gx_suite(self, name: str) -> Any:
        """Returns a table's suite as a `great_expectations.ExpectationSuite`, for checkpoints; see docs/python.md.

        Raises:
            NotFoundError: the table has no suite.
        """
        from expectations.gx.share import as_gx_suite

        node = self._node(name)
        suites = self.quality.suites
        if node.unique_id not in suites:
            raise NotFoundError(
                f"{name} has no suite in expectations/suites.",
                name=name,
                known=[self.project.node(one).label for one in suites],
            )
        references = self.quality.references.get(node.unique_id, {})
        return as_gx_suite(suites[node.unique_id], inputs={label: self.frame(label) for label in references})

    def frame(self, name: str) -> DataFrame:
        """Returns a published table, such as `clv` or `mongodb.users`, as a Spark DataFrame.

        Raises:
            ProjectError: there is no such table, or it has not been built.
        """
        from runner.warehouse import Warehouse

        return Warehouse(self.spark, self.project.warehouse).frame(self._node(name).table)

    def rows(self, name: str, *, limit: int = 10) -> list[dict[str, Any]]:
        """Returns the first rows of a published table, read without Spark; of a view, with it."""
        path = self._node(name).table.path(self.project.warehouse)
        if delta.is_table(path):
            return delta.first_rows(path, limit)[1]
        return [row.asDict(recursive=True) for row in self.frame(name).limit(limit).collect()]

    def sql(self, query: str) -> DataFrame:
        """Returns the answer to a query with Jinja, such as `select count(*) from {{ ref('clv') }}`."""
        from runner.warehouse import Warehouse

        text = compile_text(self.project, query)
        warehouse = Warehouse(self.spark, self.project.warehouse)
        for ref in tables_in(self.project, text):
            warehouse.register(ref)
        return self.spark.sql(text)

    def _settled(self, nodes: list[str], options: BuildOptions) -> list[NodeResult] | None:
        if not options.reuse:
            return None
        return all_reused(State(self.project, self.quality, full_refresh=options.full_refresh), nodes)

    def _run(self, command: str, arguments: Mapping[str, Any], work: Callable[[str], list[NodeResult]]) -> Run:
        run_id, started = str(uuid.uuid4()), time.perf_counter()
        results = work(run_id)
        seconds = time.perf_counter() - started
        asked = Invocation(run_id=run_id, command=command, arguments=arguments, seconds=seconds)
        pages: Pages = write_outcome(self.project, results, asked)
        return Run(run_id=run_id, results=tuple(results), seconds=seconds, report=pages.report)

    def _node(self, name: str) -> Model | SourceTable:
        by_label = {node.label: node for node in self.project.nodes()}
        if name not in by_label:
            raise NotFoundError(f'no model and no source is named "{name}".', name=name, known=by_label)
        return by_label[name]

    def _model(self, name: str) -> Model:
        node = self._node(name)
        if not isinstance(node, Model):
            raise NotFoundError(f'no model is named "{name}".', name=name, known=self.project.models)
        return node

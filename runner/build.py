"""Builds models in Spark: compile, candidate, audit, publish. What one node of a run does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from expectations.setting_aside import QUARANTINE
from runner import materialize
from runner.baselines import last_good
from runner.batches import BatchResults
from runner.compile import Compiled, compile_model, compiled_path, inputs_of, write_compiled
from runner.errors import ProjectError
from runner.execute import NodeResult, Stage, execute
from runner.explain import explain, from_spark
from runner.graph import Graph
from runner.jinja.database import Database
from runner.jinja.render import Captured, Relation
from runner.materialize.grants import apply_grants
from runner.materialize.run_hooks import run_project_hooks, shown_result
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.publishing.journal import Step, publish_together, recover
from runner.publishing.row_quarantine import Split, split, still_apart, told
from runner.publishing.staging import Held, Staging
from runner.quality.audit import Audit
from runner.quality.fresh import with_freshness
from runner.retries import policy_of, retrying
from runner.session.jobs import interrupt, tagged
from runner.sources.landed_paths import with_paths
from runner.sources.quarantine import with_quarantine
from runner.state.decide import State
from runner.state.leftovers import clear_leftovers, running
from runner.state.reuse import reused
from runner.warehouse import MissingTableError, Warehouse
from runner.warehouse.introspection import Introspection, Recorder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.result import SuiteResult
    from runner.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How a run builds.

    Attributes:
        threads: models built at the same time.
        full_refresh: incremental models are built anew.
        checked: False publishes without checks.
        reuse: what did not change since it was published is not built again; see `runner.state`.
        store_failures: the failing rows of every check are kept in tables.
        together: all tables are published at the run's end, or none; see `runner.publishing.staging`.
        event_time: start and end of the batches that microbatch models build; None where they find out by themselves.
    """

    threads: int = 4
    full_refresh: bool = False
    checked: bool = True
    fail_fast: bool = False
    reuse: bool = False
    store_failures: bool = False
    event_time: tuple[datetime | None, datetime | None] = (None, None)
    together: bool = False

    def state(self, project: Project, quality: Quality) -> State:
        """Returns what decides which nodes such a run leaves alone."""
        window = self.event_time != (None, None)
        return State(project, quality, full_refresh=self.full_refresh, checked=self.checked, window=window)


class Builder:
    """Builds the nodes of one run.

    Args:
        run_id: names the run in each commit's metadata.
    """

    def __init__(
        self, project: Project, quality: Quality, spark: SparkSession, *, run_id: str, options: BuildOptions
    ) -> None:
        self.project = project
        self.quality = quality
        self.warehouse = Warehouse(spark, project.warehouse, at_hand=project.files.target.checks == "auto")
        self.run_id = run_id
        self.options = options
        self.state = options.state(project, quality)
        self.staging = Staging(project, self.warehouse)
        self._compiled: Mapping[str, Compiled] = {}
        self._audits = self._audit_of(())
        self._policies = {
            model.unique_id: policy_of(project.files.target, model) for model in project.buildable.values()
        }
        self.notes: list[str] = []  # what a person should know of the run, beside its results
        self.failed_hook = ""
        self._stages: dict[str, list[Stage]] = {}  # of nodes that are worked on; each by one thread
        self._builds = False  # it builds: a landed table that is old is told, and stops nothing
        self._stopping = threading.Event()  # set by Ctrl-C: what is between two jobs goes no further

    def run(
        self,
        nodes: list[str],
        *,
        started: Callable[[str], None] = lambda _: None,
        ended: Callable[[NodeResult], None] = lambda _: None,
        failed: bool = False,
    ) -> list[NodeResult]:
        """Builds models and checks landed tables, parents first; see `runner.execute.execute`.

        Args:
            failed: something failed before, and nothing is published of a run that publishes together.
        """
        self._builds = True
        models = [self._model(node) for node in nodes if not node.startswith("source.")]
        self._compiled = {
            model.unique_id: compiled for model in models if (compiled := self._compile_before(model)) is not None
        }
        for compiled in self._compiled.values():
            if compiled.model.language == "sql":
                write_compiled(self.project, compiled)
        self._audits = self._audit_of(nodes)
        with running(self.project.warehouse, self.run_id):
            list(recover(self.project.warehouse))
            clear_leftovers(self.project.warehouse, [model.table.path(self.project.warehouse) for model in models])
            return self._run(nodes, started, ended, failed)

    def _run(
        self, nodes: list[str], started: Callable[[str], None], ended: Callable[[NodeResult], None], failed: bool
    ) -> list[NodeResult]:
        run_project_hooks(self.project, self.warehouse, "on-run-start")
        try:
            results = execute(
                self.quality.graph,
                nodes,
                self._work,
                threads=self.options.threads,
                started=started,
                ended=ended,
                interrupted=self._stop,
                fail_fast=self.options.fail_fast,
            )
            if self.options.together:
                results, note = self.staging.publish(results, self.state, failed=failed)
                self.notes += [note] if note else []
        except BaseException:
            self.staging.drop()
            raise
        self._end(results)
        return results

    def _end(self, results: Sequence[NodeResult]) -> None:
        """Runs what follows a run; what fails of it is told, and leaves the results as they are."""
        shown = [_shown(self._model(one.unique_id), one) for one in results if not one.unique_id.startswith("source.")]
        try:
            run_project_hooks(self.project, self.warehouse, "on-run-end", results=shown)
        except ProjectError as error:
            self.failed_hook = str(error)

    def check(
        self,
        nodes: list[str],
        *,
        started: Callable[[str], None] = lambda _: None,
        ended: Callable[[NodeResult], None] = lambda _: None,
    ) -> list[NodeResult]:
        """Runs the checks of what is published already; builds nothing."""
        self._audits = self._audit_of(nodes)
        return execute(
            Graph(dict.fromkeys(nodes, ())),  # each looks at what is published: no order
            nodes,
            self._judge,
            threads=self.options.threads,
            started=started,
            ended=ended,
            interrupted=self._stop,
            fail_fast=self.options.fail_fast,
        )

    def _stop(self) -> None:
        self._stopping.set()
        interrupt(self.warehouse.spark, self.run_id)

    def _work(self, unique_id: str) -> NodeResult:
        return replace(
            self._decided(unique_id),
            parents=self.state.parents_read(unique_id),
            stages=tuple(self._stages.pop(unique_id, ())),
        )

    def _judge(self, unique_id: str) -> NodeResult:
        return replace(self._check(unique_id), stages=tuple(self._stages.pop(unique_id, ())))

    @contextmanager
    def _stage(self, unique_id: str, name: str) -> Iterator[None]:
        started_at, clock = datetime.now(UTC), time.perf_counter()
        try:
            yield
        finally:
            stage = Stage(name=name, started_at=started_at, seconds=time.perf_counter() - clock)
            self._stages.setdefault(unique_id, []).append(stage)

    def _decided(self, unique_id: str) -> NodeResult:
        try:
            decision = self.state.decide(
                unique_id,
                moved=self.staging.moved(unique_id),
                compared=self.staging.compared(self.quality.references.get(unique_id, {})),
            )
        except ProjectError as error:
            return NodeResult(unique_id=unique_id, status="error", message=str(error))
        if self.options.reuse and decision.act == "reuse":
            return reused(decision)
        if unique_id.startswith("source.") or (self.options.reuse and decision.act == "recheck"):
            again = replace(self._check_again(unique_id), why=decision.why)
            if not _would_go_aside(again):
                return again
        with tagged(self.warehouse.spark, self.run_id, pool=unique_id):
            return replace(self._build_model(unique_id), why=decision.why)

    def _check_again(self, unique_id: str) -> NodeResult:
        result = self._check(unique_id)
        if not result.stops and result.checks is not None:
            passed = partial(self.state.passed, unique_id, run_id=self.run_id, warned=result.message)
            if self.options.together:
                self.staging.later(unique_id, passed)
            else:
                passed()
        return result

    def _build_model(self, unique_id: str) -> NodeResult:
        model = self._model(unique_id)
        if model.config.materialized == "ephemeral":
            return NodeResult(unique_id=unique_id, status="success")
        try:
            compiled, plain = self._compiled_for(model)
        except ProjectError as error:
            return NodeResult(unique_id=unique_id, status="error", message=str(error))
        try:
            return retrying(lambda: self._build(compiled, plain), self._policies[unique_id], stopping=self._stopping)
        except ProjectError as error:
            return NodeResult(unique_id=unique_id, status="error", message=str(error))
        except Exception as error:
            if not from_spark(error):
                raise
            message = explain(error, compiled, compiled_path(self.project, model).relative_to(self.project.root))
            return NodeResult(unique_id=unique_id, status="error", message=message, compiled_sql=compiled.sql)

    def _build(self, compiled: Compiled, plain: Compiled) -> NodeResult:
        """Builds a model; `compiled` is its SQL as it is run, `plain` as it is published."""
        model = compiled.model
        started = time.perf_counter()
        inputs = self._register_inputs(model)
        incremental = materialize.goes_on(model, self.warehouse.root, full_refresh=self.options.full_refresh)
        if incremental:
            self.warehouse.register(model.table)  # what `this` names
        work = materialize.Work(
            warehouse=self.warehouse,
            project=self.project,
            compiled=compiled,
            incremental=incremental,
            window=self.options.event_time,
            database=self._database(),
            stopped=self._stopping.is_set,
            relations=self.staging.relations(model),
        )
        with self._stage(model.unique_id, "write"):
            candidate = replace(materialize.make_candidate(work), compiled=plain)
        try:
            checks, apart = self._judged(work, candidate) if self.options.checked else (None, None)
            candidate = apart.candidate if apart is not None else candidate
            if self._stopping.is_set():
                raise InterruptedError(model.unique_id)
        except BaseException:
            materialize.discard(candidate)  # nothing was found out about it: nothing to look at
            raise
        result = NodeResult(
            unique_id=model.unique_id,
            status="success",
            rows=candidate.rows,
            checks=checks,
            compiled_sql=plain.sql or None,
        )
        if checks is not None and not checks.success:
            materialize.withhold(candidate)
            if apart is not None:
                apart.discard()
            return replace(result, status="withheld", message=_failed(checks))
        warned = _warned(checks)
        metadata = {
            **self._metadata(model),
            **self.state.metadata(
                model.unique_id,
                seconds=time.perf_counter() - started,
                rows=candidate.rows,
                warned=warned,
                incomplete=_incomplete(candidate.batches, self.options.event_time),
            ),
        }
        result = replace(result, status="warn" if warned else "success", message=warned)
        if self.options.together:
            grant = partial(self._grant, work)
            held = Held(
                unique_id=model.unique_id,
                work=work,
                candidate=candidate,
                inputs=inputs,
                metadata=metadata,
                finish=grant,
                apart=apart,
            )
            self.staging.hold(held)
        else:
            with self._stage(model.unique_id, "publish"):
                result = replace(result, version=self._publish(work, candidate, apart, inputs, metadata))
                self._grant(work)
        return with_batches(result, candidate.batches)

    def _judged(
        self, work: materialize.Work, candidate: materialize.Candidate
    ) -> tuple[SuiteResult | None, Split | None]:
        """Returns what the checks say of what would be published, and the candidate's split where rows go aside."""
        with self._stage(work.model.unique_id, "checks"):
            return self._judged_apart(work, candidate)

    def _judged_apart(
        self, work: materialize.Work, candidate: materialize.Candidate
    ) -> tuple[SuiteResult | None, Split | None]:
        unique_id = work.model.unique_id
        checks = self._audit(unique_id, candidate.frame, is_candidate=True)
        suite = self.quality.suites.get(unique_id)
        if checks is None or suite is None or not suite.quarantines:
            return checks, None
        inputs = self._audits.inputs(unique_id, candidate.frame)
        found = split(work, candidate, suite, checks, inputs=inputs, run_id=self.run_id)
        if found is None:
            return checks, None
        try:
            if found.aside and not found.too_many:
                checks = self._audit(unique_id, found.candidate.frame, is_candidate=True)
                assert checks is not None
            return told(found, checks, suite), found
        except BaseException:
            found.discard()
            raise

    def _publish(
        self,
        work: materialize.Work,
        candidate: materialize.Candidate,
        apart: Split | None,
        inputs: Sequence[TableRef],
        metadata: Mapping[str, Any],
    ) -> int | None:
        """Publishes a model, together with its quarantine where that changes; returns the model's version."""
        beside = (
            apart.step(self.warehouse.root, model=work.model.unique_id, run_id=self.run_id)
            if apart is not None
            else None
        )
        if beside is None:
            return materialize.publish(work, candidate, inputs=inputs, metadata=metadata)

        def act(journal: str) -> int | None:
            said = {**metadata, "journal": journal}
            return materialize.commit(work, candidate, inputs=inputs, metadata=said, alone=False)

        own = Step(label=work.model.label, table=work.table, act=act)
        version = publish_together(self.warehouse.root, [beside, own])[-1]
        materialize.announce(work, candidate, version=version)
        return version

    def _grant(self, work: materialize.Work) -> None:
        if note := apply_grants(work):
            self.notes.append(note)

    def _check(self, unique_id: str) -> NodeResult:
        with tagged(self.warehouse.spark, self.run_id, pool=unique_id), self._stage(unique_id, "checks"):
            return self._check_published(unique_id)

    def _check_published(self, unique_id: str) -> NodeResult:
        node = self.project.node(unique_id)
        if not self._audits.asks(unique_id):
            return NodeResult(unique_id=unique_id, status="success", message="no checks")
        try:
            read = self.staging.of(node.table)
            checks = self._audit(unique_id, self.warehouse.frame(read), is_candidate=read != node.table)
            assert checks is not None
            if isinstance(node, SourceTable):
                checks = with_paths(with_quarantine(checks, node, self.warehouse), node, self.warehouse)
                checks = with_freshness(checks, self.project, node, self.warehouse.spark, blocks=not self._builds)
            elif suite := self.quality.suites.get(unique_id):
                checks = still_apart(self.warehouse.root, node, checks, suite)
        except MissingTableError as error:
            return NodeResult(unique_id=unique_id, status="error", message=self._missing(unique_id, error))
        except ProjectError as error:
            return NodeResult(unique_id=unique_id, status="error", message=str(error))
        if not checks.success:
            return NodeResult(
                unique_id=unique_id, status="error", message=_failed(checks), checks=checks, rows=checks.rows
            )
        warned = _warned(checks)
        return NodeResult(
            unique_id=unique_id, status="warn" if warned else "success", message=warned, checks=checks, rows=checks.rows
        )

    def _audit_of(self, nodes: Sequence[str]) -> Audit:
        return Audit(
            project=self.project,
            quality=self.quality,
            warehouse=self.warehouse,
            placed=self.quality.placed(nodes),
            run_id=self.run_id,
            stores=self.options.store_failures,
            reads=self.staging.of,
        )

    def _audit(self, unique_id: str, frame: DataFrame, *, is_candidate: bool) -> SuiteResult | None:
        try:
            node = self.project.node(unique_id)
            earlier = partial(last_good, self.warehouse, node, is_candidate=is_candidate)
            return self._audits.judge(unique_id, frame, is_candidate=is_candidate, earlier=earlier)
        except MissingTableError as error:
            raise ProjectError(self._missing(unique_id, error)) from error

    def _register_inputs(self, model: Model) -> list[TableRef]:
        inputs = inputs_of(self.project, model)
        for ref in inputs:
            try:
                self.warehouse.register(self.staging.of(ref))
            except MissingTableError as error:
                raise ProjectError(self._missing(model.unique_id, error)) from error
        return inputs

    def _missing(self, reader: str, error: MissingTableError) -> str:
        nodes = {node.table: node for node in self.project.nodes()}
        node = nodes.get(error.ref)
        own = self.project.node(reader)
        name = own.name if isinstance(own, Model) else own.label
        if isinstance(node, SourceTable):
            return f"{name} reads {node.label}, which has not been landed. Land it: run ingest {node.label}"
        wanted = node.name if node else str(error.ref)
        command = _COMMAND[node.resource_type] if node else _COMMAND["model"]
        if node is own:
            return f"{name} has not been built. Build it: run {command}{name}"
        return f"{name} reads {wanted}, which has not been built. Build it: run {command}{wanted}"

    def _metadata(self, model: Model) -> Mapping[str, Any]:
        return {"sluice": 1, "run_id": self.run_id, "model": model.unique_id}

    def _model(self, unique_id: str) -> Model:
        node = self.project.node(unique_id)
        assert isinstance(node, Model)
        return node

    def _compile_before(self, model: Model) -> Compiled | None:
        with self._stage(model.unique_id, "compile"):
            return self._compile(model)

    def _compile(self, model: Model) -> Compiled | None:
        """Returns the model's SQL; None where its template asks the warehouse: that waits for its parents."""
        if model.language != "sql":
            return Compiled(model=model, body="", ctes={}, captured=Captured())
        recorder = Recorder(self.project.warehouse)
        try:
            compiled = self._compiled_with(model, recorder)
        except ProjectError:
            if recorder.used:
                return None
            raise
        return None if recorder.used else compiled

    def _compiled_for(self, model: Model) -> tuple[Compiled, Compiled]:
        """Returns the model's SQL as it is run, over candidates of this run perhaps, and as it is published."""
        plain = self._compiled.get(model.unique_id)
        relations = self.staging.relations(model)
        if plain is not None and not relations:
            return plain, plain
        with self._stage(model.unique_id, "compile"):
            return self._compiled_over(model, plain, relations)

    def _compiled_over(
        self, model: Model, plain: Compiled | None, relations: Mapping[str, Relation]
    ) -> tuple[Compiled, Compiled]:
        if not relations:
            plain = plain or self._compile_now(model)
            return plain, plain
        compiled = self._compiled_with(model, self._database(), relations)
        if plain is None:
            plain = self.staging.as_published(compiled)
            write_compiled(self.project, plain)
        return compiled, plain

    def _compile_now(self, model: Model) -> Compiled:
        """Returns the SQL of a model whose template asks the warehouse, now that its parents are built."""
        compiled = self._compiled_with(model, self._database())
        write_compiled(self.project, compiled)
        return compiled

    def _database(self) -> Introspection:
        known = [*(node.table for node in self.project.nodes()), *self.staging.refs]
        return Introspection(self.project.warehouse, lambda: self.warehouse, known, columns=self.staging.columns)

    def _compiled_with(
        self, model: Model, database: Database, relations: Mapping[str, Relation] | None = None
    ) -> Compiled:
        goes_on = materialize.goes_on(model, self.project.warehouse, full_refresh=self.options.full_refresh)
        incremental = goes_on and model.config.materialized == "incremental"
        flags = {"FULL_REFRESH": self.options.full_refresh, "WHICH": "build"}
        return compile_model(
            self.project, model, is_incremental=incremental, database=database, flags=flags, relations=relations
        )


def _would_go_aside(result: NodeResult) -> bool:
    """True where published rows fail a check that puts rows into quarantine: building the model does that."""
    found = result.checks.results if result.checks is not None and result.stops else ()
    return any(one.blocking and one.expectation.on_failure == QUARANTINE for one in found)


_COMMAND = {"model": "models --select +", "seed": "seed --select ", "snapshot": "snapshot --select "}


def _shown(model: Model, result: NodeResult) -> dict[str, Any]:
    failures = sum(one.status == "fail" for one in result.checks.results) if result.checks is not None else None
    return shown_result(model, status=result.status, message=result.message, seconds=result.seconds, failures=failures)


def with_batches(result: NodeResult, batches: BatchResults | None) -> NodeResult:
    """Returns the result of a microbatch model: what failed of its batches is an error, though the others are published."""
    if batches is None:
        return result
    result = replace(result, batches=batches.artifact())
    return replace(result, status="error", message=batches.words()) if batches.failed else result


def _incomplete(batches: BatchResults | None, window: tuple[datetime | None, datetime | None]) -> str:
    """Returns what is left to do of a microbatch model; empty where nothing is."""
    if batches is None:
        return ""
    if batches.failed:
        return "some of its batches failed"
    return "only the batches that were asked for were built" if window != (None, None) else ""


def _failed(checks: SuiteResult) -> str:
    return listed([result.message for result in checks.results if result.blocking], most=3)


def _warned(checks: SuiteResult | None) -> str:
    return listed([result.message for result in checks.results if result.status != "pass"], most=2) if checks else ""


def listed(messages: Sequence[str], *, most: int) -> str:
    """Returns the first of some sentences in one line: "a is late; b is empty. (+1 more)"."""
    shown = messages[:most]
    text = "; ".join([*(one.removesuffix(".") for one in shown[:-1]), *shown[-1:]])
    return text + (f" (+{len(messages) - most} more)" if len(messages) > most else "")

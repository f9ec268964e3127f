"""What a run has built and not yet published: children read it in place of what stands, and all of it is published at
the run's end, or none.

A candidate is known to the session under a schema of this run alone (`staged_3f9c__marts`), so that nothing reads it by
chance. What stands between a candidate and a child, a view that the run does not build, is made there as well.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from runner import materialize
from runner.compile import Compiled
from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.jinja.render import Relation
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.publishing.journal import Step, check_unchanged, publish_together
from runner.publishing.row_quarantine import Split
from runner.state.commits import standing
from runner.state.decide import Parents, Reason, State
from runner.warehouse import Warehouse, is_view, read_view, renamed, view_as_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A node that is built and checked, and waits for the run's end.

    Attributes:
        candidate: with its SQL as it is published.
        inputs: the tables that its SQL names.
        metadata: what its commit says, but for the versions of parents that are published just before it.
        finish: what follows its publication.
        apart: the rows of it that go into quarantine with it.
    """

    unique_id: str
    work: materialize.Work
    candidate: materialize.Candidate
    inputs: Sequence[TableRef]
    metadata: Mapping[str, Any]
    finish: Callable[[], None]
    apart: Split | None = None


class Staging:
    """The candidates of one run. Names are looked up by the threads that build."""

    def __init__(self, project: Project, warehouse: Warehouse) -> None:
        self._project = project
        self._warehouse = warehouse
        self._word = f"staged_{uuid.uuid4().hex[:8]}"
        self._nodes = {node.table: node for node in project.nodes()}
        self._refs: dict[TableRef, TableRef] = {}
        self._reshaped: set[TableRef] = set()  # those whose columns are others than what stands
        self._held: list[Held] = []
        self._later: list[tuple[str, Callable[[], None]]] = []
        self._early: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.RLock()
        self.columns: dict[TableRef, Sequence[tuple[str, str]]] = {}  # of views, which have none on disk

    @property
    def refs(self) -> list[TableRef]:
        """The names under which candidates are known."""
        with self._lock:
            return list(self._refs.values())

    def hold(self, held: Held) -> None:
        """Takes in a node; from now on its children read its candidate."""
        candidate, model = held.candidate, held.work.model
        with self._lock:
            self._held.append(held)
            if candidate.unchanged:
                return
            if candidate.path is None:
                self._define(model.table, held.work.compiled.sql)
                before = read_view(held.work.table)["sql"] if is_view(held.work.table) else ""
                reshaped = before != candidate.compiled.sql
                for ref in held.inputs:
                    node, now = self._nodes.get(ref), standing(ref.path(self._warehouse.root))
                    if node is not None and now is not None:
                        said = {"table_id": now.table_id, "version": now.version, "columns": now.columns}
                        self._early.setdefault(node.unique_id, said)
            else:
                self._refs[model.table] = replace(self._named(model.table), folder=candidate.path.absolute())
                now, then = standing(candidate.path), standing(held.work.table)
                reshaped = now is None or then is None or now.columns != then.columns
            if reshaped:
                self._reshaped.add(model.table)

    def later(self, unique_id: str, act: Callable[[], None]) -> None:
        """Does something for a node once the set is published; nothing where it is not."""
        with self._lock:
            self._later.append((unique_id, act))

    def of(self, ref: TableRef) -> TableRef:
        """Returns where a table is to be read: its candidate, a view over candidates, or what is published."""
        with self._lock:
            if not self._held or ref in self._refs:
                return self._refs.get(ref, ref)
            path = self._warehouse.path(ref)
            if not is_view(path):
                return ref
            sql, inputs = view_as_named(ref, read_view(path))
            moved = {one: self.of(one) for one in inputs}
            names = {str(one): str(now) for one, now in moved.items() if now != one}
            if not names:
                return ref
            for now in moved.values():
                self._warehouse.register(now)
            if any(one in self._reshaped for one in moved):
                self._reshaped.add(ref)
            return self._define(ref, renamed(sql, names))

    def relations(self, model: Model) -> dict[str, Relation]:
        """Returns what stands for a model's inputs instead of their published tables, by label."""
        found: dict[str, Relation] = {}
        for node in self._inputs(model.unique_id):
            now = self.of(node.table)
            if now != node.table:
                found[node.label] = Relation(now)
        return found

    def moved(self, unique_id: str) -> list[Reason]:
        """Returns why a node must be built though its published parents are what they were."""
        return [reason for node in self._inputs(unique_id) for reason in self._reasons(node)]

    def compared(self, references: Mapping[str, str]) -> list[Reason]:
        """Returns why a node's checks must run: the tables that they compare with, by name → unique id."""
        nodes = [self._project.node(other) for other in references.values()]
        return [
            Reason(kind="checks", text=f"a check reads another table: {reason.text}")
            for node in nodes
            for reason in self._reasons(node)
        ]

    def as_published(self, compiled: Compiled) -> Compiled:
        """Returns SQL that names candidates as it names them once they are published."""
        with self._lock:
            names = {str(now): str(ref) for ref, now in self._refs.items()}
        ctes = {name: renamed(sql, names) for name, sql in compiled.ctes.items()}
        return replace(compiled, body=renamed(compiled.body, names), ctes=ctes)

    def publish(
        self, results: Sequence[NodeResult], state: State, *, failed: bool = False
    ) -> tuple[list[NodeResult], str]:
        """Publishes all that is held, or, where a node of the run failed or a table was changed meanwhile, nothing.

        Args:
            failed: something of the run failed before its nodes.

        Returns:
            The results as they end, and a line for people.
        """
        stopped = [result for result in results if result.status in ("error", "withheld")]
        if stopped or failed:
            names = _listed([self._label(one.unique_id) for one in stopped]) or "a landing"
            return self._dropped(results, f"{names} failed, and this run publishes all or nothing")
        versions: dict[str, int] = {}
        at: list[str] = []
        steps = [
            step
            for held in self._held
            for step in (self._beside(held), self._step(held, state, versions, at))
            if step is not None
        ]
        count = sum(not held.candidate.unchanged for held in self._held)
        try:
            publish_together(self._warehouse.root, steps)
        except ProjectError as error:
            cause = at[-1] if at else self._held[0].unique_id
            ended, note = self._dropped(results, f"{self._label(cause)} could not be published")
            return [
                replace(one, status="error", message=str(error)) if one.unique_id == cause else one for one in ended
            ], note
        ended = self._finish(results, state, versions)
        self._forget()
        return ended, f"{count} tables and views were published together." if count else ""

    def drop(self) -> None:
        """Removes all candidates that are held."""
        for held in self._held:
            materialize.discard(held.candidate)
            if held.apart is not None:
                held.apart.discard()
        self._forget()

    def _dropped(self, results: Sequence[NodeResult], why: str) -> tuple[list[NodeResult], str]:
        held = {one.unique_id for one in self._held if not one.candidate.unchanged}
        self.drop()
        ended = [
            replace(one, status="withheld", message=f"not published: {why}", version=None)
            if one.unique_id in held
            else one
            for one in results
        ]
        lost = f" {len(held)} that were built are dropped." if held else ""
        return ended, f"Nothing was published: {why}.{lost} Readers keep what they had."

    def _finish(self, results: Sequence[NodeResult], state: State, versions: Mapping[str, int]) -> list[NodeResult]:
        ended = {one.unique_id: one for one in results}
        for held in self._held:
            unique_id = held.unique_id
            version = versions.get(unique_id, held.candidate.read_version)
            ended[unique_id] = replace(ended[unique_id], version=version)
            try:
                materialize.announce(held.work, held.candidate, version=version)
                held.finish()
            except ProjectError as error:
                ended[unique_id] = replace(ended[unique_id], status="error", message=str(error))
        for unique_id, act in self._later:
            state.read_again(unique_id, versions, self._early)
            act()
        return list(ended.values())

    def _beside(self, held: Held) -> Step | None:
        """Returns the publication of a node's quarantine; None where nothing of it changes."""
        if held.apart is None:
            return None
        return held.apart.step(self._warehouse.root, model=held.unique_id, run_id=str(held.metadata["run_id"]))

    def _step(self, held: Held, state: State, versions: dict[str, int], at: list[str]) -> Step | None:
        candidate, table = held.candidate, held.work.table
        if candidate.unchanged:
            return None

        def check() -> None:
            at.append(held.unique_id)
            if candidate.path is not None:
                check_unchanged(table, candidate.read_version)

        def act(journal: str) -> int | None:
            at.append(held.unique_id)
            read: dict[str, Parents] = state.read_again(held.unique_id, versions, self._early)
            said = {**held.metadata, **read, "journal": journal, "finished_at": datetime.now(UTC).isoformat()}
            version = materialize.commit(held.work, candidate, inputs=held.inputs, metadata=said, alone=False)
            if version is not None:
                versions[held.unique_id] = version
            return version

        return Step(label=held.work.model.label, table=table, act=act, check=check)

    def _inputs(self, unique_id: str) -> Iterator[Any]:
        """Yields the tables that a node reads, through ephemeral models."""
        for parent in self._project.graph.parents(unique_id):
            node = self._project.node(parent)
            if isinstance(node, Model) and node.config.materialized == "ephemeral":
                yield from self._inputs(parent)
            else:
                yield node

    def _reasons(self, node: Any) -> Iterator[Reason]:
        if self.of(node.table) != node.table:
            yield Reason(kind="rows", text=f"{node.label} is built before it")
            if node.table in self._reshaped:
                yield Reason(kind="columns", text=f"{node.label} has other columns")

    def _define(self, ref: TableRef, sql: str) -> TableRef:
        named = self._named(ref)
        self._warehouse.define(named, sql)
        fields = self._warehouse.spark.table(named.quoted()).schema.fields
        self.columns[named] = [(field.name, field.dataType.simpleString()) for field in fields]
        self._refs[ref] = named
        return named

    def _named(self, ref: TableRef) -> TableRef:
        return TableRef(f"{self._word}__{ref.schema}", ref.name)

    def _label(self, unique_id: str) -> str:
        return self._project.node(unique_id).label

    def _forget(self) -> None:
        """Lets the session forget the candidates' names."""
        for schema in sorted({now.schema for now in self._refs.values()}):
            self._warehouse.spark.sql(f"drop schema if exists `{schema}` cascade")
        self._held, self._later, self._refs = [], [], {}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

"""A project whose models stand in the warehouse as a run would have left them, made without Spark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from runner.compile import compile_model, inputs_of
from runner.model import Model
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.state.decide import Decision, State
from runner.warehouse import publish_view

Write = Callable[[Mapping[str, str]], Path]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

FILES = {
    "project.yml": """
        name: tiny
        vars: {least: 2}
        models:
          tiny:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        targets:
          dev: {warehouse: warehouse, schema: marts}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: shop
            tables:
              - name: orders
                columns:
                  - {name: order_id, data_type: int, data_tests: [not_null]}
                  - {name: total, data_type: int}
        """,
    "macros/doubled.sql": "{% macro doubled(column) %}{{ column }} * 2{% endmacro %}",
    "models/staging/stg_orders.sql": "select order_id, total from {{ source('shop', 'orders') }}",
    "models/totals.sql": "select sum({{ doubled('total') }}) as revenue from {{ ref('stg_orders') }}",
    "models/report.sql": "select revenue from {{ ref('totals') }} where revenue >= {{ var('least') }}",
    "models/_models.yml": """
        version: 2
        models:
          - name: totals
            columns: [{name: revenue, data_tests: [not_null]}]
        """,
}


@dataclass
class Settled:
    """A project and its warehouse."""

    root: Path
    now: datetime = NOW

    def project(self) -> Project:
        return load_project(self.root)

    def state(self, **how: Any) -> State:
        project = self.project()
        return State(project, load_quality(project), now=self.now, **how)

    def decide(self, name: str, **how: Any) -> Decision:
        return self.state(**how).decide(f"source.tiny.{name}" if "." in name else f"model.tiny.{name}")

    def why(self, name: str, **how: Any) -> str:
        """Returns what is to be done with a node, and why."""
        decision = self.decide(name, **how)
        return f"{decision.act}: {decision.why}" if decision.why else decision.act

    def path(self, name: str) -> Path:
        return self.root / "warehouse" / name

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def rows(
        self,
        name: str,
        *values: int,
        columns: Sequence[str] = ("order_id", "total"),
        mode: Any = "overwrite",
        said: Mapping[str, Any] | None = None,
    ) -> None:
        """Commits rows to a table, as another program would, or with our metadata; a row has one value in all columns."""
        properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(said)}) if said else None
        table = pa.table({column: pa.array(values, pa.int64()) for column in columns})
        write_deltalake(str(self.path(name)), table, mode=mode, commit_properties=properties)

    def publish(
        self, name: str, *, seconds: float = 2.0, run_id: str = "run-1", incomplete: str = "", **how: Any
    ) -> None:
        """Leaves a model as a run that builds it would."""
        project = self.project()
        state = State(project, load_quality(project), now=self.now, **how)
        model = project.node(f"model.tiny.{name}")
        assert isinstance(model, Model)
        state.decide(model.unique_id)
        said = {"sluice": 1, "run_id": run_id, "model": model.unique_id}
        said |= state.metadata(model.unique_id, seconds=seconds, incomplete=incomplete)
        if model.config.materialized == "view":
            sql = compile_model(project, model).sql
            path = model.table.path(project.warehouse)
            publish_view(path, sql=sql, inputs=inputs_of(project, model), metadata=said)
        else:
            self.rows(f"{model.table.schema}/{model.table.name}", 1, 2, columns=["revenue"], said=said)

    def judge(self, name: str) -> None:
        """Leaves a node as a run does whose checks of it passed."""
        state = self.state()
        node = f"source.tiny.{name}" if "." in name else f"model.tiny.{name}"
        state.decide(node)
        state.passed(node, run_id="run-2")


@pytest.fixture
def settled(write: Write) -> Settled:
    """A source, a view over it, a table over the view, a table over that: all as of one run."""
    return stands(write(FILES))


def stands(root: Path) -> Settled:
    """Leaves the tables of the project in a folder as one run would."""
    found = Settled(root)
    found.rows("shop/orders", 1, 2)
    found.judge("shop.orders")
    for name in ("stg_orders", "totals", "report"):
        found.publish(name)
    return found

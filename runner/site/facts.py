"""What the pages are made of: the project and what is known of it. Each is read once, and only if a page asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from expectations.reports.runs import Summary, read_summaries
from runner.artifacts.outcome import REPORTS
from runner.artifacts.records import RunRecord, read_records
from runner.dashboards.answers import FOLDER, Answers, find_answers
from runner.dashboards.panel import Made, make_panel
from runner.lineage.columns import Lineage, column_lineage
from runner.lineage.hidden import Hidden
from runner.model import Model, SourceTable
from runner.project.parse import Project
from runner.site.ages import ages, find_ages
from runner.site.quality.past import Past, read_past
from runner.site.runs.series import Point, series
from runner.sources.freshness import Freshness
from runner.state.decide import State
from runner.state.plan import Planned, make_plan
from runner.warehouse import exists

if TYPE_CHECKING:
    from runner.quality import Quality

Standing = Literal["fresh", "stale", "failed", "skipped", "missing"]


@dataclass(kw_only=True)
class Facts:
    """A project, and what its tables, records and reports say.

    Attributes:
        now: the moment that the site tells of.
        asked: the answers that dashboards are drawn from; those that are kept, where nobody asked.
        aged: the answers that say how old landed tables are; likewise.
    """

    project: Project
    quality: Quality
    now: datetime
    asked: Answers | None = None
    aged: Answers | None = None

    @cached_property
    def panels(self) -> Mapping[str, list[Made]]:
        """By name of a dashboard: its panels made ready."""
        dashboards = self.project.files.dashboards
        answers = self.asked or find_answers(
            self.project, dashboards.values(), now=self.now, refused=self.hidden.refused
        )
        kept = self.project.files.target_folder / FOLDER
        return {
            name: [make_panel(panel, answers, kept=kept) for panel in dashboard.panels]
            for name, dashboard in dashboards.items()
        }

    @cached_property
    def records(self) -> list[RunRecord]:
        """The kept records of runs, newest first."""
        return read_records(self.project)

    @cached_property
    def reports(self) -> list[Summary]:
        """The kept validation reports in a line each, newest first."""
        return read_summaries(self.project.files.target_folder / REPORTS)

    @cached_property
    def series(self) -> Mapping[str, tuple[Point, ...]]:
        """By unique id: what the target's kept runs did with a table, oldest first; see `runs.drawn.over_time`."""
        return series(self.project, self.records)

    @cached_property
    def past(self) -> Past:
        """What the checks said in the newest runs, by table; empty where their results cannot be read."""
        return read_past(self.project, self.quality)

    @cached_property
    def lineage(self) -> Lineage:
        """Where each column comes from."""
        return column_lineage(self.project)

    @cached_property
    def hidden(self) -> Hidden:
        """Which columns show no values."""
        return Hidden(self.project, lambda: self.lineage)

    @cached_property
    def plan(self) -> Mapping[str, Planned]:
        """By unique id of what can be built: what a run would do now, and why."""
        nodes = [name for name in self.project.graph.order if name in self.project.buildable]
        plan = make_plan(
            self.project,
            State(self.project, self.quality, now=self.now),
            nodes,
            threads=self.project.files.target.threads,
        )
        return {one.unique_id: one for one in plan.nodes}

    @cached_property
    def freshness(self) -> Mapping[str, Freshness]:
        """By unique id of a landed table that says how old it may be: how old it is."""
        answers = self.aged or find_ages(self.project, now=self.now)
        return {one.table.unique_id: one for one in ages(self.project, answers, now=self.now)}

    @cached_property
    def last_seen(self) -> Mapping[str, tuple[RunRecord, Mapping[str, object]]]:
        """By unique id: the target's newest run that a node took part in, and what the record says of it there."""
        seen: dict[str, tuple[RunRecord, Mapping[str, object]]] = {}
        for record in self.records:
            for node in record.nodes if record.target == self.project.files.target.name else ():
                seen.setdefault(node["unique_id"], (record, node))
        return seen

    def standing(self, node: Model | SourceTable) -> Standing:
        """Returns how a table stands: as it would be built now, behind that, or as its last run left it.

        `failed` (withheld, too) and `skipped` are what its newest run said; `missing` was never built.
        """
        from runner import delta

        _, said = self.last_seen.get(node.unique_id, (None, {}))
        if said.get("status") in ("error", "fail", "withheld"):
            return "failed"
        if said.get("status") == "skipped":
            return "skipped"
        if isinstance(node, SourceTable):
            found = self.freshness.get(node.unique_id)
            if not delta.is_table(node.table.path(self.project.warehouse)):
                return "missing"
            return "stale" if found is not None and found.is_late else "fresh"
        planned = self.plan.get(node.unique_id)
        if planned is None or node.config.materialized == "ephemeral":
            return "fresh"
        if planned.act == "reuse":
            return "fresh"
        return "stale" if exists(node.table.path(self.project.warehouse)) else "missing"

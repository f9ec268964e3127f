"""Runs on no rows, or on few: the project with what it builds and what it reads standing in schemas of their own.

What is built goes into `empty__<schema>` or `sample__<schema>`, beside the published tables, which stay as they are.
What is read and not built is a view there, of the published table's rows that the sample takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from runner.batches import Batch, moment
from runner.environments.places import relocated
from runner.errors import FormatError, ProjectError
from runner.materialize.microbatch import between, event_time
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.warehouse import exists, publish_view

_PERIOD = re.compile(r"(\d+)\s*(hour|day|month|year)s?")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_HOURS = {"hour": 1, "day": 24, "month": 24 * 30, "year": 24 * 365}
_SEED = 7  # the same rows each time
_FORMS = 'Write a period ("3 days"), a share ("1%"), or a range ("{start: 2026-01-01, end: 2026-01-08}").'


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which rows of what is read are taken: none, a share, or those of a time.

    Attributes:
        percent: a share of each table's rows, 0 to 100; 0 takes none.
        start, end: the moments between which a row's `event_time` is, start included; rows of tables without
            `event_time` are all taken.
    """

    percent: float | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def word(self) -> str:
        """How the schemas begin."""
        return "empty" if self.percent == 0 else "sample"

    @property
    def is_of_time(self) -> bool:
        return self.percent is None


EMPTY = Sample(percent=0)


def parse_sample(text: str, *, now: datetime | None = None) -> Sample:
    """Reads what --sample says: `3 days`, `1%`, or a range as a mapping.

    Raises:
        FormatError: it is none of these.
    """
    now = now or datetime.now(UTC)
    if match := _PERIOD.fullmatch(text.strip().lower()):
        return Sample(start=now - timedelta(hours=int(match[1]) * _HOURS[match[2]]), end=now)
    if match := _SHARE.fullmatch(text.strip()):
        if not 0 < float(match[1]) <= 100:
            raise FormatError(f"--sample: a share is above 0% and up to 100%, not {text}.")
        return Sample(percent=float(match[1]))
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FormatError(f'--sample: "{text}" is no sample. {_FORMS}') from error
    if not isinstance(found, dict) or not found or set(found) - {"start", "end"}:
        raise FormatError(f'--sample: "{text}" is no sample. {_FORMS}')
    start = moment(found["start"], place="--sample: start") if "start" in found else datetime(1970, 1, 1, tzinfo=UTC)
    end = moment(found["end"], place="--sample: end") if "end" in found else now
    if start >= end:
        raise FormatError(f'--sample: "{text}" ends before it starts.')
    return Sample(start=start, end=end)


def sampled(project: Project, nodes: Sequence[str], sample: Sample) -> Project:
    """Returns the project in which `nodes` are built beside the published tables, from samples of what they read.

    Raises:
        ProjectError: something that they read is not there; no table has an `event_time` to sample by.
    """
    refs = {node.unique_id: _beside(node.table, sample) for node in project.nodes()}
    read = list(_read(project, nodes))
    if sample.is_of_time and not any(event_time(project.node(node)) for node in read):
        raise ProjectError(
            "--sample takes rows by time, and nothing that the selected models read says which column is its time. "
            'Give one of them "event_time" in its config, or take a share: --sample 1%'
        )
    for unique_id in read:
        node = project.node(unique_id)
        if not exists(node.table.path(project.warehouse)):
            raise ProjectError(_missing(node))
        publish_view(
            refs[unique_id].path(project.warehouse),
            sql=_sql(node, sample),
            inputs=[node.table],
            metadata={"sluice": 1, "model": unique_id, "sample": sample.word},
        )
    return relocated(project, refs)


def _beside(ref: TableRef, sample: Sample) -> TableRef:
    return replace(ref, schema=f"{sample.word}__{ref.schema}", folder=None, version=None)


def _read(project: Project, nodes: Iterable[str]) -> Iterable[str]:
    """Yields what the nodes read and do not build; through ephemeral models, which are in their SQL."""
    built, seen = set(nodes), set()
    waiting = list(nodes)
    while waiting:
        for parent in project.graph.parents(waiting.pop()):
            if parent in built or parent in seen:
                continue
            seen.add(parent)
            node = project.node(parent)
            if isinstance(node, Model) and node.config.materialized == "ephemeral":
                waiting.append(parent)
            else:
                yield parent


def _sql(node: Model | SourceTable, sample: Sample) -> str:
    name = node.table.quoted()
    if sample.percent == 0:
        return f"select * from {name} where false"
    if sample.percent is not None:
        return f"select * from {name} tablesample ({sample.percent} percent) repeatable ({_SEED})"
    column = event_time(node)
    if column is None:
        return f"select * from {name}"
    assert sample.start is not None and sample.end is not None
    return f"select * from {name} where {between(column, Batch(sample.start, sample.end))}"


def _missing(node: Model | SourceTable) -> str:
    if isinstance(node, SourceTable):
        return f"{node.label} has not been landed. Land it: run ingest {node.label}"
    return f"{node.label} has not been built. Build it: run models --select +{node.name}"

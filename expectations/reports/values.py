"""What a report is made of, as plain values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from expectations.definition import Level
from expectations.result import SuiteResult

ReaderState = Literal["", "skipped", "built", "failed", "reused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who answers for a table.

    Attributes:
        said_by: what names them, e.g. "group crm".
    """

    name: str
    email: str = ""
    said_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reads a table, directly or through others.

    Attributes:
        kind: model, seed, snapshot or exposure.
        parents: names of those it reads, among the table itself and its readers.
        state: what this run did with it; empty where it was not part of the run, and for exposures.
    """

    name: str
    kind: str = "model"
    parents: tuple[str, ...] = ()
    owner: Owner | None = None
    state: ReaderState = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the project knows of a table besides its rows.

    Attributes:
        path: the file that defines it, relative to the project.
        readers: all that stands below it, parents before children.
    """

    owner: Owner | None = None
    description: str = ""
    path: str = ""
    readers: tuple[Reader, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbuilt:
    """A table that the run could not judge.

    Attributes:
        skipped: True where something above it failed; False where it failed itself, before any check.
    """

    name: str
    message: str
    skipped: bool
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCase:
    """How a unit test ended.

    Attributes:
        place: `file:line`.
    """

    model: str
    name: str
    passed: bool
    message: str = ""
    place: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a check measured in an earlier run.

    Attributes:
        at: when, in UTC.
        value: in the unit of the check's figure.
        expected, allowed: what a check that judges by the past expected then, and how much more or less it allowed.
    """

    run_id: str
    at: datetime.datetime
    value: float
    status: Level
    expected: float | None = None
    allowed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the last comparison of a landed table with its store said.

    Attributes:
        at, run_id: the run that made it, perhaps an earlier one than the report's.
        stored: records in the store.
        landed, quarantined: rows here.
        ranges, differing_ranges: ranges of keys whose digests were compared, and those that differ.
        kinds: how many keys differ in which way; see `checks.store.KINDS`.
    """

    at: datetime.datetime
    run_id: str
    status: Level
    stored: int
    landed: int
    quarantined: int
    ranges: int = 0
    differing_ranges: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A landed table that the run read, or looked at.

    Attributes:
        store: the store it is of, as people say it.
        rows, quarantined: of its last landing; None where something else wrote it.
        taken_at: the moment that its rows are of.
        origin: where it was landed from: "its store", "files"; empty where something else wrote it.
        age_seconds: since it was last loaded; None where nobody knows.
        freshness: what `sources.yml` says of that; empty where it says nothing.
        allowed: what it allows, in words.
    """

    table: str
    store: str
    rows: int | None = None
    quarantined: int | None = None
    taken_at: datetime.datetime | None = None
    origin: str = ""
    age_seconds: float | None = None
    freshness: Level | Literal[""] = ""
    allowed: str = ""
    compared: Compared | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The run that a report is of.

    Attributes:
        run_id: its id, as artifacts name it.
        command: what was asked, e.g. "run models --select clv+".
        seconds: how long it took, checks included.
        withheld: tables whose candidate was not published; failing ones that are not among them were published before.
        finished_at: in UTC; left out of the report where it is None.
    """

    run_id: str
    project: str = ""
    target: str = ""
    command: str = ""
    seconds: float = 0.0
    withheld: tuple[str, ...] = ()
    finished_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a report says.

    Attributes:
        contexts: by table.
        trends: by table, what the check that names its cause measured in earlier runs, oldest first.
        sources: the landed tables above the run's, with their age and what their store holds.
        data_docs: the address of Great Expectations' own pages, relative to the report's folder; empty where none were
            written.
    """

    run: RunInfo
    tables: tuple[SuiteResult, ...] = ()
    contexts: Mapping[str, Context] = field(default_factory=dict)
    trends: Mapping[str, tuple[Observation, ...]] = field(default_factory=dict)
    unbuilt: tuple[Unbuilt, ...] = ()
    unit_tests: tuple[UnitCase, ...] = ()
    sources: tuple[Landed, ...] = ()
    data_docs: str = ""

    def context(self, table: str) -> Context:
        """Returns what is known of a table; nothing where nothing is."""
        return self.contexts.get(table, Context())

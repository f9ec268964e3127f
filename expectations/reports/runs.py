"""The folder of all kept runs: one folder each, a summary in it, and a page over them that opens from the disk."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expectations.definition import Level
from expectations.reports.headline import causes, headline
from expectations.reports.values import Report

KEPT = 100  # runs whose pages are kept
LATEST = "latest"  # the folder that holds a copy of the newest run's report
_SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in one line.

    Attributes:
        folder: the name of its folder, which begins with the time at which it ended.
        finished_at: in UTC.
        causes: of each failing table its cause.
    """

    folder: str
    run_id: str
    command: str
    target: str
    finished_at: datetime.datetime
    seconds: float
    status: Level
    headline: str
    tables: int
    failed: int
    warned: int
    checks: int
    causes: Mapping[str, str] = field(default_factory=dict)


def folder_name(report: Report) -> str:
    """Returns the name of a run's folder: when it ended and the beginning of its id, so that names sort by time."""
    at = report.run.finished_at or datetime.datetime.fromtimestamp(0, datetime.UTC)
    return f"{at:%Y-%m-%d-%H%M%S}-{report.run.run_id[:8]}"


def summary_of(report: Report) -> Summary:
    """Returns a run in one line."""
    first, run = headline(report), report.run
    statuses = [one.status for one in report.tables]
    return Summary(
        folder=folder_name(report),
        run_id=run.run_id,
        command=run.command,
        target=run.target,
        finished_at=run.finished_at or datetime.datetime.fromtimestamp(0, datetime.UTC),
        seconds=round(run.seconds, 1),
        status=first.status,
        headline=first.text,
        tables=len(statuses),
        failed=statuses.count("fail"),
        warned=statuses.count("warn"),
        checks=sum(len(one.results) for one in report.tables),
        causes=dict(causes(report)),
    )


def write_summary(summary: Summary, folder: Path) -> None:
    """Writes a run's summary into its folder."""
    values = {name: getattr(summary, name) for name in Summary.__dataclass_fields__}
    text = json.dumps({**values, "finished_at": summary.finished_at.isoformat()}, ensure_ascii=False)
    (folder / _SUMMARY).write_text(text + "\n", encoding="utf-8")


def read_summaries(folder: Path) -> list[Summary]:
    """Returns the runs of a folder, newest first; what is no run is left out."""
    found = [one for path in folder.glob(f"*/{_SUMMARY}") if path.parent.name != LATEST and (one := _read(path))]
    return sorted(found, key=lambda one: (one.finished_at, one.folder), reverse=True)


def drop_oldest(folder: Path, summaries: list[Summary]) -> list[Summary]:
    """Removes the runs beyond the newest `KEPT`; returns those that are left."""
    for old in summaries[KEPT:]:
        shutil.rmtree(folder / old.folder, ignore_errors=True)
    return summaries[:KEPT]


def _read(path: Path) -> Summary | None:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values["finished_at"] = datetime.datetime.fromisoformat(values["finished_at"])
        return Summary(**{**values, "folder": path.parent.name})
    except (OSError, ValueError, TypeError, KeyError):
        return None

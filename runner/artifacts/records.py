"""Records of runs: `target/runs/<run_id>.json`, one for each command that built, checked or tested something.

They say what was asked, and of each node what became of it and why. What was published stands in the tables' own logs;
these files say besides what failed, what was left alone, and what it was run with. The newest 200 are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from runner.artifacts import write_artifact
from runner.compile import compiled_path
from runner.execute import NodeResult
from runner.model import Model
from runner.project.parse import Project

KEPT = 200
_FOLDER = "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What was asked, and when.

    Attributes:
        run_id: names the run in commits, artifacts and records.
        command: the word after `run`, or what the Python API was asked for.
        arguments: its options by name, JSON values.
        seconds: wall-clock time until now.
    """

    run_id: str
    command: str
    arguments: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What one run did.

    Attributes:
        command: the word after `run`, such as `models`.
        arguments: its options by name, as JSON values.
        nodes: of each node its `unique_id`, `status`, `why`, `message`, `started_at`, `seconds`, `rows`, `version`,
            `parents`; `after`, the nodes of the run that it waited for; `stages`, each as its name, the second after
            `started_at` at which it began, and its seconds. Records of before these were kept have no such keys.
    """

    run_id: str
    command: str
    arguments: Mapping[str, Any]
    target: str
    started_at: datetime
    seconds: float
    nodes: Sequence[Mapping[str, Any]]

    def count(self, *statuses: str) -> int:
        """Returns how many nodes ended so."""
        return sum(node["status"] in statuses for node in self.nodes)


def asked(command: str, arguments: Mapping[str, Any]) -> str:
    """Returns what was asked, much as it was typed: `models clv+ --full-refresh`."""
    words = [*(arguments.get("select") or ()), *(arguments.get("words") or ())]
    flags = [f"--{name.replace('_', '-')}" for name, value in arguments.items() if value is True]
    return " ".join([command, *map(str, words), *flags])


def write_record(
    project: Project,
    results: Iterable[NodeResult],
    *,
    tests: Iterable[Mapping[str, Any]] = (),
    run_id: str,
    command: str,
    arguments: Mapping[str, Any],
    started_at: datetime,
    seconds: float,
) -> Path:
    """Writes the record of a run and removes the oldest beyond the newest `KEPT`; returns its path.

    Args:
        tests: entries of `run_results.json` for tests that ran by themselves.
    """
    value = {
        "run_id": run_id,
        "command": command,
        "arguments": dict(arguments),
        "target": project.files.target.name,
        "started_at": started_at.isoformat(),
        "seconds": round(seconds, 3),
        "nodes": [*(_node(project, result) for result in results), *map(_test, tests)],
    }
    path = write_artifact(project, f"{_FOLDER}/{run_id}.json", value)
    for old in _files(path.parent)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def read_records(project: Project) -> list[RunRecord]:
    """Returns the records of the target folder, newest first; files that are no records are left out."""
    found = [record for path in _files(project.files.target_folder / _FOLDER) if (record := _read(path)) is not None]
    return sorted(found, key=lambda record: record.started_at, reverse=True)


def _read(path: Path) -> RunRecord | None:
    try:
        value = orjson.loads(path.read_bytes())
        return RunRecord(**{**value, "started_at": datetime.fromisoformat(value["started_at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _files(folder: Path) -> list[Path]:
    """Returns a folder's records, the newest file first."""
    return sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def _test(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is kept of a test, which publishes nothing; its rows are those that failed."""
    kept = {name: entry[name] for name in ("unique_id", "status")}
    started = next((one["started_at"] for one in entry["timing"]), None)
    return {
        **kept,
        "why": "",
        "message": entry["message"] or "",
        "started_at": started,
        "seconds": round(entry["execution_time"], 3),
        "rows": entry["failures"],
        "version": None,
        "parents": {},
        "compiled_path": None,
    }


def _node(project: Project, result: NodeResult) -> dict[str, Any]:
    node = project.buildable.get(result.unique_id)
    path = compiled_path(project, node) if isinstance(node, Model) else None
    sql = path.relative_to(project.root).as_posix() if path is not None and path.is_file() else None
    return {
        "unique_id": result.unique_id,
        "status": result.status,
        "why": result.why,
        "message": result.message,
        "started_at": result.started_at.astimezone(UTC).isoformat(),
        "seconds": round(result.seconds, 3),
        "rows": result.rows,
        "version": result.version,
        "parents": result.parents,
        "after": list(result.after),
        "stages": [
            [one.name, round((one.started_at - result.started_at).total_seconds(), 3), round(one.seconds, 3)]
            for one in result.stages
        ],
        "compiled_path": sql,
    }

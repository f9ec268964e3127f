"""Every table over the kept runs: seconds, rows, bytes; and whether a figure is far from what it usually was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from expectations.stats.usual import MAD_TO_SIGMA, median
from runner import delta
from runner.artifacts.records import RunRecord
from runner.project.parse import Project
from runner.quality.kept import kept_versions

FEWEST = 3  # earlier figures that a comparison takes
LAST = 20  # earlier figures that it looks at
_SCALES = 3.0
_JUDGES = ("checks", "test")  # commands that build nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one run did with one table.

    Attributes:
        work: `build` where it was built, `check` where only its checks ran: times of both are not alike.
        rows, size: of the version that the run published, in rows and bytes of its files; None where it published none,
            and where the table's log does not go back so far.
    """

    run_id: str
    at: datetime
    work: str
    status: str
    seconds: float
    rows: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure held against earlier ones.

    Attributes:
        usual: their median.
        count: how many they are.
        unusual: `more` or `less` where it is clearly so, else empty.
    """

    usual: float
    count: int
    unusual: str = ""


def series(project: Project, records: Iterable[RunRecord]) -> dict[str, tuple[Point, ...]]:
    """Returns by unique id what the target's runs did with each table, oldest first; runs that left it alone are none."""
    found: dict[str, list[Point]] = {}
    sizes: dict[str, Mapping[int, tuple[int, int]]] = {}
    known = {node.unique_id: node for node in project.nodes()}
    for record in sorted(records, key=lambda one: one.started_at):
        if record.target != project.files.target.name:
            continue
        for node in record.nodes:
            name = node["unique_id"]
            if node["status"] in ("reused", "skipped") or name not in known or not node.get("started_at"):
                continue
            if name not in sizes and node["version"] is not None:
                sizes[name] = _sizes(project, known[name])
            rows, size = sizes.get(name, {}).get(node["version"], (node["rows"], None))
            found.setdefault(name, []).append(
                Point(
                    run_id=record.run_id,
                    at=datetime.fromisoformat(node["started_at"]),
                    work=work_of(record, node),
                    status=node["status"],
                    seconds=node["seconds"],
                    rows=rows,
                    size=size,
                )
            )
    return {name: tuple(points) for name, points in found.items()}


def work_of(record: RunRecord, node: Mapping[str, Any]) -> str:
    """Returns `build` where a run built a node, `check` where it only ran its checks."""
    if record.command in _JUDGES or node["unique_id"].startswith("source."):
        return "check"
    stages = node.get("stages")
    return "check" if stages and "write" not in {one[0] for one in stages} else "build"


def _sizes(project: Project, node: Any) -> dict[int, tuple[int, int]]:
    """Returns rows and bytes of a table by version, as far back as its log has them one by one."""
    path = node.table.path(project.warehouse)
    return {one.version: (one.rows, one.size) for one in kept_versions(path)} if delta.is_table(path) else {}


def compared(value: float, earlier: Sequence[float], *, share: float, least: float = 0.0) -> Compared | None:
    """Returns a figure held against the last earlier ones; None where those are too few.

    It is unusual where it is farther from their median than three times their spread (1.4826 * the median distance from
    the median, which estimates a normal law's standard deviation and ignores single wild values), and than `share` of the
    median, and than `least`.
    """
    last = [float(one) for one in earlier[-LAST:]]
    if len(last) < FEWEST:
        return None
    usual = median(last)
    spread = MAD_TO_SIGMA * median([abs(one - usual) for one in last])
    far = abs(value - usual) > max(_SCALES * spread, share * abs(usual), least)
    return Compared(usual=usual, count=len(last), unusual=("more" if value > usual else "less") if far else "")


def compared_seconds(point: Point, points: Sequence[Point]) -> Compared | None:
    """Returns what a table took in a run, held against what the same work on it took before."""
    before = [one.seconds for one in points if one.at < point.at and one.work == point.work and one.status != "error"]
    return compared(point.seconds, before, share=0.5, least=1.0)


def compared_rows(point: Point, points: Sequence[Point]) -> Compared | None:
    """Returns a table's rows in a run, held against those that it had before."""
    before = [one.rows for one in points if one.at < point.at and one.rows is not None]
    return None if point.rows is None else compared(point.rows, before, share=0.2)


def compared_size(point: Point, points: Sequence[Point]) -> Compared | None:
    """Returns the bytes of a table's files, held against those that it had before."""
    before = [one.size for one in points if one.at < point.at and one.size is not None]
    return None if point.size is None else compared(point.size, before, share=0.2)

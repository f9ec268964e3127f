"""Rows and columns of views, which keep none: counted by a query, and kept below `target/figures`.

A view is counted again where its SQL, the tables below it, or what is hidden of it have changed. What is kept has the form
of a Delta log's statistics, and is read by the same rules.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.dashboards.questions import read_through
from runner.errors import ProjectError
from runner.explain import first_words, from_spark
from runner.jinja.render import scrubbed
from runner.model import Model
from runner.project.parse import Project
from runner.publishing.journal import of_one_moment
from runner.site.catalog.stored import CUT, Figures, columns_of, leaves
from runner.site.facts import Facts
from runner.state.fingerprint import day, engine
from runner.state.tokens import clock, digest, digest_of
from runner.warehouse import Warehouse, is_view, read_view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "figures"  # below the target folder
_MOST = 100  # columns, and fields of structs, of one view that are counted
_ORDERED = {"string", "date", "timestamp", "timestamp_ntz", "long", "integer", "short", "byte", "double", "float"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A view as a query counted it.

    Attributes:
        columns: name and type in Spark's words.
        figures: by column, and by `column.field` for what lies in structs.
        at: when, in UTC.
        is_current: whether nothing that it hangs on has changed since.
    """

    rows: int
    columns: tuple[tuple[str, str], ...]
    figures: Mapping[str, Figures]
    at: datetime
    is_current: bool


def read_counted(facts: Facts, node: Model) -> Counted | None:
    """Returns what was counted of a view; None where nothing was, or another SQL has been published since."""
    kept = _kept(facts.project, node)
    if kept is None or kept["sql"] != digest(read_view(node.table.path(facts.project.warehouse))["sql"]):
        return None
    columns, figures = columns_of(kept["schema"], kept["stats"])
    return Counted(
        rows=json.loads(kept["stats"])["numRecords"],
        columns=columns,
        figures={name: _told(one) for name, one in figures.items()},
        at=datetime.fromisoformat(kept["at"]),
        is_current=kept["digest"] == _digest(facts, node),
    )


def count_views(facts: Facts, spark: Callable[[], AbstractContextManager[SparkSession]]) -> tuple[int, list[str]]:
    """Counts the published views that have not been counted as they are now; returns how many, and what went wrong.

    Args:
        spark: opens a session where a view is to be counted.
    """
    project = facts.project
    views = [node for node in project.buildable.values() if is_view(node.table.path(project.warehouse))]
    _forget(project, views)
    digests = {node.unique_id: _digest(facts, node) for node in views}
    wanted = [
        node for node in views if (kept := _kept(project, node)) is None or kept["digest"] != digests[node.unique_id]
    ]
    troubles: list[str] = []
    if wanted:
        try:
            with spark() as session, ThreadPoolExecutor(project.files.target.threads) as pool:
                warehouse = Warehouse(session, project.warehouse)
                counts = {node.unique_id: pool.submit(_count, warehouse, facts, node) for node in wanted}
                for node in wanted:
                    try:
                        found = counts[node.unique_id].result()
                    except Exception as error:
                        if not from_spark(error):
                            raise
                        troubles.append(f"{node.label} could not be counted: {first_words(error)}")
                    else:
                        _keep(project, node, {"digest": digests[node.unique_id], "at": facts.now.isoformat(), **found})
        except ProjectError as error:
            troubles.append(f"views are not counted: {error}")
    return len(wanted), troubles


def _count(warehouse: Warehouse, facts: Facts, node: Model) -> dict[str, str]:
    """Returns a view's SQL by its digest, its schema and its statistics, as a Delta log has them."""
    sql = read_view(node.table.path(warehouse.root))["sql"]
    frame = warehouse.frame(node.table)
    schema = json.loads(
        frame.schema.json(), object_hook=lambda one: {**one, "metadata": {}} if "metadata" in one else one
    )
    asked = ["count(*) as rows"]
    parts: list[tuple[str, tuple[str, ...], str]] = []
    for name, path, kind in list(leaves(schema["fields"]))[:_MOST]:
        if not isinstance(kind, str):
            continue
        shows = (kind in _ORDERED or kind.startswith("decimal")) and not facts.hidden.is_hidden(node, name)
        written = ".".join(f"`{part.replace('`', '``')}`" for part in path)
        for statistic, call in (
            ("nullCount", "count"),
            *((("minValues", "min"), ("maxValues", "max")) if shows else ()),
        ):
            asked.append(f"{call}({written}) as found_{len(parts)}")
            parts.append((statistic, path, call))
    found, _ = of_one_moment(warehouse.root, lambda: frame.selectExpr(*asked).toArrow().to_pylist()[0])
    stats: dict[str, Any] = {"numRecords": found["rows"], "nullCount": {}, "minValues": {}, "maxValues": {}}
    for number, (statistic, path, call) in enumerate(parts):
        value = found[f"found_{number}"]
        _put(stats[statistic], path, found["rows"] - value if call == "count" else _plain(value))
    return {"sql": digest(sql), "schema": json.dumps(schema), "stats": json.dumps(stats)}


def _put(into: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        into = into.setdefault(part, {})
    if value is not None:
        into[path[-1]] = value


def _plain(value: Any) -> Any:
    """Returns a value as a Delta log writes it: the beginning of a text, a moment as text."""
    if isinstance(value, str):
        return value[:CUT]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _told(figures: Figures) -> Figures:
    if not figures.why_not:
        return figures
    is_nested = figures.type.startswith(("array<", "map<"))
    return replace(
        figures,
        why_not="arrays and maps are not counted" if is_nested else f"only {_MOST} columns of a view are counted",
    )


def _digest(facts: Facts, node: Model) -> str:
    """Returns the digest of all that a view's figures hang on."""
    project = facts.project
    view = read_view(node.table.path(project.warehouse))
    said = [*read_through(project, [node.table]), engine(project), facts.hidden.said(node)]
    return digest_of(json.dumps([*said, day(project, facts.now) if clock(view["sql"]) else ""], sort_keys=True))


def _file(project: Project, node: Model) -> Path:
    return project.files.target_folder / FOLDER / f"{node.unique_id}.json"


def _kept(project: Project, node: Model) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(_file(project, node).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _keep(project: Project, node: Model, found: Mapping[str, str]) -> None:
    path = _file(project, node)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(scrubbed(json.dumps(found)), encoding="utf-8")
    partial.replace(path)


def _forget(project: Project, views: Sequence[Model]) -> None:
    """Removes what is kept of views that are no more."""
    names = {_file(project, node).name for node in views}
    for path in (project.files.target_folder / FOLDER).glob("[!.]*.json"):
        if path.name not in names:
            path.unlink(missing_ok=True)

"""How MongoDB answers a pipeline: read from its `explain`, or where it offers none, from the stages and the indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from pymongo.database import Database
from pymongo.errors import OperationFailure

from stores.queries.answer import Plan, several

Stage = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What an `explain` says, summed over shards.

    Attributes:
        indexes: the indexes used to find documents, in order.
        scans_collection: True where some shard reads its whole collection.
        documents, keys: examined; None where the explain did not run the pipeline.
    """

    indexes: tuple[str, ...]
    scans_collection: bool
    documents: int | None = None
    keys: int | None = None


def plan_of(
    database: Database[dict[str, Any]],
    collection: str,
    pipelines: Sequence[tuple[str, Sequence[Stage]]],
    *,
    field: str | None,
    run: bool,
) -> Plan:
    """Returns the plan of a query's pipelines, all of which begin with the same `$match`.

    Args:
        pipelines: each with what it is for.
        field: the field whose index can serve the `$match`; None where nothing bounds it.
        run: let the server run the pipeline once more to count what it examines.
    """
    whole = "\n".join(f"// {what}\n{_text(database, collection, stages)}" for what, stages in pipelines)
    stages = pipelines[-1][1]
    said = _ask(database, collection, stages, run=run)
    if isinstance(said, str):
        return _unexplained(database, collection, stages, field=field, said=said, whole=whole)
    found = read_explain(said)
    facts = [("index", ", ".join(found.indexes) or "none")]
    if found.documents is not None:
        facts += [("documents examined", f"{found.documents:,}"), ("keys examined", f"{found.keys or 0:,}")]
    return Plan(reason=_reason(found, field), facts=tuple(facts), whole=whole)


def read_explain(said: Mapping[str, Any]) -> Explained:
    """Returns what an `explain` document of any of the server's forms says.

    The forms: `queryPlanner` at the top, or in a first stage `$cursor`; a plan itself, or its `queryPlan` (slot-based
    engine); each of them once per shard under `shards`.
    """
    indexes: dict[str, None] = {}
    scans_collection = False
    for planner in _named(said, "queryPlanner"):
        for node in _nodes(planner.get("winningPlan", {})):
            if node.get("stage") in ("IXSCAN", "COUNT_SCAN", "DISTINCT_SCAN", "EXPRESS_IXSCAN"):
                indexes[str(node.get("indexName", "?"))] = None
            scans_collection |= node.get("stage") == "COLLSCAN"
    statistics = list(_named(said, "executionStats"))
    return Explained(
        indexes=tuple(indexes),
        scans_collection=scans_collection,
        documents=sum(each.get("totalDocsExamined", 0) for each in statistics) if statistics else None,
        keys=sum(each.get("totalKeysExamined", 0) for each in statistics) if statistics else None,
    )


def _named(value: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Yields the objects under a key at any depth, not looking into those found."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == name and isinstance(each, Mapping):
                yield each
            else:
                yield from _named(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each, name)


def _nodes(plan: Any) -> Iterator[Mapping[str, Any]]:
    """Yields a plan's nodes, leaving out the text of the slot-based engine's own plan."""
    if isinstance(plan, Mapping):
        if "stage" in plan:
            yield plan
        for key, each in plan.items():
            if key != "slotBasedPlan":
                yield from _nodes(each)
    elif isinstance(plan, list):
        for each in plan:
            yield from _nodes(each)


def _ask(
    database: Database[dict[str, Any]], collection: str, stages: Sequence[Stage], *, run: bool
) -> Mapping[str, Any] | str:
    """Returns the server's `explain`, or its words where it offers none."""
    command = {"aggregate": collection, "pipeline": list(stages), "cursor": {}}
    try:
        return database.command("explain", command, verbosity="executionStats" if run else "queryPlanner")
    except OperationFailure as error:
        return str((error.details or {}).get("errmsg") or error).partition("\n")[0].rstrip(".")


def _reason(found: Explained, field: str | None) -> str:
    if found.scans_collection:
        return f"reads the whole collection: {_why_whole(field, None)}"
    if found.indexes:
        return f"fast: the index {', '.join(found.indexes)} finds the documents; only those are read."
    return "the server names neither an index nor a scan of the collection."


def _unexplained(
    database: Database[dict[str, Any]],
    collection: str,
    stages: Sequence[Stage],
    *,
    field: str | None,
    said: str,
    whole: str,
) -> Plan:
    index = None if field is None else serving_index(database, collection, field)
    if index:
        reason = f"this server explains nothing ({said}); the index {index} serves the first stage."
    else:
        count = several(database[collection].estimated_document_count(), "document")
        reason = f"this server explains nothing ({said}); it reads the whole collection, {count}: " + _why_whole(
            field, serving_index(database, collection, "timestamp")
        )
    first = dumps(stages[0], json_options=RELAXED_JSON_OPTIONS)
    return Plan(reason=reason, facts=(("first stage", first), ("index to use", index or "none")), whole=whole)


def _why_whole(field: str | None, other: str | None) -> str:
    if field is None:
        how = f" --from or --until would use the index {other}." if other else ""
        return f"every order is asked for.{how}"
    return f"no index begins with {field}. Make one: run generate --into mongodb makes it."


def serving_index(database: Database[dict[str, Any]], collection: str, field: str) -> str | None:
    """Returns the name of an index that begins with the field, in the server's order; None where there is none."""
    for index in database[collection].list_indexes():
        if next(iter(index["key"])) == field and "partialFilterExpression" not in index:
            return str(index["name"])
    return None


def _text(database: Database[dict[str, Any]], collection: str, stages: Sequence[Stage]) -> str:
    lines = ",\n".join(f"  {dumps(stage, json_options=RELAXED_JSON_OPTIONS)}" for stage in stages)
    return f"{database.name}.{collection}.aggregate([\n{lines}\n])"

"""Reading a server's `explain`, in the forms that MongoDB documents; and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from stores.mongo_client import database
from stores.queries.mongo_plan import Explained, plan_of, read_explain, serving_index
from stores.queries.orders import Shop
from stores.settings import MongoSettings

FETCH = {
    "stage": "FETCH",
    "inputStage": {"stage": "IXSCAN", "indexName": "timestamp_1", "keyPattern": {"timestamp": 1}},
}
WHOLE = {"stage": "COLLSCAN", "direction": "forward"}
RAN = {"executionSuccess": True, "totalKeysExamined": 12, "totalDocsExamined": 10, "executionStages": FETCH}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param(
            {"stages": [{"$cursor": {"queryPlanner": {"winningPlan": FETCH}, "executionStats": RAN}}, {"$group": {}}]},
            Explained(indexes=("timestamp_1",), scans_collection=False, documents=10, keys=12),
            id="a first stage of the pipeline",
        ),
        pytest.param(
            {"queryPlanner": {"winningPlan": {"stage": "GROUP", "inputStage": WHOLE}, "rejectedPlans": [FETCH]}},
            Explained(indexes=(), scans_collection=True),
            id="the whole pipeline pushed down, not run; a rejected plan is none",
        ),
        pytest.param(
            {
                "explainVersion": "2",
                "queryPlanner": {
                    "winningPlan": {
                        "queryPlan": {"stage": "GROUP", "planNodeId": 3, "inputStage": FETCH},
                        "slotBasedPlan": {"stages": "[2] nlj [] COLLSCAN"},
                    }
                },
                "executionStats": RAN,
            },
            Explained(indexes=("timestamp_1",), scans_collection=False, documents=10, keys=12),
            id="the slot-based engine",
        ),
        pytest.param(
            {
                "shards": {
                    "a": {"stages": [{"$cursor": {"queryPlanner": {"winningPlan": FETCH}, "executionStats": RAN}}]},
                    "b": {"queryPlanner": {"winningPlan": WHOLE}, "executionStats": {"totalDocsExamined": 90}},
                }
            },
            Explained(indexes=("timestamp_1",), scans_collection=True, documents=100, keys=12),
            id="shards are summed",
        ),
        pytest.param(
            {"queryPlanner": {"winningPlan": {"stage": "OR", "inputStages": [FETCH, FETCH["inputStage"]]}}},
            Explained(indexes=("timestamp_1",), scans_collection=False),
            id="several inputs",
        ),
        pytest.param({}, Explained(indexes=(), scans_collection=False), id="nothing"),
    ],
)
def test_an_explain_of_any_form_is_read(said: dict[str, Any], found: Explained) -> None:
    assert read_explain(said) == found


@pytest.fixture
def shop(mongodb: Any) -> Iterator[Shop]:
    """A database of its own with three orders and an index of their times."""
    found = database(MongoSettings(uri=mongodb.uri, database="queries_plan"))
    found.client.drop_database(found.name)
    found.transactions.insert_many([{"_id": day, "timestamp": datetime(2026, 1, day, tzinfo=UTC)} for day in (1, 2, 3)])
    found.transactions.create_index([("timestamp", 1)])
    found.transactions.create_index([("user_id", 1), ("status", 1)])
    yield found
    found.client.drop_database(found.name)
    found.client.close()


def explains(shop: Shop) -> bool:
    """Whether the server has the command; the emulator lacks it, MongoDB has it."""
    try:
        shop.command("explain", {"aggregate": "transactions", "pipeline": [], "cursor": {}})
    except OperationFailure:
        return False
    return True


def test_an_index_serves_what_it_begins_with(shop: Shop) -> None:
    assert serving_index(shop, "transactions", "timestamp") == "timestamp_1"
    assert serving_index(shop, "transactions", "user_id") == "user_id_1_status_1"
    assert serving_index(shop, "transactions", "status") is None


def test_a_bounded_query_names_its_index(shop: Shop) -> None:
    match = {"$match": {"timestamp": {"$gte": datetime(2026, 1, 2, tzinfo=UTC)}}}
    plan = plan_of(shop, "transactions", [("days", [match])], field="timestamp", run=True)
    assert plan.whole == (
        "// days\nqueries_plan.transactions.aggregate([\n"
        '  {"$match": {"timestamp": {"$gte": {"$date": "2026-01-02T00:00:00Z"}}}}\n])'
    )
    if explains(shop):
        assert plan.reason == "fast: the index timestamp_1 finds the documents; only those are read."
        assert plan.facts == (("index", "timestamp_1"), ("documents examined", "2"), ("keys examined", "2"))
    else:
        assert plan.reason == (
            "this server explains nothing (no such command: 'explain'); the index timestamp_1 serves the first stage."
        )
        assert plan.facts == (
            ("first stage", '{"$match": {"timestamp": {"$gte": {"$date": "2026-01-02T00:00:00Z"}}}}'),
            ("index to use", "timestamp_1"),
        )


def test_an_unbounded_query_says_that_it_reads_all(shop: Shop) -> None:
    plan = plan_of(shop, "transactions", [("days", [{"$match": {"status": "x"}}])], field=None, run=True)
    if explains(shop):
        assert plan.reason == "reads the whole collection: every order is asked for."
        assert dict(plan.facts)["documents examined"] == "3"
    else:
        assert plan.reason == (
            "this server explains nothing (no such command: 'explain'); it reads the whole collection, 3 documents: "
            "every order is asked for. --from or --until would use the index timestamp_1."
        )


def test_a_missing_index_is_named(shop: Shop) -> None:
    shop.transactions.drop_index("timestamp_1")
    match = {"$match": {"timestamp": {"$gte": datetime(2026, 1, 2, tzinfo=UTC)}}}
    plan = plan_of(shop, "transactions", [("days", [match])], field="timestamp", run=False)
    assert plan.reason.endswith("no index begins with timestamp. Make one: run generate --into mongodb makes it.")

"""The client's errors are one line that says what to do, without a secret."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pymongo.errors import OperationFailure

from runner.errors import FormatError, MachineError
from stores.mongo_client import connect, database, unanswered
from stores.settings import MongoSettings

NOBODY = MongoSettings(uri="mongodb://user:secret@127.0.0.1:1", options={"serverSelectionTimeoutMS": 200})


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(MachineError) as error:
        connect(NOBODY)
    assert str(error.value) == (
        "mongodb://127.0.0.1:1/shop: does not answer: 127.0.0.1:1: [Errno 111] Connection refused. "
        "Start it (make services-up), or set MONGODB_URI."
    )


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        (MongoSettings(uri="mongdb://x"), "mongodb://x/shop: cannot be connected to: Invalid URI scheme"),
        (
            MongoSettings(options={"tlss": True}),
            "mongodb://127.0.0.1:27017/shop: cannot be connected to: Unknown option",
        ),
    ],
)
def test_settings_that_are_wrong(settings: MongoSettings, start: str) -> None:
    with pytest.raises(FormatError) as error:
        connect(settings)
    assert str(error.value).startswith(start)
    assert str(error.value).endswith(". Mend `uri` or `options` of the target's `mongodb`.")


def test_a_server_that_refuses() -> None:
    refused = unanswered(NOBODY, OperationFailure("x", 18, {"errmsg": "Authentication failed."}))
    assert str(refused) == (
        "mongodb://127.0.0.1:1/shop: refuses: Authentication failed. "
        "Check the credentials in MONGODB_URI and what its user may read."
    )


def test_times_are_in_utc(mongodb: Any) -> None:
    name = f"client_{uuid4().hex[:8]}"
    found = database(MongoSettings(uri=mongodb.uri, database=name))
    with closing(found.client) as client:
        found.things.insert_one({"_id": 1, "at": datetime(2024, 1, 1)})
        assert found.things.find_one() == {"_id": 1, "at": datetime(2024, 1, 1, tzinfo=UTC)}
        client.drop_database(name)

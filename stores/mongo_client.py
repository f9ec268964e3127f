"""MongoDB's client as the project makes it: times in UTC, a server that does not answer said in one line."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from runner.errors import FormatError, MachineError
from stores.settings import MongoSettings

Document = dict[str, Any]
_SELECTION_TIMEOUT_MS = 10_000
_CONNECT_TIMEOUT_MS = 10_000


def connect(settings: MongoSettings, **options: Any) -> MongoClient[Document]:
    """Returns a client whose server has answered; to be closed by the caller.

    Args:
        options: keyword arguments of `pymongo.MongoClient`; they go before those of the settings.

    Raises:
        FormatError: the connection string or an option is wrong.
        MachineError: the server does not answer, or refuses the credentials.
    """
    given = {
        "serverSelectionTimeoutMS": _SELECTION_TIMEOUT_MS,
        "connectTimeoutMS": _CONNECT_TIMEOUT_MS,
        "appname": "sluice",
        "tz_aware": True,
        **settings.options,
        **options,
    }
    try:
        client: MongoClient[Document] = MongoClient(settings.uri, **given)
    except (ConfigurationError, InvalidURI, TypeError, ValueError) as error:
        raise FormatError(
            f"{settings}: cannot be connected to: {_first_line(error)}. Mend `uri` or `options` of the target's `mongodb`."
        ) from error
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        client.close()
        raise unanswered(settings, error) from error
    return client


def database(settings: MongoSettings, **options: Any) -> Database[Document]:
    """Returns the settings' database by a client of its own (`.client`, to be closed); raises as `connect` does."""
    return connect(settings, **options)[settings.database]


def unanswered(settings: MongoSettings, error: PyMongoError) -> MachineError:
    """Returns what to raise where the server failed: it does not answer, or refuses."""
    if isinstance(error, OperationFailure):
        said = str((error.details or {}).get("errmsg") or error).partition("\n")[0].rstrip(".")
        return MachineError(
            f"{settings}: refuses: {said}. Check the credentials in MONGODB_URI and what its user may read."
        )
    return MachineError(
        f"{settings}: does not answer: {_first_line(error)}. Start it (make services-up), or set MONGODB_URI."
    )


def _first_line(error: Exception) -> str:
    """Returns the driver's own words without its timeouts and topology."""
    return str(error).partition("\n")[0].partition(" (configured timeouts")[0].partition(", Timeout:")[0].rstrip(".")

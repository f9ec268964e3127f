"""Grants: who may read a published table, where the session's catalog knows of that."""

from __future__ import annotations

from runner.errors import FormatError
from runner.explain import from_spark
from runner.incremental import texts
from runner.materialize.candidate import Work
from runner.model import Model
from runner.names import check_identifier


def grant_statements(model: Model) -> list[str]:
    """Returns the GRANTs of a model's `grants`: `{select: [someone, …]}`.

    Raises:
        FormatError: it is no mapping of privileges to names.
    """
    wanted = model.config.values.get("grants") or {}
    if not isinstance(wanted, dict):
        raise FormatError(f"{model.path}: grants is a mapping of privileges to names, e.g. {{select: [analysts]}}.")
    return [
        f"grant {check_identifier(str(privilege), place=f'{model.path}: grants')} on table {model.table.quoted()} to `{name}`"
        for privilege, names in wanted.items()
        for name in (one.replace("`", "``") for one in texts(names))
    ]


def apply_grants(work: Work) -> str:
    """Grants what the model says, once it is published; returns a note where the catalog takes no grants."""
    for sql in grant_statements(work.model):
        try:
            work.warehouse.spark.sql(sql)
        except Exception as error:
            if not from_spark(error):
                raise
            return f"{work.model.label}: grants were not applied: the catalog of this target takes none."
    return ""

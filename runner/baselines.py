"""What a table held when it was last good: what readers see beside a candidate, the version before a published one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner import delta
from runner.model import Model, SourceTable
from runner.state.commits import commits
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.plot import Earlier


def last_good(warehouse: Warehouse, node: Model | SourceTable, *, is_candidate: bool) -> Earlier | None:
    """Returns the version to lay under a faulty one; None where there is none, as with views and first builds.

    Only what passed was published, so the published version is good while a candidate is judged. Where the published one
    is judged itself, it is the one before.
    """
    from expectations.plot import Earlier

    path = warehouse.path(node.table)
    if not delta.is_table(path):
        return None
    written = [one for one in commits(path) if one.changes_rows]  # newest first
    position = 0 if is_candidate else 1
    if len(written) <= position:
        return None
    found = written[position]
    frame = warehouse.spark.read.format("delta").option("versionAsOf", found.version).load(str(path))
    return Earlier(frame=frame, label=f"version {found.version} of {found.at:%Y-%m-%d %H:%M} UTC")

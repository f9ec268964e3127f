"""Delta tables as files: the one place that touches a Delta log without Spark.

log         the protocol: actions, snapshots of a log, one more commit
reading     what a table holds and what its log says of it
publishing  candidates, publishing them in one commit, earlier versions brought back
"""

from __future__ import annotations

from runner.delta.publishing import (
    AS_IT_IS,
    Details,
    clear,
    discard,
    new_candidate,
    note,
    publish,
    publish_changes,
    restore,
)
from runner.delta.reading import (
    PlainFiles,
    changed_at,
    changed_since,
    columns,
    file_of,
    first_rows,
    is_table,
    metadata,
    missing_files,
    newest_value,
    opened,
    plain_files,
    row_count,
    size_bytes,
    spelled,
    version,
)

__all__ = [
    "AS_IT_IS",
    "Details",
    "PlainFiles",
    "changed_at",
    "changed_since",
    "clear",
    "columns",
    "discard",
    "file_of",
    "first_rows",
    "is_table",
    "metadata",
    "missing_files",
    "new_candidate",
    "newest_value",
    "note",
    "opened",
    "plain_files",
    "publish",
    "publish_changes",
    "restore",
    "row_count",
    "size_bytes",
    "spelled",
    "version",
]

"""Which published tables a query mentions, for whoever runs one over the warehouse."""

from __future__ import annotations

import re

from runner.names import TableRef
from runner.project.parse import Project
from runner.sources.quarantine import SUFFIX
from runner.warehouse import exists


def tables_in(project: Project, sql: str) -> list[TableRef]:
    """Returns the tables that the SQL names: published ones, quarantines, failing rows that a check kept."""
    text = sql.replace("`", "")
    refs = [node.table for node in project.nodes()]
    refs += [table.table.with_suffix(SUFFIX) for table in project.sources.values()]
    refs += [TableRef(*name) for name in re.findall(r"\b([A-Za-z_]\w*)\.(\w+)", text)]
    refs = list(dict.fromkeys(refs))
    return [ref for ref in refs if re.search(rf"\b{ref}\b", text) and exists(ref.path(project.warehouse))]

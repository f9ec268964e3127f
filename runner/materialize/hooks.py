"""Hooks: SQL of a person's own, before and after a node is built.

A hook that writes into the node's own table is part of what the node publishes: it runs on the candidate, so that the
checks see what it did, and a build that fails leaves no trace of it. Every other hook runs as it stands, a pre-hook
before the query, a post-hook once the table is published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.compile import compile_model
from runner.errors import ProjectError
from runner.explain import first_words, from_spark
from runner.materialize.candidate import Work
from runner.names import TableRef

_WRITES = r"\s*(?:insert\s+(?:into|overwrite)(?:\s+table)?|update|delete\s+from|merge\s+into|truncate\s+table|alter\s+table)\s+"
_TEXTS = re.compile(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)


class HookError(ProjectError):
    """A hook that failed."""


def rendered(work: Work, kind: str, *, published: bool = False) -> list[str]:
    """Returns the node's hooks of a kind (`pre_hook`, `post_hook`) as SQL; what renders to nothing is left out.

    Args:
        published: they run once all is published, and name inputs as they are called then.
    """
    texts = hook_texts(work.model.config.values.get(kind), place=f"{work.model.path}: {kind.replace('_', '-')}")
    found = [
        compile_model(
            work.project,
            work.model,
            is_incremental=work.is_incremental,
            text=text,
            database=work.database,
            relations={} if published else work.relations,
        ).sql
        for text in texts
    ]
    return [sql for sql in found if sql]


def hook_texts(value: Any, *, place: str) -> list[str]:
    """Returns the SQL templates in a setting: a text, `{sql: …}`, or a list of them.

    Raises:
        ProjectError: it is neither.
    """
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in hook_texts(one, place=place)]
    if isinstance(value, str) and value.lstrip().startswith("{") and not value.lstrip().startswith(("{{", "{%", "{#")):
        value = json.loads(value)
    if isinstance(value, dict) and isinstance(value.get("sql"), str):
        return [value["sql"]]
    if isinstance(value, str):
        return [value]
    raise ProjectError(f"{place}: a hook is SQL, or a mapping with the key sql; this is {value!r}.")


def parted(hooks: Sequence[str], table: TableRef) -> tuple[list[str], list[str]]:
    """Returns those hooks that write into the table, and the others."""
    own = re.compile(_WRITES + _name(table), re.IGNORECASE)
    return [sql for sql in hooks if own.match(sql)], [sql for sql in hooks if not own.match(sql)]


def on_candidate(sql: str, table: TableRef, candidate: Path) -> str:
    """Returns the SQL with the candidate in place of the published table."""
    named = re.compile(_name(table), re.IGNORECASE)
    parts = _TEXTS.split(sql)
    parts[::2] = [named.sub(lambda _: f"delta.`{candidate.absolute()}`", part) for part in parts[::2]]
    return "".join(parts)


def _name(table: TableRef) -> str:
    return rf"(?<![\w.`])`?{re.escape(table.schema)}`?\s*\.\s*`?{re.escape(table.name)}`?(?![\w`])"


def run_hooks(work: Work, hooks: Sequence[str], kind: str, *, candidate: Path | None = None) -> None:
    """Runs hooks in order, on the candidate where one is given.

    Raises:
        HookError: Spark refuses one; the rest is not run.
    """
    for sql in hooks:
        text = on_candidate(sql, work.model.table, candidate) if candidate else sql
        try:
            work.warehouse.spark.sql(text)
        except Exception as error:
            if not from_spark(error):
                raise
            raise HookError(f"{work.model.path}: a {kind} failed: {first_words(error)} It is: {sql}") from error

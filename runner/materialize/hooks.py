"""Hooks: SQL of a person's own, before and after a node is built.

A hook that writes into the node's own table is part of what the node publishes: it runs on the candidate, so that the
checks see what it did, and a build that fails leaves no trace of it. Every other hook runs as it stands, a pre-hook
before the query, a post-hook once the table is published.

A hook's template may ask the warehouse (`run_query`, `statement`, `adapter`), and change other tables through it. Where a
post-hook asks, its own table is the candidate, so that it sees what will be published; where it changes another table in
asking, it is rendered again once the table is published, and changes it only then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import delta
from runner.compile import compile_model
from runner.errors import ProjectError
from runner.explain import first_words, from_spark
from runner.jinja.database import Database, RelationKind
from runner.jinja.result import ResultTable
from runner.materialize.candidate import Hook, Work
from runner.names import TableRef
from runner.warehouse.created import placed
from runner.warehouse.introspection import Introspection, Recorder, register_named

_COMMENTS = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*[\s\S]*?\*/)*"
_WRITES = (
    _COMMENTS
    + r"(?:insert\s+(?:into|overwrite)(?:\s+table)?|update|delete\s+from|merge\s+into|truncate\s+table|alter\s+table)\s+"
)
_OWN = re.compile(_WRITES + r"delta\.`", re.IGNORECASE)
_TEXTS = re.compile(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)


_TWO = (
    "the {kind} changes {table}, which is done before the checks, and another table, which is done once {table} is "
    "published. Make it two hooks."
)


class HookError(ProjectError):
    """A hook that failed."""


class HookDatabase:
    """What a hook's template may ask, see `runner.jinja.database.Database`, and what it may change by asking.

    Args:
        candidate: what stands for the node's own table; None where that is the published one.
        changing: other tables may be changed now; False puts that off.

    Attributes:
        changed: True where the candidate was changed.
        put_off: True where a change was left out: the hook must be rendered again once the node is published.
    """

    def __init__(self, work: Work, kind: str, *, candidate: Path | None = None, changing: bool) -> None:
        self._work, self._kind, self._candidate, self._changing = work, kind, candidate, changing
        self.changed = False
        self.put_off = False
        known = [node.table for node in work.project.nodes()]
        columns = {work.model.table: delta.columns(candidate)} if candidate else None
        self._asked = Introspection(work.warehouse.root, lambda: work.warehouse, known, columns, self._may_change)

    def kind(self, ref: TableRef) -> RelationKind | None:
        return self._asked.kind(ref)

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        return self._asked.columns(ref)

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        return self._asked.tables(schema)

    def schemas(self) -> Sequence[str]:
        return self._asked.schemas()

    def query(self, sql: str) -> ResultTable:
        return self._asked.query(on_candidate(sql, self._work.model.table, self._candidate) if self._candidate else sql)

    def _may_change(self, sql: str) -> bool:
        own = self._candidate is not None and changes_candidate(sql, self._candidate)
        if not own and parted([sql], self._work.model.table)[0]:
            raise HookError(
                f"the {self._kind} changes {self._work.model.table} by run_query or statement, where no check would see it. "
                "Write the change as the hook's own SQL: it is made before the checks, and published with the rest."
            )
        self.changed = self.changed or own
        self.put_off = self.put_off or not (own or self._changing)
        if self.changed and self.put_off:
            raise HookError(_TWO.format(kind=self._kind, table=self._work.model.table))
        return own or (self._changing and not self._work.is_trial)


def pre_hooks(work: Work) -> list[str]:
    """Returns the node's pre-hooks as SQL; what renders to nothing is left out."""
    asked = HookDatabase(work, "pre-hook", changing=True)
    return [sql for text in _texts(work, "pre_hook") if (sql := _sql(work, text, asked))]


def post_hooks(work: Work, candidate: Path | None) -> tuple[list[str], tuple[Hook, ...]]:
    """Returns those post-hooks that write into the candidate, as SQL, and those that run once it is published.

    Args:
        candidate: None for a view, which is asked for nothing before it is published.
    """
    inside: list[str] = []
    after: list[Hook] = []
    for text in _texts(work, "post_hook"):
        sql = _now(work, text, candidate)
        if sql is None:
            after.append(Hook(text=text, is_template=True))
        elif candidate is not None and parted([sql], work.model.table)[0]:
            inside.append(sql)
        elif sql and work.relations:  # published with others: inputs are called otherwise then
            after.append(Hook(text=text, is_template=True))
        elif sql:
            after.append(Hook(text=sql))
    return inside, tuple(after)


def _now(work: Work, text: str, candidate: Path | None) -> str | None:
    """Returns a post-hook's SQL; None where it cannot be known before the node is published."""
    if candidate is None:
        recorder = Recorder(work.warehouse.root)
        try:
            sql = _sql(work, text, recorder)
        except ProjectError:
            if recorder.used:
                return None
            raise
        return None if recorder.used else sql
    asked = HookDatabase(work, "post-hook", candidate=candidate, changing=False)
    try:
        sql = _sql(work, text, asked)
    except HookError:
        raise
    except ProjectError:
        if asked.put_off:
            return None
        raise
    return None if asked.put_off else sql


def _texts(work: Work, kind: str) -> list[str]:
    return hook_texts(work.model.config.values.get(kind), place=f"{work.model.path}: {kind.replace('_', '-')}")


def _sql(work: Work, text: str, database: Database, *, published: bool = False) -> str:
    return compile_model(
        work.project,
        work.model,
        is_incremental=work.is_incremental,
        text=text,
        database=database,
        relations={} if published else work.relations,
    ).sql


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


def changes_candidate(sql: str, candidate: Path) -> bool:
    """True for a statement that writes into the candidate."""
    match = _OWN.match(sql)
    return match is not None and sql.startswith(f"{candidate.absolute()}`", match.end())


def _name(table: TableRef) -> str:
    return rf"(?<![\w.`])`?{re.escape(table.schema)}`?\s*\.\s*`?{re.escape(table.name)}`?(?![\w`])"


def run_hooks(work: Work, hooks: Sequence[str], kind: str, *, candidate: Path | None = None) -> None:
    """Runs hooks in order, on the candidate where one is given.

    Raises:
        HookError: Spark refuses one; the rest is not run.
    """
    for sql in hooks:
        text = on_candidate(sql, work.model.table, candidate) if candidate else sql
        register_named(work.warehouse, {str(node.table): node.table for node in work.project.nodes()}, text)
        try:
            work.warehouse.spark.sql(placed(text, work.warehouse.root))
        except Exception as error:
            if not from_spark(error):
                raise
            raise HookError(f"{work.model.path}: a {kind} failed: {first_words(error)} It is: {sql}") from error


def run_after(work: Work, hooks: Sequence[Hook]) -> None:
    """Runs the post-hooks of a published node, in order.

    Raises:
        HookError: one fails; the rest is not run.
    """
    asked = HookDatabase(work, "post-hook", changing=True)
    for hook in hooks:
        try:
            sql = _sql(work, hook.text, asked, published=True) if hook.is_template else hook.text
        except ProjectError as error:
            raise HookError(f"{work.model.path}: a post-hook failed: {error}") from error
        if hook.is_template and parted([sql], work.model.table)[0]:
            raise HookError(f"{work.model.path}: {_TWO.format(kind='post-hook', table=work.model.table)} It is: {sql}")
        run_hooks(work, [sql] if sql else [], "post-hook")

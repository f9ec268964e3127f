"""What one rendering may name, and what it turned out to ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.jinja.database import Database
from runner.jinja.relation import Relation
from runner.model import Ref


@dataclass(slots=True, kw_only=True)
class Captured:
    """What a rendering asked for.

    Attributes:
        refs, sources: the models and landed tables, in the order of their first use.
        config: the settings that `config()` gave.
        macros: the macros that were called, by unique id, those that `adapter.dispatch` led to as well; dbt's own are
            left out.
        variables: the variables that were read, with their values.
        environment: the environment variables that were read, by name.
        clock: True where the text depends on the moment of the run.
        queried: True where the text depends on what the warehouse answered.
        messages: what `log(..., info=True)` and `print` said.
    """

    refs: dict[Ref, None] = field(default_factory=dict)
    sources: dict[tuple[str, str], None] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    macros: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, None] = field(default_factory=dict)
    clock: bool = False
    queried: bool = False
    messages: list[str] = field(default_factory=list)


def no_graph() -> Mapping[str, Any]:
    """Returns what `graph` holds while dependencies are being found: nothing yet."""
    return {"nodes": {}, "sources": {}, "exposures": {}, "metrics": {}, "groups": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one rendering may name.

    Attributes:
        place: the template's file, for messages.
        ref, source: give what stands in the SQL for a name; they raise ProjectError for an unknown one.
        config: the settings already known, which `config.get` answers from.
        overrides: names that replace ours, e.g. `is_incremental` in a unit test.
        execute: False while dependencies are being found.
        package: whose template it is; the project's where empty.
        database: answers for `run_query` and the adapter; without one they say that they need Spark.
        graph: gives what `graph` shows to templates.
        doc: gives the text of a docs block.
        flags: what `flags` shows to templates, e.g. FULL_REFRESH, WHICH.
        selected: the unique ids of `selected_resources`.
        invocation_id: the run's name.
    """

    place: str
    ref: Callable[[Ref], Any]
    source: Callable[[str, str], Any]
    variables: Mapping[str, Any]
    target: Mapping[str, Any]
    this: Relation | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    is_incremental: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    execute: bool = True
    model: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    package: str = ""
    database: Database | None = None
    graph: Callable[[], Mapping[str, Any]] = no_graph
    doc: Callable[..., str] | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    selected: tuple[str, ...] = ()
    invocation_id: str = ""

"""What a model's result depends on besides its parents' rows: its SQL, settings, checks, engine, and the time."""

from __future__ import annotations

import ast
import base64
import dataclasses
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from runner.compile import Compiled, compile_model, inputs_of
from runner.errors import ProjectError
from runner.incremental import strategy_macro
from runner.jinja.render import scrubbed
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.state.tokens import clock, digest, digest_of, uncommented
from runner.warehouse.introspection import Recorder, tables_named

if TYPE_CHECKING:
    from expectations.suite import Suite

FORMAT = 1
# Settings that change no row and no property of the table. All others count, also those that nobody knows yet.
_IDLE = {
    "access", "alias", "database", "description", "docs", "enabled", "event_time", "freshness", "full_refresh", "group",
    "meta", "on_error", "schema", "severity", "static_analysis", "store_failures", "tags", "threads",
}  # fmt: skip
_LISTS = {"liquid_clustered_by", "merge_exclude_columns", "merge_update_columns", "partition_by", "unique_key"}
_IDLE_SPARK = ("spark.sql.shuffle.", "spark.sql.adaptive.", "spark.sql.codegen.", "spark.sql.autoBroadcast")
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_PYTHON_MOMENTS = {"current_timestamp", "localtimestamp", "now", "utcnow", "time", "rand", "randn", "uuid", "uuid4"}
_PYTHON_DAYS = {"current_date", "curdate", "today"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a model was, or would be, built by.

    Attributes:
        code: the digest of its SQL's words: of both of its texts where it is incremental.
        config: settings that count, as JSON, by name.
        checks: the digest of each check by its name; None where it was published without looking.
        macros: the digest of each macro's file that it calls; they tell why `code` changed.
        variables: the values of the variables it read, as JSON; they tell why, too.
        engine: versions, by name.
        clock: `day` or `run` where the result depends on the time, else empty.
        moment: the day that `current_date` gave.
        text: the SQL, for people.
    """

    code: str
    config: Mapping[str, str]
    checks: Mapping[str, str] | None
    macros: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, str] = field(default_factory=dict)
    clock: str = ""
    moment: str = ""
    text: str = ""

    def stored(self) -> dict[str, Any]:
        """Returns it as JSON values, its text packed, without comments and secrets."""
        found = {name: _plain(getattr(self, name)) for name in _STORED}
        packed = base64.b85encode(zlib.compress(scrubbed(uncommented(self.text)).encode(), 9)).decode()
        return {"format": FORMAT, **found, "text": packed}


_STORED = tuple(one.name for one in dataclasses.fields(Fingerprint) if one.name != "text")


def read_fingerprint(stored: Any) -> Fingerprint | None:
    """Returns what `stored()` gave; None for anything else, such as the fingerprint of another format."""
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        return None
    try:
        text = zlib.decompress(base64.b85decode(stored["text"])).decode()
        return Fingerprint(text=text, **{name: stored[name] for name in _STORED})
    except (KeyError, ValueError, zlib.error):
        return None


def fingerprint(project: Project, model: Model, suite: Suite | None, *, now: datetime) -> Fingerprint:
    """Returns what a model would be built by now.

    Args:
        project: the project.
        model: one of its models.
        suite: the model's checks; None where it has none.
        now: the moment, with its zone.

    Raises:
        ProjectError: the model's template is wrong.
    """
    texts, macros, variables = _rendered(project, model)
    kind = "python" if model.language == "python" else "sql"
    ticks = [_python_clock(text) if kind == "python" else clock(text) for text in texts]
    if model.config.is_microbatch:  # there may be a new batch
        ticks.append("run" if model.config.values.get("batch_size") == "hour" else "day")
    tick = "run" if "run" in ticks else "day" if "day" in ticks else ""
    return Fingerprint(
        code=digest_of(" ".join(_python_digest(text) if kind == "python" else digest(text) for text in texts)),
        config=_config(project, model),
        checks=check_digests(suite),
        macros=macros,
        variables=variables,
        engine=engine(project),
        clock=tick,
        moment=day(project, now),
        text=texts[-1],
    )


def check_digests(suite: Suite | None) -> dict[str, str]:
    """Returns the digest of each check by a name that people know it by."""
    found: dict[str, str] = {}
    for one in suite.expectations if suite else ():
        said: dict[str, Any] = {
            each.name: getattr(one, each.name) for each in dataclasses.fields(one) if each.name not in _SAID_ONLY
        }
        if one.on_failure != "stop":
            said |= {"on_failure": one.on_failure, "keep": one.keep}
        on = f"({', '.join(one.columns)})" if one.columns else ""
        name = base = one.name or f"{one.type}{on}"
        number = 2
        while name in found:
            name = f"{base} #{number}"
            number += 1
        found[name] = digest_of(_json(said))
    return found


_SAID_ONLY = {"place", "description", "name", "failing_rows", "on_failure", "keep"}


def engine(project: Project) -> dict[str, str]:
    """Returns what computes: Spark, Delta, this project's generation, and Spark's settings that change results."""
    return {
        "Spark": _installed("pyspark"),
        "Delta": _installed("delta-spark"),
        "Sluice": _installed("sluice").split(".")[0],
        **{
            name: str(value)
            for name, value in sorted(project.files.target.spark.items())
            if name.startswith("spark.sql.") and not name.startswith(_IDLE_SPARK)
        },
    }


def day(project: Project, now: datetime) -> str:
    """Returns the day that `current_date` gives in the project's Spark sessions."""
    zone = project.files.target.spark.get("spark.sql.session.timeZone", "UTC")
    try:
        return now.astimezone(ZoneInfo(zone)).date().isoformat()
    except (KeyError, ValueError):
        return now.isoformat()  # a zone that only Java knows: each run counts as another day


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _rendered(project: Project, model: Model) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Returns the model's texts (two where it goes on from what is published), its macros, its variables."""
    if model.language == "csv":
        return [hashlib.blake2b((project.root / model.path).read_bytes(), digest_size=16).hexdigest()], {}, {}
    sources = {macro.unique_id: macro.source for macro in project.files.macros}
    incremental = model.config.materialized == "incremental"
    compiled = [_compiled(project, model, on) for on in ((False, True) if incremental else (False,))]
    macros: dict[str, str] = {}
    variables: dict[str, str] = {}
    for one, _ in compiled:
        macros |= {name: digest_of(sources.get(name, "")) for name in one.captured.macros}
        variables |= {name: _short(scrubbed(_json(value))) for name, value in one.captured.variables.items()}
    return [one.sql + asked for one, asked in compiled], macros, variables


def _compiled(project: Project, model: Model, is_incremental: bool) -> tuple[Compiled, str]:
    """Returns the model's SQL with no answers to what its template asks the warehouse, and what it asks.

    The answers follow from the versions of the model's parents; a question that goes beyond them is one of the moment.
    """
    recorder = Recorder(project.warehouse)
    try:
        found = compile_model(project, model, is_incremental=is_incremental, database=recorder)
    except ProjectError:
        if not recorder.asked:
            raise
        found = compile_model(project, model, is_incremental=is_incremental, finding=True)
    known = {*inputs_of(project, model), model.table}
    beyond = [
        ref for sql in recorder.asked for ref in tables_named(sql) if ref in _tables(project) and ref not in known
    ]
    asked = [*recorder.asked, *(["select current_timestamp()"] if beyond else [])]
    if recorder.used:  # what its loops would give over the answers, nobody knows yet: their text counts
        asked.append(_uncommented_jinja(model.raw_sql))
        asked += [_uncommented_jinja(one.source) for one in project.files.macros if one.unique_id in model.macros]
    return found, "".join(f";\n{sql}" for sql in asked)


def _uncommented_jinja(template: str) -> str:
    return _JINJA_COMMENT.sub("", template)


def _tables(project: Project) -> set[TableRef]:
    return {node.table for node in project.nodes()}


def _config(project: Project, model: Model) -> dict[str, str]:
    values = {name: value for name, value in model.config.values.items() if name not in _IDLE}
    values.setdefault("materialized", model.config.materialized)
    for name in _LISTS & values.keys():
        if isinstance(values[name], str):
            values[name] = [values[name]]
    contract = values.get("contract")
    if isinstance(contract, Mapping) and contract.get("enforced"):
        values["columns of the contract"] = [
            [one.name, one.data_type, _plain(getattr(one, "constraints", ()))] for one in model.columns
        ]
    hooks = [str(values.get(name)) for name in ("pre_hook", "pre-hook", "post_hook", "post-hook") if values.get(name)]
    if hooks:
        values["macros of its hooks"] = _macros_named(project, " ".join(hooks))
    if model.config.materialized == "incremental" and (
        macros := _macros_named(project, strategy_macro(model.config.strategy))
    ):
        values["macros of its strategy"] = macros
    if values.get("persist_docs"):
        values["descriptions"] = [model.description, *([one.name, one.description] for one in model.columns)]
    return {name: scrubbed(_json(value)) for name, value in sorted(values.items()) if value is not None}


def _macros_named(project: Project, text: str) -> dict[str, str]:
    """Returns the digests of the macros that a text names, and of those that they name."""
    sources = {macro.name: _uncommented_jinja(macro.source) for macro in project.files.macros}
    found: dict[str, str] = {}
    waiting = [text]
    while waiting:
        for name in set(re.findall(r"\w+", waiting.pop())) & sources.keys() - found.keys():
            found[name] = digest(sources[name])
            waiting.append(sources[name])
    return found


def _python_digest(text: str) -> str:
    """Returns the digest of a Python file's statements, without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Expr(value=ast.Constant(value=None))
    return digest_of(ast.dump(tree))


def _python_clock(text: str) -> str:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if not (name in ("rand", "randn") and (node.args or node.keywords)):  # a seed
                names.add(name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            tick = clock(node.value)
            names |= {"run": {"now"}, "day": {"today"}}.get(tick, set())
    return "run" if names & _PYTHON_MOMENTS else "day" if names & _PYTHON_DAYS else ""


def _json(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True, default=str, ensure_ascii=False)


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}… {digest_of(text)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return value.name
    return value

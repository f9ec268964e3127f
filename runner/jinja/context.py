"""One rendering: the names that dbt gives to templates, bound to a scope."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NoReturn

from runner.errors import NotFoundError, ProjectError
from runner.jinja.adapter import Adapter, Api
from runner.jinja.database import Database, NeedsSparkError
from runner.jinja.macros import BoundMacro, Macros, Names
from runner.jinja.plain import PLAIN
from runner.jinja.relation import Relation
from runner.jinja.result import ResultTable
from runner.jinja.scope import Captured, Scope
from runner.model import Macro, Ref
from runner.recall import note_environment

_NOTHING: Any = object()


class ConfigCall:
    """`config(...)` sets; `config.get` and `config.require` read."""

    def __init__(self, known: Mapping[str, Any], captured: Captured) -> None:
        self._known, self._captured = known, captured

    def __call__(self, *args: Mapping[str, Any], **kwargs: Any) -> str:
        for given in (*args, kwargs):
            self._captured.config.update(given)
        return ""

    def set(self, name: str, value: Any) -> str:
        return self(**{name: value})

    def get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        value = self._captured.config.get(name, self._known.get(name))
        return default if value is None else copy.deepcopy(value)

    def require(self, name: str, validator: Any = None) -> Any:
        value = self.get(name)
        if value is None:
            raise ProjectError(
                f'the setting "{name}" is needed here and has no value. Give it in config() or the project file.'
            )
        return value

    def meta_get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        return (self.get("meta") or {}).get(name, default)

    def persist_relation_docs(self) -> bool:
        return bool((self.get("persist_docs") or {}).get("relation"))

    def persist_column_docs(self) -> bool:
        return bool((self.get("persist_docs") or {}).get("columns"))


class VarCall:
    """`var(name, default)` and `var.has_var(name)`."""

    def __init__(self, values: Mapping[str, Any], captured: Captured) -> None:
        self._values, self._captured = values, captured

    def __call__(self, name: str, default: Any = _NOTHING) -> Any:
        if name in self._values:
            value = copy.deepcopy(self._values[name])
        elif default is _NOTHING:
            raise NotFoundError(
                f'var("{name}") has no value. Give it under "vars" in the project file, or with --vars.',
                name=name,
                known=self._values,
            )
        else:
            value = default
        self._captured.variables[name] = value
        return value

    def has_var(self, name: str) -> bool:
        return name in self._values


class Exceptions:
    """`exceptions.raise_compiler_error`, `exceptions.warn` and the like."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def raise_compiler_error(self, message: str, node: Any = None) -> NoReturn:
        raise ProjectError(str(message).strip())

    raise_not_implemented = raise_database_error = raise_parsing_error = raise_compiler_error
    raise_dependency_error = raise_fail_fast_error = raise_contract_error = raise_compiler_error

    def missing_config(self, node: Any, name: str) -> NoReturn:
        raise ProjectError(f'the setting "{name}" is needed here and has no value.')

    def missing_relation(self, relation: Any, model: Any = None) -> NoReturn:
        raise ProjectError(f"{relation} does not exist.")

    def relation_wrong_type(self, relation: Any, expected_type: str, model: Any = None) -> NoReturn:
        raise ProjectError(f"{relation} is no {expected_type}.")

    def warn(self, message: str, node: Any = None) -> str:
        self._tell(f"warning: {message}")
        return ""

    def warn_snapshot_timestamp_data_types(self, *_: Any) -> str:
        return ""


class Lazy:
    """A value that is asked for only when a template uses it."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._value(), name)

    def __getitem__(self, name: str) -> Any:
        return self._value()[name]

    def __str__(self) -> str:
        return str(self._value())


class Rendering:
    """One rendering of a template: its scope, what it asked for, the names it sees in each package.

    Args:
        started: what `run_started_at` says.
    """

    def __init__(self, macros: Macros, scope: Scope, started: datetime) -> None:
        self.macros = macros
        self.scope = scope
        self.captured = Captured()
        self.package = scope.package or macros.root
        self._started = started
        self._results: dict[str, Any] = {}
        self._bound: dict[str, BoundMacro] = {}
        self._packages: dict[str, Names] = {}
        self._given = self._context()

    def names(self, package: str | None = None) -> Names:
        """Returns the names that a template of `package` sees."""
        owner = package or self.package
        if owner not in self._packages:
            given = {**self._given, "adapter": Adapter(self, owner)}
            for name in self.macros.replaced(given, owner):
                del given[name]
            names = Names({**given, **self.scope.overrides}, owner, self)
            names["context"] = names
            self._packages[owner] = names
        return self._packages[owner]

    def bound(self, macro: Macro) -> BoundMacro:
        """Returns the macro as templates call it."""
        key = macro.unique_id
        if key not in self._bound:
            self._bound[key] = BoundMacro(macro, self)
        return self._bound[key]

    def in_package(self, package: str, name: str) -> Any:
        """Returns what `package.name` means; None where the package has no such macro."""
        found = self.macros.find_in(package, name)
        if found is not None:
            return self.bound(found)
        if package == "dbt":
            if self.macros.is_dispatched(name):
                return self.dispatcher(name, "dbt", self.package)
            return self._given.get(name)
        return None

    def dispatcher(self, name: str, namespace: str | None, package: str) -> Callable[..., Any]:
        """Returns the macro that stands for `name` on Spark; see `Macros.dispatched` for errors."""
        return self.bound(self.macros.dispatched(name, namespace, package))

    def database(self) -> Database | None:
        """Returns what answers for the warehouse; None while dependencies are being found.

        Raises:
            NeedsSparkError: the rendering is one that nobody answers.
        """
        if not self.scope.execute:
            return None
        self.captured.queried = True
        if self.scope.database is None:
            raise NeedsSparkError("its tables and columns")
        return self.scope.database

    def query(self, sql: str) -> ResultTable | None:
        """Returns the rows of a query; None while dependencies are being found."""
        if not self.scope.execute:
            return None
        self.captured.queried = True
        if self.scope.database is None:
            raise NeedsSparkError(sql)
        return self.scope.database.query(sql)

    def _context(self) -> dict[str, Any]:
        scope, captured = self.scope, self.captured
        names: dict[str, Any] = {
            **self.macros.environment(self.package).globals,
            **PLAIN,
            "ref": self._ref,
            "source": self._source,
            "var": VarCall(scope.variables, captured),
            "config": ConfigCall(scope.config, captured),
            "env_var": self._env_var,
            "this": scope.this,
            "target": dict(scope.target),
            "schema": scope.this.schema if scope.this is not None else scope.target.get("schema"),
            "database": None,
            "is_incremental": lambda: scope.is_incremental,
            "should_full_refresh": lambda: bool(scope.config.get("full_refresh") or scope.flags.get("FULL_REFRESH")),
            "log": self._log,
            "print": lambda message: self._log(message, info=True),
            "exceptions": Exceptions(self._tell),
            "execute": scope.execute,
            "model": dict(scope.model),
            "project_name": scope.project,
            "run_started_at": Lazy(self._run_started_at),
            "invocation_id": scope.invocation_id,
            "flags": SimpleNamespace(**{**_FLAGS, **scope.flags}),
            "invocation_args_dict": {key.lower(): value for key, value in scope.flags.items()},
            "selected_resources": list(scope.selected),
            "graph": Lazy(scope.graph),
            "doc": self._doc,
            "api": Api(),
            "run_query": self.query,
            "statement": self._statement,
            "load_result": lambda name: self._results.get(name),
            "store_result": self._store,
            "store_raw_result": self._store,
            "load_relation": self._load_relation,
            "render": self._render,
            "try_or_compiler_error": _try_or_compiler_error,
            "get_where_subquery": self._where_subquery,
            "pre_hooks": scope.config.get("pre_hook") or [],
            "post_hooks": scope.config.get("post_hook") or [],
        }
        names["builtins"] = {name: names[name] for name in ("ref", "source", "config")}
        return names

    def _ref(self, first: str, second: str | None = None, v: Any = None, version: Any = None) -> Any:
        wanted = version if version is not None else v
        asked = Ref(
            name=first if second is None else second,
            package=None if second is None else first,
            version=None if wanted is None else str(wanted),
        )
        self.captured.refs[asked] = None
        return self.scope.ref(asked)

    def _source(self, name: str, table: str) -> Any:
        self.captured.sources[(name, table)] = None
        return self.scope.source(name, table)

    def _env_var(self, name: str, default: Any = None) -> str:
        self.captured.environment[name] = None
        return env_var(name, default)

    def _log(self, message: Any, info: bool = False) -> str:
        if info:
            self._tell(str(message))
        return ""

    def _tell(self, message: str) -> None:
        self.captured.messages.append(message)
        made_up = self.captured.queried and getattr(self.scope.database, "pretends", False)
        if self.scope.execute and not made_up:
            self.macros.heard(message)

    def _run_started_at(self) -> datetime:
        self.captured.clock = True
        return self._started

    def _doc(self, *words: str) -> str:
        if self.scope.doc is None:
            raise ProjectError(f'doc("{words[-1]}"): docs blocks belong into descriptions.')
        return self.scope.doc(*words)

    def _statement(
        self, name: str | None = None, fetch_result: bool = False, caller: Callable[[], str] | None = None, **_: Any
    ) -> str:
        sql = caller() if caller is not None else ""
        if self.scope.execute and sql.strip():
            found = self.query(sql)
            if name is not None:
                self._store(name, {"_message": "OK"}, found if fetch_result else None)
        return ""

    def _store(self, name: str, response: Any = None, agate_table: Any = None, **_: Any) -> str:
        rows = [list(row) for row in agate_table.rows] if agate_table is not None else []
        self._results[name] = {"response": response, "data": rows, "table": agate_table}
        return ""

    def _load_relation(self, relation: Relation) -> Relation | None:
        return Adapter(self, self.package).load_relation(relation)

    def _render(self, text: str) -> str:
        template = self.macros.environment(self.package).compiled(str(text), self.scope.place)
        context = template.new_context(self.names(), shared=True)
        return "".join(template.root_render_func(context))

    def _where_subquery(self, relation: Any) -> Any:
        """Returns what a generic test reads: the table, or its rows where the test's `where` holds."""
        where = self.scope.config.get("where")
        if not where or not self.scope.execute:
            return relation
        return f"(select * from {relation} where {where}) dbt_subquery"


_FLAGS: dict[str, Any] = {
    "FULL_REFRESH": False, "STORE_FAILURES": False, "WHICH": "run", "EMPTY": False, "SAMPLE": None, "FAIL_FAST": False,
    "WARN_ERROR": False, "INTROSPECT": True, "DEFER": False, "VERSION_CHECK": True, "USE_COLORS": False, "PRINT": True,
}  # fmt: skip


def _try_or_compiler_error(message: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise ProjectError(message) from error


def env_var(name: str, default: Any = None) -> str:
    """Returns an environment variable's value, or the default.

    Raises:
        ProjectError: it is not set and there is no default.
    """
    note_environment(name)
    value = os.environ.get(name, default)
    if value is None:
        raise ProjectError(
            f'env_var("{name}"): this environment variable is not set. Set it, or give a default as second argument.'
        )
    return str(value)

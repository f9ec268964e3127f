"""Jinja: what a template of a model or a macro sees, in dbt's names, in a sandbox.

Rendering knows names and settings only; it reads no table and starts no Spark.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2
import jinja2.sandbox
from jinja2.exceptions import SecurityError

from runner.errors import NotFoundError, ProjectError
from runner.model import Macro, Ref
from runner.names import TableRef

_SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "CREDENTIAL")


class _Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Attributes that start with an underscore, and changes of given values, are refused."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as a template sees it; as text, what Spark SQL calls it."""

    ref: TableRef

    def __str__(self) -> str:
        return str(self.ref)

    @property
    def schema(self) -> str:
        return self.ref.schema

    @property
    def identifier(self) -> str:
        return self.ref.name

    name = table = identifier

    def render(self) -> str:
        return str(self)

    def include(self, **_: bool) -> Relation:
        return self


@dataclass(slots=True, kw_only=True)
class Captured:
    """What a rendering asked for.

    Attributes:
        refs, sources: the models and landed tables, in the order of their first use.
        config: the settings that `config()` gave.
        macros: the macros that were called, by unique id.
        variables: the variables that were read, with their values.
        clock: True where the text depends on the moment of the run.
        messages: what `log(..., info=True)` and `print` said.
    """

    refs: dict[Ref, None] = field(default_factory=dict)
    sources: dict[tuple[str, str], None] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    macros: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    clock: bool = False
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one rendering may name.

    Attributes:
        place: the template's file, for messages.
        ref, source: give what stands in the SQL for a name; they raise ProjectError for an unknown one.
        config: the settings already known, which `config.get` answers from.
        overrides: names that replace ours, e.g. `is_incremental` in a unit test.
        execute: False while dependencies are being found.
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


class _Return(Exception):
    """How `return()` leaves a macro with a value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _ProjectMacro:
    """A macro that records its use and can `return` a value that is no text."""

    def __init__(self, unique_id: str, macro: Callable[..., Any], captured: Captured) -> None:
        self._id, self._macro, self._captured = unique_id, macro, captured

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._captured.macros[self._id] = None
        try:
            return self._macro(*args, **kwargs)
        except _Return as returned:
            return returned.value


class _Names(dict[str, Any]):
    """The names of one rendering. A macro's file is instantiated when its name is first asked for."""

    def __init__(
        self, names: Mapping[str, Any], macros: Mapping[str, tuple[str, jinja2.Template]], captured: Captured
    ) -> None:
        super().__init__(names)
        self._templates = macros
        self._captured = captured

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._templates

    def __missing__(self, name: str) -> Any:
        unique_id, template = self._templates[name]
        module = template.make_module(self, shared=True)
        self[name] = _ProjectMacro(unique_id, getattr(module, name), self._captured)
        return self[name]


class _ConfigCall:
    """`config(...)` sets; `config.get` and `config.require` read."""

    def __init__(self, known: Mapping[str, Any], captured: Captured) -> None:
        self._known, self._captured = known, captured

    def __call__(self, *args: Mapping[str, Any], **kwargs: Any) -> str:
        for given in (*args, kwargs):
            self._captured.config.update(given)
        return ""

    def get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        return self._captured.config.get(name, self._known.get(name, default))

    def require(self, name: str, validator: Any = None) -> Any:
        value = self.get(name)
        if value is None:
            raise ProjectError(
                f'the setting "{name}" is needed here and has no value. Give it in config() or the project file.'
            )
        return value


class _Exceptions:
    """`exceptions.raise_compiler_error` and `exceptions.warn`."""

    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def raise_compiler_error(self, message: str, node: Any = None) -> NoReturn:
        raise ProjectError(str(message))

    def warn(self, message: str, node: Any = None) -> str:
        self._captured.messages.append(str(message))
        return ""


class Renderer:
    """Compiles a project's macros once and renders templates with them.

    Args:
        macros: every macro of the project.
        run_started_at: what `run_started_at` says; the same in every template of a run.
    """

    def __init__(self, macros: Sequence[Macro], *, run_started_at: datetime | None = None) -> None:
        self._environment = _Environment(
            undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"], autoescape=False
        )
        self._started = run_started_at or datetime.now(UTC)
        self._files: dict[str, jinja2.Template] = {}
        self._macros: dict[str, tuple[str, jinja2.Template]] = {}
        for macro in macros:
            path = str(macro.path)
            if path not in self._files:
                self._files[path] = self._compile(macro.source, path)
            self._macros[macro.name] = (macro.unique_id, self._files[path])

    def render(self, text: str, scope: Scope) -> tuple[str, Captured]:
        """Returns the rendered text and what it asked for.

        Raises:
            ProjectError: broken Jinja, an unknown name, or an error that the template raises; names file and line.
        """
        captured = Captured()
        template = self._compile(text, scope.place)
        names = _Names(self._names(scope, captured), self._macros, captured)
        try:
            context = template.new_context(names, shared=True)
            rendered = "".join(template.root_render_func(context))
        except Exception as error:
            raise self._explained(error, scope.place, template) from error
        return rendered, captured

    def call(self, macro: str, arguments: Sequence[Any], scope: Scope) -> Any:
        """Returns what the project's macro gives for the arguments; see `render` for errors."""
        captured = Captured()
        names = _Names(self._names(scope, captured), self._macros, captured)
        try:
            return names[macro](*arguments)
        except Exception as error:
            raise self._explained(error, scope.place, None) from error

    def has_macro(self, name: str) -> bool:
        return name in self._macros

    def _compile(self, text: str, place: str) -> jinja2.Template:
        try:
            code = self._environment.compile(text, name=place, filename=place)
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(f"{place}:{error.lineno}: the template is broken: {error.message}") from error
        return jinja2.Template.from_code(self._environment, code, {})

    def _explained(self, error: Exception, place: str, template: jinja2.Template | None) -> ProjectError:
        files = {**self._files, **({place: template} if template else {})}
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
        spot = place
        if frames:  # a frame's line is one of the code that Jinja made; the template knows its own
            last = frames[-1]
            spot = f"{last.filename}:{files[last.filename].get_corresponding_lineno(last.lineno or 1)}"
        if isinstance(error, ProjectError):
            return error if str(error).startswith(tuple(files)) else _placed(error, spot)
        if isinstance(error, jinja2.UndefinedError):
            message = str(error)
            word = message.split("'")[1] if message.count("'") >= 2 else ""
            known = [*self._macros, *_BUILTINS]
            return NotFoundError(f"{spot}: {message}.", name=word, known=known)
        if isinstance(error, SecurityError):
            return ProjectError(f"{spot}: the template may not do this: {str(error).rstrip('.')}.")
        return ProjectError(f"{spot}: the template fails: {error}.")

    def _names(self, scope: Scope, captured: Captured) -> dict[str, Any]:
        def ref(first: str, second: str | None = None, v: Any = None, version: Any = None) -> Any:
            wanted = version if version is not None else v
            asked = Ref(
                name=first if second is None else second,
                package=None if second is None else first,
                version=None if wanted is None else str(wanted),
            )
            captured.refs[asked] = None
            return scope.ref(asked)

        def source(name: str, table: str) -> Any:
            captured.sources[(name, table)] = None
            return scope.source(name, table)

        def var(name: str, default: Any = _NOTHING) -> Any:
            if name in scope.variables:
                captured.variables[name] = scope.variables[name]
                return scope.variables[name]
            if default is _NOTHING:
                raise NotFoundError(
                    f'var("{name}") has no value. Give it under "vars" in the project file, or with --vars.',
                    name=name,
                    known=scope.variables,
                )
            captured.variables[name] = default
            return default

        def log(message: Any, info: bool = False) -> str:
            if info:
                captured.messages.append(str(message))
            return ""

        def run_started_at() -> datetime:
            captured.clock = True
            return self._started

        names: dict[str, Any] = {
            **self._environment.globals,
            "ref": ref,
            "source": source,
            "var": var,
            "config": _ConfigCall(scope.config, captured),
            "env_var": env_var,
            "this": scope.this,
            "target": dict(scope.target),
            "is_incremental": lambda: scope.is_incremental,
            "should_full_refresh": lambda: not scope.is_incremental,
            "log": log,
            "print": lambda message: log(message, info=True),
            "exceptions": _Exceptions(captured),
            "return": _return,
            "execute": scope.execute,
            "model": dict(scope.model),
            "project_name": scope.project,
            "tojson": lambda value, default=None, sort_keys=False: json.dumps(value, default=str, sort_keys=sort_keys),
            "fromjson": lambda text, default=None: json.loads(text),
            "set": lambda value, default=None: set(value),
            "zip": lambda *values: list(zip(*values, strict=False)),
            "modules": {"datetime": {"datetime": datetime}},
            "run_started_at": _Lazy(run_started_at),
            "dbt_version": "1.11.0",
        }
        return {**names, **scope.overrides}


class _Lazy:
    """A value that is asked for only when a template uses it."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._value(), name)

    def __str__(self) -> str:
        return str(self._value())


_NOTHING = object()
_BUILTINS = (
    "ref",
    "source",
    "var",
    "config",
    "env_var",
    "this",
    "target",
    "is_incremental",
    "log",
    "exceptions",
    "execute",
    "model",
)


def _return(value: Any = None) -> NoReturn:
    raise _Return(value)


def env_var(name: str, default: Any = None) -> str:
    """Returns an environment variable's value, or the default.

    Raises:
        ProjectError: it is not set and there is no default.
    """
    value = os.environ.get(name, default)
    if value is None:
        raise ProjectError(
            f'env_var("{name}"): this environment variable is not set. Set it, or give a default as second argument.'
        )
    return str(value)


def secrets() -> Iterator[str]:
    """Returns the values of environment variables whose names say that they are secret."""
    for name, value in os.environ.items():
        if len(value) >= 4 and any(word in name.upper() for word in _SECRET_WORDS):
            yield value


def scrubbed(text: str) -> str:
    """Returns `text` with every secret of the environment replaced by `*****`."""
    for secret in secrets():
        text = text.replace(secret, "*****")
    return text


def _placed(error: ProjectError, spot: str) -> ProjectError:
    """Puts a place before the message, keeping the error's class and attributes."""
    error.args = (f"{spot}: {error}",)
    return error

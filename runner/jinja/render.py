"""Renders templates of models and macros, in dbt's names and in a sandbox.

Rendering reads a table, or starts Spark, only where a template asks the warehouse and the scope has somebody who answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError

from runner.errors import NotFoundError, ProjectError
from runner.jinja.context import Rendering, env_var
from runner.jinja.database import Database, NeedsSparkError
from runner.jinja.environment import FINDING
from runner.jinja.literal import Call
from runner.jinja.macros import Macros
from runner.jinja.relation import Relation
from runner.jinja.scope import Captured, Scope
from runner.model import Macro

__all__ = ["Captured", "Database", "NeedsSparkError", "Relation", "Renderer", "Scope", "env_var", "scrubbed", "secrets"]

_SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "CREDENTIAL")


class Renderer:
    """Compiles macros once and renders templates with them.

    Args:
        macros: every macro of the project and its packages.
        root: the project's name.
        dispatch: per namespace the packages that `adapter.dispatch` looks in.
        strict: names that nothing gives are refused in the project's own templates; else they are nothing, as in dbt.
        run_started_at: what `run_started_at` says; the same in every template of a run.
    """

    def __init__(
        self,
        macros: Sequence[Macro],
        *,
        root: str = "",
        dispatch: Mapping[str, Sequence[str]] | None = None,
        strict: bool = True,
        run_started_at: datetime | None = None,
    ) -> None:
        self.macros = Macros(macros, root=root, dispatch=dispatch, strict=strict)
        self._started = run_started_at or datetime.now(UTC)

    def render(self, text: str, scope: Scope) -> tuple[str, Captured]:
        """Returns the rendered text and what it asked for.

        Raises:
            ProjectError: broken Jinja, an unknown name, or an error that the template raises; names file and line.
        """
        rendering = Rendering(self.macros, scope, self._started)
        template = self.macros.environment(scope.package).compiled(text, scope.place)
        finding = FINDING.set(not scope.execute)
        try:
            context = template.new_context(rendering.names(), shared=True)
            return "".join(template.root_render_func(context)), rendering.captured
        except Exception as error:
            raise self._explained(error, scope) from error
        finally:
            FINDING.reset(finding)

    def asked(self, text: str, scope: Scope, calls: Sequence[Call]) -> Captured:
        """Returns what a template asks for that does no more than make `calls`, unrendered; see `render` for errors."""
        rendering = Rendering(self.macros, scope, self._started)
        names = rendering.names()
        try:
            for call in calls:
                names[call.name](*call.args, **call.kwargs)
        except Exception:
            return self.render(text, scope)[1]  # it names the line
        return rendering.captured

    def call(
        self, macro: str, arguments: Sequence[Any], scope: Scope, *, keywords: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns what a macro gives for the arguments; see `render` for errors.

        Args:
            macro: its name, with its package before a dot or alone.
        """
        return self.called(macro, arguments, scope, keywords=keywords)[0]

    def called(
        self, macro: str, arguments: Sequence[Any], scope: Scope, *, keywords: Mapping[str, Any] | None = None
    ) -> tuple[Any, Captured]:
        """Returns what a macro gives for the arguments, and what it asked for."""
        rendering = Rendering(self.macros, scope, self._started)
        package, _, name = macro.rpartition(".")
        finding = FINDING.set(not scope.execute)
        try:
            names: Any = rendering.names()[package] if package else rendering.names()
            return names[name](*arguments, **(keywords or {})), rendering.captured
        except Exception as error:
            raise self._explained(error, scope) from error
        finally:
            FINDING.reset(finding)

    def has_macro(self, name: str, package: str = "") -> bool:
        """True where the project, or `package`, has a macro of that name; dbt's own do not count."""
        found = self.macros.find(name, package or self.macros.root)
        return found is not None and found.package in self.macros.packages

    def find_macro(self, name: str, package: str = "") -> Macro | None:
        """Returns the macro that a name means in a template of `package`: `star`, `dbt_utils.star`."""
        owner, _, bare = name.rpartition(".")
        return self.macros.find_in(owner, bare) if owner else self.macros.find(bare, package or self.macros.root)

    def _explained(self, error: Exception, scope: Scope) -> ProjectError:
        spots = list(_spots(error.__traceback__))
        spot = spots[-1] if spots else scope.place
        if isinstance(error, ProjectError):
            known = tuple(f"{place.rpartition(':')[0] or place}:" for place in (*spots, f"{scope.place}:1"))
            return error if str(error).startswith(known) else _placed(error, spot)
        if isinstance(error, (jinja2.UndefinedError, KeyError)):
            message = str(error) if isinstance(error, jinja2.UndefinedError) else f"{error} is undefined"
            word = message.split("'")[1] if message.count("'") >= 2 else ""
            names = [name for of in self.macros.packages.values() for name in of]
            return NotFoundError(f"{spot}: {message}.", name=word, known=[*names, *self.macros.packages, *_BUILTINS])
        if isinstance(error, SecurityError):
            return ProjectError(f"{spot}: the template may not do this: {str(error).rstrip('.')}.")
        return ProjectError(f"{spot}: the template fails: {error}.")


def _spots(trace: TracebackType | None) -> Iterator[str]:
    """Yields `file:line` of each template that an error came through, the innermost last."""
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, jinja2.Template) and trace.tb_frame.f_code.co_filename == template.filename:
            yield f"{template.filename}:{template.get_corresponding_lineno(trace.tb_lineno)}"
        trace = trace.tb_next


_BUILTINS = (
    "ref", "source", "var", "config", "env_var", "this", "target", "is_incremental", "log", "exceptions", "execute", "model",
    "adapter", "api", "graph", "run_query", "statement", "load_result", "return", "modules", "flags", "dbt",
)  # fmt: skip


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

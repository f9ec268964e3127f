"""Templates in YAML files: settings that name variables, the environment or the target."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import jinja2

from runner.documents import Section
from runner.errors import NotFoundError, ProjectError
from runner.jinja.context import VarCall, env_var
from runner.jinja.environment import Environment
from runner.jinja.plain import PLAIN
from runner.jinja.scope import Captured

# What is rendered later, or never: it may name what only a model's template knows.
LATER = frozenset({
    "description", "data_tests", "tests", "pre-hook", "post-hook", "pre_hook", "post_hook", "+pre-hook", "+post-hook",
    "+pre_hook", "+post_hook", "on-run-start", "on-run-end", "query-comment", "given", "expect", "relation", "stores",
    "unit_tests", "vars", "sql_header", "+sql_header", "loaded_at_query", "incremental_predicates",
})  # fmt: skip


class SettingsRenderer:
    """Renders the values of YAML files.

    Args:
        variables: what `var` gives.
        target: what `target` shows.
    """

    def __init__(self, variables: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        self._environment = Environment()
        self._names = {
            **self._environment.globals,
            **PLAIN,
            "var": VarCall(variables, Captured()),
            "env_var": env_var,
            "target": dict(target),
        }

    def render(self, section: Section, *, later: Collection[str] = LATER) -> Section:
        """Returns the mapping with its templates rendered, but for keys that are rendered later.

        Raises:
            ProjectError: a template is broken or names what is not there.
        """
        rendered = Section(section.file, section.line)
        rendered.lines = section.lines
        for key, value in section.items():
            place = section.place(key)
            rendered[key] = value if key in later else self._rendered(value, place, later)
        return rendered

    def _rendered(self, value: Any, place: str, later: Collection[str]) -> Any:
        if isinstance(value, Section):
            return self.render(value, later=later)
        if isinstance(value, list):
            return [self._rendered(one, place, later) for one in value]
        return self.value(value, place) if isinstance(value, str) else value

    def value(self, text: str, place: str) -> Any:
        """Returns what a text is worth: of one expression alone its value, whatever its type; else the rendered text."""
        if "{{" not in text and "{%" not in text:
            return text
        bare = text.strip()
        alone = bare.startswith("{{") and bare.endswith("}}") and "{{" not in bare[2:] and "{%" not in bare
        try:
            if alone:
                expression = self._environment.compile_expression(bare[2:-2].strip(" -+"), undefined_to_none=False)
                value = expression(self._names)
                if isinstance(value, jinja2.Undefined):
                    raise ProjectError(f"{value._undefined_message}.")
                return copy.deepcopy(value)
            return self._environment.from_string(text).render(self._names)
        except ProjectError as error:
            error.args = (f"{place}: {error}",)
            raise
        except jinja2.UndefinedError as error:
            word = str(error).split("'")[1] if str(error).count("'") >= 2 else ""
            raise NotFoundError(f"{place}: {error}.", name=word, known=self._names) from error
        except Exception as error:
            raise ProjectError(f"{place}: the template fails: {error}.") from error

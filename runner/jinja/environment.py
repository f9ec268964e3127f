"""The sandbox that all templates run in, and the filters that dbt adds."""

from __future__ import annotations

import ast
from typing import Any

import jinja2
import jinja2.sandbox

from runner.errors import ProjectError


class Open:
    """Objects of ours whose attributes may start with an underscore: macros of packages are named so."""


class Environment(jinja2.sandbox.SandboxedEnvironment):
    """Attributes that start with an underscore are refused. What is given to templates is theirs to change."""

    def __init__(self) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
            autoescape=False,
        )
        self.filters.update({"as_text": str, "as_bool": as_bool, "as_number": as_number, "as_native": as_native})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, Open):
            return not attr.startswith("__")
        return super().is_safe_attribute(obj, attr, value)

    def compiled(self, text: str, place: str) -> jinja2.Template:
        """Returns the template of a text.

        Raises:
            ProjectError: the Jinja is broken; names file and line.
        """
        try:
            code = self.compile(text, name=place, filename=place)
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(f"{place}:{error.lineno}: the template is broken: {error.message}") from error
        return jinja2.Template.from_code(self, code, {})


def as_bool(value: Any) -> bool:
    """Returns `true` and `false` written as text as what they say."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, bool):
        return value
    raise ValueError(f'"{value}" is neither true nor false')


def as_number(value: Any) -> int | float:
    """Returns a number written as text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    return float(text) if any(sign in text for sign in ".eE") else int(text)


def as_native(value: Any) -> Any:
    """Returns a Python literal written as text; any other text as it is."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value

"""The sandbox that all templates run in, and the filters that dbt adds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import jinja2
import jinja2.sandbox

from runner.errors import ProjectError

_Value = TypeVar("_Value")
_MISSING = jinja2.Undefined()._undefined_obj  # Jinja's mark of a name that stands alone

# True while dependencies are being found: nothing has been asked of the warehouse, so parts of its answers are missing.
FINDING: ContextVar[bool] = ContextVar("finding", default=False)


class Missing(jinja2.Undefined):
    """What a template names and nothing gives.

    A name that nothing has is refused wherever it is used. A part that an object lacks may be asked about (it is false,
    empty, and so are its parts), but not be written into the text; while dependencies are being found it is written as
    nothing.
    """

    __slots__ = ()

    def _is_part(self) -> bool:
        return self._undefined_obj is not _MISSING and self._undefined_exception is jinja2.UndefinedError

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__") or not self._is_part():
            self._refuse(name)
        return self

    def __getitem__(self, name: object) -> Missing:  # type: ignore[override]
        if not self._is_part():
            self._fail_with_undefined_error()
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Missing:  # type: ignore[override]
        if not (self._is_part() and FINDING.get()):
            self._fail_with_undefined_error()
        return self

    def __bool__(self) -> bool:
        return self._empty(False)

    def __len__(self) -> int:
        return self._empty(0)

    def __iter__(self) -> Iterator[Any]:
        return self._empty(iter(()))

    def __contains__(self, _: object) -> bool:
        return self._empty(False)

    def __eq__(self, other: object) -> bool:
        return self._empty(isinstance(other, Missing))

    def __ne__(self, other: object) -> bool:
        return self._empty(not isinstance(other, Missing))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        if not (self._is_part() and FINDING.get()):
            self._fail_with_undefined_error()
        return ""

    def _refuse(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        self._fail_with_undefined_error()

    def _empty(self, value: _Value) -> _Value:
        if not self._is_part():
            self._fail_with_undefined_error()
        return value


class Blank(Missing):
    """The same as dbt has it: what nothing gives is nothing, and is written as nothing; only a call of it is refused."""

    __slots__ = ()

    def _is_part(self) -> bool:
        return self._undefined_exception is jinja2.UndefinedError

    def __call__(self, *args: Any, **kwargs: Any) -> Missing:  # type: ignore[override]
        if self._undefined_obj is _MISSING:
            self._fail_with_undefined_error()
        return self

    def __str__(self) -> str:
        return self._empty("")


class Called:
    """A macro as templates call it."""


class Open:
    """A package as templates see it: a macro of it may have a name that starts with an underscore."""


class Environment(jinja2.sandbox.SandboxedEnvironment):
    """Attributes that start with an underscore are refused. What is given to templates is theirs to change.

    Args:
        strict: False takes names that nothing gives as dbt does: as nothing.
    """

    def __init__(self, *, strict: bool = True) -> None:
        super().__init__(
            undefined=Missing if strict else Blank,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
            autoescape=False,
        )
        self._compiled: dict[tuple[str, str], jinja2.Template] = {}  # a model is rendered to parse it, and to build it
        self.filters.update({"as_text": str, "as_bool": as_bool, "as_number": as_number, "as_native": as_native})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, Open) and isinstance(value, Called):
            return not attr.startswith("__")
        return super().is_safe_attribute(obj, attr, value)

    def compiled(self, text: str, place: str) -> jinja2.Template:
        """Returns the template of a text.

        Raises:
            ProjectError: the Jinja is broken; names file and line.
        """
        if (text, place) not in self._compiled:
            try:
                code = self.compile(text, name=place, filename=place)
            except jinja2.TemplateSyntaxError as error:
                raise ProjectError(f"{place}:{error.lineno}: the template is broken: {error.message}") from error
            except SyntaxError as error:  # of the code that Jinja made of it
                raise ProjectError(f"{place}: the template is broken: {error.msg}.") from error
            self._compiled[text, place] = jinja2.Template.from_code(self, code, {})
        return self._compiled[text, place]


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

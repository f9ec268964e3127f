"""A macro under test: called with arguments, it gives a text, or an expression or query whose rows are looked at."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from runner.errors import NotFoundError
from runner.model import Config, Model, UnitTest
from runner.names import TableRef
from runner.project.parse import Project

_QUERY = re.compile(r"(?:\(|\s)*(?:select|with|values|from)\b", re.IGNORECASE)
VALUE = "value"


def caller(project: Project, test: UnitTest) -> Model:
    """Returns a model whose SQL is what the macro gives.

    Raises:
        NotFoundError: there is no such macro.
    """
    if project.renderer.find_macro(test.model, test.package) is None:
        names = [name for of in project.renderer.macros.packages.values() for name in of]
        raise NotFoundError(
            f'{test.place}: test "{test.name}" tests "{test.model}", which is no macro.', name=test.model, known=names
        )
    return Model(
        name=test.name,
        table=TableRef("tests", test.name),
        path=test.path,
        fqn=(test.package, test.name),
        raw_sql=f"{{{{ {test.model}(*test_arguments, **test_keywords) }}}}",
        config=Config(values={}),
        package=test.package,
    )


def names_of(test: UnitTest) -> dict[str, Any]:
    """Returns what the call's template names."""
    named = isinstance(test.arguments, Mapping)
    return {
        "test_arguments": [] if named else list(test.arguments),
        "test_keywords": dict(test.arguments) if named else {},
    }


def as_query(text: str, rows: str) -> str:
    """Returns the query to look at: the text itself where it is one, else its value in each of the given rows.

    Args:
        rows: the view of the given rows; empty where there are none.
    """
    if _QUERY.match(text):
        return text
    return f"select *, {text} as {VALUE} from {rows}" if rows else f"select {text} as {VALUE}"


def differing_text(expected: str, given: str) -> str:
    """Returns how two texts differ, blanks apart; empty where they are the same."""
    if " ".join(expected.split()) == " ".join(given.split()):
        return ""
    before = [line.strip() for line in expected.strip().splitlines() if line.strip()]
    after = [line.strip() for line in given.strip().splitlines() if line.strip()]
    words = {"- ": "expected", "+ ": "given   "}
    lines = [line for line in difflib.ndiff(before, after) if line[:2] in words]
    return "\n".join(f"  {words[line[:2]]}  {line[2:]}" for line in lines)

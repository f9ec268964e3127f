"""A drafted suite as YAML, each line with its reason and how it would have gone before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from expectations.propose.draft import Line


def written(model: str, lines: Sequence[Line], *, note: str = "") -> str:
    """Returns the suite's text; what the table's checks ask already stands in comments.

    Args:
        note: what to know of the draft, a comment at its head.
    """
    text = "".join(f"# {line}\n" for line in note.splitlines())
    text += f"model: {model}\nexpectations:\n"
    new = [line for line in lines if not line.had]
    if not new:
        text = text.replace("expectations:\n", "expectations: []\n")
    for line in lines:
        comment = ". ".join(part for part in (_sentence(line.why), line.fired) if part)
        entry = _entry(line)
        if line.had:
            text += f"\n  # asked already: {line.had}\n" + "".join(f"  # {one}\n" for one in entry)
        else:
            text += f"\n  # {comment}.\n" + "".join(f"  {one}\n" for one in entry)
    return text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _entry(line: Line) -> list[str]:
    expectation = line.expectation
    given = {"expect": expectation.type, **expectation.arguments}
    if expectation.where:
        given["where"] = expectation.where
    if expectation.severity != "error":
        given["severity"] = expectation.severity
    lines = [_pair(key, value) for key, value in given.items()]
    return [f"- {lines[0]}", *(f"  {one}" for one in lines[1:])]


def _pair(key: str, value: object) -> str:
    options: dict[str, Any] = {"allow_unicode": True, "width": 10_000, "sort_keys": False}
    if isinstance(value, (list, dict)):
        return f"{key}: {yaml.safe_dump(value, default_flow_style=True, **options)}".rstrip("\n")
    return str(yaml.safe_dump({key: value}, default_flow_style=False, **options)).rstrip("\n")

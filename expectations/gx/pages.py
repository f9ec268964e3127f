"""Great Expectations' own Data Docs: pages of its results, by its renderers."""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations.row_conditions import deserialize_row_condition

from expectations.result import SuiteResult


def suite_result(results: Sequence[ExpectationValidationResult], label: str, success: bool) -> Any:
    """Returns the results of one suite as Great Expectations keeps and renders them."""
    good = sum(bool(result.success) for result in results)
    statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": good,
        "unsuccessful_expectations": len(results) - good,
        "success_percent": 100 * good / len(results) if results else None,
    }
    return ExpectationSuiteValidationResult(
        success=success, results=list(results), suite_name=label, statistics=statistics, meta={}
    )


def renderable(result: Any) -> Any:
    """Returns a copy whose row conditions are values again: the renderer refuses the mappings that results hold."""
    copied = copy.deepcopy(result)
    for one in copied.results:
        kwargs = one.expectation_config.kwargs
        if isinstance(kwargs.get("row_condition"), dict):
            kwargs["row_condition"] = deserialize_row_condition(kwargs["row_condition"])
    return copied


def write_data_docs(results: Sequence[SuiteResult], folder: Path) -> Path:
    """Writes a page of each suite's results, by Great Expectations' own renderers, and an index; returns the index.

    Rendering asks no network; the pages themselves, as Great Expectations makes them, load their style sheets from the
    public network when they are opened.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    folder.mkdir(parents=True, exist_ok=True)
    renderer, view = ValidationResultsPageRenderer(), DefaultJinjaPageView()
    lines = []
    for one in results:
        if one.gx_result is None:
            continue
        page = f"{re.sub('[^A-Za-z0-9_.-]', '_', one.model)}.html"
        (folder / page).write_text(view.render(renderer.render(renderable(one.gx_result))), encoding="utf-8")
        word = "passed" if one.gx_result.success else "failed"
        lines.append(f'<li><a href="{page}">{html.escape(one.model)}</a>: {word}</li>')
    index = folder / "index.html"
    index.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Data Docs</title>'
        f"<h1>Data Docs</h1><ul>{''.join(lines)}</ul></html>\n",
        encoding="utf-8",
    )
    return index
